"""The pull side of a delivery stream, on one thread: from the stream's log to objects in a store.

    source log -> backup lane ------------------------------------------+
         |                                                              v
         +--> transform -> staged log -> one buffer per lane -> plan -> object -> done
         +--> (no transform) ----------^

`Pipeline.turn` is the whole way in one place. What makes it exact after kill -9 at any point:
  * the cut of an invocation is in the journal before the function is called, so a redelivery has the
    same records under the same ids;
  * one invocation is one append to the staged log, which carries its source range: the append is
    there, and the transform goes on behind it, or it is not, and the function is invoked again;
  * a plan (ranges, key, time) is in the journal before the first byte leaves, and recovery delivers
    open plans as they stand: same key, same bytes, so a redelivery overwrites itself;
  * cursors move behind what is done, and only then may the logs drop segments.

Staged batch:  u32 header size | header JSON {"source","arrival","dropped","failed","ok","groups"} | the
groups' framed records, one after the other.

Thread rule: the pipeline's thread (or a test) calls turn(); arrived(), flush(), stop() from anywhere.
"""

from __future__ import annotations

import json
import logging
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.clock import Clock
from cloudcore.errors import ClosedError
from cloudcore.firehose.buffers import Buffer, Buffers
from cloudcore.firehose.destinations.s3 import deliver as s3
from cloudcore.firehose.destinations.s3.config import S3Config
from cloudcore.firehose.destinations.s3.encode import CONVERSION_FAILED, Piece
from cloudcore.firehose.journal import Journal, Plan
from cloudcore.firehose.records import frame, split
from cloudcore.firehose.transform import Outcome, Transform, Work

logger = logging.getLogger("cloudcore.firehose")
REJECT = 2  # log record type: records that the producer itself refused (ours, for ingest)
_READ_BYTES = 8 << 20  # without a transform: how much of the source one turn takes in
_RETRY_FIRST_S, _RETRY_MAX_S = 1.0, 120.0
_SAMPLE_RECORDS = 4_000
_IDLE_S = 3600.0
_HEADER = struct.Struct("<I")


class Pipeline:
    """Delivers one stream. `logs` has source, staged (None without a transform) and journal."""

    def __init__(
        self,
        name: str,
        version: int,
        identity: str,
        config: S3Config,
        logs: dict[str, Any],
        objects: Any,
        transform: Transform | None,
        clock: Clock,
        *,
        buffered_bytes_max: int = 1 << 30,
        held_bytes_max: int = 1 << 62,
        on_failed: Callable[[int, str, str, bytes], None] | None = None,
    ):
        self.name, self.version, self.identity = name, version, identity
        self.config, self.objects, self.transform, self.clock = config, objects, transform, clock
        self.source, self.staged = logs["source"], logs.get("staged")
        self.journal = Journal(logs["journal"])
        hints = {"data": (config.data.buffer_bytes, config.data.buffer_seconds)}
        hints["error"] = (min(config.data.buffer_bytes, 5 << 20), config.data.buffer_seconds)
        if config.backup:
            hints["backup"] = (config.backup.buffer_bytes, config.backup.buffer_seconds)
        self.buffers = Buffers(hints, buffered_bytes_max)
        self._held_max = held_bytes_max
        self.on_failed = on_failed
        self.position = 0  # last source sequence that was taken in
        self._keys: dict[str, dict[str, str]] = {}
        self._retry: dict[int, tuple[float, float]] = {}  # plan id -> (not before, next pause)
        self._schema: Any = None
        self._changed = threading.Condition()
        self._unread = 1 << 62  # bytes that wait in the source, unknown at the start
        self._unread_since = 0.0
        self._idle = False  # the thread sleeps and knows of nothing that waits in the source
        self._flush_to = self._flushed_to = 0
        self._stopping = False
        self._thread: threading.Thread | None = None
        self._recover()

    # -- the way through -------------------------------------------------------------------------

    def turn(self) -> bool:
        """One turn of the whole way: read, back up, transform, stage, buffer, plan, deliver, commit.

        Returns whether anything moved (call again), so that the thread sleeps when nothing does.
        """
        flushing = self._flush_to > self._flushed_to
        moved = False
        if self._held() >= self._held_max:
            pass  # a destination that stays down: the source fills up to its bound, and producers slow down
        elif self.transform:
            work = self._next_work(flushing)
            if work is not None:
                self.journal.set_work(work.first, work.last)
                outcome = self.transform.run(work)  # Ok, Dropped and ProcessingFailed part here
                self._stage(work, outcome)
                moved = True
        else:
            moved = self._take_source()
        caught_up = flushing and self.position >= self._flush_to
        for buffer in self.buffers.take_due(self.clock.monotonic(), everything=caught_up):
            self.journal.add_plan(self._plan(buffer))  # durable before the first byte leaves
            moved = True
        for plan in self._plans_due():
            if self._deliver(plan):
                self._commit()
                moved = True
        if caught_up and not self.journal.open and not self.buffers.open:
            self._commit()
            with self._changed:
                self._flushed_to = max(self._flushed_to, min(self._flush_to, self.position))
                self._changed.notify_all()
        return moved

    def _held(self) -> int:
        """Bytes that are transformed or planned, and not delivered yet."""
        return self.buffers.total + sum(plan.size for plan in self.journal.open.values())

    def _take_source(self) -> bool:
        """Without a transform: batches of the source go straight into their lanes, unread."""
        taken = 0
        for record in self.source.read(self.position + 1):
            size = len(record.payload)
            last = record.first + record.count - 1
            if record.type == REJECT:
                self._buffer(f"error:{CONVERSION_FAILED}", "source", record.first, last, size, record.count,
                             record.time_ms)  # fmt: skip
            else:
                self._buffer("data", "source", record.first, last, size, record.count, record.time_ms)
            self._buffer_backup(record, size, last)
            self.position = last
            taken += size
            if taken >= _READ_BYTES:
                break
        return taken > 0

    def _next_work(self, flushing: bool) -> Work | None:
        """The next invocation's records, once there are enough of them or the oldest waited enough."""
        assert self.transform is not None
        processor = self.transform.processor
        now = self.clock.monotonic()
        waited = now - self._unread_since >= processor.buffer_seconds
        work = Work(self.position + 1)
        cut = self.journal.work[1] if self.journal.work[0] == work.first else 0  # it was begun before
        if self._unread < processor.buffer_bytes and not (waited or flushing or cut):
            return None
        full = False
        backups: list[tuple[Any, int, int]] = []
        for record in self.source.read(self.position + 1):
            last = record.first + record.count - 1
            if record.type == REJECT:
                if work.records:
                    break
                self._stage_reject(record, last)
                return None
            records = split(record.payload)
            for data in records[max(0, work.last + 1 - record.first) :]:
                if not self.transform.has_room(work, data) or (cut and work.last >= cut):
                    full = True
                    break
                self.transform.add(work, data, record.time_ms)
            if work.last >= last:
                backups.append((_Seen(record), len(record.payload), last))
            if full:
                break
        if not work.records or not (full or waited or flushing or cut):
            self._unread = work.size
            return None
        for seen, size, last in backups:
            self._buffer_backup(seen, size, last)
        return work

    def _stage(self, work: Work, outcome: Outcome) -> None:
        """Append what the function gave back as one batch of the staged log, and put it into the lanes."""
        groups = []
        bodies = []
        for group in outcome.groups:
            body = frame(group.records)
            bodies.append(body)
            groups.append(
                {"lane": group.lane, "keys": group.keys, "records": len(group.records), "size": len(body),
                 "sequences": _runs(group.sequences)}
            )  # fmt: skip
        self._append_staged(
            {"source": [work.first, work.last], "arrival": work.arrivals[0], "ok": outcome.ok,
             "dropped": outcome.dropped, "failed": outcome.failed, "groups": groups}, bodies,
        )  # fmt: skip
        self._unread = max(0, self._unread - work.size)
        self._unread_since = self.clock.monotonic()

    def _stage_reject(self, record: Any, last: int) -> None:
        body = bytes(record.payload)
        group = {"lane": f"error:{CONVERSION_FAILED}", "keys": {}, "records": record.count, "size": len(body),
                 "sequences": [[record.first, record.count]]}  # fmt: skip
        self._buffer_backup(record, len(body), last)
        self._append_staged(
            {"source": [record.first, last], "arrival": record.time_ms, "ok": 0, "dropped": 0,
             "failed": record.count, "groups": [group]}, [body],
        )  # fmt: skip

    def _append_staged(self, header: dict[str, Any], bodies: list[bytes]) -> None:
        assert self.staged is not None
        text = json.dumps(header, separators=(",", ":")).encode()
        first, _ = self.staged.append(b"".join((_HEADER.pack(len(text)), text, *bodies)))
        self.source.cursor_set("transform", header["source"][1])
        self._enter_staged(first, header)

    def _enter_staged(self, sequence: int, header: dict[str, Any]) -> None:
        """Put a staged batch into the buffers of its lanes: right after its append, or at recovery."""
        self.position = max(self.position, header["source"][1])
        counted = {"transformed": header["ok"], "dropped": header["dropped"], "failed": header["failed"]}
        self.journal.count_staged(sequence, counted)
        for group in header["groups"]:
            self._keys[group["lane"]] = group["keys"]
            self._buffer(group["lane"], "staged", sequence, sequence, group["size"], group["records"],
                         header["arrival"])  # fmt: skip

    def _buffer(
        self, lane: str, log: str, first: int, last: int, size: int, records: int, time_ms: int
    ) -> None:
        if last > self.journal.planned_to.get(lane, 0):
            self.buffers.add(lane, log, first, last, size, records, time_ms, self.clock.monotonic())

    def _buffer_backup(self, record: Any, size: int, last: int) -> None:
        if self.config.backup:
            self._buffer("backup", "source", record.first, last, size, record.count, record.time_ms)

    def _plan(self, buffer: Buffer) -> Plan:
        number = self.journal.next_id()
        span = f"{buffer.ranges[0][0]}-{buffer.ranges[-1][1]}"
        identity = f"{self.identity}/{self.version}/{buffer.lane}/{buffer.log}/{span}"
        keys = self._keys.get(buffer.lane, {})
        bucket, key = s3.object_key(
            self.config, self.name, self.version, identity, buffer.lane, buffer.time_ms, keys
        )
        return Plan(number, buffer.log, buffer.lane, buffer.ranges, bucket, key, buffer.time_ms,
                    self.clock.now_ms(), buffer.records, buffer.size)  # fmt: skip

    def _deliver(self, plan: Plan) -> bool:
        """Write a plan's object. A store that is down is tried again later; the log holds the data."""
        try:
            schema = self._schema_for(plan)
            moved = s3.deliver(plan, self._pieces(plan), self.config, schema, self.objects, self.name,
                               self.version, self.on_failed)  # fmt: skip
        except OSError as error:
            pause = self._retry.get(plan.id, (0.0, _RETRY_FIRST_S))[1]
            self._retry[plan.id] = (self.clock.monotonic() + pause, min(pause * 2, _RETRY_MAX_S))
            logger.warning("%s: cannot write %s (%s), next try in %.0f s", self.name, plan.key, error, pause)
            return False
        self._retry.pop(plan.id, None)
        self.journal.done(plan, moved)
        return True

    def _commit(self) -> None:
        """Move the cursors behind everything that is done, and let the logs drop what lies before them."""
        low = {"source": self._low_water("source", self.position + 1)}
        self.source.cursor_set("pipeline", low["source"] - 1)
        if self.staged is not None:
            low["staged"] = self._low_water("staged", self.staged.last_sequence + 1)
        if self.journal.snapshot_due():
            self.journal.snapshot(low)  # counters of staged batches are safe before those are dropped
            if self.staged is not None:
                self.staged.cursor_set("pipeline", low["staged"] - 1)
                self.staged.truncate()
                live = {b.lane for b in self.buffers.open.values()} | {
                    p.lane for p in self.journal.open.values()
                }
                self._keys = {lane: keys for lane, keys in self._keys.items() if lane in live}
        self.source.truncate()

    # -- recovery and reading --------------------------------------------------------------------

    def _recover(self) -> None:
        """Find the place again: what is staged, what is planned, what must still be buffered."""
        begin = self.source.cursor_get("pipeline") or 0
        if self.staged is None:
            self.position = begin  # lanes skip what their plans cover already
            return
        self.position = self.source.cursor_get("transform") or 0
        low = max((self.staged.cursor_get("pipeline") or 0) + 1, self.journal.low.get("staged", 1))
        for record in self.staged.read(low):
            self._enter_staged(record.first, _staged_header(record.payload)[0])
        if self.config.backup:
            for record in self.source.read(begin + 1):
                last = record.first + record.count - 1
                if last > self.position:  # a batch that is half transformed is buffered when it is whole
                    break
                self._buffer_backup(record, len(record.payload), last)

    def _low_water(self, log: str, default: int) -> int:
        """The first sequence of a log that is still needed: by a buffer, by an open plan, by the backup."""
        needed = [plan.ranges[0][0] for plan in self.journal.open.values() if plan.log == log]
        if log == "source" and self.config.backup:
            # A batch that is transformed in part is not in the backup buffer yet.
            needed.append(self._backup_whole() + 1)
        return min([self.buffers.low_water(log, default), *needed])

    def _backup_whole(self) -> int:
        buffer = self.buffers.open.get("backup")
        return buffer.ranges[-1][1] if buffer else self.journal.planned_to.get("backup", 0)

    def _plans_due(self) -> list[Plan]:
        now = self.clock.monotonic()
        return [plan for plan in self.journal.open.values() if self._retry.get(plan.id, (0.0, 0.0))[0] <= now]

    def _pieces(self, plan: Plan) -> Iterator[Piece]:
        log: Any = self.source if plan.log == "source" else self.staged
        for first, last in plan.ranges:
            for record in log.read(first):
                if record.first > last:
                    break
                if plan.log == "staged":
                    yield from _staged_pieces(record.payload, plan.lane)
                elif (record.type == REJECT) == plan.lane.startswith("error") or plan.lane == "backup":
                    if plan.lane == "backup" and record.type == REJECT:
                        continue
                    yield Piece(
                        record.payload, range(record.first, record.first + record.count), record.time_ms
                    )
                if record.first + record.count - 1 >= last:
                    break

    def _schema_for(self, plan: Plan) -> Any:
        """The schema of converted output; inferred once, from the first records, and then kept for good."""
        if self.config.parquet is None or not plan.lane.startswith("data"):
            return None
        if self._schema is None:
            from cloudcore.firehose import schema

            text = (
                self.config.parquet.schema if self.config.parquet.schema != "infer" else self.journal.schema
            )
            if text is None:
                found = self._infer(plan)
                if not found:
                    return found  # no record of the plan can be read: the next plan may know better
                text = schema.dump(found)
                self.journal.set_schema(text)
            self._schema = schema.load(text)
        return self._schema

    def _infer(self, plan: Plan) -> Any:
        import pyarrow as pa

        from cloudcore.firehose import schema
        from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of

        rows: list[dict[str, Any]] = []
        for piece in self._pieces(plan):
            for record in split(piece.payload):
                try:
                    rows += objects_of(record)
                except BadRecord:
                    continue
            if len(rows) >= _SAMPLE_RECORDS:
                break
        return schema.infer(rows[:_SAMPLE_RECORDS]) if any(rows) else pa.schema([])

    # -- the thread ------------------------------------------------------------------------------

    def start(self) -> None:
        """Run turns on a thread of this pipeline until stop()."""
        self._thread = threading.Thread(target=self._run, name=f"firehose-{self.name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Finish the turn that runs and end the thread; what is not delivered stays in the logs."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def arrived(self, size: int) -> None:
        """Records of `size` bytes were appended to the source. Wakes the thread only when it matters."""
        self._unread += size  # a hint: an update that is lost costs a batch its size, never its time
        if self._idle or (self.transform and self._unread >= self.transform.processor.buffer_bytes):
            with self._changed:
                if self._idle:
                    self._idle = False
                    self._unread_since = self.clock.monotonic()
                self._changed.notify_all()

    def flush(self, timeout: float | None = None) -> bool:
        """Deliver everything that was put before now, without waiting for hints. False: not in time."""
        with self._changed:
            target = self.source.last_sequence
            if self._flushed_to >= target:
                return True
            self._flush_to = max(self._flush_to, target)
            self._changed.notify_all()
            return self._changed.wait_for(lambda: self._flushed_to >= target or self._stopping, timeout) and (
                self._flushed_to >= target
            )

    def sleep(self, seconds: float) -> None:
        """Wait between two attempts of an invocation; a stop ends it at once."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping, seconds)
        if self._stopping:
            raise ClosedError("the stream is being closed", "closed")

    def _run(self) -> None:
        pause = _RETRY_FIRST_S
        while not self._stopping:
            try:
                moved = self.turn()
                pause = _RETRY_FIRST_S
            except ClosedError:
                return
            except Exception as error:
                if self._stopping:
                    return
                # Nothing is lost: the logs still hold it. Say so, wait, and try again.
                logger.exception("%s: delivery stopped (%s); next try in %.0f s", self.name, error, pause)
                with self._changed:
                    self._changed.wait_for(lambda: self._stopping, pause)
                pause = min(pause * 2, _RETRY_MAX_S)
                continue
            if not moved:
                self._wait()

    def _wait(self) -> None:
        now = self.clock.monotonic()
        dues = [self.buffers.next_due()] + [due for due, _ in self._retry.values()]
        with self._changed:
            if self._stopping or self._something_to_do():
                return
            self._idle = self.source.last_sequence <= self.position
            if self.transform and not self._idle:
                dues.append(self._unread_since + self.transform.processor.buffer_seconds)
            due = min((d for d in dues if d is not None), default=now + _IDLE_S)
            self.clock.wait(self._changed, max(0.001, due - now))
            self._idle = False

    def _something_to_do(self) -> bool:
        if self._flush_to > self._flushed_to and not self._retry:
            return True
        if self._held() >= self._held_max or self.source.last_sequence <= self.position:
            return False
        return not self.transform or self._unread >= self.transform.processor.buffer_bytes


class _Seen:
    """What is kept of a log record after its reader moved on."""

    def __init__(self, record: Any):
        self.first, self.count, self.time_ms = record.first, record.count, record.time_ms


def _staged_header(payload: Any) -> tuple[dict[str, Any], int]:
    view = memoryview(payload)
    (size,) = _HEADER.unpack_from(view)
    return json.loads(bytes(view[4 : 4 + size])), 4 + size


def _staged_pieces(payload: Any, lane: str) -> Iterator[Piece]:
    header, at = _staged_header(payload)
    view = memoryview(payload)
    for group in header["groups"]:
        if group["lane"] == lane:
            sequences = [first + n for first, count in group["sequences"] for n in range(count)]
            yield Piece(view[at : at + group["size"]], sequences, header["arrival"])
        at += group["size"]


def _runs(sequences: list[int]) -> list[list[int]]:
    """Ascending numbers as [first, count] runs."""
    out: list[list[int]] = []
    for sequence in sequences:
        if out and out[-1][0] + out[-1][1] == sequence:
            out[-1][1] += 1
        else:
            out.append([sequence, 1])
    return out
