"""One module per control-plane operation; each has `run(service, params) -> dict`.

Item operations have no module here: they are C (csrc/table), one file per verb.
"""

from cloudcore.dynamodb.operations import create_table, delete_table, describe_table, list_tables

CONTROL = {
    "CreateTable": create_table.run,
    "DeleteTable": delete_table.run,
    "DescribeTable": describe_table.run,
    "ListTables": list_tables.run,
}
"""Control-plane operation name -> function."""

ITEM = frozenset(
    (
        "PutItem",
        "GetItem",
        "UpdateItem",
        "DeleteItem",
        "Query",
        "Scan",
        "BatchWriteItem",
        "BatchGetItem",
    )
)
"""Operations that csrc/table answers."""
