"""AWS-Lambda-compatible functions: execution environments in worker processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.lambda_.metering import Result
    from cloudcore.lambda_.pool import Pool
    from cloudcore.lambda_.spec import Spec

__all__ = ["Pool", "Result", "Spec"]


def __getattr__(name: str) -> Any:
    # Zygotes import this package too and must stay small, so nothing loads before it is used.
    if name in __all__:
        from cloudcore.lambda_ import pool

        return getattr(pool, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
