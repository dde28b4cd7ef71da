"""Deploy from this process: a function is made, or made what it is asked to be; nothing happens twice."""

from __future__ import annotations

import contextlib
import copy
import sys
from typing import Any

from cloudcore.lambda_ import layers, names
from cloudcore.lambda_.configuration import merge
from cloudcore.lambda_.destinations import check_dead_letters
from cloudcore.lambda_.event_sources.opening import check_timeout
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.operations.create_function import create, defaults
from cloudcore.lambda_.operations.package import Package, package_of
from cloudcore.lambda_.registry import Version
from cloudcore.validation import check


def deploy(service: Any, name: str, source: dict[str, Any], settings: dict[str, Any]) -> None:
    """Make function `name` run `source` (FunctionCode, or {"Directory": path}) with `settings`."""
    reference = names.parse(name)
    checked = check("lambda", "UpdateFunctionConfiguration", {"FunctionName": name, **settings})
    del checked["FunctionName"]
    wanted, settings = checked.pop("Layers", None), checked
    check_dead_letters(service, settings)
    if "Timeout" in settings:
        check_timeout(service, reference.name, settings["Timeout"])
    taken = (
        contextlib.nullcontext(Package(None, 0, source["Directory"]))
        if "Directory" in source
        else package_of(service, source)
    )
    base = defaults() | {
        "Runtime": f"python3.{sys.version_info[1]}",
        "Role": f"arn:aws:iam::{service.account}:role/cloudcore",
    }
    with taken as package, service.lock:
        found = service.registry.get(reference.name)
        if found is None:
            create(service, reference.name, merge(base, settings), package, {}, layers=wanted)
            return
        held = found.latest
        configuration = merge(held.configuration, settings) | package.members()
        version = Version(configuration, package.name, package.directory, layers=list(held.layers))
        layers.apply(service, version, wanted)
        if version.code() == held.code() and configuration == held.configuration:
            return
        service.stamp(configuration)
        function = copy.deepcopy(found)
        function.versions[LATEST] = version
        service.changed(function)
