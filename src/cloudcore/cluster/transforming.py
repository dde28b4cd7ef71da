"""Transforming: the records of a plan through the processors of its stream, anew at every delivery.

Functions run by the cluster's own, at any node. What a plan's records became is written under the plan's
keys, the data and what failed; so a delivery that is repeated takes the place of the one before. When it is
repeated and has nothing for one of the two, an earlier delivery may have had something, which is deleted.
Thread rule: on a thread of a carrier.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudcore.clock import Clock
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.processing.chain import Processing
from cloudcore.firehose.processing.work import Work
from cloudcore.firehose.records import Piece, frame, split
from cloudcore.firehose.sources.origins import Told

FAILED = "processing-failed"


@dataclass(frozen=True)
class Around:
    """What a stream's transforms need: its ARN and region, the call of a function, the time, and sleep, which
    raises when the node leaves."""

    arn: str
    region: str
    invoke: Callable[[str, bytes], Any]
    clock: Clock
    sleep: Callable[[float], None]


def deliver(
    plan: Plan, pieces: list[Piece], config: Config, schema: Any, objects: Any, stream: str, around: Around,
    again: bool,
) -> dict[str, int]:  # fmt: skip
    """As s3.deliver(), of what the processors make of the records. `again`: it may have been tried before."""
    done, failures, moved = _through(_processing(config, around), pieces)
    key = s3.failures_key(plan, config, stream, FAILED)
    if failures:
        put: dict[str, int] = {"objects": 0, "bytes_out": 0}
        s3.put_failures(objects, config, key, failures, put)
        moved |= put
    elif again:
        objects.delete(plan.bucket, key)
    if done:
        for name, count in s3.deliver(plan, done, config, schema, objects, stream, None).items():
            moved[name] = moved.get(name, 0) + count
    elif again:
        objects.delete(plan.bucket, plan.key)
    return moved


def _processing(config: Config, around: Around) -> Processing:
    return Processing(
        config, around.arn, around.region, Told(), around.invoke, around.clock, around.sleep, lambda: ()
    )


def _through(processing: Processing, pieces: list[Piece]) -> tuple[list[Piece], list[bytes], dict[str, int]]:
    """What comes out: data, lines of what failed, and what to count."""
    done: list[Piece] = []
    failures: list[bytes] = []
    counts = {"dropped": 0, "processing_failed": 0}

    def run(work: Work) -> None:
        out = processing.run(work)
        for group in out.groups:
            if group.lane.startswith("error:"):
                failures.extend(group.records)
            else:
                done.append(Piece(frame(group.records), group.sequences, work.arrivals[0]))
        counts["dropped"] += out.dropped
        counts["processing_failed"] += out.failed

    work = Work(0, sequences=[])
    for piece in pieces:
        records, begin = split(piece.payload), 0
        while begin < len(records):
            end = begin + processing.fill(work, records[begin:], piece.arrival_ms, None)
            assert work.sequences is not None
            work.sequences += piece.sequences[begin:end]
            if end < len(records):
                run(work)
                work = Work(0, sequences=[])
            begin = end
    if work.records:
        run(work)
    return done, failures, counts
