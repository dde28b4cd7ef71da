"""The S3 destination: objects in a store that has put(bucket, key, data)."""
