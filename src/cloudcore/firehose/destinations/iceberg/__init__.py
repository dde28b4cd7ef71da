"""Iceberg tables through pyiceberg: inserts, updates and deletes, each plan committed once."""
