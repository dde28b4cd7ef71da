"""ListFunctions. Source: AWS, Lambda API reference, ListFunctions (at most 50 a page)."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST

PAGE_MAX = 50
_NOT_LISTED = ("State", "LastUpdateStatus")


def list_functions(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Functions in the order of their names; FunctionVersion=ALL lists published versions too."""
    if params.get("MasterRegion", "ALL") not in ("ALL", service.region):
        raise refused("MasterRegion is not supported by this endpoint.")
    every = params.get("FunctionVersion") == "ALL"
    marker = params.get("Marker", "")
    limit = min(params.get("MaxItems", PAGE_MAX), PAGE_MAX)
    with service.lock:
        rows = []
        for name in sorted(service.registry.functions):
            versions = service.registry.functions[name].versions
            for number in versions if every else (LATEST,):
                rows.append((f"{name}:{number}", versions[number].configuration))
    rows = [row for row in rows if row[0] > marker]
    page = [{k: v for k, v in row[1].items() if k not in _NOT_LISTED} for row in rows[:limit]]
    answer: dict[str, Any] = {"Functions": page}
    if len(rows) > limit:
        answer["NextMarker"] = rows[limit - 1][0]
    return answer
