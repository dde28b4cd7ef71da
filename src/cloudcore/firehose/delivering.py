"""Delivering: one plan of any destination -> where it goes. Safe to repeat: same plan, same keys.

    data lane       the bucket's object (s3/deliver.py), or the endpoint's sender
    other lanes     objects of the bucket
    given up        what is left of an endpoint's plan becomes an object under the error prefix

Thread rule: deliver() from the delivery threads; the rest from the pipeline's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from cloudcore.firehose import prefix
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.destinations.s3.encode import OnFailed
from cloudcore.firehose.destinations.sending import (
    Around,
    Batch,
    Failure,
    Progress,
    Sender,
    failure_lines,
    records_of,
    spans,
)  # fmt: skip
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece


def is_data(lane: str) -> bool:
    """Whether a lane is of the data itself."""
    return lane.partition(":")[0] == "data"


def where(
    config: Config, stream: str, version: int, identity: str, lane: str, time_ms: int, keys: dict[str, str]
) -> tuple[str, str]:
    """Bucket and key of a new plan; no bucket and a UUID where the data goes to an endpoint."""
    if config.endpoint is not None and not config.endpoint.stores and is_data(lane):
        return "", prefix.uuid_of(identity)
    return s3.object_key(config, stream, version, identity, lane, time_ms, keys)


class Delivering:
    """Delivers the plans of one stream by the configuration of each plan's version."""

    def __init__(self, configs: dict[int, Config], around: Around, told: OnFailed | None):
        self._configs, self._around, self._told = configs, around, told
        self._senders: dict[int, Sender] = {}
        self._lock = threading.Lock()

    def deliver(
        self, plan: Plan, pieces: Iterable[Piece], schema: Any, progress: Progress
    ) -> dict[str, int]:
        """Returns what to count. Raises OSError (Later says more) when it cannot be done now."""
        config = self._configs[plan.version]
        if config.endpoint is None or not is_data(plan.lane):
            return s3.deliver(
                plan, pieces, config, schema, self._around.objects, self._around.stream, self._told
            )
        sender = self._sender(plan.version, config)
        batch = Batch(plan, records_of(pieces, config.delimiter), progress)
        if plan.redirected:
            self._restore(batch)
        else:
            progress.attempts += 1
            sender.send(batch)
        failed, moved = len(progress.failures), {"delivered": 0, "failed": 0, "objects": 0, "bytes_out": 0}
        if failed:
            self._give_up(sender, batch, config, moved)
            for at, failure in progress.failures.items() if self._told else ():
                record = batch.records[at]
                self._told(record.sequence, failure.code, failure.message, record.data)  # type: ignore[misc]
        taken = [record for at, record in enumerate(batch.records) if at not in progress.failures]
        moved["delivered"], moved["failed"] = len(taken), failed
        moved["bytes_out"] += sum(len(record.data) for record in taken)
        return moved

    def redirected(self, plan: Plan, progress: Progress, code: str, message: str, now_ms: int) -> Plan:
        """The plan that takes what could not be delivered in time to the error prefix."""
        config = self._configs[plan.version]
        if config.endpoint is None:
            key = s3.redirected_key(plan, config, self._around.stream)
            return replace(plan, key=key, redirected=True)
        taken = spans(sorted(progress.taken))
        reason = {"code": code, "message": message, "attempts": progress.attempts, "ended_ms": now_ms}
        return replace(plan, redirected=True, taken=taken, reason=reason)

    def stop(self) -> None:
        """Attempts that wait for an answer between two requests end soon."""
        self._around.stopping.set()

    def close(self) -> None:
        with self._lock:
            senders, self._senders = list(self._senders.values()), {}
        for sender in senders:
            sender.close()

    def _sender(self, version: int, config: Config) -> Sender:
        with self._lock:
            sender = self._senders.get(version)
            if sender is None:
                sender = self._senders[version] = config.endpoint.open(self._around)
            return sender

    def _restore(self, batch: Batch) -> None:
        """What the journal says of a plan that was given up: all that was not taken failed."""
        plan, progress = batch.plan, batch.progress
        assert plan.reason is not None
        failure = Failure(plan.reason["code"], plan.reason["message"], plan.reason["attempts"],
                          plan.reason["ended_ms"])  # fmt: skip
        progress.taken = {at for first, last in plan.taken for at in range(first, last + 1)}
        for at in batch.left():
            progress.failures[at] = failure

    def _give_up(self, sender: Sender, batch: Batch, config: Config, moved: dict[str, int]) -> None:
        write = getattr(sender, "give_up", None)
        if write is not None:  # it keeps failed data in a form of its own
            write(batch, moved)
            return
        key = s3.failures_key(batch.plan, config, self._around.stream, config.endpoint.error_type)
        s3.put_failures(self._around.objects, config, key, list(failure_lines(batch, sender.line)), moved)
