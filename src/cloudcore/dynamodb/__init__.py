"""The DynamoDB-compatible service: control plane in Python, item operations in C.

What a program that only serves tables does not need is imported when it is first asked for.
"""

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.service import DynamoDB

if TYPE_CHECKING:
    from cloudcore.dynamodb.changes import Change, Changes
    from cloudcore.dynamodb.expressions import attr, begins_with, between, ge, gt, le, lt
    from cloudcore.dynamodb.rows import Rows
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
_HOMES = {
    "Change": "changes",
    "Changes": "changes",
    "Rows": "rows",
    "Streams": "streams",
    "Table": "table",
    "Transaction": "transaction",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"cloudcore.dynamodb.{_HOMES.get(name, 'expressions')}"), name)
