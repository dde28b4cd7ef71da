"""Global tables of the version of 2017: AWS makes none any more, in no region, so none can exist.

The six operations on them still answer, and this is all that they say.
"""

from __future__ import annotations

from cloudcore.dynamodb.validation import invalid
from cloudcore.errors import ApiError


def unavailable() -> ApiError:
    """What making one, or adding a region to one, is refused with; raise what this returns."""
    return invalid(
        "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global "
        "tables version 2019.11.21, instead of version 2017.11.29 (Legacy)."
    )


def not_found(name: str, head: str = "Global table not found: ") -> ApiError:
    """GlobalTableNotFoundException; raise what this returns."""
    return ApiError("GlobalTableNotFoundException", f"{head}Global table with name: '{name}' does not exist.")
