"""One module per control-plane operation; each has `run(service, params) -> dict`.

A module is imported when its operation is first called: a service that only holds items needs none of them.
Item operations have no module here: they are C (csrc/table), one file per verb.
"""

import importlib
import re
from collections.abc import Callable
from typing import Any

CONTROL = frozenset(
    (
        "CancelBulkOperation",
        "CreateBackup",
        "CreateGlobalTable",
        "CreateTable",
        "DeleteBackup",
        "DeleteResourcePolicy",
        "DeleteTable",
        "DescribeBackup",
        "DescribeBulkOperation",
        "DescribeContinuousBackups",
        "DescribeContributorInsights",
        "DescribeEndpoints",
        "DescribeExport",
        "DescribeGlobalTable",
        "DescribeGlobalTableSettings",
        "DescribeImport",
        "DescribeKinesisStreamingDestination",
        "DescribeLimits",
        "DescribeTable",
        "DescribeTableReplicaAutoScaling",
        "DescribeTimeToLive",
        "DisableKinesisStreamingDestination",
        "EnableKinesisStreamingDestination",
        "ExportTableToPointInTime",
        "GetResourcePolicy",
        "ImportTable",
        "ListBackups",
        "ListBulkOperations",
        "ListContributorInsights",
        "ListExports",
        "ListGlobalTables",
        "ListImports",
        "ListTables",
        "ListTagsOfResource",
        "PutResourcePolicy",
        "RestoreTableFromBackup",
        "RestoreTableToPointInTime",
        "StartBulkPutItems",
        "TagResource",
        "UntagResource",
        "UpdateContinuousBackups",
        "UpdateContributorInsights",
        "UpdateGlobalTable",
        "UpdateGlobalTableSettings",
        "UpdateKinesisStreamingDestination",
        "UpdateTable",
        "UpdateTableReplicaAutoScaling",
        "UpdateTimeToLive",
    )
)
"""Operations of the control plane."""

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
        "TransactWriteItems",
        "TransactGetItems",
        "ExecuteStatement",
        "BatchExecuteStatement",
        "ExecuteTransaction",
        "SearchVectors",
    )
)
"""Operations that csrc/table answers."""


def control(operation: str) -> Callable[[Any, dict[str, Any]], dict[str, Any]] | None:
    """What runs a control-plane operation; None when it is none, or is not supported."""
    if operation not in CONTROL:
        return None
    module = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()
    run: Callable[[Any, dict[str, Any]], dict[str, Any]]
    run = importlib.import_module(f"cloudcore.dynamodb.operations.{module}").run
    return run
