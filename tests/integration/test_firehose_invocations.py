"""Several invocations of a transform at a time: the order of records, refused concurrency, errors, the end."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose, pipeline, turning
from cloudcore.objects import LocalObjects

RECORDS, SIZE = 4000, 600
BUFFER = 300_000  # of eight calls
WAIT_S = 60  # for what must come


class Reply:
    function_error = None

    def __init__(self, event: dict[str, Any]):
        told = [{"recordId": r["recordId"], "result": "Ok", "data": r["data"]} for r in event["records"]]
        self.payload = json.dumps({"records": told}).encode()


class Function:
    """Calls `before(number of the call, how many run)` and gives the records back. Notes what it was called with."""

    def __init__(self, before: Callable[[int, int], None]):
        self.before, self.lock = before, threading.Lock()
        self.running = 0
        self.cuts: list[tuple[str, int]] = []

    def __call__(self, arn: str, payload: bytes) -> Reply:
        event = json.loads(payload)
        with self.lock:
            self.running += 1
            number, running = len(self.cuts), self.running
            self.cuts.append((event["records"][0]["recordId"], len(event["records"])))
        try:
            self.before(number, running)
            return Reply(event)
        finally:
            with self.lock:
                self.running -= 1


def opened(home: Path, function: Function, **settings: Any) -> tuple[Firehose, Any]:
    service = Firehose(home / "firehose", objects=LocalObjects(home / "objects"), invoke=function)
    stream = service.stream(
        "s", bucket="b", transform="f", transform_buffer_bytes=BUFFER, transform_buffer_seconds=900,
        buffer_bytes=64 << 20, buffer_seconds=900, backup_prefix="raw/", backup_compression=None, **settings,
    )  # fmt: skip
    return service, stream


def put(stream: Any, count: int = RECORDS) -> None:
    for at in range(0, count, 100):
        stream.put_batch([b'{"n":%08d,"pad":"%s"}\n' % (n, b"x" * (SIZE - 25)) for n in range(at, at + 100)])


def numbers(home: Path, prefix: str) -> list[int]:
    """The n of every record, objects in the order of their names' sequence of delivery."""
    paths = sorted((path for path in (home / "objects" / "b").rglob("*") if path.is_file()), key=lambda p: p.stat().st_mtime_ns)
    chosen = [path for path in paths if ("raw" in path.parts) == (prefix == "raw")]
    return [int(n) for path in chosen for n in re.findall(rb'"n":0*(\d+)', path.read_bytes())]


def check(home: Path, stream: Any, count: int = RECORDS) -> None:
    assert stream.flush(WAIT_S)
    status = stream.status()
    assert (status["delivered"], status["failed"], status["backed_up"]) == (count, 0, count)
    assert numbers(home, "data") == numbers(home, "raw") == list(range(count))


def test_records_keep_their_order(tmp_path: Path) -> None:
    together, others = threading.Event(), threading.Event()

    def before(number: int, running: int) -> None:
        if running >= 3:
            together.set()
        if number == 0:
            assert together.wait(WAIT_S)
            assert others.wait(WAIT_S)  # the first one ends behind others
        elif number >= 2:
            others.set()

    function = Function(before)
    service, stream = opened(tmp_path, function)
    with closing(service):
        put(stream)
        check(tmp_path, stream)
    assert together.is_set() and len(function.cuts) == 8


def test_a_function_that_runs_once_at_a_time(tmp_path: Path) -> None:
    refused = threading.Event()

    def before(number: int, running: int) -> None:
        if running > 1:
            refused.set()
            raise ApiError("TooManyRequestsException", "Rate Exceeded.", 429)
        if number == 0:
            assert refused.wait(WAIT_S)

    service, stream = opened(tmp_path, Function(before), transform_retries=0)
    with closing(service):
        put(stream)
        check(tmp_path, stream)
    assert refused.is_set()


@pytest.mark.parametrize("failing", [0, 2])
def test_an_error_that_nobody_knows(tmp_path: Path, failing: int) -> None:
    function = Function(lambda number, _: (_ for _ in ()).throw(RuntimeError("no")) if number == failing else None)
    service, stream = opened(tmp_path, function)
    with closing(service):
        put(stream)
        check(tmp_path, stream)
    again = [cut for cut in function.cuts if function.cuts.count(cut) == 2]
    assert len(again) == 2 and len(set(function.cuts)) == len(function.cuts) - 1


def test_what_is_under_way_at_the_end_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turning, "_GRACE_S", WAIT_S)
    running, ending = threading.Event(), threading.Event()

    def before(number: int, count: int) -> None:
        if count >= 2:
            running.set()
        assert ending.wait(WAIT_S)

    function = Function(before)
    service, stream = opened(tmp_path, function)
    with closing(service):
        put(stream)
        assert running.wait(WAIT_S)
        threading.Timer(0.2, ending.set).start()
    later = Function(lambda *_: None)
    service, stream = opened(tmp_path, later)
    with closing(service):
        check(tmp_path, stream)
    assert not set(function.cuts) & set(later.cuts) and len(function.cuts) >= 2
    assert sum(count for _, count in function.cuts + later.cuts) == RECORDS


def test_what_is_under_way_at_an_update(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_GRACE_S", WAIT_S)
    running, updating = threading.Event(), threading.Event()

    def before(number: int, count: int) -> None:
        if count >= 2:
            running.set()
        assert updating.wait(WAIT_S)

    function = Function(before)
    service, stream = opened(tmp_path, function)
    with closing(service):
        put(stream)
        assert running.wait(WAIT_S)
        threading.Timer(0.2, updating.set).start()
        described = service.call("DescribeDeliveryStream", {"DeliveryStreamName": "s"})
        description = described["DeliveryStreamDescription"]
        service.call(
            "UpdateDestination",
            {
                "DeliveryStreamName": "s", "CurrentDeliveryStreamVersionId": description["VersionId"],
                "DestinationId": description["Destinations"][0]["DestinationId"],
                "ExtendedS3DestinationUpdate": {"BufferingHints": {"SizeInMBs": 3, "IntervalInSeconds": 900}},
            },
        )  # fmt: skip
        check(tmp_path, stream)
    assert sum(count for _, count in function.cuts) == RECORDS
