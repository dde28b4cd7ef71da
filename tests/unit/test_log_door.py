"""The durable log through its Python door."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cloudcore._log import Log
from cloudcore._stream import split
from cloudcore.errors import BusyError, ClosedError, ForkedError, FullError, StaleError


def test_append_read_reopen(tmp_path):
    records = [os.urandom(i % 700) for i in range(3000)]
    with Log(tmp_path / "log") as log:
        assert log.last_sequence == 0
        assert log.append_records(records) == (1, 3000)
        assert log.append(b"x", type=9, count=4, time_ms=1234) == (3001, 3004)
    with Log(tmp_path / "log") as log:
        assert log.last_sequence == 3004
        batches = list(log.read())
        assert [r for b in batches[:-1] for r in split(b.payload)] == records
        last = batches[-1]
        assert (last.first, last.count, last.type, last.time_ms, last.payload) == (3001, 4, 9, 1234, b"x")
        assert [b.first for b in log.read(3002)] == [3001]


def test_batches_stay_within_a_mebibyte(tmp_path):
    with Log(tmp_path / "log") as log:
        log.append_records([bytes(400_000)] * 7)
        assert [b.count for b in log.read()] == [2, 2, 2, 1]
        with pytest.raises(ValueError, match="larger than a log batch"):
            log.append_records([bytes(1 << 20)])
        with pytest.raises(TypeError, match="record 1 is str"):
            log.append_records([b"a", "b"])
        with pytest.raises(ValueError, match="no records"):
            log.append_records([])
        assert log.last_sequence == 7


def test_expected_last(tmp_path):
    with Log(tmp_path / "log") as log:
        log.append(b"a", expected_last=0)
        with pytest.raises(StaleError):
            log.append(b"b", expected_last=0)
        log.append(b"b", expected_last=1)


def test_cursors_and_truncation(tmp_path):
    with Log(tmp_path / "log", segment_min=65536, segment_max=65536) as log:
        for _ in range(300):
            log.append(bytes(1000))
        assert log.cursor_get("a") is None
        log.cursor_set("a", 250)
        before = log.info()["segments"]
        log.truncate()
        assert log.info()["segments"] < before
        with pytest.raises(ValueError, match="cursor name"):
            log.cursor_set("no spaces", 1)
    with Log(tmp_path / "log") as log:
        assert log.cursor_get("a") == 250
        log.cursor_drop("a")
        assert log.cursor_get("a") is None


def test_second_owner_is_refused(tmp_path):
    with Log(tmp_path / "log"), pytest.raises(BusyError):
        Log(tmp_path / "log")


def test_closed_log_says_so(tmp_path):
    log = Log(tmp_path / "log")
    reader = log.read()
    log.close()
    log.close()
    with pytest.raises(ClosedError):
        log.append(b"x")
    assert list(reader) == []


def test_disk_bound(tmp_path):
    with Log(tmp_path / "log", disk_bound=4 << 20) as log:
        with pytest.raises(FullError):
            for _ in range(10_000):
                log.append(bytes(10_000))
        written = log.last_sequence
        assert sum(b.count for b in log.read()) == written > 200


def test_bad_durability(tmp_path):
    with pytest.raises(ValueError, match="durability is one of"):
        Log(tmp_path / "log", durability="maybe")


def test_commit_mode_syncs_each_append(tmp_path):
    with Log(tmp_path / "log", durability="commit") as log:
        for i in range(5):
            log.append(b"x")
            assert log.info()["synced_sequence"] == i + 1


def test_memory_log():
    with Log(None) as log:
        log.append_records([b"a", b"b"])
        assert [split(b.payload) for b in log.read()] == [[b"a", b"b"]]


def test_many_threads(tmp_path):
    with Log(tmp_path / "log") as log:

        def work(tag: bytes) -> None:
            for _ in range(300):
                log.append_records([tag * 50] * 7)

        threads = [threading.Thread(target=work, args=(bytes([65 + i]),)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seen = [r for b in log.read() for r in split(b.payload)]
        assert len(seen) == 4 * 300 * 7 and log.last_sequence == len(seen)
        assert all(seen.count(bytes([65 + i]) * 50) == 2100 for i in range(4))


def test_forked_child_is_refused(tmp_path):
    with Log(tmp_path / "log") as log:
        log.append(b"x")
        child = os.fork()
        if child == 0:
            try:
                log.append(b"y")
            except ForkedError:
                os._exit(0)
            finally:
                os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
        assert log.last_sequence == 1


_WRITER = """
import os, sys
from cloudcore._log import Log
log = Log(sys.argv[1])
i = 0
while True:
    i += 1
    _, last = log.append_records([b"%d" % i] * (1 + i % 50))
    os.write(1, b"%d\\n" % last)
"""


@pytest.mark.crash
def test_kill_nine_loses_nothing_acknowledged(tmp_path):
    cycles = int(os.environ.get("CLOUDCORE_CRASH_CYCLES", "50"))
    directory = str(tmp_path / "log")
    known = 0
    for cycle in range(cycles):
        child = subprocess.Popen([sys.executable, "-c", _WRITER, directory], stdout=subprocess.PIPE)
        assert child.stdout is not None
        for _ in range(1 + cycle * 13 % 200):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        acknowledged = child.stdout.read().split(b"\n")[:-1]
        child.stdout.close()
        child.wait()
        with Log(directory) as log:
            assert log.last_sequence >= (int(acknowledged[-1]) if acknowledged else known)
            assert sum(b.count for b in log.read(known + 1)) >= log.last_sequence - known
            known = log.last_sequence
    assert known > cycles


def test_a_reader_that_is_left_holds_nothing(tmp_path):
    """A loop over the log that is left before its end keeps no segment mapped, no memory, no disk."""
    chunked = bytes(3 << 20)  # a batch in several chunks, which a reader joins in memory of its own

    def mine() -> int:
        return int(re.search(r"RssAnon:\s+(\d+) kB", Path("/proc/self/status").read_text())[1]) >> 10

    with Log(tmp_path / "log", segment_min=4 << 20, segment_max=4 << 20) as log:
        for _ in range(8):
            log.append(chunked)
        before = mine()
        for _ in range(200):
            assert next(iter(log.read(5))).first == 5
        kept = log.read(7)
        assert next(kept).first == 7
        # AddressSanitizer keeps the last 256 MiB that were freed.
        assert mine() - before < (300 if "asan" in os.environ.get("LD_PRELOAD", "") else 32)  # of 600 MiB joined
        log.cursor_set("all", 8)
        log.truncate()
        mapped = [line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if str(tmp_path) in line]
        segments = {name for name in mapped if name.endswith(".seg") or "deleted" in name}
        assert len(segments) <= 2  # the newest, and the one that `kept` stands in
    with pytest.raises(StopIteration):  # close() closes it
        next(kept)


def test_readers_come_and_go_while_the_log_is_closed(tmp_path):
    """Threads that leave readers behind, and a close() in the middle of it."""
    for _ in range(20):
        log = Log(tmp_path / "log")
        log.append_records([b"x" * 100] * 100)
        begun = threading.Barrier(4)

        def read(log=log, begun=begun) -> None:
            begun.wait()
            held = []
            try:
                while True:
                    held = [*held[-3:], log.read()]
                    next(held[-1])
            except (ClosedError, StopIteration):
                pass

        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        begun.wait()
        log.close()
        for thread in threads:
            thread.join()
