"""One module per operation of DynamoDB Streams; each has `run(streams, params) -> dict`."""
