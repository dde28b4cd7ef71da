"""The pull side of a stream, with a log double that can be killed at every durable step."""

from __future__ import annotations

import base64
import io
import json
import re
import time
from typing import Any

import pytest
from firehose_fakes import Faults, Killed, Reply
from firehose_world import World

from cloudcore.errors import ApiError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


TRANSFORM = {
    "prefix": "data/k=!{partitionKeyFromLambda:k}/", "error_prefix": "errors/!{firehose:error-output-type}/",
    "transform": "f", "transform_buffer_bytes": 1 << 18, "backup_prefix": "raw/",
}  # fmt: skip


def record(n: int) -> bytes:
    return b'{"n":%d}' % n


def numbers(data: bytes) -> list[int]:
    """The n of every record in concatenated objects."""
    return [int(n) for n in re.findall(rb'"n":(\d+)', data)]


def test_records_are_concatenated_verbatim(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path)
    stream.put_batch([b"abc", b"", b"def"])
    stream.put(b"ghi")
    world.drain(stream)
    (key,) = world.names()
    assert key.startswith("2023/11/14/22/s-1-2023-11-14-22-13-20-")
    assert world.objects.objects["b", key] == b"abcdefghi"
    assert stream.status()["delivered"] == 4


def test_size_and_time_hints(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path)
    stream.put(b"x" * 100)
    assert stream._pipeline.turn()
    assert not stream._pipeline.turn()
    assert world.objects.puts == 0
    stream.put(b"y" * 200)
    while stream._pipeline.turn():
        pass
    assert world.objects.puts == 1
    stream.put(b"z")
    stream._pipeline.turn()
    world.clock.advance(59)
    assert not stream._pipeline.turn()
    world.clock.advance(2)
    assert stream._pipeline.turn()
    assert world.objects.puts == 2


def test_transform_splits_ok_dropped_and_failed(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **TRANSFORM)
    stream.put_batch([record(n) for n in range(100)])
    world.drain(stream)
    status = stream.status()
    assert (status["delivered"], status["dropped"], status["failed"], status["backed_up"]) == (
        80,
        10,
        10,
        100,
    )
    for k in range(3):
        values = [json.loads(line)["n"] for line in world.joined(f"data/k={k}/").splitlines()]
        assert values == [n for n in range(100) if n % 3 == k and n % 10 < 8]
    assert world.joined("raw/") == b"".join(record(n) for n in range(100))
    lines = [json.loads(line) for line in world.joined("errors/processing-failed/").splitlines()]
    assert list(lines[0]) == ["rawData", "errorCode", "errorMessage", "attemptsMade", "arrivalTimestamp",
                              "attemptEndingTimestamp", "lambdaARN"]  # fmt: skip
    assert lines[0]["errorCode"] == "Lambda.ProcessingFailedStatus"
    assert lines[0]["errorMessage"] == "ProcessingFailed status set for record"
    assert [json.loads(base64.b64decode(line["rawData"]))["n"] for line in lines] == list(range(8, 100, 10))


def test_event_has_the_contract_of_lambda(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **TRANSFORM)
    stream.put(record(1))
    world.drain(stream)
    (event,) = world.function.events
    assert list(event) == ["invocationId", "deliveryStreamArn", "region", "records"]
    assert event["deliveryStreamArn"] == "arn:aws:firehose:us-east-1:000000000000:deliverystream/s"
    (sent,) = event["records"]
    assert list(sent) == ["recordId", "approximateArrivalTimestamp", "data"]
    assert len(sent["recordId"]) == 56
    assert sent["approximateArrivalTimestamp"] == 1_700_000_000_000


@pytest.mark.parametrize(
    ("answer", "code", "attempts"),
    [
        (Reply(b'{"errorMessage":"x"}', "Unhandled"), "Lambda.FunctionError", 4),
        (
            Reply(b'{"errorMessage":"Task timed out after 3.00 seconds"}', "Unhandled"),
            "Lambda.FunctionTimedOut",
            4,
        ),
        (Reply(b"nonsense"), "Lambda.JsonProcessingException", 4),
        (Reply(b'{"records":3}'), "Lambda.JsonProcessingException", 4),
        (ApiError("TooManyRequestsException", "Rate exceeded", 429), "Lambda.InvokeLimitExceeded", 4),
        (ApiError("ResourceNotFoundException", "no function", 404), "Lambda.ResourceNotFound", 1),
    ],
)
def test_whole_batch_fails_after_retries(
    world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, answer: Any, code: str, attempts: int
) -> None:
    stream = world.open(tmp_path, **TRANSFORM)
    monkeypatch.setattr(stream._pipeline.processing._caller, "_sleep", lambda seconds: None)
    world.function.script = [answer] * attempts
    stream.put_batch([record(1), record(2)])
    world.drain(stream)
    lines = [json.loads(line) for line in world.joined("errors/processing-failed/").splitlines()]
    assert [(line["errorCode"], line["attemptsMade"]) for line in lines] == [(code, attempts)] * 2
    assert stream.status()["failed"] == 2


def test_records_that_do_not_come_back_right_fail_alone(world: World, tmp_path: Any) -> None:
    def answer(event: dict[str, Any]) -> Reply:
        records = [world.function.one(sent) for sent in event["records"]]
        records[1]["data"] = "?"
        records[2]["metadata"] = {}
        records[3]["result"] = "Fine"
        records.append(dict(records[4]))
        del records[0]
        return Reply(json.dumps({"records": records}).encode())

    world.function.script = [answer]
    stream = world.open(tmp_path, **TRANSFORM)
    stream.put_batch([record(n) for n in range(6)])
    world.drain(stream)
    codes = [json.loads(line)["errorCode"] for line in world.joined("errors/processing-failed/").splitlines()]
    assert codes == [
        "Lambda.MissingRecordId", "Lambda.JsonProcessingException",
        "DynamicPartitioning.MetadataExtractionFailed",
        "Lambda.JsonProcessingException", "Lambda.DuplicatedRecordId",
    ]  # fmt: skip
    assert stream.status()["delivered"] == 1


def test_parquet_with_bad_records_routed_one_by_one(world: World, tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    stream = world.open(
        tmp_path, format="parquet", schema="n int, name string, t timestamp", buffer_bytes=1 << 20
    )
    stream.put_batch([
        b'{"n":1,"name":"a","t":"2013-01-01T05:00:00Z"}',
        b'{"n":"x"}', b"[1]", b"{", b'{"N":3}{"n":4}', b'{"n":5.0}',
    ])  # fmt: skip
    world.drain(stream)
    (key,) = [key for key in world.names() if key.endswith(".parquet")]
    table = pq.read_table(io.BytesIO(world.objects.objects["b", key]))
    assert table["n"].to_pylist() == [1, 3, 4, 5]
    lines = [json.loads(line) for line in world.joined("format-conversion-failed/").splitlines()]
    assert [line["lastErrorCode"].rpartition(".")[2] for line in lines] == [
        "MalformedData",
        "ParseError",
        "ParseError",
    ]
    assert [line["sequenceNumber"] for line in lines] == ["2", "3", "4"]
    assert stream.status()["failed"] == 3


def test_schema_is_inferred_once(world: World, tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    stream = world.open(tmp_path, format="parquet", buffer_bytes=10)
    stream.put_batch([b'{"a":1,"b":null}', b'{"a":1.5,"b":"x"}'])
    world.drain(stream)
    stream = world.open(tmp_path, format="parquet", buffer_bytes=10)
    stream.put_batch([b'{"a":7,"b":"y"}'])
    world.drain(stream)
    tables = [pq.read_table(io.BytesIO(data)) for data in world.objects.objects.values()]
    assert [str(table.schema.field("a").type) for table in tables] == ["double", "double"]


def test_a_bad_beginning_infers_nothing(world: World, tmp_path: Any) -> None:
    import pyarrow.parquet as pq

    stream = world.open(tmp_path, format="parquet", buffer_bytes=1)
    for record_ in (b"bad", b"{}", b'{"a":7}'):
        stream.put(record_)
        world.drain(stream)
    found = [data for (_, key), data in world.objects.objects.items() if key.endswith(".parquet")]
    assert [pq.read_table(io.BytesIO(data)).to_pylist() for data in found] == [[{"a": 7}]]
    assert (stream.status()["delivered"], stream.status()["failed"]) == (1, 2)


def test_a_store_that_is_down_loses_nothing(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path)
    world.objects.down = True
    stream.put(b"x" * 500)
    while stream._pipeline.turn():
        pass
    assert stream._pipeline.journal.open
    world.objects.down = False
    assert not stream._pipeline.turn()
    world.clock.advance(2)
    assert stream._pipeline.turn()
    assert world.joined("") == b"x" * 500


def test_disk_bound_slows_the_producer_down(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, disk_bound=1000)
    stream.put(b"x" * 900)
    with pytest.raises(ApiError, match=r"Slow down\.") as refused:
        stream.put(b"x" * 900)
    assert refused.value.code == "ServiceUnavailableException"
    world.drain(stream)
    stream.put(b"x" * 900)
    world.drain(stream)
    assert stream.status()["delivered"] == 2


@pytest.mark.parametrize(
    "options", [TRANSFORM, {"backup_prefix": "raw/", "prefix": "data/"}], ids=["transform", "plain"]
)
def test_killed_at_every_durable_step(
    options: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = 0
    while True:
        at += 1
        world = World(monkeypatch)
        monkeypatch.setattr("cloudcore.firehose.journal._SNAPSHOT_EVERY", 5)
        world.disk.faults = Faults(at)
        finished = False
        acknowledged = 0
        for life in range(3):
            try:
                stream = world.open(tmp_path, **options)
                start = stream.last_sequence
                assert start >= acknowledged
                for n in range(start, 120, 15):
                    end = min(n + 15, 120)
                    stream.put_batch([record(i) for i in range(n, end)])
                    acknowledged = end
                    while stream._pipeline.turn():
                        pass
                world.drain(stream)
                finished = life == 0
                break
            except Killed:
                world.disk.faults = Faults()
        data = sorted(numbers(world.joined("data/")))
        wanted = [n for n in range(120) if options is not TRANSFORM or n % 10 < 8]
        assert data == wanted, f"killed at step {at}"
        assert sorted(numbers(world.joined("raw/"))) == list(range(120)), f"killed at step {at}"
        status = stream.status()
        assert status["delivered"] == len(wanted)
        assert status["backed_up"] == 120
        if options is TRANSFORM:
            failed = world.joined("errors/processing-failed/").splitlines()
            assert len(failed) == 12
            assert (status["dropped"], status["failed"]) == (12, 12)
        if finished:
            break
    assert at > 60


def test_a_redelivered_invocation_has_the_same_records(world: World, tmp_path: Any) -> None:
    def die(event: dict[str, Any]) -> Reply:
        raise Killed

    stream = world.open(tmp_path, **TRANSFORM)
    stream.put_batch([record(n) for n in range(5)])
    world.function.script = [die]
    with pytest.raises(Killed):
        world.drain(stream)
    stream = world.open(tmp_path, **TRANSFORM)
    stream.put_batch([record(n) for n in range(5, 50)])
    world.drain(stream)
    first, again, *_ = world.function.events
    assert again["records"] == first["records"]
    assert stream.status()["delivered"] == 40


def test_partition_values_that_no_store_takes_fail_in_the_transform(world: World, tmp_path: Any) -> None:
    def answer(event: dict[str, Any]) -> Reply:
        records = [world.function.one(sent) for sent in event["records"]]
        for reply, value in zip(records, ["x" * 300, "../..", "", 7, "ok"], strict=True):
            reply["metadata"] = {"partitionKeys": {"k": value}}
        return Reply(json.dumps({"records": records}).encode())

    world.function.script = [answer]
    stream = world.open(tmp_path, **TRANSFORM)
    stream.put_batch([record(n) for n in range(5)])
    world.drain(stream)
    codes = [json.loads(line)["errorCode"] for line in world.joined("errors/").splitlines()]
    assert codes == [
        "DynamicPartitioning.PrefixEvaluationFailed", "DynamicPartitioning.MetadataExtractionFailed"
    ]  # fmt: skip
    assert stream.status()["delivered"] == 3


def test_a_destination_that_stays_down_fills_the_bound_and_no_more(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **TRANSFORM, disk_bound=4000)
    world.objects.down = True
    put = 0

    def fill() -> None:
        nonlocal put
        while put < 200:
            stream.put_batch([record(n) for n in range(10)])
            put += 1
            while stream._pipeline.turn():
                pass

    with pytest.raises(ApiError, match="Slow down"):
        fill()
    world.objects.down = False
    world.clock.advance(200)
    world.drain(stream)
    assert stream.status()["backed_up"] == put * 10


def test_the_thread_delivers_by_itself(world: World, tmp_path: Any) -> None:
    from cloudcore.clock import Clock

    world.clock = Clock()  # type: ignore[assignment]
    for options in ({"buffer_seconds": 0}, {**TRANSFORM, "transform_buffer_seconds": 0, "buffer_seconds": 0}):
        stream = world.open(tmp_path / str(len(options)), **options)
        stream._pipeline.start()
        for n in range(30):
            stream.put(record(n))
            deadline = time.monotonic() + 60
            while sum(stream.status()[name] for name in ("delivered", "dropped", "failed")) < n + 1:
                assert time.monotonic() < deadline, f"record {n} was not delivered"
                time.sleep(0.001)
        stream.close()
