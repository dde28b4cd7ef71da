"""Publish-, Get-, GetByArn-, List- and DeleteLayerVersion(s), ListLayers and the policies of layer versions.

Source: AWS, Lambda API reference.
"""

from __future__ import annotations

import copy
import json
import re
import uuid
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import layers, policies
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.operations.package import package_of
from cloudcore.lambda_.paging import page

_KEPT = ("Description", "CompatibleRuntimes", "CompatibleArchitectures", "LicenseInfo")
_BY_ARN = re.compile(r"(?P<layer>arn:[^:]*:lambda:[^:]*:\d{12}:layer:[\w-]+):(?P<version>\d+)")


def publish_layer_version(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make the next version of a layer, and the layer with its first one."""
    name = layers.name_of(service, params["LayerName"])
    with package_of(service, params["Content"]) as package, service.lock:
        layer = copy.deepcopy(service.layers.documents.get(name)) or {"next": 1, "versions": {}}
        number = str(layer["next"])
        layer["next"] += 1
        layer["versions"][number] = {
            "Description": params.get("Description", ""),
            "CreatedDate": service.moment(milliseconds=True),
            "Content": package.members(),
            "package": package.name,
            **{member: params[member] for member in _KEPT if member in params},
        }
        service.layers.save(name, layer)
        return layers.shown(service, name, number)


def get_layer_version(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """A version and where its package is (a file: URL)."""
    name, number = _place(service, params)
    with service.lock:
        return layers.shown(service, name, number)


def get_layer_version_by_arn(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The same, by the ARN of the version."""
    found = _BY_ARN.fullmatch(params["Arn"])
    if found is None:
        raise refused(f"{params['Arn']} is not an ARN of a layer's version.")
    with service.lock:
        return layers.shown(service, layers.name_of(service, found["layer"]), found["version"])


def list_layer_versions(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The versions of a layer, the newest first; none for a layer that is not there."""
    name = layers.name_of(service, params["LayerName"])
    with service.lock:
        rows = [
            (f"{10**12 - int(number):012d}", layers.shown(service, name, number, content=False))
            for number in _matching(service, name, params)
        ]
    return page(rows, params, "LayerVersions")


def list_layers(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Every layer with the newest of its versions that fits."""
    rows = []
    with service.lock:
        for name in service.layers.documents:
            numbers = _matching(service, name, params)
            if numbers:
                newest = layers.shown(service, name, max(numbers, key=int), content=False)
                row = {"LayerName": name, "LayerArn": layers.arn(service, name)}
                rows.append((name, row | {"LatestMatchingVersion": newest}))
    return page(rows, params, "Layers")


def delete_layer_version(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Forget a version; one that is not there is no error. Functions that use it go on."""
    name, number = _place(service, params)
    with service.lock:
        layer = copy.deepcopy(service.layers.documents.get(name))
        if layer and layer["versions"].pop(number, None):
            # The layer stays, empty, so that its numbers go on; lists do not show it.
            service.layers.save(name, layer)
            service.keep_packages()
    return {}


def add_layer_version_permission(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Add a statement to a version's policy."""
    name, number = _place(service, params)
    with service.lock:
        layer = _copy(service, name, number)
        policy = layer["versions"][number].setdefault("policy", _no_policy())
        made = {
            "Sid": params["StatementId"],
            "Effect": "Allow",
            "Principal": policies.principal(params["Principal"]),
            "Action": params["Action"],
            "Resource": layers.arn(service, name, number),
        }
        if "OrganizationId" in params:
            made["Condition"] = {"StringEquals": {"aws:PrincipalOrgID": params["OrganizationId"]}}
        policies.append(policy, made, params.get("RevisionId"))
        service.layers.save(name, layer)
        return {"Statement": json.dumps(made, separators=(",", ":")), "RevisionId": policy["RevisionId"]}


def remove_layer_version_permission(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Take a statement out of a version's policy."""
    name, number = _place(service, params)
    with service.lock:
        layer = _copy(service, name, number)
        held = {"": policy} if (policy := layer["versions"][number].get("policy")) else {}
        policies.remove(held, "", params["StatementId"], params.get("RevisionId"))
        layer["versions"][number].pop("policy")
        if held:
            layer["versions"][number]["policy"] = held[""]
        service.layers.save(name, layer)
    return {}


def get_layer_version_policy(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The policy of a version."""
    name, number = _place(service, params)
    with service.lock:
        policy = layers.find(service, name, number).get("policy")
    if policy is None:
        raise ApiError("ResourceNotFoundException", "No policy is associated with the given resource.", 404)
    return {"Policy": policies.text(policy), "RevisionId": policy["RevisionId"]}


def _no_policy() -> dict[str, Any]:
    return {"RevisionId": str(uuid.uuid4()), "Statement": []}


def _copy(service: Any, name: str, number: str) -> dict[str, Any]:
    layers.find(service, name, number)
    copied: dict[str, Any] = copy.deepcopy(service.layers.documents[name])
    return copied


def _place(service: Any, params: dict[str, Any]) -> tuple[str, str]:
    return layers.name_of(service, params["LayerName"]), str(params["VersionNumber"])


def _matching(service: Any, name: str, params: dict[str, Any]) -> list[str]:
    """The numbers of the versions that suit the runtime and architecture that are asked for."""
    found = []
    for number, version in service.layers.documents.get(name, {"versions": {}})["versions"].items():
        wanted = (
            ("CompatibleRuntimes", params.get("CompatibleRuntime")),
            ("CompatibleArchitectures", params.get("CompatibleArchitecture")),
        )
        if all(value is None or value in version.get(member, ()) for member, value in wanted):
            found.append(number)
    return found
