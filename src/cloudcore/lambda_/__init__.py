"""AWS-Lambda-compatible functions: execution environments in worker processes."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.lambda_.function import Function, FunctionError
    from cloudcore.lambda_.metering import Result
    from cloudcore.lambda_.pool import Pool
    from cloudcore.lambda_.service import Lambda
    from cloudcore.lambda_.spec import Spec

_HOME = {
    "Function": "function",
    "FunctionError": "function",
    "Lambda": "service",
    "Pool": "pool",
    "Result": "metering",
    "Spec": "spec",
}
__all__ = ["Function", "FunctionError", "Lambda", "Pool", "Result", "Spec"]


def __getattr__(name: str) -> Any:
    # Zygotes import this package too and must stay small, so nothing loads before it is used.
    if name in _HOME:
        return getattr(importlib.import_module(f"cloudcore.lambda_.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
