"""StreamSpecification: what CreateTable and UpdateTable ask of a table's stream."""

from __future__ import annotations

from typing import Any

from cloudcore.dynamodb.validation import invalid, refuse


def created(params: dict[str, Any]) -> str | None:
    """The view type of a new table's stream; None: it has none. Raises ApiError ValidationException."""
    wanted = params.get("StreamSpecification")
    if not wanted:
        return None
    view: str | None = wanted.get("StreamViewType")
    if wanted["StreamEnabled"] and view is None:
        raise invalid("Table is being created with a stream enabled, UpdateViewType is required")
    if not wanted["StreamEnabled"] and view is not None:
        raise invalid("Table is being created with a stream disabled, UpdateViewType should not be specified")
    return view


def check(params: dict[str, Any]) -> None:
    """What UpdateTable takes, whatever the table is. Raises ApiError ValidationException."""
    wanted = params.get("StreamSpecification")
    if not wanted:
        return
    if wanted["StreamEnabled"] and wanted.get("StreamViewType") is None:
        raise invalid("If stream is being enabled then UpdateViewType is required")
    if not wanted["StreamEnabled"] and wanted.get("StreamViewType") is not None:
        raise invalid("If stream is being disabled, then UpdateViewType must not be specified")
    if params.get("ProvisionedThroughput") or params.get("BillingMode"):
        raise invalid("You cannot modify stream status while updating table IOPS")
    if any("Update" not in update for update in params.get("GlobalSecondaryIndexUpdates", ())):
        raise invalid("You cannot create or delete index while changing stream status")


def check_state(stored: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Whether a table's stream can be switched. Raises ApiError ValidationException."""
    live = live_view(stored) is not None
    if wanted["StreamEnabled"] and live:
        raise refuse(f"Table already has an enabled stream: TableName: {stored['TableName']}")
    if not wanted["StreamEnabled"] and not live:
        raise refuse(f"Table has no stream to disable: TableName: {stored['TableName']}")


def live_view(stored: dict[str, Any]) -> str | None:
    """The view type of the stream that a table has now."""
    return next((kept["View"] for kept in stored.get("Streams", ()) if "Ended" not in kept), None)


def describe(stored: dict[str, Any], table_arn: str) -> dict[str, Any]:
    """What DescribeTable shows of streams: the latest one's names even after its end."""
    shown: dict[str, Any] = {}
    view = live_view(stored)
    if view is not None:
        shown["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": view}
    label = stored.get("LatestStreamLabel")
    if label is not None:
        shown |= {"LatestStreamLabel": label, "LatestStreamArn": f"{table_arn}/stream/{label}"}
    return shown
