"""UpdateTable's GlobalSecondaryIndexUpdates: what they make of a stored description."""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb.validation import invalid


def apply(stored: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """The description after the updates of `params`. Raises ApiError ValidationException."""
    if params.get("GlobalSecondaryIndexUpdates") is not None:
        raise invalid("GlobalSecondaryIndexUpdates is not supported by cloudcore")
    defined = [definition["AttributeName"] for definition in params.get("AttributeDefinitions", ())]
    keys = [element["AttributeName"] for element in stored["KeySchema"]]
    if not set(defined) <= set(keys):
        raise invalid(
            "Some AttributeDefinitions are not used. "
            f"AttributeDefinitions: [{', '.join(defined)}], keys used: [{', '.join(keys)}]"
        )
    return stored
