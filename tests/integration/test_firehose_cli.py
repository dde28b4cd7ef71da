"""`cloudcore firehose errors|replay` and `cloudcore tail`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.cli.following import Follower
from cloudcore.cli.main import main


def run(capsys: pytest.CaptureFixture[str], *arguments: Any) -> tuple[int, str]:
    status = main([str(argument) for argument in arguments])
    return status, capsys.readouterr().out


@pytest.mark.parametrize("served", [False, True])
def test_errors_and_replay(tmp_path: Path, capsys: pytest.CaptureFixture[str], served: bool) -> None:
    home = tmp_path / "c"
    options: dict[str, Any] = {"bucket": "delivered", "format": "parquet", "schema": "a int", "buffer_seconds": 0}
    with cloudcore.open(home) as cloud:
        stream = cloud.stream("s", **options)
        stream.put_batch([b'{"a": 1}', b'{"a": "x"}', b"{broken"])
        cloud.stream("other", bucket="delivered", prefix="other/", buffer_seconds=0)
        assert stream.flush(60)
        where = ["--data", home]
        if served:
            where = ["--endpoint", cloud.serve().url]
        else:
            cloud.close()
        status, out = run(capsys, "firehose", "errors", "s", *where)
        assert status == 1 and "2 failed records" in out and "DataFormatConversion.ParseError" in out
        status, out = run(capsys, "firehose", "errors", "s", "--json", "--code", "ParseError", *where)
        assert json.loads(out)["bytes"] == 7
        status, out = run(capsys, "firehose", "replay", "s", "--code", "ParseError", "--to", "other", *where)
        assert (status, out) == (0, "1 records replayed, 1 left\n")
        status, out = run(capsys, "firehose", "replay", "s", "--to", "other", *where)
        assert (status, out) == (0, "1 records replayed, 0 left\n")
        assert run(capsys, "firehose", "errors", "s", *where) == (0, "0 failed records\n")
    with cloudcore.open(home) as cloud:
        assert cloud.firehose.get("other").flush(60)
        keys = list(cloud.objects.list("delivered"))
        assert b"".join(cloud.objects.get("delivered", k) for k in keys if k.startswith("other/")) in (
            b'{broken{"a": "x"}', b'{"a": "x"}{broken',
        )  # fmt: skip
        assert [key for key in keys if key.startswith("replayed/format-conversion-failed/")]


@pytest.mark.parametrize("served", [False, True])
def test_create(tmp_path: Path, capsys: pytest.CaptureFixture[str], served: bool) -> None:
    home = tmp_path / "c"
    with cloudcore.open(home) as cloud:
        cloud.table("orders", pk="id:S")
        where = ["--endpoint", cloud.serve().url] if served else ["--data", home]
        if not served:
            cloud.close()
        given = ("bucket=lake", "buffer_seconds=0")
        assert run(capsys, "firehose", "create", "audit", "source=orders", *given, *where) == (0, "")
        assert run(capsys, "firehose", "create", "audit", "source=orders", *given, *where) == (0, "")
        for wrong in (["create", "audit", *given], ["create", "audit", "nothing"], ["errors", "audit", "a=b"],
                      ["create", "b", "no_option=1"], ["create", "b", "source=nowhere"]):  # fmt: skip
            assert run(capsys, "firehose", *wrong, *where)[0] == 2, wrong
    with cloudcore.open(home) as cloud:
        audit = cloud.stream("audit", source="orders", bucket="lake", buffer_seconds=0)
        cloud.table("orders").put({"id": "a"})
        pause = threading.Event()
        while audit.last_sequence < 1:
            pause.wait(0.01)
        assert audit.flush(60)
        assert audit.read().column("tableName").to_pylist() == ["orders"]


class Stream:
    """What a stream took; `refuse` takes that many puts none of."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.refuse = 0

    def put(self, records: list[str]) -> list[bool]:
        import base64

        assert len(records) <= 500
        if self.refuse:
            self.refuse -= 1
            if self.refuse % 2:
                raise OSError("down")
            return [False] * len(records)
        self.records += [base64.b64decode(record) for record in records]
        return [True] * len(records)


class Following:
    """A Follower on a thread of its own, and what was written for it."""

    def __init__(self, tmp_path: Path, linger: float = 60):
        self.stream, self.wanted, self._stop = Stream(), list[bytes](), threading.Event()
        follower = Follower(
            [str(tmp_path / "a.log")], str(tmp_path / "checkpoint"), self.stream.put, False, linger
        )
        self._thread = threading.Thread(target=follower.run, args=(self._stop, False, 0.005))

    def __enter__(self) -> Following:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def write(self, file: Any, turn: int, count: int) -> None:
        for n in range(count):
            self.wanted.append(b"%d-%d\n" % (turn, n))
            file.write(self.wanted[-1])

    def arrived(self) -> bool:
        """Whether all that was written comes; at once False when the follower ended."""
        pause = threading.Event()
        while len(self.stream.records) < len(self.wanted) and self._thread.is_alive():
            pause.wait(0.005)
        return len(self.stream.records) == len(self.wanted)


def follow(tmp_path: Path, stream: Stream, *patterns: str, from_end: bool = False) -> int:
    follower = Follower([str(tmp_path / p) for p in patterns], str(tmp_path / "checkpoint"), stream.put, from_end)
    return follower.run(threading.Event(), True, 0.01)


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    stream, log = Stream(), tmp_path / "a.log"
    log.write_bytes(b"".join(b"%d\n" % n for n in range(1200)))
    stream.refuse = 3
    assert follow(tmp_path, stream, "*.log") == 1200
    with log.open("ab") as file:
        file.write(b"more\nlast without a break")
    assert follow(tmp_path, stream, "*.log") == 2
    assert stream.records == [*(b"%d\n" % n for n in range(1200)), b"more\n", b"last without a break"]
    assert follow(tmp_path, stream, "*.log") == 0


def test_rotation_while_nobody_looks(tmp_path: Path) -> None:
    stream, log = Stream(), tmp_path / "a.log"
    log.write_bytes(b"1\n2\n")
    follow(tmp_path, stream, "a.log")
    with log.open("ab") as file:
        file.write(b"3\n")
    log.rename(tmp_path / "a.log.1")
    log.write_bytes(b"4\n")
    follow(tmp_path, stream, "a.log")
    assert stream.records == [b"1\n", b"2\n", b"3\n", b"4\n"]
    log.write_bytes(b"5\n")  # truncated and written again; shorter or as long as before it is not told apart
    log.write_bytes(b"")
    follow(tmp_path, stream, "a.log")
    log.write_bytes(b"6\n")
    follow(tmp_path, stream, "a.log")
    assert stream.records[4:] == [b"6\n"]


def test_a_file_that_grows(tmp_path: Path) -> None:
    """Line after line, each waited for: the follower looks at the same file many times."""
    with Following(tmp_path) as following, (tmp_path / "a.log").open("ab", buffering=0) as file:
        for turn in range(20):
            following.write(file, turn, 3)
            assert following.arrived()
        assert following.stream.records == following.wanted


def test_rotation_while_it_follows(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    with Following(tmp_path) as following:
        for turn in range(20):
            with log.open("ab", buffering=0) as file:
                following.write(file, turn, 10)
                assert following.arrived()  # it is open: what comes now is found behind a renaming
                following.write(file, turn, 50)
                log.rename(tmp_path / f"a.log.{turn}")
        log.touch()
        assert following.arrived() and following.stream.records == following.wanted


def test_a_writer_that_learns_late_of_the_rotation(tmp_path: Path) -> None:
    """It goes on in the renamed file for a while, as with logrotate; the new one has lines by then."""
    log = tmp_path / "a.log"
    with Following(tmp_path) as following, log.open("ab", buffering=0) as late:
        following.write(late, 0, 5)
        assert following.arrived()
        log.rename(tmp_path / "a.log.1")
        with log.open("ab", buffering=0) as file:
            following.write(file, 1, 5)
            assert following.arrived()
            following.write(late, 2, 5)
            assert following.arrived()
        assert following.stream.records == following.wanted


def test_a_renamed_file_is_forgotten_when_it_is_quiet(tmp_path: Path) -> None:
    log, checkpoint = tmp_path / "a.log", tmp_path / "checkpoint"
    with Following(tmp_path, linger=0) as following:
        log.write_bytes(b"1\nno break")
        following.wanted += [b"1\n"]
        assert following.arrived()
        log.rename(tmp_path / "a.log.1")
        log.write_bytes(b"2\n")
        following.wanted += [b"no break", b"2\n"]
        assert following.arrived() and following.stream.records == following.wanted
    assert [known["path"] for known in json.loads(checkpoint.read_text()).values()] == [str(log)]


def test_new_lines_only_and_long_ones(tmp_path: Path) -> None:
    stream, log = Stream(), tmp_path / "a.log"
    log.write_bytes(b"old\n")
    assert follow(tmp_path, stream, "a.log", from_end=True) == 0
    with log.open("ab") as file:
        file.write(b"x" * 2_500_000 + b"\nshort\n")
    assert follow(tmp_path, stream, "a.log") == 4 + (1 if stream.records[:1] == [b"old\n"] else 0)
    assert b"".join(stream.records).removeprefix(b"old\n") == b"x" * 2_500_000 + b"\nshort\n"


def test_the_command(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"one\ntwo\n")
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        stream = cloud.stream("logs", bucket="delivered", buffer_seconds=0)
        done = subprocess.run(
            [sys.executable, "-m", "cloudcore.cli.main", "tail", "a.log", "--stream", "logs", "--once", "--endpoint", endpoint.url],
            cwd=tmp_path, capture_output=True, text=True, env=os.environ, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (0, "2 records\n"), done.stderr
        assert stream.flush(60)
        (key,) = cloud.objects.list("delivered")
        assert cloud.objects.get("delivered", key) == b"one\ntwo\n"
