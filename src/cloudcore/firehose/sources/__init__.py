"""Sources: what fills a stream in the place of its own puts: a Kinesis stream, a Kafka topic, a table.

A source has one file with parse(params, ours) -> the members that Describe shows, and a Reader.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.sources import table
from cloudcore.firehose.sources.feed import Feed, Reader

DIRECT = "DirectPut"
KINESIS, MSK = "KinesisStreamAsSource", "MSKAsSource"
_MOMENTS = ("Start", "StreamARN", "DeliveryStartTimestamp", "ReadFromTimestamp")
_MEMBERS = {
    KINESIS: "KinesisStreamSourceConfiguration",
    MSK: "MSKSourceConfiguration",
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
    if kind == KINESIS:
        from cloudcore.firehose.sources import kinesis

        return kind, {"KinesisStreamSourceDescription": kinesis.parse(block, now)}
    from cloudcore.firehose.sources import kafka

    return kind, {"MSKSourceDescription": kafka.parse(block, now, reach)}


def of_library(given: str, service: Any, role: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    """(DeliveryStreamType, SourceDescription, what to reach where) of the library's `source`: a table's name,
    the ARN of a Kinesis stream, or kafka://HOST:PORT[,HOST:PORT]/TOPIC. Raises ApiError, ValueError."""
    now = service.clock.now()
    if given.startswith("kafka://"):
        brokers, _, topic = given.removeprefix("kafka://").partition("/")
        if not brokers or not topic:
            raise ValueError(f"source is kafka://HOST:PORT/TOPIC, not {given!r}")
        number = sha256(brokers.encode()).hexdigest()[:8]
        arn = f"arn:aws:kafka:{service.region}:{service.account}:cluster/local/{number}"
        block = {
            "MSKClusterARN": arn, "TopicName": topic,
            "AuthenticationConfiguration": {"RoleARN": role, "Connectivity": "PUBLIC"},
        }  # fmt: skip
        from cloudcore.firehose.sources import kafka

        return MSK, {"MSKSourceDescription": kafka.parse(block, now, {arn: brokers})}, {arn: brokers}
    if given.startswith("arn:aws:kinesis:"):
        from cloudcore.firehose.sources import kinesis

        found = kinesis.parse({"KinesisStreamARN": given, "RoleARN": role}, now)
        return KINESIS, {"KinesisStreamSourceDescription": found}, {}
    if given.startswith("arn:"):
        raise ValueError(f"{given} is no source: the ARN of a Kinesis stream or a table's name is")
    return KINESIS, {table.MEMBER: table.parse(given, service.follow, now)}, {}


def same(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether two SourceDescriptions name the same source, whenever they began."""

    def told(source: dict[str, Any] | None) -> dict[str, Any]:
        return {
            member: {name: value for name, value in block.items() if name not in _MOMENTS}
            for member, block in (source or {}).items()
        }

    return told(one) == told(other)


def describe(source: dict[str, Any]) -> dict[str, Any]:
    """SourceDescription as the model has it."""
    return table.describe(source[table.MEMBER]) if table.MEMBER in source else source


def fills(source: dict[str, Any] | None) -> bool:
    """Whether a SourceDescription is of what fills the stream, in the place of puts."""
    members = ("KinesisStreamSourceDescription", "MSKSourceDescription", table.MEMBER)
    return any(member in (source or {}) for member in members)


def _direct(given: dict[str, Any] | None) -> dict[str, Any] | None:
    """DirectPutSourceConfiguration: a hint of how much will come; there is nothing to provision for it."""
    if given is None:
        return None
    only(given, {"ThroughputHintInMBs"}, "DirectPutSourceConfiguration")
    return {"DirectPutSourceDescription": {"ThroughputHintInMBs": given["ThroughputHintInMBs"]}}


def reader(
    source: dict[str, Any] | None, feed: Feed, reach: Mapping[str, str], follow: table.Follow
) -> Reader | None:
    """What reads a stream's source, not started; None where there is none."""
    found = source or {}
    if "KinesisStreamSourceDescription" in found:
        from cloudcore.firehose.sources.kinesis import KinesisReader

        return KinesisReader(found["KinesisStreamSourceDescription"], feed, reach)
    if "MSKSourceDescription" in found:
        from cloudcore.firehose.sources.kafka import KafkaReader

        return KafkaReader(found["MSKSourceDescription"], feed, reach)
    if table.MEMBER in found:
        return table.TableReader(found[table.MEMBER], feed, follow)
    return None
