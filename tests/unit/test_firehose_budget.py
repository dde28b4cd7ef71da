"""What all streams together may have waiting, buffered and in flight."""

from __future__ import annotations

import random
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from firehose_world import World

from cloudcore.errors import ApiError
from cloudcore.firehose.budget import Budget, waiting_max_of
from cloudcore.firehose.buffers import Buffers


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def settle(*streams: Any) -> None:
    for _ in range(1000):
        moved = [stream._pipeline.turn() for stream in streams]
        if not any(moved):
            return
    raise AssertionError("they never rest")


def test_streams_whose_destination_is_down_leave_room_for_the_others(world: World, tmp_path: Path) -> None:
    """However many hang, each has at most four times what is left, so that something always is."""
    budget = Budget(100_000)
    world.objects.down = True
    refused = []
    for number in range(3):
        hanging = world.open(tmp_path / str(number), budget=budget)
        with pytest.raises(ApiError, match="Slow down") as told:
            while True:
                hanging.put(b"x" * 100)
                settle(hanging)
        refused.append(hanging)
        assert told.value.code == "ServiceUnavailableException" and told.value.status == 503
    waiting = [stream.status()["waiting_bytes"] for stream in refused]
    assert waiting == sorted(waiting, reverse=True) and 75_000 < waiting[0] <= 80_100
    assert budget.waiting == sum(waiting) < 100_000
    healthy = world.open(tmp_path / "healthy", budget=budget)
    world.objects.down = False
    for _ in range(100):
        healthy.put(b"y" * 50)
        settle(healthy)
    assert healthy.status()["slowed"] == 0
    world.clock.advance(200)
    for stream in (*refused, healthy):
        world.drain(stream)
        assert stream.status()["waiting_bytes"] == 0
        assert stream.status()["delivered"] == stream.last_sequence
        stream.put(b"there is room again")
    for stream in (*refused, healthy):
        stream.close()
    assert (budget.waiting, budget.buffered, budget.flying, budget._shares) == (0, 0, 0, [])


def test_the_largest_buffer_of_all_streams_leaves_early(world: World, tmp_path: Path) -> None:
    budget = Budget(20_000)
    budget.buffered_max = 3000
    small, large = (
        world.open(tmp_path / name, budget=budget, buffer_bytes=1 << 20, prefix=f"{name}/")
        for name in ("small", "large")
    )
    small.put(b"s" * 900)
    settle(small)
    large.put(b"l" * 2000)
    settle(small, large)
    assert world.names() == [] and budget.buffered == 2908  # four bytes of framing a record
    small.put(b"s" * 200)  # the other one has to give way
    settle(small, large)
    assert [name.split("/")[0] for name in world.names()] == ["large"]
    assert budget.buffered == 1108


def test_partitions_that_all_wait_stay_within_the_bound(world: World, tmp_path: Path) -> None:
    budget = Budget(1 << 20)
    budget.buffered_max = 10_000
    stream = world.open(
        tmp_path, budget=budget, query="{k: .k}", prefix="p/!{partitionKeyFromQuery:k}/", error_prefix="e/",
        buffer_bytes=1 << 20, buffer_seconds=900,
    )  # fmt: skip
    rng, most = random.Random(1), 0
    for n in range(400):
        stream.put(b'{"k":%d,"n":%d,"x":"%s"}' % (rng.randrange(50), n, b"x" * rng.randrange(200)))
        settle(stream)
        most = max(most, budget.buffered)
    assert 9_000 < most <= 10_400
    world.drain(stream)
    assert stream.status()["delivered"] == 400 and stream.status()["failed"] == 0


def test_what_an_earlier_process_put_is_counted_once(world: World, tmp_path: Path) -> None:
    for options in ({}, {"query": "{k: .k}", "prefix": "!{partitionKeyFromQuery:k}/", "error_prefix": "e/"}):
        place = tmp_path / str(len(options))
        first = world.open(place, **options)
        first.put_batch([b'{"k":1}'] * 10)
        first.close()
        budget = Budget(1 << 20)
        second = world.open(place, budget=budget, buffer_bytes=1 << 20, **options)
        second.put_batch([b'{"k":2}'] * 10)
        settle(second)
        world.clock.advance(59)
        settle(second)
        assert second._share.unread == 0 and budget.waiting >= 140
        world.drain(second)
        assert budget.waiting == 0 and second.status()["delivered"] == 20
        second.close()


def test_a_put_that_fails_gives_its_room_back(world: World, tmp_path: Path) -> None:
    budget = Budget(1 << 20)
    stream = world.open(tmp_path, budget=budget, disk_bound=1000)
    with pytest.raises(ApiError):
        stream.put(b"x" * 2000)
    assert budget.waiting == 0


def test_deliveries_of_all_streams_take_turns() -> None:
    budget = Budget(1 << 30, flying_max=100)
    woken: list[str] = []
    a, b = (budget.share(lambda name=name: woken.append(name)) for name in "ab")
    assert a.may_fly(500)  # one alone always may, whatever its size
    a.fly(500)
    assert not b.may_fly(1) and not a.may_fly(1) and woken == []
    a.land(500)
    assert sorted(woken) == ["a", "b"]
    a.fly(80)
    assert not a.may_fly(10) and b.may_fly(20)
    b.fly(20)
    b.close()
    assert budget.flying == 80 and woken[2:] == ["a"]
    b.close()


def test_shares_add_up_whatever_the_threads_do() -> None:
    budget = Budget(100_000)
    shares = [budget.share() for _ in range(4)]

    def work(share: Any) -> None:
        rng = random.Random(id(share))
        for _ in range(3000):
            size = rng.randrange(500)
            if share.put(size):
                share.hold(share.held + size, share.buffered + size)
                share.read(size)
                if share.held > 5000:
                    share.hold(0, 0)

    threads = [threading.Thread(target=work, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.waiting == sum(share.waiting for share in shares)
    assert budget.buffered == sum(share.buffered for share in shares)


def test_a_buffer_of_one_lane_among_many_is_few_ranges() -> None:
    buffers = Buffers({"data": (1 << 40, 900)})
    for n in range(1, 10_001):
        buffers.add(f"data:{n % 50}", "staged", n, n, 10, 1, 0, 0.0, 0.0)
    assert {len(buffer.ranges) for buffer in buffers.open.values()} == {1}
    buffers.add("data:1", "staged", 20_000, 20_000, 10, 1, 0, 0.0, 0.0)
    assert buffers.open["data:1"].ranges[-1] == [20_000, 20_000]


def test_the_default_bound_leaves_half_of_the_disk(tmp_path: Path) -> None:
    import shutil

    assert waiting_max_of(None) == 1 << 30
    bound = waiting_max_of(tmp_path / "not" / "there")
    assert bound <= 64 << 30
    assert bound == 64 << 30 or abs(bound - shutil.disk_usage(tmp_path).free // 2) < 4 << 30
