"""Updates of a destination while records wait, killed at every durable step; and deliveries that hang."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from firehose_fakes import Faults, Killed
from test_firehose_pipeline import TRANSFORM, World, numbers, record

from cloudcore.firehose import library


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


PLAIN = {"prefix": "data/"}
VERSIONS = [
    {"prefix": "data/one/"},
    {"prefix": "data/two/", "compression": "GZIP", "backup_prefix": "raw/"},
    TRANSFORM,
    {**TRANSFORM, "prefix": "data/j=!{partitionKeyFromLambda:j}/k=!{partitionKeyFromLambda:k}/"},
    {"prefix": "data/five/", "backup_prefix": "raw/"},
    {"prefix": "data/six/"},
]


class Updating:
    """A stream whose description is kept as stream.json would be."""

    def __init__(self, world: World, tmp_path: Any):
        self.world, self.tmp_path = world, tmp_path
        self.description: dict[str, Any] | None = None
        one = world.function.one

        def both_keys(sent: dict[str, Any]) -> dict[str, Any]:
            reply = one(sent)
            if "metadata" in reply:
                reply["metadata"]["partitionKeys"]["j"] = "x"
            return reply

        world.function.one = both_keys  # type: ignore[method-assign]

    def open(self) -> Any:
        stream = self.world.open(self.tmp_path, description=self.description, **VERSIONS[0])
        self.description = stream.description
        return stream

    def update(self, stream: Any, version: int) -> None:
        assert self.description is not None
        options = {**self.world.defaults(), **VERSIONS[version - 1]}
        _, raw, ours = library.configuration(self.world.service(), "s", **options)
        ours["backup_bytes"] = 300

        def store(description: dict[str, Any]) -> None:
            self.world.disk.faults.before()
            self.description = json.loads(json.dumps(description))
            self.world.disk.faults.after()

        stream.update(
            {**self.description, "VersionId": str(version), "Destination": raw, "Ours": ours}, store
        )


def test_updates_killed_at_every_durable_step(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudcore.firehose.journal._SNAPSHOT_EVERY", 7)
    at = 0
    while True:
        at += 1
        world = World(monkeypatch)
        updating = Updating(world, tmp_path)
        world.disk.faults = Faults(at)
        finished = False
        for life in range(2):
            try:
                stream = updating.open()
                for n in range(stream.last_sequence, 180, 10):
                    stream.put_batch([record(i) for i in range(n, n + 10)])
                    stream._pipeline.turn()
                    version = (n + 10) // 30
                    if version > int(updating.description["VersionId"]) and version <= len(VERSIONS):
                        updating.update(stream, version)
                world.drain(stream)
                finished = life == 0
                break
            except Killed:
                world.disk.faults = Faults()
        status = stream.status()
        found = sorted(numbers(world.joined("data/")))
        failed = len(world.joined("errors/").splitlines())
        assert len(found) == len(set(found)), f"killed at step {at}: doubled"
        assert len(found) + status["dropped"] + failed == 180, f"killed at step {at}"
        assert (status["delivered"], status["failed"]) == (len(found), failed), f"killed at step {at}"
        missing = set(range(180)) - set(found)
        assert all(n % 10 >= 8 for n in missing), f"killed at step {at}"
        raw = numbers(world.joined("raw/"))
        assert len(raw) == len(set(raw)), f"killed at step {at}: backed up twice"
        if finished:
            assert sorted(raw) == list(range(60, 180))
            break
    assert at > 100


def test_a_plan_keeps_the_configuration_it_was_made_by(world: World, tmp_path: Any) -> None:
    updating = Updating(world, tmp_path)
    stream = updating.open()
    world.objects.down = True
    stream.put(record(1))
    stream._pipeline.turn()
    updating.update(stream, 2)
    stream.put(record(2))
    stream.close()
    world.objects.down = False
    stream = updating.open()
    world.drain(stream)
    one, two = world.names("data/")
    assert one.startswith("data/one/") and not one.endswith(".gz")
    assert two.startswith("data/two/") and two.endswith(".gz")
    assert world.objects.objects["b", one] == record(1)


class Hanging:
    """A store whose puts under a prefix wait until they are let go."""

    def __init__(self, inner: Any, prefix: str):
        self.inner, self.prefix = inner, prefix
        self.gate = threading.Event()
        self.entered = threading.Event()

    def put(self, bucket: str, key: str, data: Any, **headers: Any) -> None:
        if key.startswith(self.prefix):
            self.entered.set()
            assert self.gate.wait(60)
        self.inner.put(bucket, key, data, **headers)


@pytest.mark.parametrize("hangs", ["raw/", "data/"])
def test_what_hangs_holds_up_nothing_else_and_is_not_overtaken(
    world: World, tmp_path: Any, hangs: str
) -> None:
    from cloudcore.clock import Clock

    world.clock = Clock()  # type: ignore[assignment]
    store = Hanging(world.objects, hangs)
    world.objects = store  # type: ignore[assignment]
    stream = world.open(tmp_path, prefix="data/", backup_prefix="raw/", buffer_seconds=0, run=True)
    other = "delivered" if hangs == "raw/" else "backed_up"
    for n in range(30):
        stream.put(record(n))
    deadline = time.monotonic() + 60
    while stream.status()[other] < 30:
        assert time.monotonic() < deadline, f"{hangs} holds {other} up"
        time.sleep(0.005)
    assert store.entered.wait(60)
    assert stream._source.cursor_get("pipeline") == 0  # the log still holds what hangs
    store.gate.set()
    assert stream.flush(60)
    status = stream.status()
    assert (status["delivered"], status["backed_up"]) == (30, 30)
    assert stream._source.cursor_get("pipeline") == 30
    stream.close()


def test_a_close_does_not_wait_for_ever_and_writes_no_half_object(
    world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from cloudcore.clock import Clock

    monkeypatch.setattr("cloudcore.firehose.turning._GRACE_S", 0.1)
    world.clock = Clock()  # type: ignore[assignment]
    memory = world.objects
    store = Hanging(memory, "data/")
    world.objects = store  # type: ignore[assignment]
    stream = world.open(tmp_path, prefix="data/", buffer_seconds=0, run=True)
    stream.put(record(1))
    assert store.entered.wait(60)
    start = time.monotonic()
    stream.close()
    assert time.monotonic() - start < 30
    world.objects = memory
    stream = world.open(tmp_path, prefix="data/", buffer_seconds=0)
    world.drain(stream)
    store.gate.set()
    assert numbers(world.joined("data/")) == [1]


def test_what_is_older_than_the_retention_is_given_up(
    world: World, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stream = world.open(tmp_path, prefix="data/", retention_seconds=3600)
    world.objects.down = True
    stream.put(b"x" * 500)
    for _ in range(40):
        stream._pipeline.turn()
        world.clock.advance(100)
    assert stream.status()["expired"] == 1
    assert "past their retention and lost" in caplog.text
    assert not stream._pipeline.journal.open
    world.objects.down = False
    stream.put(b"y")
    world.drain(stream)
    assert world.joined("data/") == b"y"


def test_a_full_stream_says_so(world: World, tmp_path: Any, caplog: pytest.LogCaptureFixture) -> None:
    from cloudcore.errors import ApiError

    stream = world.open(tmp_path, disk_bound=1000)
    stream.put(b"x" * 900)
    for _ in range(3):
        with pytest.raises(ApiError, match="Slow down"):
            stream.put(b"x" * 900)
    assert stream.status()["slowed"] == 3
    assert caplog.text.count("the bound of what may wait is reached") == 1


def test_small_plans_share_a_job_unless_they_lie_far_apart() -> None:
    from cloudcore.firehose.agenda import Agenda
    from cloudcore.firehose.budget import Budget
    from cloudcore.firehose.deliveries import Deliveries
    from cloudcore.firehose.journal import Plan

    def plan(number: int, first: int, last: int, size: int = 1000, lane: str = "data:x", log: str = "staged") -> Plan:
        return Plan(number, log, lane, [[first, last]], "b", str(number), 0, 0, 1, size, 1)

    def agenda_of(plans: list[Plan]) -> Agenda:
        agenda = Agenda({each.id: each for each in plans})
        for each in plans:
            agenda.add(each.id)
        return agenda

    deliveries = Deliveries("s", lambda job: iter(()), lambda: None, threads=True, share=Budget(1 << 30).share())
    near = [plan(n, n, n + 5) for n in range(3)]
    far = [plan(n, 10_000 + n, 10_000 + n) for n in range(3, 5)]
    alone = [plan(5, 1, 9, 60 << 20), plan(6, 1, 9, lane="data", log="source"), plan(7, 1, 2, lane="error:e")]
    jobs = list(deliveries.jobs_of(agenda_of([*near, *far, *alone])))
    assert sorted(sorted(each.id for each in job) for job in jobs) == [[0, 1, 2], [3, 4], [5], [6], [7]]
    many = [plan(n, 1, 1) for n in range(200)]
    sizes = []
    for job in deliveries.jobs_of(agenda_of(many)):
        sizes.append(len(job))
        deliveries.submit(job, [None] * len(job), [None] * len(job))
    assert sizes == [64, 64, 64, 8]
    assert all(deliveries.flies(each) for each in many)
    assert deliveries.close(5)
