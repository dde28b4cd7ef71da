"""Publishing: $LATEST copied under the next number, unless nothing changed since the last one."""

from __future__ import annotations

import copy
import uuid
from typing import Any

from cloudcore.lambda_ import snapstart
from cloudcore.lambda_.registry import FunctionRecord, Version

_OF_THE_COPY = snapstart.STATES | {"Version", "FunctionArn", "RevisionId", "LastModified", "Description"}


def publish(service: Any, function: FunctionRecord, description: str | None = None) -> Version:
    """The published version that is what $LATEST is now. `function` is changed, not saved; hold the lock."""
    latest = function.latest
    last = function.versions.get(str(function.published))
    if last is not None and _content(last, last.origin) == _content(latest, _description(latest)):
        return last
    function.published += 1
    number = str(function.published)
    configuration = copy.deepcopy(latest.configuration)
    configuration |= {
        "Version": number,
        "FunctionArn": service.arn(function.name, number),
        "RevisionId": str(uuid.uuid4()),
    }
    if description is not None:
        configuration["Description"] = description
    snapstart.published(configuration)
    made = Version(configuration, latest.package, latest.directory, _description(latest), list(latest.layers))
    function.versions[number] = made
    # What publishes changes the function, so callers with an older revision have to look again.
    latest.configuration["RevisionId"] = str(uuid.uuid4())
    return made


def _description(version: Version) -> str:
    description: str = version.configuration.get("Description", "")
    return description


def _content(version: Version, description: str) -> tuple[Any, ...]:
    settings = {k: v for k, v in version.configuration.items() if k not in _OF_THE_COPY}
    settings["SnapStart"] = snapstart.is_on(version.configuration)
    return settings, version.code(), description
