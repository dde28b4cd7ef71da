"""Layers: packages that functions find below /opt, by name and version number.

    <directory>/layers/<name>.json    {"next": n, "versions": {number: version}}

A version is kept as PublishLayerVersion answers it, with its `package` (SHA-256) and its policy. A function
holds the packages of its layers itself, so it goes on running when a layer's version is deleted, as on AWS.
Source: AWS, "Managing Lambda dependencies with layers"; "Lambda quotas" (five layers, 250 MB unzipped).
"""

from __future__ import annotations

import re
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.code import UNZIPPED_MAX
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.registry import Version

LAYERS_MAX = 5
_ARN = re.compile(
    r"arn:aws[a-zA-Z-]*:lambda:(?P<region>[\w-]+):(?P<account>\d{12}):layer:(?P<name>[\w-]{1,140})"
    r"(?::(?P<version>\d+))?"
)


def arn(service: Any, name: str, number: str = "") -> str:
    """The ARN of a layer, or of one of its versions."""
    return f"arn:aws:lambda:{service.region}:{service.account}:layer:{name}{':' + number if number else ''}"


def name_of(service: Any, given: str) -> str:
    """The name that a LayerName (name or ARN) of this account and region stands for."""
    found = _ARN.fullmatch(given)
    if found is None:
        return given
    if (found["region"], found["account"]) != (service.region, service.account):
        raise _absent()
    return found["name"]


def find(service: Any, name: str, number: str) -> dict[str, Any]:
    """A version. Raises ResourceNotFoundException."""
    layer = service.layers.documents.get(name)
    version: dict[str, Any] | None = layer["versions"].get(number) if layer else None
    if version is None:
        raise _absent()
    return version


def shown(service: Any, name: str, number: str, *, content: bool = True) -> dict[str, Any]:
    """A version as operations answer it."""
    held = find(service, name, number)
    hidden = ("package", "policy", "Content")
    answer = {member: value for member, value in held.items() if member not in hidden}
    answer["LayerVersionArn"] = arn(service, name, number)
    answer["Version"] = int(number)
    if content:
        location = service.package_location(held["package"])
        answer |= {"Content": held["Content"] | {"Location": location}, "LayerArn": arn(service, name)}
    return answer


def packages(service: Any) -> set[str]:
    """Every package that a layer's version has."""
    return {
        version["package"]
        for layer in service.layers.documents.values()
        for version in layer["versions"].values()
    }


def use(service: Any, arns: list[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """What a function with these layers shows as Layers, and their packages. Hold the lock.

    CompatibleRuntimes bind nobody, as on AWS. Raises InvalidParameterValueException.
    """
    if len(arns) > LAYERS_MAX:
        raise refused(f"Cannot reference more than {LAYERS_MAX} layers.")
    shows, names, seen = [], [], set()
    for given in arns:
        found = _ARN.fullmatch(given)
        if found is None or not found["version"]:
            raise refused(f"Layer version {given} is not supported by this endpoint: its own layers are.")
        if found["name"] in seen:
            other = next(one for one in arns if _same_layer(one, given))
            raise refused(
                "Two different versions of the same layer are not allowed to be referenced in the same "
                f"function. {other} and {given} are versions of the same layer."
            )
        seen.add(found["name"])
        here = (found["region"], found["account"]) == (service.region, service.account)
        layer = service.layers.documents.get(found["name"]) if here else None
        version = layer["versions"].get(found["version"]) if layer else None
        if version is None:
            raise refused(f"Layer version {given} does not exist.")
        extensions = service.packages.below(version["package"], "extensions/")
        if extensions:
            raise refused(
                f"Extensions are not supported by this endpoint: layer version {given} has "
                f"{', '.join(extensions)}."
            )
        shows.append({"Arn": given, "CodeSize": version["Content"]["CodeSize"]})
        names.append(version["package"])
    if service.packages.unzipped_size(names) > UNZIPPED_MAX:
        raise refused(
            f"Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_MAX} bytes."
        )
    return shows, names


def apply(service: Any, version: Version, arns: list[str] | None) -> Version:
    """`version` with these layers; None: with those it has. Hold the lock."""
    if arns is not None:
        shows, version.layers = use(service, arns)
        version.configuration.pop("Layers", None)
        if shows:
            version.configuration["Layers"] = shows
    return version


def _same_layer(one: str, other: str) -> bool:
    return one.rpartition(":")[0] == other.rpartition(":")[0]


def _absent() -> ApiError:
    return ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
