"""Tags of a stream: at most 50, each key once."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError

TAGS_MAX = 50


def read(params: dict[str, Any]) -> dict[str, str]:
    """The Tags member as a dict, empty when it is absent. Raises ApiError InvalidArgumentException."""
    out: dict[str, str] = {}
    for tag in params.get("Tags", ()):
        if tag["Key"] in out:
            raise ApiError("InvalidArgumentException", f"Duplicate tag key: {tag['Key']}")
        out[tag["Key"]] = tag.get("Value", "")
    return out
