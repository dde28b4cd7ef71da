"""UpdateFunctionConfiguration. Source: AWS, Lambda API reference, UpdateFunctionConfiguration."""

from __future__ import annotations

import copy
from typing import Any

from cloudcore.lambda_ import layers
from cloudcore.lambda_.configuration import merge
from cloudcore.lambda_.destinations import check_dead_letters
from cloudcore.lambda_.event_sources.opening import check_timeout
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.operations.update_function_code import check_revision
from cloudcore.lambda_.registry import Version

_OTHER = ("FunctionName", "Layers", "RevisionId")


def update_function_configuration(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Change settings of $LATEST; the next call gets an environment that has them."""
    reference = service.reference(params)
    settings = {name: value for name, value in params.items() if name not in _OTHER}
    service.function(reference)
    check_dead_letters(service, settings)
    if "Timeout" in settings:
        check_timeout(service, reference.name, settings["Timeout"])
    with service.lock:
        function = copy.deepcopy(service.function(reference))
        held = function.latest
        check_revision(params, held.configuration)
        configuration = merge(held.configuration, settings)
        service.stamp(configuration)
        version = Version(configuration, held.package, held.directory, layers=list(held.layers))
        function.versions[LATEST] = layers.apply(service, version, params.get("Layers"))
        service.changed(function)
        return dict(configuration)
