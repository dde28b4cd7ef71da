"""Aliases: names for one version of a function, or for two with a weight.

Kept as {"Name", "FunctionVersion", "Description", "RoutingConfig", "RevisionId"}, as the API names them.
"""

from __future__ import annotations

import uuid
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import snapstart
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.registry import FunctionRecord, not_found


def find(service: Any, function: FunctionRecord, name: str) -> dict[str, Any]:
    """The alias `name`. Raises ResourceNotFoundException."""
    alias = function.aliases.get(name)
    if alias is None:
        raise ApiError(
            "ResourceNotFoundException", f"Cannot find alias arn: {service.arn(function.name, name)}", 404
        )
    return alias


def update(service: Any, function: FunctionRecord, alias: dict[str, Any], params: dict[str, Any]) -> None:
    """Give `alias` the settings in `params`, checked, and a new revision."""
    if "FunctionVersion" in params:
        alias["FunctionVersion"] = params["FunctionVersion"]
    if "Description" in params:
        alias["Description"] = params["Description"]
    if "RoutingConfig" in params:
        alias["RoutingConfig"] = {
            "AdditionalVersionWeights": params["RoutingConfig"].get("AdditionalVersionWeights", {})
        }
    _check(service, function, alias)
    alias["RevisionId"] = str(uuid.uuid4())


def shown(service: Any, function: str, alias: dict[str, Any]) -> dict[str, Any]:
    """The alias as operations answer it."""
    answer = {"AliasArn": service.arn(function, alias["Name"])} | alias
    if not weights(alias):
        answer.pop("RoutingConfig", None)
    return answer


def weights(alias: dict[str, Any]) -> dict[str, float]:
    """The second version and its part of the calls, when there is one."""
    found: dict[str, float] = alias.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
    return found


def users(function: FunctionRecord, version: str) -> list[str]:
    """The aliases that point to a version."""
    return [
        name
        for name, a in function.aliases.items()
        if version == a["FunctionVersion"] or version in weights(a)
    ]


def _check(service: Any, function: FunctionRecord, alias: dict[str, Any]) -> None:
    version, more = alias["FunctionVersion"], weights(alias)
    for number in (version, *more):
        if number not in function.versions:
            raise not_found(service.arn(function.name, number))
    if alias["Name"] in function.provisioned:
        snapstart.check_provisioned(function, version)
    if len(more) > 1:
        raise refused("Number of items in AdditionalVersionWeights cannot be greater than 1")
    if more and LATEST in (version, *more):
        raise refused("$LATEST is not supported for an alias pointing to more than 1 version")
    if version in more:
        raise refused(
            f"Invalid function version {version}. Function version {version} is already included in routing "
            "configuration."
        )
