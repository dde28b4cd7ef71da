"""ListStreams.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_ListStreams.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams

LIMIT = 100


def run(streams: Streams, params: dict[str, Any]) -> dict[str, Any]:
    """Streams by table and age, a page of at most 100. Raises ApiError ValidationException."""
    found = [(streams.arn(stream), stream) for stream in streams.registry.all(params.get("TableName"))]
    start = params.get("ExclusiveStartStreamArn")
    if start is not None:
        if "/stream/" not in start or not start.startswith("arn:"):
            raise ApiError("ValidationException", "Invalid StreamArn")
        found = [(arn, stream) for arn, stream in found if _place(arn) > _place(start)]
    limit = params.get("Limit", LIMIT)
    answer: dict[str, Any] = {
        "Streams": [
            {"StreamArn": arn, "TableName": stream.table, "StreamLabel": stream.label}
            for arn, stream in found[:limit]
        ]
    }
    if len(found) > limit:
        answer["LastEvaluatedStreamArn"] = found[limit - 1][0]
    return answer


def _place(arn: str) -> tuple[str, str]:
    table, _, label = arn.partition("/stream/")
    return table, label
