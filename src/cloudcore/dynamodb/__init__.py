"""The DynamoDB-compatible service: control plane in Python, item operations in C."""

from cloudcore.dynamodb.changes import Change, Changes
from cloudcore.dynamodb.expressions import attr, begins_with, between, ge, gt, le, lt
from cloudcore.dynamodb.rows import Rows
from cloudcore.dynamodb.service import DynamoDB
from cloudcore.dynamodb.streams import Streams
from cloudcore.dynamodb.table import Table
from cloudcore.dynamodb.transaction import Transaction

__all__ = [
    "Change",
    "Changes",
    "DynamoDB",
    "Rows",
    "Streams",
    "Table",
    "Transaction",
    "attr",
    "begins_with",
    "between",
    "ge",
    "gt",
    "le",
    "lt",
]
