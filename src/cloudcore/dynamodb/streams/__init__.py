"""DynamoDB Streams: the changes of tables, read out of the store's log."""

from cloudcore.dynamodb.streams.service import Streams

__all__ = ["Streams"]
