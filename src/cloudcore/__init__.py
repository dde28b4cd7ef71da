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
__all__ = ["Cloud", "FunctionError", "__version__", "mock", "open"]

if TYPE_CHECKING:
    from cloudcore.cloud import Cloud
    from cloudcore.lambda_ import FunctionError
    from cloudcore.testing import mock


def open(path: str, **options: Any) -> Cloud:
    """Open the cloud in directory `path` (made if absent), or ":memory:".

    Options are those of `cloudcore.cloud.Cloud`. Raises BusyError when another process owns it.
    """
    from cloudcore.cloud import Cloud

    return Cloud(path, **options)


def __getattr__(name: str) -> Any:
    if name == "Cloud":
        from cloudcore.cloud import Cloud

        return Cloud
    if name == "FunctionError":
        from cloudcore.lambda_ import FunctionError

        return FunctionError
    if name == "mock":
        from cloudcore.testing import mock

        return mock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
