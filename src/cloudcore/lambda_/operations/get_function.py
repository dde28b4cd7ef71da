"""GetFunction and GetFunctionConfiguration. Source: AWS, Lambda API reference."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def get_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """A version's configuration, where its code is (a file: URL), and the function's tags."""
    reference = service.reference(params)
    with service.lock:
        version = service.version(reference)
        function = service.function(reference)
        place = version.directory or service.packages.path(version.package)
        answer = {
            "Configuration": _configuration(service, reference),
            "Code": {"RepositoryType": "S3", "Location": Path(place).as_uri()},
        }
        if function.reserved is not None and reference.qualifier is None:
            answer["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved}
        if function.tags:
            answer["Tags"] = dict(function.tags)
        return answer


def get_function_configuration(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """A version's configuration."""
    with service.lock:
        return _configuration(service, service.reference(params))


def _configuration(service: Any, reference: Any) -> dict[str, Any]:
    found = dict(service.version(reference).configuration)
    if reference.qualifier:
        found["FunctionArn"] = service.arn(reference.name, reference.qualifier)
    return found
