"""TagResource, UntagResource and ListTags of functions. Source: AWS, Lambda API reference."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused

TAGS_MAX = 50


def tag_resource(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Set tags; others stay."""
    with service.edit(_reference(params)) as function:
        tags = function.tags | params["Tags"]
        check_tags(tags)
        function.tags = tags
    return {}


def untag_resource(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Take tags away; keys that are not there are no error."""
    with service.edit(_reference(params)) as function:
        for key in params["TagKeys"]:
            function.tags.pop(key, None)
    return {}


def list_tags(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The tags of a function."""
    with service.lock:
        return {"Tags": dict(service.function(_reference(params)).tags)}


def check_tags(tags: dict[str, str]) -> None:
    """Refuse tags that AWS does not take. Raises InvalidParameterValueException."""
    if len(tags) > TAGS_MAX:
        raise refused("Number of tags exceeds resource tag limit.")
    if any(key.lower().startswith("aws:") for key in tags):
        raise refused("System tags cannot be added/updated by requester.")
    if any(not 0 < len(key) <= 128 or len(value) > 256 for key, value in tags.items()):
        raise refused("A tag's key has 1 to 128 characters, its value at most 256.")


def _reference(params: dict[str, Any]) -> names.Reference:
    resource = params["Resource"]
    if ":function:" not in resource:
        raise refused(f"Tags of {resource} are not supported by this endpoint: those of functions are.")
    reference = names.parse(resource)
    if reference.qualifier is not None:
        raise refused(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return reference
