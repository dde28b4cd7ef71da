"""Benches: one adapter per peer, every answer checked equal before it is timed."""
