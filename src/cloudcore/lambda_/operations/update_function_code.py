"""UpdateFunctionCode. Source: AWS, Lambda API reference, UpdateFunctionCode."""

from __future__ import annotations

import copy
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import code_signing
from cloudcore.lambda_.configuration import merge, refused
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.operations.package import package_of
from cloudcore.lambda_.publishing import publish
from cloudcore.lambda_.registry import Version

_OTHER = ("FunctionName", "Publish", "DryRun", "RevisionId", "Architectures")


def update_function_code(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Give $LATEST another package; environments with the old one end after their calls."""
    if "PublishTo" in params:
        raise refused("PublishTo is not supported by this endpoint.")
    reference = service.reference(params)
    service.function(reference)
    source = {k: v for k, v in params.items() if k not in _OTHER}
    with package_of(service, source) as package, service.lock:
        function = copy.deepcopy(service.function(reference))
        configuration = function.latest.configuration
        check_revision(params, configuration)
        if "Architectures" in params:
            configuration = merge(configuration, {"Architectures": params["Architectures"]})
        configuration |= package.members()
        if params.get("DryRun"):
            return dict(configuration)
        service.stamp(configuration)
        code_signing.check_code(service, function.settings.get("CodeSigningConfigArn"), function.name)
        function.versions[LATEST] = Version(configuration, package.name, layers=list(function.latest.layers))
        answer = publish(service, function).configuration if params.get("Publish") else configuration
        service.changed(function)
        return dict(answer)


def check_revision(params: dict[str, Any], configuration: dict[str, Any]) -> None:
    """Refuse an update that was made from another revision."""
    if params.get("RevisionId", configuration["RevisionId"]) != configuration["RevisionId"]:
        raise ApiError(
            "PreconditionFailedException",
            "The RevisionId provided does not match the latest RevisionId. Call the GetFunction or the "
            "GetAlias API to retrieve the latest RevisionId",
            412,
        )
