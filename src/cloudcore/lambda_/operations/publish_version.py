"""PublishVersion. Source: AWS, Lambda API reference, PublishVersion."""

from __future__ import annotations

from typing import Any

from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.operations.update_function_code import check_revision
from cloudcore.lambda_.publishing import publish


def publish_version(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Make $LATEST a version of its own; the last one again when nothing changed since."""
    if "PublishTo" in params:
        raise refused("PublishTo is not supported by this endpoint.")
    with service.edit(service.reference(params)) as function:
        latest = function.latest.configuration
        check_revision(params, latest)
        given = params.get("CodeSha256")
        if given and given != latest["CodeSha256"]:
            raise refused(
                f"CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST "
                f"({latest['CodeSha256']}). Please try again with the CodeSHA256 in $LATEST."
            )
        return dict(publish(service, function, params.get("Description")).configuration)
