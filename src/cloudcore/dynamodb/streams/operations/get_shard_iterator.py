"""GetShardIterator.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetShardIterator.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore._table import Feed, feed_state, sequence_place
from cloudcore.dynamodb.streams.iterators import Position, trimmed, write
from cloudcore.dynamodb.streams.stream import Shard, Stream
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams

_BY_NUMBER = ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER")


def run(streams: Streams, params: dict[str, Any]) -> dict[str, Any]:
    """An iterator that GetRecords takes for 15 minutes.

    Raises ApiError: ValidationException, ResourceNotFoundException, TrimmedDataAccessException.
    """
    kind, number = params["ShardIteratorType"], params.get("SequenceNumber")
    _check_members(kind, params)
    arn = params["StreamArn"]
    stream = streams.find(arn)
    shard = next((shard for shard in stream.shards if shard.id == params["ShardId"]), None)
    if shard is None:
        raise ApiError("ResourceNotFoundException", "Requested resource not found: Shard does not exist")
    position = Position(arn, shard.start, shard.start, 0, streams.service.clock.now_ms())
    if kind == "LATEST":
        end = stream.shard_end(shard)
        last = feed_state(streams.service.tables)[0] if end is None else end
        position.sequence = max(last + 1, shard.start)
    elif kind == "TRIM_HORIZON":
        position.since_ms = 0
    elif kind == "AT_TIMESTAMP":
        position.since_ms = int(params["Timestamp"] * 1000)
    else:
        position.sequence, position.index = _by_number(streams, stream, shard, number, kind)
    return {"ShardIterator": write(position)}


def _check_members(kind: str, params: dict[str, Any]) -> None:
    for member, kinds in (("SequenceNumber", _BY_NUMBER), ("Timestamp", ("AT_TIMESTAMP",))):
        if (params.get(member) is not None) != (kind in kinds):
            must = "must be" if kind in kinds else "must not be"
            raise ApiError(
                "ValidationException",
                f"One or more parameter values were invalid: {member} {must} specified when "
                f"ShardIteratorType is {kind}",
            )


def _by_number(streams: Streams, stream: Stream, shard: Shard, number: Any, kind: str) -> tuple[int, int]:
    place = sequence_place(number)
    end = stream.shard_end(shard)
    if place is None or place[0] < shard.start or (end is not None and place[0] > max(end, shard.start)):
        raise ApiError("ValidationException", "Invalid SequenceNumber for the shard")
    tables = streams.service.tables
    if place[0] <= feed_state(tables)[1]:
        raise trimmed()
    feed = Feed(tables, [stream.space], *place)
    try:
        view = stream.make_view("stream", streams.service.region)
        page = feed.read(view, limit=1, since_ms=streams.horizon_ms(), until=end)
    finally:
        feed.close()
    if page[4]:
        raise trimmed()
    return place if kind == "AT_SEQUENCE_NUMBER" else (place[0], place[1] + 1)
