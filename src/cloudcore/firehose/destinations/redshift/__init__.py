"""Redshift: objects in the bucket, a manifest, then COPY: at Redshift, PostgreSQL, or a DuckDB file."""
