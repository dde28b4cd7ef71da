"""OpenSearch and Elasticsearch destinations, against a strict double of _bulk (http_receiver.py) for faults; a
real node is in tests/services/test_opensearch.py."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from firehose_fakes import Faults, Killed
from firehose_world import World
from http_receiver import BulkReceiver, running

from cloudcore.firehose.destinations.opensearch.encode import index_of


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def to(world: World, tmp_path: Any, receiver: BulkReceiver, ours: Any = None, **members: Any) -> Any:
    return world.to(
        tmp_path, "Amazonopensearchservice",
        {"ClusterEndpoint": "https://node", "IndexName": "i", "IndexRotationPeriod": "NoRotation", **members},
        reach={"https://node": receiver.url}, **{"timeout_seconds": 5, **(ours or {})},
    )  # fmt: skip


def failures(world: World) -> list[dict[str, Any]]:
    return [json.loads(line) for line in world.joined("AmazonOpenSearchService-failed/").splitlines()]


@pytest.mark.parametrize(
    ("rotation", "day", "suffix"),
    [
        ("NoRotation", "2016-02-25 13:59", ""), ("OneHour", "2016-02-25 13:59", "-2016-02-25-13"),
        ("OneDay", "2016-02-25 13:59", "-2016-02-25"), ("OneMonth", "2016-02-25 13:59", "-2016-02"),
        ("OneWeek", "2016-02-20 23:59", "-2016-w08"), ("OneWeek", "2016-02-21 00:00", "-2016-w09"),
        ("OneWeek", "2016-01-01 00:00", "-2016-w01"), ("OneWeek", "2016-01-02 23:59", "-2016-w01"),
        ("OneWeek", "2016-01-03 00:00", "-2016-w02"), ("OneWeek", "2016-12-31 12:00", "-2016-w53"),
        ("OneWeek", "2017-12-31 12:00", "-2018-w01"), ("OneWeek", "2018-01-06 12:00", "-2018-w01"),
    ],
)  # fmt: skip
def test_rotation(rotation: str, day: str, suffix: str) -> None:
    at = datetime.strptime(day, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    assert index_of("logs", rotation, int(at.timestamp() * 1000)) == f"logs{suffix}"


def test_documents_and_actions(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, IndexRotationPeriod="OneDay", TypeName="t")
        stream.put_batch([b'{"a":1}\n', b'{\n "b": "x"\r\n}', b" \n"])
        seen = []
        receiver.item = lambda action, source: seen.append((action, source))
        world.turn(stream, 301)
        first = f"49{1:054d}.0"
        assert seen[0] == ({"_index": "i-2023-11-14", "_type": "t", "_id": first}, b'{"a":1}')
        assert seen[1][1] == b'{  "b": "x"  }' and len(seen) == 2
        (line,) = failures(world)
        assert (line["errorMessage"], line["esIndexName"], line["esTypeName"]) == ("The record is empty", "i-2023-11-14", "t")
        assert receiver.wrong == [] and (stream.status()["delivered"], stream.status()["failed"]) == (2, 1)


def test_items_are_sorted_into_taken_refused_and_later(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        stream = to(world, tmp_path, receiver)
        busy = {b'{"n":2}', b'{"n":3}'}

        def item(action: dict[str, Any], source: bytes) -> Any:
            if source == b'{"n":1}':
                return 400, {"type": "mapper_parsing_exception", "reason": "no", "caused_by": {"type": "t", "reason": "r"}}
            if source in busy:
                busy.discard(source)
                return (429 if source == b'{"n":2}' else 503), {"type": "rejected", "reason": "busy"}
            return None

        receiver.item = item
        stream.put_batch([b'{"n":%d}' % n for n in range(5)])
        world.turn(stream, 301)
        world.turn(stream, 1)
        assert [count for _, count in receiver.requests] == [5, 2]  # what was taken is not sent again
        assert sorted(receiver.documents.values()) == [b'{"n":%d}' % n for n in (0, 2, 3, 4)]
        (line,) = failures(world)
        assert line == {
            "attemptsMade": 1, "arrivalTimestamp": 1_700_000_000_000, "errorCode": "400",
            "errorMessage": "mapper_parsing_exception: no (t: r)", "attemptEndingTimestamp": line["attemptEndingTimestamp"],
            "rawData": base64.b64encode(b'{"n":1}').decode(), "esDocumentId": f"49{2:054d}.0", "esIndexName": "i", "esTypeName": "",
        }  # fmt: skip
        assert (stream.status()["delivered"], stream.status()["failed"]) == (4, 1)


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (lambda *_: (429, {}, b"slow"), "429"), (lambda *_: (500, {}, b""), "500"), (lambda *_: (403, {}, b"{}"), "403"),
        (lambda *_: (200, {}, b"{}"), "500"), (lambda *_: (200, {}, b'{"items": []}'), "500"), ("half", "503"),
        ("close", "503"), ("hang", "504"),
    ],
)  # fmt: skip
def test_a_fault_is_tried_again_and_told_when_it_stays(world: World, tmp_path: Any, fault: Any, code: str) -> None:
    with running(BulkReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, {"timeout_seconds": 1.0 if fault == "hang" else 60.0}, RetryOptions={"DurationInSeconds": 2})
        receiver.script = [fault]
        stream.put(b'{"n":1}')
        world.turn(stream, 301)
        world.turn(stream, 1)
        assert list(receiver.documents.values()) == [b'{"n":1}'] and failures(world) == []
        receiver.script = [fault] * 20
        stream.put(b'{"n":2}')
        world.turn(stream, 301)
        for _ in range(4):
            world.turn(stream, 1)
        (line,) = failures(world)
        assert line["errorCode"] == code and line["attemptsMade"] == 3  # at 0, 1 and 2 seconds
        assert len(receiver.documents) == (2 if fault == "half" else 1)


def test_a_request_that_is_too_large_goes_in_halves(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        receiver.body_max = 2000
        stream = to(world, tmp_path, receiver, {"buffer_bytes": 1 << 20})
        stream.put_batch([b'{"n":%d}' % n for n in range(100)] + [b'{"n":"%s"}' % (b"x" * 3000)])
        world.turn(stream, 301)
        assert len(receiver.documents) == 100 and len(receiver.writes) == 100
        assert [line["errorCode"] for line in failures(world)] == ["413"]


def test_without_ids_the_node_makes_them(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, DocumentIdOptions={"DefaultDocumentIdFormat": "NO_DOCUMENT_ID"})
        stream.put(b"{}")
        world.turn(stream, 301)
        assert [key for _, key in receiver.documents] == ["made-0"]


def test_requests_are_signed_where_it_is_asked_for(world: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with running(BulkReceiver()) as receiver:
        stream = to(world, tmp_path, receiver, {"sign": "aoss"})
        stream.put(b"{}")
        world.turn(stream, 301)
        ((headers, _),) = receiver.requests
        assert headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKID/")
        assert "/us-east-1/aoss/aws4_request" in headers["authorization"]
        assert "x-amz-content-sha256" in headers["authorization"] and len(headers["x-amz-content-sha256"]) == 64


def test_an_address_may_hold_a_user(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        address = receiver.url.replace("http://", "http://ann:p%40ss@")
        stream = world.to(tmp_path, "Elasticsearch", {"ClusterEndpoint": "https://node", "IndexName": "i"}, reach={"https://node": address})
        stream.put(b"{}")
        world.turn(stream, 301)
        assert receiver.requests[0][0]["authorization"] == "Basic " + base64.b64encode(b"ann:p@ss").decode()


def test_all_documents_are_backed_up(world: World, tmp_path: Any) -> None:
    with running(BulkReceiver()) as receiver:
        receiver.item = lambda action, source: (400, "no")
        stream = to(world, tmp_path, receiver, S3BackupMode="AllDocuments")
        stream.put(b"{}")
        world.turn(stream, 301)
        assert world.joined("2023/") == b"{}" and len(failures(world)) == 1


def test_a_kill_at_every_step_leaves_each_document_once(world: World, tmp_path: Any) -> None:
    """Redelivery after a kill at each durable step: 0 documents lost, 0 twice."""
    step = killed = rewritten = 0
    while True:
        step += 1
        home = tmp_path / str(step)
        world.disk.faults = Faults()
        world.objects.objects.clear()
        with running(BulkReceiver()) as receiver:
            receiver.item = lambda action, source: (400, "bad") if source.endswith(b'7}') else None
            stream = to(world, home, receiver)
            receiver.script = [lambda *_: (429, {}, b"")]
            world.disk.faults = Faults(step)
            put = 0
            try:
                for n in range(0, 60, 20):
                    stream.put_batch([b'{"n":%d}' % k for k in range(n, n + 20)])
                    put = n + 20
                    world.turn(stream, 61)
                ended = True
            except Killed:
                killed, ended = killed + 1, False
            world.disk.faults = Faults()
            again = to(world, home, receiver)
            world.turn(again, 301)
            world.drain(again)
            stored = again.last_sequence
            assert stored >= put
            kept = {line["rawData"] for line in failures(world)}
            bad = [n for n in range(stored) if n % 10 == 7]
            assert len(kept) == len(bad)
            assert sorted(receiver.documents.values()) == sorted(b'{"n":%d}' % n for n in range(stored) if n % 10 != 7)
            rewritten += len(receiver.writes) - len(receiver.documents)
        if ended:
            break
    assert killed > 15 and rewritten > 0, (killed, rewritten)
