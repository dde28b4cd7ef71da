"""GetRecords.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_GetRecords.html
"""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from cloudcore._table import Feed, feed_state
from cloudcore.dynamodb.streams.iterators import LIFE_SECONDS, read, trimmed, write
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.streams.service import Streams

LIMIT = 1000


def run(streams: Streams, params: dict[str, Any]) -> dict[str, Any]:
    """Up to 1,000 records or 1 MB behind an iterator, and the next iterator unless the shard has ended.

    Raises ApiError: ValidationException, ResourceNotFoundException, ExpiredIteratorException,
    TrimmedDataAccessException.
    """
    records, following = _page(streams, params, "dicts")
    return {"Records": records} if following is None else {"Records": records, "NextShardIterator": following}


def run_json(streams: Streams, params: dict[str, Any]) -> bytes:
    """The same as a body; records go from the log to JSON without a Python object."""
    records, following = _page(streams, params, "json")
    end = b"" if following is None else b',"NextShardIterator":' + json.dumps(following).encode()
    return b'{"Records":[' + records + b"]" + end + b"}"


def _page(streams: Streams, params: dict[str, Any], shape: str) -> tuple[Any, str | None]:
    position = read(params["ShardIterator"])
    stream = streams.find(position.stream_arn)
    tables, now_ms = streams.service.tables, streams.service.clock.now_ms()
    if now_ms - position.made_ms > LIFE_SECONDS * 1000:
        raise ApiError("ExpiredIteratorException", "Shard iterator has expired")
    shard = next((shard for shard in stream.shards if shard.start == position.shard), None)
    if shard is None:
        raise ApiError("ResourceNotFoundException", "Requested resource not found: Shard does not exist")
    skips = position.since_ms is not None
    if position.sequence <= feed_state(tables)[1] and not skips:
        raise trimmed()
    streams.service.usage.took(stream.table, "stream_reads", 1)
    feed = Feed(tables, [stream.space], position.sequence, position.index)
    try:
        records, (sequence, index), _, ended, gone = feed.read(
            stream.make_view("stream", streams.service.region),
            shape,
            limit=params.get("Limit", LIMIT),
            until=stream.shard_end(shard),
            since_ms=max(streams.horizon_ms(), position.since_ms or 0),
            skips=skips,
            when=_datetime,
        )
    finally:
        feed.close()
    if gone:
        raise trimmed()
    if ended:
        return records, None
    sequence, index = max((sequence, index), (position.sequence, position.index))
    following = replace(position, sequence=sequence, index=index, made_ms=now_ms, since_ms=None)
    return records, write(following)


@functools.lru_cache(maxsize=16)
def _datetime(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
