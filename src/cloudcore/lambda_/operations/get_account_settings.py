"""GetAccountSettings. Source: AWS, Lambda API reference; AWS, "Lambda quotas"."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.code import UNZIPPED_MAX, ZIPPED_MAX

_CODE_MAX = 80_530_636_800


def get_account_settings(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The limits of this account and what is used of them."""
    with service.lock:
        functions = list(service.registry.functions.values())
        size = sum(v.configuration["CodeSize"] for f in functions for v in f.versions.values())
        return {
            "AccountLimit": {
                "TotalCodeSize": _CODE_MAX,
                "CodeSizeUnzipped": UNZIPPED_MAX,
                "CodeSizeZipped": ZIPPED_MAX,
                "ConcurrentExecutions": service.concurrency,
                "UnreservedConcurrentExecutions": service.capacity.unreserved,
            },
            "AccountUsage": {"TotalCodeSize": size, "FunctionCount": len(functions)},
        }
