"""The Kinesis destination of tables: their changes, as records of Kinesis Data Streams for DynamoDB."""

from cloudcore.dynamodb.kinesis.destinations import Destinations, Sink

__all__ = ["Destinations", "Sink"]
