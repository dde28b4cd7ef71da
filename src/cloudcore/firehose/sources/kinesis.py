"""A Kinesis stream as the source, at any endpoint that boto3 would use, or that `reach` names for its ARN.

Shards are read from the time the delivery stream was made; a shard that was split or merged is read to its
end before its children. Records that the Kinesis Producer Library aggregated are taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.sources.aggregate import records_of
from cloudcore.firehose.sources.feed import Feed, Reader

_LIMIT = 10_000  # records of one GetRecords; AWS's most
_LOOK_S, _IDLE_S = 10.0, 1.0
END = "END"
"""The position behind a closed shard's last record."""


def parse(block: dict[str, Any], now: float) -> dict[str, Any]:
    """KinesisStreamSourceDescription. Raises ApiError."""
    only(block, {"KinesisStreamARN", "RoleARN"}, "KinesisStreamSourceConfiguration")
    try:
        import botocore  # noqa: F401
    except ImportError:
        raise invalid("KinesisStreamAsSource needs botocore: pip install 'cloudcore[s3]'") from None
    return {**block, "DeliveryStartTimestamp": now}


class KinesisReader(Reader):
    """Positions: shard id -> sequence number of the last record taken, or END."""

    def __init__(self, source: dict[str, Any], feed: Feed, reach: Mapping[str, str]):
        super().__init__(feed)
        self._arn: str = source["KinesisStreamARN"]
        self._start = datetime.fromtimestamp(source["DeliveryStartTimestamp"], UTC)
        self._endpoint = reach.get(self._arn)
        self._client: Any = None
        self._shards: dict[str, dict[str, Any]] = {}
        self._iterators: dict[str, str] = {}
        self._look = 0.0

    def step(self) -> float:
        if self._client is None:
            self._client = self._open()
        now = datetime.now(UTC).timestamp()
        if now >= self._look:
            self._list()
            self._look = now + _LOOK_S
        moved = sum(self._read(shard) for shard in self._ready())
        return 0.0 if moved else _IDLE_S

    def release(self) -> None:
        if self._client is not None:
            self._client.close()

    def _open(self) -> Any:
        import botocore.session

        region = self._arn.split(":")[3]
        return botocore.session.Session().create_client(
            "kinesis", region_name=region, endpoint_url=self._endpoint
        )

    def _list(self) -> None:
        page: dict[str, Any] = {"StreamName": self._arn.rpartition("/")[2]}
        found: dict[str, dict[str, Any]] = {}
        while True:
            answer = self._client.list_shards(**page)
            found.update({shard["ShardId"]: shard for shard in answer["Shards"]})
            if not answer.get("NextToken"):
                self._shards = found
                return
            page = {"NextToken": answer["NextToken"]}

    def _ready(self) -> list[str]:
        """Shards with something to read whose parents are read."""
        at = self.feed.positions
        out = []
        for name, shard in self._shards.items():
            parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
            if at.get(name) != END and all(p not in self._shards or at.get(p) == END for p in parents if p):
                out.append(name)
        return out

    def _iterator(self, shard: str) -> str:
        position = self.feed.positions.get(shard)
        where: dict[str, Any] = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER"}
        if position is not None:
            where["StartingSequenceNumber"] = position
        else:
            where = {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": self._start}
            if any(self._shards[shard].get(p) for p in ("ParentShardId", "AdjacentParentShardId")):
                where = {"ShardIteratorType": "TRIM_HORIZON"}  # its parents' records came before
        stream = self._arn.rpartition("/")[2]
        answer = self._client.get_shard_iterator(StreamName=stream, ShardId=shard, **where)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _read(self, shard: str) -> int:
        iterator = self._iterators.pop(shard, None) or self._iterator(shard)
        answer = self._client.get_records(ShardIterator=iterator, Limit=_LIMIT)
        records = answer["Records"]
        following = answer.get("NextShardIterator")
        if records or not following:
            position = records[-1]["SequenceNumber"] if following else END
            taken = [each for record in records for each in records_of(record["Data"])]
            self.feed.store(taken, {shard: position})
        if following:
            self._iterators[shard] = following
        else:
            self._look = 0.0  # its children may be there now
        return len(records)
