"""HTTP endpoint destinations, against a strict double of the published specification (http_receiver.py)."""

from __future__ import annotations

import base64
import json
from collections import Counter
from typing import Any

import pytest
from firehose_fakes import Faults, Killed
from firehose_world import World
from http_receiver import HttpReceiver, running

from cloudcore.errors import ApiError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def to(world: World, tmp_path: Any, receiver: HttpReceiver, path: str = "/in?a=1", ours: Any = None, **members: Any) -> Any:
    return world.to(
        tmp_path, "HttpEndpoint",
        {"EndpointConfiguration": {"Url": "https://there" + path, **members.pop("endpoint", {})}, **members},
        reach={"https://there": receiver.url}, **(ours or {}),
    )  # fmt: skip


def failures(world: World, prefix: str = "http-endpoint-failed/") -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.joined(prefix).splitlines()]


def test_a_request_is_as_specified(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver("key-1", {"env": "prod", "team": "ünïcode"})) as receiver:
        stream = to(
            world, tmp_path, receiver, endpoint={"AccessKey": "key-1"},
            RequestConfiguration={"ContentEncoding": "GZIP", "CommonAttributes": [
                {"AttributeName": "env", "AttributeValue": "prod"},
                {"AttributeName": "team", "AttributeValue": "ünïcode"}]},
        )  # fmt: skip
        stream.put_batch([b"one", b"", b"\x00\xff"])
        world.turn(stream, 61)
        assert receiver.wrong == []
        assert receiver.data() == [b"one", b"", b"\x00\xff"]
        assert receiver.requests[0][2]["content-encoding"] == "gzip"
        assert stream.status()["delivered"] == 3
        assert world.names() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda r: r.says(429, b"slow"), "DestinationException"),
        (lambda r: r.says(500), "DestinationException"),
        (lambda r: r.says(201, b"{}"), "DestinationException"),
        (lambda r: r.says(302, b"", {"Location": "/elsewhere"}), "DestinationException"),
        (lambda r: "half", "ConnectionFailed"),
        (lambda r: "close", "ConnectionFailed"),
        (lambda r: "hang", "RequestTimeout"),
        (lambda r: r.says(200, HttpReceiver.answer("another")[2]), "InvalidResponse"),
        (lambda r: r.says(200, b"[]"), "InvalidResponse"),
        (lambda r: r.says(200, b"no json"), "InvalidResponse"),
        (lambda r: r.says(200, b""), "InvalidResponse"),
        (lambda r: r.says(200, b"{}", {"Content-Type": "text/plain"}), "InvalidResponse"),
        (lambda r: r.says(200, b'"' + b"x" * (1 << 20) + b'"'), "ResponseTooLarge"),
    ],
)
def test_a_fault_is_tried_again_under_the_same_id(world: World, tmp_path: Any, fault: Any, code: str) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, ours={"timeout_seconds": 1.0 if code == "RequestTimeout" else 30.0})
        receiver.script = [fault(receiver), fault(receiver)]
        stream.put(b"kept")
        world.turn(stream, 61)
        assert receiver.requests == [] or fault(receiver) == "half"  # taken, but the answer was cut
        for _ in range(6):
            world.turn(stream, 1)
        ids = {request_id for request_id, _, _ in receiver.requests} | set(receiver.seen)
        assert len(ids) == 1
        assert receiver.wrong == [] and set(receiver.data()) == {b"kept"}
        assert stream.status()["delivered"] == 1 and world.names() == []


def test_pauses_double_with_jitter_up_to_two_minutes(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, RetryOptions={"DurationInSeconds": 7200})
        receiver.script = [receiver.says(500)] * 10
        stream.put(b"x")
        world.turn(stream, 61)
        pauses = []
        for _ in range(9):
            assert stream._pipeline.agenda.waiting == 1
            pauses.append(stream._pipeline.agenda.next_due() - world.clock.monotonic())
            world.turn(stream, pauses[-1])
        wanted = [1, 2, 4, 8, 16, 32, 64, 120, 120]
        assert all(abs(a / b - 1) <= 0.1501 for a, b in zip(pauses, wanted, strict=True)), pauses


def test_what_is_too_large_for_the_endpoint_is_not_tried_again(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver)
        receiver.script = [receiver.says(413, b'{"errorMessage": "too large"}')]
        stream.put_batch([b"a", b"b"])
        world.turn(stream, 61)
        assert receiver.requests == []
        (key,) = world.names()
        assert key.startswith("http-endpoint-failed/2023/11/14/22/s-1-2023-11-14-22-13-20-")
        found = failures(world)
        assert [base64.b64decode(line["rawData"]) for line in found] == [b"a", b"b"]
        assert found[0] | {"errorMessage": ""} == {
            "attemptsMade": 1, "arrivalTimestamp": 1_700_000_000_000, "errorCode": "HttpEndpoint.DestinationException",
            "errorMessage": "", "attemptEndingTimestamp": 1_700_000_061_000, "rawData": "YQ==",
            "subsequenceNumber": 0, "dataId": f"49{1:054d}.0",
        }  # fmt: skip
        assert "413" in found[0]["errorMessage"] and "too large" in found[0]["errorMessage"]
        assert (stream.status()["delivered"], stream.status()["failed"]) == (0, 2)


def test_after_the_retry_duration_records_go_to_the_bucket(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, RetryOptions={"DurationInSeconds": 10})
        receiver.script = [receiver.says(503, b"down")] * 50
        stream.put(b"late")
        world.turn(stream, 61)
        for _ in range(30):
            world.turn(stream, 1)
        (line,) = failures(world)
        assert line["errorCode"] == "HttpEndpoint.DestinationException" and "503: down" in line["errorMessage"]
        assert line["attemptsMade"] == len(receiver.seen) == 5  # at 0, 1, 3, 7 and 10 seconds, about
        assert len(set(receiver.seen)) == 1
        assert stream.status()["failed"] == 1


def test_no_retries_without_a_duration(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, RetryOptions={"DurationInSeconds": 0})
        receiver.script = [receiver.says(500)]
        stream.put(b"once")
        world.turn(stream, 61)
        assert len(receiver.seen) == 1 and [line["attemptsMade"] for line in failures(world)] == [1]


def test_ten_thousand_records_are_the_most_of_a_request(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, ours={"buffer_bytes": 1 << 20})
        records = [b"%d" % n for n in range(25_000)]
        receiver.script = [None, receiver.says(500)]  # the second request of three fails once
        stream.put_batch(records)
        world.turn(stream, 61)
        world.turn(stream, 2)
        assert receiver.data() == records and receiver.wrong == []
        assert [len(found) for _, found, _ in receiver.requests] == [10_000, 10_000, 5_000]
        assert len({request_id for request_id, _, _ in receiver.requests}) == 3


def test_all_data_is_backed_up_beside_the_delivery(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, S3BackupMode="AllData")
        stream.put_batch([b"a", b"b"])
        world.turn(stream, 301)
        assert receiver.data() == [b"a", b"b"] and world.joined("2023/") == b"ab"
        assert stream.status()["backed_up"] == 2


def test_a_transform_and_a_delimiter_come_first(world: World, tmp_path: Any) -> None:
    with running(HttpReceiver()) as receiver:
        stream = to(
            world, tmp_path, receiver, ours={"processor_seconds": 0},
            ProcessingConfiguration={"Enabled": True, "Processors": [
                {"Type": "Lambda", "Parameters": [
                    {"ParameterName": "LambdaArn", "ParameterValue": "arn:aws:lambda:us-east-1:000000000000:function:f"}]}]},
        )  # fmt: skip
        stream.put_batch([b'{"n":%d}' % n for n in range(10)])
        world.turn(stream, 1)
        world.turn(stream, 61)
        assert receiver.data() == [b'{"n":%d}\n' % n for n in range(8)]
        assert len(failures(world, "processing-failed/")) == 1  # n = 8; 9 is dropped


def test_a_kill_at_every_step_loses_nothing_and_keeps_the_ids(world: World, tmp_path: Any) -> None:
    """Every durable step of a delivery with failures: 0 records lost, all duplicates under ids that were seen."""
    step, killed, repeated = 1, 0, 0
    while True:
        home = tmp_path / str(step)
        world.disk.faults = Faults()
        world.objects.objects.clear()
        with running(HttpReceiver()) as receiver:
            stream = to(world, home, receiver, RetryOptions={"DurationInSeconds": 2})
            stream.put_batch([b"%d" % n for n in range(100)])
            receiver.script = [receiver.says(500), None, receiver.says(413)]
            world.disk.faults = Faults(step)
            try:
                for _ in range(3):
                    stream.put(b"x" * 150)
                    for _ in range(5):
                        world.turn(stream, 20)
                ended = True
            except Killed:
                killed, ended = killed + 1, False
            put = stream.last_sequence
            world.disk.faults = Faults()
            again = to(world, home, receiver, RetryOptions={"DurationInSeconds": 2})
            for _ in range(6):
                world.turn(again, 61)
            world.drain(again)
            taken: dict[str, list[bytes]] = {}
            for request_id, records, _ in receiver.requests:
                assert taken.setdefault(request_id, records) == records
            repeated += len(receiver.requests) - len(taken)
            kept = [base64.b64decode(line["rawData"]) for line in failures(world)]
            assert receiver.wrong == []
            arrived = Counter([*(r for records in taken.values() for r in records), *kept])
            assert Counter(b"%d" % n for n in range(100)) <= arrived
            assert arrived.total() >= put == again.last_sequence
        if ended:
            break
        step += 1
    assert killed > 20, killed
    assert repeated < killed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"EndpointConfiguration": {"Url": "http://plain"}}, "regular expression"),
        ({"BufferingHints": {"SizeInMBs": 1}}, "together"),
        ({"BufferingHints": {"SizeInMBs": 65, "IntervalInSeconds": 1}}, "less than or equal to 64"),
        ({"RetryOptions": {"DurationInSeconds": 7201}}, "less than or equal to 7200"),
        ({"EndpointConfiguration": {"Url": "https://x", "AccessKey": "schlüssel"}}, "printable"),
        ({"SecretsManagerConfiguration": {"Enabled": True}}, "secretARN"),
        ({"CloudWatchLoggingOptions": {"Enabled": True}}, "LogGroupName and LogStreamName are required"),
        ({"S3BackupMode": "AllDocuments"}, "enum value set"),
        ({"S3Configuration": {"BucketARN": "arn:aws:s3:::b", "RoleARN": "x"}}, "roleARN"),
    ],
)
def test_what_is_refused(world: World, change: dict[str, Any], words: str) -> None:
    bucket = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b"}
    members = {"EndpointConfiguration": {"Url": "https://x"}, "S3Configuration": bucket, **change}
    with pytest.raises(ApiError) as refused:
        world.service().call("CreateDeliveryStream", {"DeliveryStreamName": "s", "HttpEndpointDestinationConfiguration": members})
    assert words in refused.value.message


def test_the_library_reaches_a_plain_address_and_close_does_not_wait_for_one_that_hangs(tmp_path: Any) -> None:
    import time

    from cloudcore.firehose import Firehose
    from cloudcore.firehose.to import http_endpoint
    from cloudcore.objects import LocalObjects

    with running(HttpReceiver("k", {"a": "b"})) as receiver:
        service = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
        target = http_endpoint(f"{receiver.url}/x", access_key="k", attributes={"a": "b"}, gzip=True)
        stream = service.stream("s", to=target, bucket="b", buffer_seconds=0, backup=True)
        stream.put_batch([b"%d" % n for n in range(1000)])
        assert stream.flush(60)
        assert receiver.data() == [b"%d" % n for n in range(1000)] and receiver.wrong == []
        assert service.stream("s", to=target, bucket="b", buffer_seconds=0, backup=True) is stream
        receiver.script = ["hang"]
        stream.put(b"last")
        began = time.monotonic()
        service.close()
        assert time.monotonic() - began < 20
        receiver.released.set()
        again = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
        again.resume()
        assert again.get("s").flush(60)
        assert receiver.data()[1000:] == [b"last"]
        again.close()
