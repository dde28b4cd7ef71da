"""The DynamoDB-compatible service: control plane in Python, item operations in C."""

from cloudcore.dynamodb.service import DynamoDB
from cloudcore.dynamodb.table import Table

__all__ = ["DynamoDB", "Table"]
