"""Destinations, a folder each with the same anatomy: config.py, encode.py, deliver.py."""
