"""Splunk destinations, against a strict double of the HTTP Event Collector (http_receiver.py)."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from firehose_fakes import Faults, Killed
from firehose_world import World
from http_receiver import HecReceiver, running

from cloudcore.errors import ApiError


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def to(world: World, tmp_path: Any, receiver: HecReceiver, ours: Any = None, **members: Any) -> Any:
    return world.to(
        tmp_path, "Splunk",
        {"HECEndpoint": "https://splunk:8088", "HECEndpointType": "Raw" if receiver.raw else "Event",
         "HECToken": "t-1", **members},
        reach={"https://splunk:8088": receiver.url}, **{"poll_seconds": 0.01, "timeout_seconds": 60, **(ours or {})},
    )  # fmt: skip


def failures(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.joined("splunk-failed/").splitlines()]


@pytest.mark.parametrize("raw", [True, False])
def test_data_is_delivered_when_it_is_acknowledged(world: World, tmp_path: Any, raw: bool) -> None:
    with running(HecReceiver(polls=3, raw=raw)) as receiver:
        stream = to(world, tmp_path, receiver)
        records = [b'{"event":"%d"}' % n for n in range(5)]
        stream.put_batch(records)
        world.turn(stream, 61)
        assert receiver.indexed == [b"".join(records)] and receiver.wrong == [] and receiver.asked == 4
        assert stream.status()["delivered"] == 5 and world.names() == []


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda r: r.step(503, text="Server is busy", code=9), "IndexerBusy"),
        (lambda r: r.step(429), "ServerError"),
        (lambda r: r.step(500, text="Internal server error", code=8), "ServerError"),
        (lambda r: r.step(403, text="Token disabled", code=1), "DisabledToken"),
        (lambda r: r.step(401), "InvalidToken"),
        (lambda r: r.step(404), "URLNotFound"),
        (lambda r: r.step(400, text="Incorrect index", code=7), "InvalidIndex"),
        (lambda r: r.step(200, text="Success", code=0), "DisabledAck"),
        (lambda r: r.step(400, text="ACK is disabled", code=14), "DisabledAck"),
        (lambda r: "half", "ConnectionClosed"),
        (lambda r: "close", "ConnectionClosed"),
        (lambda r: "hang", "ConnectionTimeout"),
    ],
)
def test_a_fault_is_tried_again_and_told_when_it_stays(world: World, tmp_path: Any, fault: Any, code: str) -> None:
    with running(HecReceiver(raw=True)) as receiver:
        patience = {"timeout_seconds": 1 if code == "ConnectionTimeout" else 60}
        stream = to(world, tmp_path, receiver, patience, RetryOptions={"DurationInSeconds": 1})
        receiver.script = [fault(receiver)]
        stream.put(b"one")
        world.turn(stream, 61)
        world.turn(stream, 1)
        assert receiver.indexed == [b"one"] and failures(world) == []
        receiver.script = [fault(receiver)] * 3  # a kept connection that is closed is opened again at once
        stream.put(b"two")
        world.turn(stream, 61)
        for _ in range(3):
            world.turn(stream, 1)
        (line,) = failures(world)
        assert line["errorCode"] == f"Splunk.{code}" and line["attemptsMade"] == 2
        assert base64.b64decode(line["rawData"]) == b"two"
        assert len(receiver.channels) == 1


@pytest.mark.parametrize("fault", ["half", "close", (500,), (400,)])
def test_a_fault_while_it_waits_for_the_acknowledgement(world: World, tmp_path: Any, fault: Any) -> None:
    with running(HecReceiver(raw=True)) as receiver:
        stream = to(world, tmp_path, receiver)
        receiver.script = [None, receiver.step(*fault) if isinstance(fault, tuple) else fault]
        stream.put(b"twice")
        world.turn(stream, 61)
        world.turn(stream, 1)
        assert receiver.indexed in ([b"twice"], [b"twice"] * 2)  # it may have been acknowledged unheard
        assert receiver.received == [b"twice"] * (1 if fault == "close" else 2) and stream.status()["delivered"] == 1


def test_without_acknowledgement_in_time_it_is_sent_again_then_kept(world: World, tmp_path: Any) -> None:
    with running(HecReceiver(polls=1_000_000, raw=True)) as receiver:
        stream = to(world, tmp_path, receiver, {"ack_timeout_seconds": 0.1}, RetryOptions={"DurationInSeconds": 3})
        stream.put(b"lost?")
        world.turn(stream, 61)
        for _ in range(4):
            world.turn(stream, 1)
        (line,) = failures(world)
        assert line | {"errorMessage": ""} == {
            "attemptsMade": 3, "arrivalTimestamp": 1_700_000_000_000, "errorCode": "Splunk.AckTimeout", "errorMessage": "",
            "attemptEndingTimestamp": 1_700_000_064_000, "rawData": base64.b64encode(b"lost?").decode(),
            "EventId": f"49{1:054d}.0",
        }  # fmt: skip
        assert receiver.received == [b"lost?"] * 3
        assert world.names("splunk-failed/2023/11/14/22/") == world.names()


@pytest.mark.parametrize(
    ("step", "code"),
    [((400, "Invalid data format", 6), "InvalidDataFormat"), ((413, "too large", 99), "ServerError.ContentTooLarge")],
)
def test_what_is_refused_for_good_is_not_sent_again(world: World, tmp_path: Any, step: Any, code: str) -> None:
    with running(HecReceiver()) as receiver:
        stream = to(world, tmp_path, receiver)
        receiver.script = [receiver.step(step[0], text=step[1], code=step[2])]
        stream.put_batch([b"not json", b"{}"])
        world.turn(stream, 61)
        assert [line["errorCode"] for line in failures(world)] == [f"Splunk.{code}"] * 2
        assert receiver.received == [] and stream.status()["failed"] == 2


def test_the_double_refuses_what_is_no_event(world: World, tmp_path: Any) -> None:
    with running(HecReceiver()) as receiver:
        stream = to(world, tmp_path, receiver)
        stream.put_batch([b'{"event":1}', b"plain text"])
        world.turn(stream, 61)
        assert len(failures(world)) == 2 and "invalid-event-number" in failures(world)[0]["errorMessage"]


def test_all_events_are_backed_up(world: World, tmp_path: Any) -> None:
    with running(HecReceiver(raw=True)) as receiver:
        stream = to(world, tmp_path, receiver, S3BackupMode="AllEvents")
        stream.put(b"both")
        world.turn(stream, 301)
        assert receiver.indexed == [b"both"] and world.joined("2023/") == b"both"


def test_a_kill_at_every_step_loses_nothing(world: World, tmp_path: Any) -> None:
    step = killed = 0
    while True:
        step += 1
        home = tmp_path / str(step)
        world.disk.faults = Faults()
        world.objects.objects.clear()
        with running(HecReceiver(raw=True)) as receiver:
            stream = to(world, home, receiver, RetryOptions={"DurationInSeconds": 1})
            stream.put_batch([b"%d;" % n for n in range(50)])
            receiver.script = [receiver.step(503), None, None, receiver.step(413)]
            world.disk.faults = Faults(step)
            try:
                for _ in range(3):
                    stream.put(b"x" * 200 + b";")
                    world.turn(stream, 61)
                ended = True
            except Killed:
                killed, ended = killed + 1, False
            world.disk.faults = Faults()
            again = to(world, home, receiver)
            world.turn(again, 61)
            world.turn(again, 61)
            world.drain(again)
            kept = b"".join(base64.b64decode(line["rawData"]) for line in failures(world))
            arrived = {int(n) for n in re.findall(rb"(\d+);", b"".join(receiver.indexed) + kept)}
            assert arrived >= set(range(50)) and receiver.wrong == []
        if ended:
            break
    assert killed > 15, killed


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"HECEndpoint": "http://plain:8088"}, "must use https"),
        ({"HECEndpoint": "somewhere"}, "not a valid URL"),
        ({"HECToken": ""}, "HECToken is required"),
        ({"HECAcknowledgmentTimeoutInSeconds": 179}, "greater than or equal to 180"),
        ({"BufferingHints": {"SizeInMBs": 6}}, "less than or equal to 5"),
        ({"BufferingHints": {"IntervalInSeconds": 61}}, "less than or equal to 60"),
        ({"HECEndpointType": "Both"}, "enum value set"),
    ],
)
def test_what_is_refused(world: World, change: dict[str, Any], words: str) -> None:
    bucket = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b"}
    members = {"HECEndpoint": "https://x", "HECEndpointType": "Raw", "HECToken": "t", "S3Configuration": bucket, **change}
    with pytest.raises(ApiError) as refused:
        world.service().call("CreateDeliveryStream", {"DeliveryStreamName": "s", "SplunkDestinationConfiguration": members})
    assert words in refused.value.message
