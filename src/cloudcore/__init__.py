"""cloudcore: three AWS-shaped services on one's own machine, natively fast.

    import cloudcore
    cloud = cloudcore.open("data")          # a directory, crash-safe; ":memory:" keeps nothing
    orders = cloud.table("orders", pk="customer:S", sk="ts:N")

Everything hangs on `Cloud`; this module only opens one. Services and their libraries load when
first used, so the import itself stays cheap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = [
    "Cloud",
    "FunctionError",
    "__version__",
    "attr",
    "begins_with",
    "between",
    "ge",
    "gt",
    "le",
    "lt",
    "mock",
    "open",
    "table",
]

if TYPE_CHECKING:
    from cloudcore.cloud import Cloud
    from cloudcore.dynamodb.expressions import attr, begins_with, between, ge, gt, le, lt
    from cloudcore.endpoint.table import RemoteTable
    from cloudcore.lambda_ import FunctionError
    from cloudcore.testing import mock

_HOMES = {"Cloud": "cloudcore.cloud", "FunctionError": "cloudcore.lambda_", "mock": "cloudcore.testing"}
_HOMES |= dict.fromkeys(
    ("attr", "begins_with", "between", "ge", "gt", "le", "lt"), "cloudcore.dynamodb.expressions"
)


def open(path: str, **options: Any) -> Cloud:
    """Open the cloud in directory `path` (made if absent), or ":memory:", or join the cluster of NATS servers
    "nats://a,b,c/NAME" as its node NAME (tables and delivery streams; the extra cloudcore[cluster]).

    Options are those of `cloudcore.cloud.Cloud`. Raises BusyError when another process owns it.
    """
    from cloudcore.cloud import Cloud

    return Cloud(path, **options)


def table(url: str, pk: str | None = None, sk: str | None = None, *, floats: bool = False) -> RemoteTable:
    """The table at a URL, with the methods of `Cloud.table`; of any endpoint that speaks DynamoDB's protocol.

        cloudcore.table("http://127.0.0.1:4566/orders")
        cloudcore.table("https://dynamodb.eu-west-1.amazonaws.com/orders", pk="customer:S")
        cloudcore.table("nats://10.0.0.1,10.0.0.2,10.0.0.3/orders")  # a cluster, by one of its nodes

    With `pk` the table is made if absent. Credentials are found where an SDK would find them; the region is
    the endpoint's own, or ?region= says it. Raises ApiError, OSError when nobody answers, ValueError for a
    URL that names no table.
    """
    from cloudcore.endpoint.table import RemoteTable

    return RemoteTable(url, pk, sk, floats)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
