"""ListVersionsByFunction. Source: AWS, Lambda API reference, ListVersionsByFunction (50 a page)."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.paging import page
from cloudcore.lambda_.registry import FunctionRecord

_NOT_LISTED = ("State", "LastUpdateStatus")


def list_versions_by_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """$LATEST, then the published versions in the order of their numbers."""
    with service.lock:
        function = service.function(service.reference(params))
        rows = [(version_key(number), listed(service, function, number)) for number in function.versions]
    return page(rows, params, "Versions")


def version_key(number: str) -> str:
    """A key that sorts as versions are listed."""
    return "0" if number == LATEST else f"1{int(number):012d}"


def listed(service: Any, function: FunctionRecord, number: str, *, arn: bool = True) -> dict[str, Any]:
    """A version's configuration as lists give it: without states, its ARN with the version in it."""
    configuration = function.versions[number].configuration
    row = {name: value for name, value in configuration.items() if name not in _NOT_LISTED}
    if arn:
        row["FunctionArn"] = service.arn(function.name, number)
    return row
