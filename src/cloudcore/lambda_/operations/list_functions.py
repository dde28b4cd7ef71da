"""ListFunctions. Source: AWS, Lambda API reference, ListFunctions (at most 50 a page)."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.operations.list_versions import listed, version_key
from cloudcore.lambda_.paging import page


def list_functions(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Functions in the order of their names; FunctionVersion=ALL lists published versions too."""
    if params.get("MasterRegion", "ALL") not in ("ALL", service.region):
        raise refused("MasterRegion is not supported by this endpoint.")
    every = params.get("FunctionVersion") == "ALL"
    with service.lock:
        rows = [
            (f"{name}:{version_key(number)}", listed(service, function, number, arn=every))
            for name, function in service.registry.functions.items()
            for number in (function.versions if every else (LATEST,))
        ]
    return page(rows, params, "Functions")
