"""A Kinesis stream as the source, at any endpoint that boto3 would use, or that `reach` names for its ARN.

Shards are read from the time the delivery stream was made (shards.py). Records that the Kinesis Producer
Library aggregated are taken apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.sources.aggregate import parts_of
from cloudcore.firehose.sources.feed import Feed, Reader
from cloudcore.firehose.sources.origins import Origins
from cloudcore.shards import Shards

_IDLE_S = 1.0


def parse(block: dict[str, Any], now: float) -> dict[str, Any]:
    """KinesisStreamSourceDescription. Raises ApiError."""
    only(block, {"KinesisStreamARN", "RoleARN"}, "KinesisStreamSourceConfiguration")
    try:
        import botocore  # noqa: F401
    except ImportError:
        raise invalid("KinesisStreamAsSource needs botocore: pip install 'cloudcore[s3]'") from None
    return {**block, "DeliveryStartTimestamp": now}


class KinesisReader(Reader):
    """Positions: those of shards.py."""

    def __init__(self, source: dict[str, Any], feed: Feed, reach: Mapping[str, str]):
        super().__init__(feed)
        self._arn: str = source["KinesisStreamARN"]
        self._start: float = source["DeliveryStartTimestamp"]
        self._endpoint = reach.get(self._arn)
        self._client: Any = None
        self._shards: Shards | None = None

    def step(self) -> float:
        if self._shards is None:
            self._client = self._open()
            self._shards = Shards(self._client, self._arn, self._start)
        moved = sum(self._read(self._shards, one) for one in self._shards.ready(self.feed.positions))
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

    def _read(self, shards: Shards, shard: str) -> int:
        held = self.feed.positions.get(shard)
        records, position = shards.read(shard, held)
        if position != held:
            taken, rows = [], []
            for record in records:
                arrival = record.get("ApproximateArrivalTimestamp")
                arrival_ms = None if arrival is None else int(arrival.timestamp() * 1000)
                for number, (data, key) in enumerate(parts_of(record["Data"])):
                    taken.append(data)
                    own = record["PartitionKey"] if key is None else key
                    rows.append((own, arrival_ms, record["SequenceNumber"], number))
            self.feed.store(taken, {shard: position}, Origins("kinesis", shard, rows))
        return len(records)
