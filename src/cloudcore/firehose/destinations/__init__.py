"""Destinations of delivery streams, one folder each: config, encode, deliver."""
