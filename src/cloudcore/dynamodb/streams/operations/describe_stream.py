"""DescribeStream.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_DescribeStream.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams

LIMIT = 100


def run(streams: Streams, params: dict[str, Any]) -> dict[str, Any]:
    """A stream and its shards, oldest first, a page of at most 100; with ShardFilter the children of one.

    Raises ApiError: ValidationException, ResourceNotFoundException.
    """
    stream = streams.find(params["StreamArn"])
    shards = list(stream.shards)
    parent = _parent(params.get("ShardFilter"))
    if parent is not None:
        shards = [shard for shard in shards if shard.parent == parent]
    start = params.get("ExclusiveStartShardId")
    if start is not None:  # ids of a stream sort by age
        shards = [shard for shard in shards if shard.id > start]
    limit = params.get("Limit", LIMIT)
    description: dict[str, Any] = {
        "StreamArn": streams.arn(stream),
        "StreamLabel": stream.label,
        "StreamStatus": "ENABLED" if stream.live else "DISABLED",
        "StreamViewType": stream.view,
        "CreationRequestDateTime": stream.created,
        "TableName": stream.table,
        "KeySchema": stream.key_schema,
        "Shards": [stream.describe_shard(shard) for shard in shards[:limit]],
    }
    if len(shards) > limit:
        description["LastEvaluatedShardId"] = shards[limit - 1].id
    return {"StreamDescription": description}


def _parent(shard_filter: dict[str, str] | None) -> str | None:
    if not shard_filter:
        return None
    if "Type" not in shard_filter or "ShardId" not in shard_filter:
        raise ApiError(
            "ValidationException",
            "One or more parameter values were invalid: ShardFilter needs both Type and ShardId",
        )
    return shard_filter["ShardId"]
