"""Plans of a cluster's endpoints: what the next attempt, of any node, goes on from."""

from __future__ import annotations

import json
from typing import Any

import pytest
from firehose_fakes import Disk, MemoryObjects

from cloudcore.clock import ManualClock
from cloudcore.cluster.carrying import backup_of
from cloudcore.cluster.endpoints import DONE, Endpoints, Postponed
from cloudcore.cluster.transforming import Around
from cloudcore.firehose.delivering import Delivering
from cloudcore.firehose.destinations import sending
from cloudcore.firehose.destinations.config import Config, Retry, Target
from cloudcore.firehose.destinations.sending import Batch, Later, Record, failure_line
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.prefix import error_prefix, parse, uuid_of
from cloudcore.firehose.processing.config import Processors
from cloudcore.firehose.records import Piece, frame
from cloudcore.firehose.sources.origins import Told

ARN = "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
TARGET = Target("b", parse("", "Prefix"), 1 << 20, 60.0, "UNCOMPRESSED", "")


class Notes:
    """Those of a cluster, in memory."""

    def __init__(self) -> None:
        self.found: dict[int, Any] = {}
        self.large = False

    def read(self, plan: int) -> Any:
        return json.loads(self.found[plan]) if plan in self.found else None

    def write(self, plan: int, *values: Any) -> None:
        self.found[plan] = json.dumps(values[-1 if self.large else 0])


class Endpoint:
    """A destination and its sender: `answers` are asked one after the other for each attempt, "taken" at their end."""

    error_type, places, stores = "test-failed", 1, False

    def __init__(self) -> None:
        self.answers: list[Any] = []
        self.sent: list[tuple[str, list[str]]] = []

    def open(self, around: Any) -> Endpoint:
        return self

    def send(self, batch: Batch) -> None:
        left = batch.left()
        self.sent.append((batch.id, [batch.records[at].id for at in left]))
        if self.answers:
            self.answers.pop(0)(batch, left)
        else:
            batch.progress.taken.update(left)

    def line(self, record: Record, failure: Any) -> dict[str, Any]:
        return failure_line(record, failure)

    def close(self) -> None:
        pass


class World:
    """Nodes that share notes, a bucket and an endpoint."""

    def __init__(self, **config: Any) -> None:
        self.clock, self.notes, self.endpoint = ManualClock(), Notes(), Endpoint()
        self.objects = MemoryObjects(Disk())
        self.config = Config(
            **{"data": TARGET, "errors": error_prefix(""), "endpoint": self.endpoint, "retry": Retry(10, "attempts"), **config}
        )
        now = self.clock.now_ms()
        self.plan = Plan(7, "source", "data", [[1, 1]], "", uuid_of("p"), now, now, 4, 40, 1)

    def deliver(self, again: bool, pieces: list[Piece] | None = None) -> dict[str, int]:
        """An attempt of a node that knows of no other."""
        around = sending.Around("s", ARN, "us-east-1", self.objects, self.clock)
        transforms = Around(ARN, "us-east-1", lambda *_: None, self.clock, self.clock.advance, self.notes, Told())
        node = Endpoints(Delivering({1: self.config}, around, None), self.objects, "s", transforms)
        return node.deliver(self.plan, pieces or [piece(0, 4)], self.config, again)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for body in self.objects.objects.values() for line in body.splitlines()]


def piece(first: int, count: int) -> Piece:
    return Piece(frame([b"%d" % n for n in range(first, first + count)]), range(1 << 20, (1 << 20) + count), 1000)


def later(taken: int, refused: int) -> Any:
    """The first so many are taken, those behind them refused, the rest is to be sent again."""

    def answer(batch: Batch, left: list[int]) -> None:
        batch.progress.taken.update(left[:taken])
        for at in left[taken : taken + refused]:
            batch.fail(at, "400", "no", 5)
        raise Later("503", "busy")

    return answer


def test_the_next_node_goes_on_from_the_note() -> None:
    world = World()
    world.endpoint.answers = [later(1, 1)]
    with pytest.raises(Postponed, match="busy") as told:
        world.deliver(False)
    assert told.value.pause == 1.0
    moved = world.deliver(True)
    assert (moved["delivered"], moved["failed"]) == (3, 1)
    (first, all_ids), (second, left_ids) = world.endpoint.sent
    assert first == second == world.plan.key and left_ids == all_ids[2:]
    (line,) = world.lines()
    assert (line["errorCode"], line["attemptsMade"]) == ("400", 1)


@pytest.mark.parametrize("counts", ["attempts", "failures", "pauses"])
def test_the_time_of_retries_goes_on_over_nodes(counts: str) -> None:
    world = World(retry=Retry(10, counts))
    world.endpoint.answers = [later(0, 0)] * 100
    attempts = 0
    while True:
        try:
            moved = world.deliver(attempts > 0)
            break
        except Postponed as told:
            attempts += 1
            assert attempts < 20
            world.clock.advance(told.pause)
    assert moved["failed"] == 4 and attempts == 4  # pauses of 1, 2, 4 and what is left of 10 seconds
    assert [line["attemptsMade"] for line in world.lines()] == [5] * 4
    before = dict(world.objects.objects)
    assert world.deliver(True)["failed"] == 4  # killed before it was acknowledged: nothing is sent, the object is the same
    assert len(world.endpoint.sent) == 5 and world.objects.objects == before


def test_a_bucket_that_is_down_does_not_begin_a_given_up_plan_anew() -> None:
    world = World(retry=Retry(0, "attempts"))
    world.endpoint.answers = [later(1, 0)]
    put, world.objects.put = world.objects.put, _refuse
    with pytest.raises(OSError, match="down"):
        world.deliver(False)
    world.objects.put = put
    moved = world.deliver(True)
    assert (moved["delivered"], moved["failed"]) == (1, 3) and len(world.endpoint.sent) == 1


def test_a_killed_attempt_counts_from_the_plan() -> None:
    world = World()
    world.endpoint.answers = [later(0, 0)] * 2
    world.clock.advance(11)
    assert world.deliver(True)["failed"] == 4


def test_a_function_that_answers_otherwise_has_all_sent() -> None:
    world = World()
    world.endpoint.answers = [later(3, 0)]
    with pytest.raises(Postponed):
        world.deliver(False)
    world.deliver(True, [piece(0, 3)])
    assert len(world.endpoint.sent[1][1]) == 3


def test_what_nobody_expected_is_given_up_too() -> None:
    def broken(*_: Any) -> None:
        raise ValueError("a fault")

    world = World(retry=Retry(1, "pauses"))
    world.endpoint.answers = [broken] * 2
    with pytest.raises(Postponed, match="a fault") as told:
        world.deliver(False)
    assert isinstance(told.value.__cause__, ValueError)
    assert world.deliver(True)["failed"] == 4
    assert {line["errorCode"] for line in world.lines()} == {"Delivery.Failed"}


def test_a_note_that_is_too_large_keeps_the_time() -> None:
    world = World()
    world.notes.large = True
    world.endpoint.answers = [later(3, 0)] * 2
    for again in (False, True):
        with pytest.raises(Postponed) as told:
            world.deliver(again)
    assert told.value.pause == 2.0 and len(world.endpoint.sent[1][1]) == 4


def test_processors_come_first_and_what_they_drop_is_not_sent() -> None:
    world = World(processors=Processors(split=b"|"))
    text = Piece(frame([b"a|b", b""]), range(5, 7), 1000)
    assert world.deliver(False, [text])["delivered"] == 2
    assert [each.rpartition(".")[2] for each in world.endpoint.sent[0][1]] == ["0", "1"]
    world.plan = Plan(**{**vars(world.plan), "id": 8})
    world.deliver(False, [Piece(frame([b""]), range(5, 6), 1000)])
    assert len(world.endpoint.sent) == 1


def test_data_is_not_sent_again_for_a_backup_that_failed() -> None:
    random = Target("b", parse("raw/!{firehose:random-string}/", "Prefix"), 1, 1.0, "GZIP", ".gz")
    world = World(backup=random)
    world.deliver(False)
    assert world.notes.read(7) == DONE and world.deliver(True) == {}
    assert len(world.endpoint.sent) == 1
    backup = backup_of(world.plan, world.config, "s")
    assert backup == backup_of(world.plan, world.config, "s")
    assert (backup.lane, backup.bucket) == ("backup", "b") and backup.key.startswith("raw/") and backup.key.endswith(".gz")


def _refuse(*_: Any, **__: Any) -> None:
    raise OSError("the store is down")
