"""Transforming: the records of a plan through the processors of its stream, anew at every delivery.

Functions run by the cluster's own, at any node. What a plan's records became is written under keys that
follow from the plan: the data, or an object for each partition, and what failed; so a delivery that is
repeated takes the place of the one before. What an earlier delivery may have written and this one does not
is deleted; partitions that a function named are noted before they are written (notes.py).
Thread rule: on a thread of a carrier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from cloudcore.clock import Clock
from cloudcore.cluster.notes import Notes
from cloudcore.cluster.schemas import Schemas
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.destinations.s3.encode import CONVERSION_FAILED
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.processing.chain import Processing
from cloudcore.firehose.processing.work import Work
from cloudcore.firehose.records import Piece, frame, split
from cloudcore.firehose.sources.origins import Told

FAILED = "processing-failed"


@dataclass(frozen=True)
class Around:
    """What a stream's transforms need: its ARN and region, the call of a function, the time, sleep, which
    raises when the node leaves, its notes, and what its events tell of its source."""

    arn: str
    region: str
    invoke: Callable[[str, bytes], Any]
    clock: Clock
    sleep: Callable[[float], None]
    notes: Notes
    told: Told


@dataclass
class Lane:
    """Records that go into one object, by their partition keys."""

    keys: dict[str, str]
    pieces: list[Piece]


def deliver(
    plan: Plan, pieces: list[Piece], config: Config, schemas: Schemas, objects: Any, stream: str,
    around: Around, again: bool,
) -> dict[str, int]:  # fmt: skip
    """As s3.deliver(), of what the processors make of the records. `again`: it may have been tried before."""
    lanes, failures, moved = _through(config, around, pieces)
    parts = {lane: _part(plan, lane, found.keys, config, stream) for lane, found in lanes.items()}
    failed = s3.failures_key(plan, config, stream, FAILED)
    written = {part.key for part in parts.values()} | ({failed} if failures else set())
    before = {plan.key, failed} if again else set()
    if config.partitioned and config.processors.function is not None:
        before |= set(around.notes.read(plan.id) or ()) if again else set()
        around.notes.write(plan.id, sorted(before | written | _aside(parts.values(), config, stream)))
    for key in before - written:
        objects.delete(plan.bucket, key)
    if failures:
        put: dict[str, int] = {"objects": 0, "bytes_out": 0}
        s3.put_failures(objects, config, failed, failures, put)
        moved |= put
    schema = schemas.of(config, [piece for lane in lanes.values() for piece in lane.pieces])
    for lane, part in parts.items():
        counts = _write(part, lanes[lane].pieces, config, schema, objects, stream, around.clock, again)
        for name, count in counts.items():
            moved[name] = moved.get(name, 0) + count
    return moved


def through(
    plan: Plan, pieces: list[Piece], config: Config, objects: Any, stream: str, around: Around, again: bool
) -> tuple[list[Piece], dict[str, int]]:
    """What the processors make of the records of a plan whose destination is an endpoint, and what to count;
    what failed is written."""
    lanes, failures, moved = _through(config, around, pieces)
    failed = s3.failures_key(plan, config, stream, FAILED)
    if failures:
        put: dict[str, int] = {"objects": 0, "bytes_out": 0}
        s3.put_failures(objects, config, failed, failures, put)
        moved |= put
    elif again:
        objects.delete(config.data.bucket, failed)
    return [piece for lane in lanes.values() for piece in lane.pieces], moved


def _write(
    part: Plan, pieces: list[Piece], config: Config, schema: Any, objects: Any, stream: str, clock: Clock,
    again: bool,
) -> dict[str, int]:  # fmt: skip
    """Write an object, or, when its partition could not be written for as long as it is to be tried, under
    the error prefix."""
    aside = s3.redirected_key(part, config, stream) if config.partitioned and config.retry else None
    try:
        moved = s3.deliver(part, pieces, config, schema, objects, stream, None)
    except OSError:
        waited = clock.now() - part.planned_ms / 1000
        if aside is None or config.retry is None or waited < config.retry.seconds:
            raise
        gone = replace(part, key=aside, redirected=True)
        moved, aside = s3.deliver(gone, pieces, config, schema, objects, stream, None), None
        objects.delete(part.bucket, part.key)  # it may be there all the same
    if again and aside is not None:
        objects.delete(part.bucket, aside)
    if again and config.conversion and not moved.get("conversion_failed"):
        objects.delete(part.bucket, s3.failures_key(part, config, stream, CONVERSION_FAILED))
    return moved


def _aside(parts: Any, config: Config, stream: str) -> set[str]:
    """Keys under the error prefix that parts may have."""
    found = set()
    for part in parts:
        if config.retry:
            found.add(s3.redirected_key(part, config, stream))
        if config.conversion:
            found.add(s3.failures_key(part, config, stream, CONVERSION_FAILED))
    return found


def _part(plan: Plan, lane: str, keys: dict[str, str], config: Config, stream: str) -> Plan:
    """The plan of a lane's object."""
    if not keys:
        return plan
    identity = f"{plan.key}/{lane}"
    settled = replace(config, data=replace(config.data, prefix=config.data.prefix.settled(identity)))
    bucket, key = s3.object_key(settled, stream, plan.version, identity, lane, plan.time_ms, keys)
    return replace(plan, lane=lane, bucket=bucket, key=key)


def _through(
    config: Config, around: Around, pieces: list[Piece]
) -> tuple[dict[str, Lane], list[bytes], dict[str, int]]:
    """What comes out: data by lanes, lines of what failed, and what to count."""
    lanes: dict[str, Lane] = {}
    failures: list[bytes] = []
    counts = {"dropped": 0, "processing_failed": 0}
    processing = Processing(
        config, around.arn, around.region, around.told, around.invoke, around.clock, around.sleep, lanes.keys
    )

    def run(work: Work) -> None:
        out = processing.run(work)
        for group in out.groups:
            if group.lane.startswith("error:"):
                failures.extend(group.records)
            else:
                lane = lanes.setdefault(group.lane, Lane(group.keys, []))
                lane.pieces.append(Piece(frame(group.records), group.sequences, work.arrivals[0]))
        counts["dropped"] += out.dropped
        counts["processing_failed"] += out.failed

    work = Work(0, sequences=[])
    for piece in pieces:
        records, begin = split(piece.payload), 0
        while begin < len(records):
            origin_of = piece.origins.cut(begin).text if piece.origins else None
            end = begin + processing.fill(work, records[begin:], piece.arrival_ms, origin_of)
            assert work.sequences is not None
            work.sequences += piece.sequences[begin:end]
            if end < len(records):
                run(work)
                work = Work(0, sequences=[])
            begin = end
    if work.records:
        run(work)
    return lanes, failures, counts
