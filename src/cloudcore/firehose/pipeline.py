"""The pull side of a delivery stream, on one thread: from the stream's log to objects in a store.

    source log -> backup lane ------------------------------------------+
         |                                                              v
         +--> processing -> staged log -> one buffer per lane -> plan -> object -> done
         +--> (no processing) ---------^

`Pipeline.turn` is the whole way in one place; objects are written by the threads of `Deliveries`, so that
no lane waits for another one's destination. What makes it exact after kill -9 at any point:
  * the cut of an invocation is in the journal before the function is called, so a redelivery has the
    same records under the same ids;
  * one invocation is one append to the staged log, which carries its source range: the append is
    there, and the transform goes on behind it, or it is not, and the function is invoked again;
  * a plan (ranges, key, time, version) is in the journal before the first byte leaves, and recovery
    delivers open plans as they stand: same key, same bytes, so a redelivery overwrites itself;
  * cursors move behind what is done, and only then may the logs drop segments: a delivery that hangs is
    not overtaken by the commit of others.

Thread rule: the pipeline's thread (or a test) calls turn(); arrived(), flush(), stop() from anywhere.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.errors import ClosedError
from cloudcore.firehose import staged as staging
from cloudcore.firehose.agenda import Agenda
from cloudcore.firehose.budget import Share
from cloudcore.firehose.buffers import Buffer, Buffers
from cloudcore.firehose.deliveries import PLACES, Deliveries, Job, Outcome
from cloudcore.firehose.delivering import Delivering, is_data, where
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3.encode import CONVERSION_FAILED
from cloudcore.firehose.destinations.sending import Around, Later
from cloudcore.firehose.inference import Schemas
from cloudcore.firehose.journal import Journal, Plan
from cloudcore.firehose.processing.chain import Processing
from cloudcore.firehose.processing.work import Group, Processed, Work
from cloudcore.firehose.records import Piece, frame, split
from cloudcore.firehose.retrying import Retrying
from cloudcore.firehose.turning import Turning

logger = logging.getLogger("cloudcore.firehose")
REJECT = 2  # log record type: records that the producer itself refused (ours, for ingest)
_READ_BYTES = 8 << 20  # without processing: how much of the source one turn takes in
_TOLD_EVERY_S = 10.0
_RECOVERED_S = 2.0
"""How long plans still wait when a bucket works again."""
_REJECTED = f"error:{CONVERSION_FAILED}"


class Pipeline(Turning):
    """Delivers one stream. `logs` has source, journal and, where records are processed, staged;
    `configs` maps every version that an open plan may name to its configuration."""

    def __init__(
        self,
        around: Around,
        version: int,
        identity: str,
        configs: dict[int, Config],
        logs: dict[str, Any],
        processing: Processing | None,
        *,
        share: Share,
        threads: bool = True,
        held_bytes_max: int = 1 << 62,
        retention_seconds: float = 86_400,
        on_failed: Callable[[int, str, str, bytes], None] | None = None,
    ):
        super().__init__()
        self.name, self.version, self.identity = around.stream, version, identity
        self.configs, self.config = configs, configs[version]
        self.processing, self.clock = processing, around.clock
        self.source, self.staged = logs["source"], logs.get("staged")
        self.journal = Journal(logs["journal"])
        self.schemas = Schemas(self.journal, self._pieces)
        self.buffers = Buffers(_hints(self.config))
        told = self._tell_failed if on_failed else None
        self.delivering = Delivering(self.configs, around, told)
        self.share, share.wake = share, self.wake
        self.deliveries = Deliveries(
            self.name, self._deliver, self.wake, threads, share, _places(self.config)
        )
        self._held_max = held_bytes_max
        self._retention_ms = retention_seconds * 1000
        self._on_failed, self._failed_lock = on_failed, threading.Lock()
        self.position = 0  # last source sequence that was taken in
        self._uncounted_to = self.source.last_sequence  # what an earlier process put is in no share's unread
        self._keys: dict[str, dict[str, str]] = {}
        self._retrying = Retrying()
        self.agenda = Agenda(self.journal.open)
        for number in self.journal.open:
            self.agenda.add(number)
        self._latest_due = 0.0  # no plan waits longer
        self._failure_told = -1e9
        self._latency_s: float | None = None  # of the newest delivery
        self._retries = 0
        self._recover()

    # -- the way through -------------------------------------------------------------------------

    def turn(self) -> bool:
        """One turn of the whole way: read, back up, process, stage, buffer, plan, deliver, commit.

        Returns whether anything moved (call again), so that the thread sleeps when nothing does.
        """
        self._flush_seen = self._flush_to
        flushing = self._flush_to > self._flushed_to
        moved = False
        if self._is_held():
            pass  # a destination that stays down: the source fills up to its bound, and producers slow down
        elif self.processing:
            moved = self._process(flushing)
        else:
            moved = self._take_source()
        caught_up = flushing and self.position >= self._flush_to
        self._tell_share()
        now, excess = self.clock.monotonic(), self.share.excess()
        for buffer in self.buffers.take_due(now, caught_up, self._behind(), excess):
            self._begin(self._plan(buffer))  # durable before the first byte leaves
            moved = True
        self.agenda.come(now)
        for plans in self.deliveries.jobs_of(self.agenda):
            schemas = [self.schemas.for_plan(plan, self.configs[plan.version]) for plan in plans]
            now = self.clock.monotonic()
            self.deliveries.submit(plans, schemas, [self._retrying.begin(plan.id, now) for plan in plans])
        done = [self._ended(outcome) for outcome in self.deliveries.outcomes()]
        if any(done):
            self._commit()
            moved = True
        moved = moved or (bool(done) and self.agenda.held_back)  # there is a place for another one now
        self._tell_share()
        if caught_up and not self.journal.open and not self.buffers.open:
            self._commit()
            with self._changed:
                self._flushed_to = max(self._flushed_to, min(self._flush_to, self.position))
                self._changed.notify_all()
        return moved

    def waiting(self) -> dict[str, Any]:
        """What Stream.status() says of now. Any thread: it looks at copies."""
        buffers, plans = list(self.buffers.open.values()), list(self.journal.open.values())
        times = [buffer.time_ms for buffer in buffers] + [plan.time_ms for plan in plans]
        if self.processing is not None and self.source.last_sequence > self.position:
            times.append(int(1000 * (self.clock.now() - (self.clock.monotonic() - self._unread_since))))
        oldest = max(0.0, self.clock.now() - min(times) / 1000) if times else None
        return {
            "waiting_bytes": self.share.waiting,
            "buffer_fill": self.buffers.fill(buffers),
            "oldest_seconds": oldest,
            "latency_seconds": self._latency_s,
            "retries": self._retries,
        }  # fmt: skip

    def _behind(self) -> bool:
        """More that was put waits to be read."""
        return self.source.last_sequence > self.position

    def _held(self) -> int:
        """Bytes that are transformed or planned, and not delivered yet."""
        return self.buffers.total + self.journal.open_bytes

    def _is_held(self) -> bool:
        """Whether nothing more is taken in until something is delivered. What a transform gives back counts
        against the budget too: while that has no room, what was put before waits in the source."""
        held = self._held()
        return held >= self._held_max or (self.processing is not None and held > 0 and self.share.full())

    def _tell_share(self) -> None:
        self.share.hold(self._held(), self.buffers.total)

    def _read(self, first: int, size: int) -> None:
        """Bytes of the source, counted from the sequence `first` on, are taken in."""
        if first > self._uncounted_to:
            self.share.read(size)

    def _take_source(self) -> bool:
        """Without a transform: batches of the source go straight into their lanes, unread."""
        taken = 0
        for record in self.source.read(self.position + 1):
            size = len(record.payload)
            last = record.first + record.count - 1
            if record.type == REJECT:
                self._buffer(_REJECTED, "source", record.first, last, size, record.count,
                             record.time_ms)  # fmt: skip
            else:
                self._buffer("data", "source", record.first, last, size, record.count, record.time_ms)
            self._buffer_backup(record.first, last, size, record.time_ms)
            self.position = last
            self._read(record.first, size - 4 * record.count)
            taken += size
            if taken >= _READ_BYTES:
                break
        return taken > 0

    def _process(self, flushing: bool) -> bool:
        """One invocation: records of the source go in, what comes back is staged and enters its lanes."""
        assert self.processing is not None
        taken = self._next_work(flushing)
        if isinstance(taken, Work):
            self.journal.set_work(taken.first, taken.last)
            outcome = self.processing.run(taken)  # Ok, Dropped and ProcessingFailed part here
            self._stage(taken.first, taken.last, taken.arrivals[0], outcome)
            counted = max(0, self._uncounted_to + 1 - taken.first)
            self._read(taken.last, sum(map(len, taken.records[counted:])))
            self._unread = max(0, self._unread - taken.size)
            self._unread_since = self.clock.monotonic()
        elif taken is not None:
            last = taken.first + taken.count - 1
            group = Group(_REJECTED, {}, split(taken.payload), list(range(taken.first, last + 1)))
            self._stage(taken.first, last, taken.time_ms, Processed([group], failed=taken.count))
            self._read(taken.first, len(taken.payload) - 4 * taken.count)
        return taken is not None

    def _next_work(self, flushing: bool) -> Any:
        """The next invocation's records, once there are enough of them or the oldest waited enough; or a
        batch of records that the producer refused itself; or None."""
        assert self.processing is not None
        now = self.clock.monotonic()
        waited = now - self._unread_since >= self.processing.buffer_seconds
        work = Work(self.position + 1)
        cut = self.journal.work[1] if self.journal.work[0] == work.first else 0  # it was begun before
        if self._unread < self.processing.buffer_bytes and not (waited or flushing or cut):
            return None
        full = False
        backups: list[tuple[int, int, int, int]] = []
        for record in self.source.read(self.position + 1):
            last = record.first + record.count - 1
            if record.type == REJECT:
                if not work.records:
                    self._buffer_backup(record.first, last, len(record.payload), record.time_ms)
                    return record
                full = True
                break
            begin = max(0, work.last + 1 - record.first)
            records = split(record.payload)[begin : cut + 1 - record.first if cut else None]
            origins = getattr(record, "origins", None)
            origin_of = origins.cut(begin).text if origins else None
            full = self.processing.fill(work, records, record.time_ms, origin_of) < len(records)
            full = full or (bool(cut) and work.last >= cut)
            if work.last >= last:
                backups.append((record.first, last, len(record.payload), record.time_ms))
            if full:
                break
        if not work.records or not (full or waited or flushing or cut):
            self._unread = work.size
            return None
        for backup in backups:
            self._buffer_backup(*backup)
        return work

    def _stage(self, first: int, last: int, arrival_ms: int, processed: Processed) -> None:
        """Append what came back as one batch of the staged log, and put it into the lanes."""
        assert self.staged is not None
        header, payload = staging.pack(
            {"source": [first, last], "arrival": arrival_ms, "ok": processed.ok,
             "dropped": processed.dropped, "failed": processed.failed}, processed.groups,
        )  # fmt: skip
        sequence, _ = self.staged.append(payload)
        self.source.cursor_set("transform", last)
        self._enter_staged(sequence, header)

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
        planned = self.journal.planned_to.get(f"{log}/{lane}", 0)
        if last > planned:
            if log == "source" and lane != "backup" and first <= planned:
                first, records = planned + 1, last - planned  # an earlier configuration took its beginning
            now = self.clock.monotonic()
            arrived = now if log == "staged" else self.clock.monotonic_at(time_ms / 1000)
            self.buffers.add(lane, log, first, last, size, records, time_ms, arrived, now)

    def _buffer_backup(self, first: int, last: int, size: int, time_ms: int) -> None:
        if self.config.backup:
            self._buffer("backup", "source", first, last, size, last - first + 1, time_ms)

    def _plan(self, buffer: Buffer) -> Plan:
        number = self.journal.next_id()
        span = f"{buffer.ranges[0][0]}-{buffer.ranges[-1][1]}"
        identity = f"{self.identity}/{self.version}/{buffer.lane}/{buffer.log}/{span}"
        keys = self._keys.get(buffer.lane, {})
        bucket, key = where(
            self.config, self.name, self.version, identity, buffer.lane, buffer.time_ms, keys
        )
        return Plan(number, buffer.log, buffer.lane, buffer.ranges, bucket, key, buffer.time_ms,
                    self.clock.now_ms(), buffer.records, buffer.size, self.version)  # fmt: skip

    def _begin(self, plan: Plan) -> None:
        self.journal.add_plan(plan)
        self.agenda.add(plan.id)

    def _deliver(self, job: Job) -> Iterator[Outcome]:
        """Deliver the plans of a job; on a thread of its own. Yields what became of each."""
        try:
            several = len(job.plans) > 1
            pieces = staging.gather(self.staged, job.plans) if several else [self._pieces(job.plans[0])]
        except Exception as error:
            for plan in job.plans:
                yield Outcome(plan, error=error)
            return
        for plan, schema, progress, each in zip(job.plans, job.schemas, job.progress, pieces, strict=True):
            try:
                yield Outcome(plan, self.delivering.deliver(plan, each, schema, progress))
            except OSError as error:  # its frames hold the object's bytes, and the error may be kept
                yield Outcome(plan, error=error.with_traceback(None))
            except Exception as error:
                yield Outcome(plan, error=error)

    def _tell_failed(self, *told: Any) -> None:
        assert self._on_failed is not None
        with self._failed_lock:
            self._on_failed(*told)

    def _ended(self, outcome: Outcome) -> bool:
        """Note what became of a plan. A destination that is down is tried again later; the log holds the
        data. When the plan's own time is over, what is left of it goes to the error prefix instead."""
        plan, config = outcome.plan, self.configs[outcome.plan.version]
        now = self.clock.monotonic()
        if outcome.moved is not None:
            self._retrying.ended(plan.id)
            if self._goes_to_bucket(plan):
                self._recovered(now)
            self._latency_s = max(0.0, self.clock.now() - plan.time_ms / 1000)
            self.journal.done(plan, outcome.moved)
            return True
        if isinstance(outcome.error, ClosedError):
            if outcome.error.status == "stopping":
                return False
            raise outcome.error
        if self.clock.now_ms() - plan.time_ms >= self._retention_ms and self._goes_to_bucket(plan):
            self._retrying.ended(plan.id)
            logger.error("%s: %d records are past their retention and lost: %s could not be written (%s)",
                         self.name, plan.records, plan.key, outcome.error)  # fmt: skip
            self.journal.done(plan, {"expired": plan.records})
            return True
        own = is_data(plan.lane) and not plan.redirected
        pause = self._retrying.failed(plan.id, config.retry if own else None, now)
        if pause is None:
            self._redirect(plan, outcome.error)
            return True
        self.agenda.later(plan.id, now + pause)
        self._latest_due = max(self._latest_due, now + pause)
        self._retries += 1
        self._tell_retry(plan, outcome.error, pause, now)
        return False

    def _recovered(self, now: float) -> None:
        """The bucket works again: the other plans that go there need not wait long."""
        if self._latest_due > now + _RECOVERED_S:
            self._latest_due = now + _RECOVERED_S
            self.agenda.sooner(
                self._latest_due, lambda other: self._goes_to_bucket(self.journal.open[other])
            )

    def _goes_to_bucket(self, plan: Plan) -> bool:
        return self.configs[plan.version].endpoint is None or plan.redirected or not is_data(plan.lane)

    def _redirect(self, plan: Plan, error: BaseException | None) -> None:
        code = error.code if isinstance(error, Later) else "Delivery.Failed"
        progress = self._retrying.progress(plan.id)
        self.journal.redirect(
            self.delivering.redirected(plan, progress, code, str(error), self.clock.now_ms())
        )
        self._retrying.start_over(plan.id)
        self.agenda.add(plan.id)

    def _tell_retry(self, plan: Plan, error: BaseException | None, pause: float, now: float) -> None:
        if now - self._failure_told >= _TOLD_EVERY_S:
            self._failure_told = now
            unexpected = None if isinstance(error, OSError) else error
            logger.warning("%s: cannot deliver %s (%s), next try in %.0f s; %d plans wait like this",
                           self.name, plan.key, error, pause, self.agenda.waiting,
                           exc_info=unexpected)  # fmt: skip

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

    # -- updates, recovery and reading -----------------------------------------------------------

    def update(
        self, version: int, config: Config, processing: Processing | None, staged: Any,
        store: Callable[[], None],
    ) -> None:  # fmt: skip
        """Go on by another configuration, which store() makes durable. What was taken in until now is
        planned by the old one, and its plans keep that. Between turns only."""
        for buffer in self.buffers.take_due(0, everything=True):
            self._begin(self._plan(buffer))
        begin = {"source/data": self.position, f"source/{_REJECTED}": self.position}
        if config.backup and not self.config.backup:
            begin["source/backup"] = self.position
        self.journal.cut(begin)
        store()
        self.configs[version] = self.config = config
        self.version, self.processing = version, processing
        self.staged = staged or self.staged
        self.buffers.set_hints(_hints(config))
        self.deliveries.places = _places(config)
        if processing is None and self.source.cursor_get("transform") is not None:
            self.source.cursor_drop("transform")  # it would hold the source's segments for ever

    def versions_needed(self) -> set[int]:
        """Whose configurations are still of use. Between turns only."""
        return {self.version} | {plan.version for plan in self.journal.open.values()}

    def _recover(self) -> None:
        """Find the place again: what is staged, what is planned, what must still be buffered."""
        begin = self.source.cursor_get("pipeline") or 0
        if self.processing is None:
            self.position = begin  # lanes skip what their plans cover already
            if self.source.cursor_get("transform") is not None:
                self.source.cursor_drop("transform")
            return
        self.position = max(self.source.cursor_get("transform") or 0,
                            self.journal.planned_to.get("source/data", 0))  # fmt: skip
        assert self.staged is not None
        low = max((self.staged.cursor_get("pipeline") or 0) + 1, self.journal.low.get("staged", 1))
        for record in self.staged.read(low):
            self._enter_staged(record.first, staging.header_of(record.payload)[0])
        if self.config.backup:
            for record in self.source.read(begin + 1):
                last = record.first + record.count - 1
                if last > self.position:  # a batch that is half transformed is buffered when it is whole
                    break
                self._buffer_backup(record.first, last, len(record.payload), record.time_ms)

    def _low_water(self, log: str, default: int) -> int:
        """The first sequence of a log that is still needed: by a buffer, by an open plan, by the backup."""
        needed = [first for first in (self.journal.low_of(log),) if first is not None]
        if log == "source" and self.config.backup:
            # A batch that is transformed in part is not in the backup buffer yet.
            needed.append(self._backup_whole() + 1)
        return min([self.buffers.low_water(log, default), *needed])

    def _backup_whole(self) -> int:
        buffer = self.buffers.open.get("backup")
        return buffer.ranges[-1][1] if buffer else self.journal.planned_to.get("source/backup", 0)

    def _pieces(self, plan: Plan) -> Iterator[Piece]:
        """The records of a plan, all of them: a log that ends early raises ClosedError."""
        log: Any = self.source if plan.log == "source" else self.staged
        for first, last in plan.ranges:
            seen = 0
            for record in log.read(first):
                if record.first > last:
                    break
                seen = record.first + record.count - 1
                if plan.log == "staged":
                    yield from staging.pieces(record.payload, plan.lane)
                elif (record.type == REJECT) == (plan.lane == _REJECTED):
                    yield _from(record, first)
                if seen >= last:
                    break
            if seen < last:
                raise ClosedError(f"{self.name}: the log ends at {seen}, before {last}", "closed")

    # -- for Turning -----------------------------------------------------------------------------

    def next_dues(self) -> list[float | None]:
        dues = [self.buffers.next_due(self._behind()), self.agenda.next_due()]
        if self.processing and self.source.last_sequence > self.position and not self._is_held():
            dues.append(self._unread_since + self.processing.buffer_seconds)
        return dues

    def unread_is_enough(self) -> bool:
        return self.processing is not None and self._unread >= self.processing.buffer_bytes

    def unread_is_due(self) -> bool:
        if self._is_held() or self.source.last_sequence <= self.position:
            return False
        return self.processing is None or self.unread_is_enough()

    def close_deliveries(self, grace_seconds: float) -> bool:
        self.delivering.stop()
        closed = self.deliveries.close(grace_seconds)
        self.delivering.close()
        return closed

    def delivery_ended(self) -> bool:
        return self.deliveries.ended


def _hints(config: Config) -> dict[str, tuple[int, float]]:
    hints = {"data": (config.data.buffer_bytes, config.data.buffer_seconds)}
    hints["error"] = (min(config.data.buffer_bytes, 5 << 20), config.data.buffer_seconds)
    if config.backup:
        hints["backup"] = (config.backup.buffer_bytes, config.backup.buffer_seconds)
    return hints


def _places(config: Config) -> int:
    """How many deliveries of data run at a time."""
    return PLACES if config.endpoint is None else int(config.endpoint.places)


def _from(record: Any, first: int) -> Piece:
    """A batch of the source from the sequence `first` on."""
    end = record.first + record.count
    if record.first >= first:
        return Piece(record.payload, range(record.first, end), record.time_ms)
    return Piece(frame(split(record.payload)[first - record.first :]), range(first, end), record.time_ms)
