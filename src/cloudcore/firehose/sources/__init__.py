"""Sources: what fills a stream in the place of its own puts: a Kinesis stream, a Kafka topic.

A source has one file with parse(params, ours) -> the members that Describe shows, and a Reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.sources.feed import Feed, Reader

DIRECT = "DirectPut"
_MEMBERS = {
    "KinesisStreamAsSource": "KinesisStreamSourceConfiguration",
    "MSKAsSource": "MSKSourceConfiguration",
}
_ALL = {*_MEMBERS.values(), "DirectPutSourceConfiguration", "DatabaseSourceConfiguration"}


def parse(params: dict[str, Any], now: float, reach: Mapping[str, str]) -> tuple[str, dict[str, Any] | None]:
    """(DeliveryStreamType, SourceDescription or None) of CreateDeliveryStream. Raises ApiError."""
    kind: str = params.get("DeliveryStreamType", DIRECT)
    if kind == "DatabaseAsSource" or params.get("DatabaseSourceConfiguration"):
        raise invalid(
            "DatabaseAsSource is not supported: read the database's change log into a Kafka topic or a "
            "Kinesis stream, and take that as the source"
        )
    given = [name for name in _ALL if params.get(name) is not None]
    wanted = _MEMBERS.get(kind, "DirectPutSourceConfiguration")
    if any(name != wanted for name in given):
        raise invalid(f"{given[0]} does not go with the DeliveryStreamType {kind}")
    if kind == DIRECT:
        return kind, _direct(params.get("DirectPutSourceConfiguration"))
    if not given:
        raise invalid(f"{wanted} is required for the DeliveryStreamType {kind}")
    block = params[wanted]
    if kind == "KinesisStreamAsSource":
        from cloudcore.firehose.sources import kinesis

        return kind, {"KinesisStreamSourceDescription": kinesis.parse(block, now)}
    from cloudcore.firehose.sources import kafka

    return kind, {"MSKSourceDescription": kafka.parse(block, now, reach)}


def _direct(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """DirectPutSourceConfiguration: a hint of how much will come; there is nothing to provision for it."""
    if given is None:
        return None
    only(given, {"ThroughputHintInMBs"}, "DirectPutSourceConfiguration")
    return {"DirectPutSourceDescription": {"ThroughputHintInMBs": given["ThroughputHintInMBs"]}}


def reader(source: dict[str, Any] | None, feed: Feed, reach: Mapping[str, str]) -> Reader | None:
    """What reads a stream's source, not started; None where there is none."""
    found = source or {}
    if "KinesisStreamSourceDescription" in found:
        from cloudcore.firehose.sources.kinesis import KinesisReader

        return KinesisReader(found["KinesisStreamSourceDescription"], feed, reach)
    if "MSKSourceDescription" in found:
        from cloudcore.firehose.sources.kafka import KafkaReader

        return KafkaReader(found["MSKSourceDescription"], feed, reach)
    return None
