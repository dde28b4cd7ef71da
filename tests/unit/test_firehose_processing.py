"""The processors: taking records apart, decompression, partition keys by query, limits; and their errors."""

from __future__ import annotations

import base64
import gzip
import json
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from firehose_fakes import Faults, Killed, Reply
from test_firehose_pipeline import World, numbers

from cloudcore.errors import ApiError
from cloudcore.firehose.prefix import format_java
from cloudcore.firehose.processing import expand
from cloudcore.firehose.processing.jq import Query
from cloudcore.firehose.processing.work import Refused


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


QUERY: dict[str, Any] = {
    "prefix": "data/c=!{partitionKeyFromQuery:c}/", "error_prefix": "errors/!{firehose:error-output-type}/",
    "query": "{c: .customer.id}",
}  # fmt: skip


def failures(world: World) -> list[tuple[bytes, str]]:
    """(raw record, code) of each failure line."""
    lines = [json.loads(line) for line in world.joined("errors/processing-failed/").splitlines()]
    return [(base64.b64decode(line["rawData"]), line["errorCode"]) for line in lines]


def test_a_delimiter_behind_each_record(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, prefix="data/", append_delimiter=True)
    stream.put_batch([b"one", b"two\n", b""])
    world.drain(stream)
    assert world.joined("data/") == b"one\ntwo\n\n\n"


def test_partitions_by_query(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **QUERY, append_delimiter=True)
    good = [b'{"customer":{"id":%d},"n":%d}' % (n % 3, n) for n in range(30)]
    bad = [
        b'{"customer":{}}',
        b'{"customer":7}',
        b"[]",
        b"nonsense",
        b'{"customer":{"id":""}}',
        b'{"a":1}{"a":2}',
    ]
    stream.put_batch(good + bad)
    world.drain(stream)
    for c in range(3):
        assert world.joined(f"data/c={c}/") == b"".join(record + b"\n" for record in good[c::3])
    assert failures(world) == [(record, "DynamicPartitioning.MetadataExtractionFailed") for record in bad]
    lines = [json.loads(line) for line in world.joined("errors/").splitlines()]
    assert "lambdaARN" not in lines[0]
    assert (stream.status()["delivered"], stream.status()["failed"]) == (30, 6)


def test_partitions_by_a_query_that_needs_jq(world: World, tmp_path: Any) -> None:
    stream = world.open(
        tmp_path, prefix="data/y=!{partitionKeyFromQuery:y}/c=!{partitionKeyFromQuery:c}/", error_prefix="errors/",
        query='{c: (.id | ascii_downcase), y: (.at | strftime("%Y"))}',
    )  # fmt: skip
    stream.put_batch([b'{"id":"AB","at":1700000000}', b'{"id":5,"at":1700000000}'])
    world.drain(stream)
    assert world.joined("data/y=2023/c=ab/") == b'{"id":"AB","at":1700000000}'
    assert failures(world) == [(b'{"id":5,"at":1700000000}', "DynamicPartitioning.MetadataExtractionFailed")]


@pytest.mark.parametrize(
    "text",
    ["{a: .x.y, b: .z}", '{"a":.x["y"],"b":."z"}', "{a:.x.y,b:.z,c:.s}", '{ a : .x.y , b: .["z"] }'],
)
def test_plain_queries_give_what_jq_gives(text: str) -> None:
    import jq

    record = b'{"x":{"y":"one","k":3},"z":7,"s":"t","f":1.5,"ok":true}'
    query = Query(text)
    assert query._paths is not None
    wanted = jq.compile(text).input_text(record.decode()).first()
    assert query.keys(record) == {name: str(value) for name, value in wanted.items()}


def test_values_of_keys_as_text() -> None:
    record = b'{"i":7,"f":1.5,"w":2.0,"t":true,"s":"x y"}'
    for text in ("{i:.i,f:.f,w:.w,t:.t,s:.s}", "{i:.i,f:.f,w:.w,t:.t,s:.s} | ."):
        assert Query(text).keys(record) == {"i": "7", "f": "1.5", "w": "2", "t": "true", "s": "x y"}
    for text in ("{a:.none}", "{a:.none} | .", "[.i]", ".[]", "{a:{b:.i}}"):
        with pytest.raises(Refused):
            Query(text).keys(record)
    with pytest.raises(ApiError, match="not a jq program"):
        Query("{a:")


@pytest.mark.parametrize(
    ("record", "parts"),
    [
        (b'{"a":1}{"a":2}', [b'{"a":1}', b'{"a":2}']),
        (b'{"a":1}\n{"a":2}\n', [b'{"a":1}', b'{"a":2}']),
        (b' {"a": 1.0}  {"a":{"b":"}{"}}\r\n', [b'{"a": 1.0}', b'{"a":{"b":"}{"}}']),
        (b'{"a":1}{"a":2}\n{"a":3}', [b'{"a":1}', b'{"a":2}', b'{"a":3}']),
        (b'{"a":\n1}', [b'{"a":\n1}']),
        ('{"ä":"ö"}{"ü":1}'.encode(), ['{"ä":"ö"}'.encode(), '{"ü":1}'.encode()]),
        (b"", []),
    ],
)
def test_json_objects(record: bytes, parts: list[bytes]) -> None:
    assert expand.json_objects(record) == parts


@pytest.mark.parametrize("record", [b'[{"a":1}]', b'{"a":1', b"7", b'{"a":1}x', b"\xff", b'{"a":1}\n[2]'])
def test_what_is_no_sequence_of_objects(record: bytes) -> None:
    with pytest.raises(Refused) as caught:
        expand.json_objects(record)
    assert caught.value.code == "RecordDeAggregation.ParseError"


def test_records_taken_apart_go_through_function_and_partitions(world: World, tmp_path: Any) -> None:
    def answer(event: dict[str, Any]) -> Reply:
        replies = []
        for sent in event["records"]:
            n = json.loads(base64.b64decode(sent["data"]))["n"]
            data = base64.b64encode(b'{"n":%d,"k":"%d"}' % (n, n % 2)).decode()
            replies.append(
                {"recordId": sent["recordId"], "result": "Ok" if n != 5 else "Dropped", "data": data}
            )
        return Reply(json.dumps({"records": replies}).encode())

    world.function.script = [answer] * 2
    stream = world.open(
        tmp_path, prefix="data/k=!{partitionKeyFromQuery:k}/", error_prefix="errors/", query="{k:.k}", transform="f",
        split="json",
    )  # fmt: skip
    stream.put_batch([b'{"n":1}{"n":2}\n{"n":3}', b"oops", b'{"n":4}{"n":5}'])
    world.drain(stream)
    (event,) = world.function.events
    ids = [sent["recordId"] for sent in event["records"]]
    assert len(set(ids)) == 5
    assert {len(one) for one in ids} == {56}
    assert numbers(world.joined("data/k=0/")) == [2, 4]
    assert numbers(world.joined("data/k=1/")) == [1, 3]
    assert failures(world) == [(b"oops", "RecordDeAggregation.ParseError")]
    status = stream.status()
    assert (status["delivered"], status["dropped"], status["failed"]) == (4, 1, 1)


def test_delimited_records_and_their_limit(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, prefix="data/", split=b"##", append_delimiter=True, error_prefix="errors/")
    stream.put_batch([b"a##b##", b"c", b"##d", b"x##" * 500, b"y##" * 501])
    world.drain(stream)
    assert world.joined("data/") == b"a\nb\nc\n\nd\n" + b"x\n" * 500
    assert failures(world) == [(b"y##" * 501, "RecordDeAggregation.LimitExceeded")]


def logs(*messages: str, kind: str = "DATA_MESSAGE") -> bytes:
    events = [{"id": str(n), "timestamp": n, "message": text} for n, text in enumerate(messages)]
    return gzip.compress(json.dumps({"messageType": kind, "owner": "1", "logEvents": events}).encode())


def test_decompression(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, prefix="data/", decompress=True, error_prefix="errors/")
    bomb = gzip.compress(b"\0" * (expand.SIZE_MAX + 1))
    bad = [b"plain", gzip.compress(b"cut off" * 9)[:-5], gzip.compress(b"x") + b"trailing", b"", bomb]
    stream.put_batch([gzip.compress(b"one\n"), *bad, gzip.compress(b"two\n") + gzip.compress(b"three\n")])
    world.drain(stream)
    assert world.joined("data/") == b"one\ntwo\nthree\n"
    assert failures(world) == [(record, "Decompression.Failed") for record in bad]


def test_messages_of_cloudwatch_logs(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, prefix="data/", messages_only=True, error_prefix="errors/")
    bad = [gzip.compress(b"no json"), gzip.compress(b'{"logEvents":[{}]}'), gzip.compress(b"[1]")]
    stream.put_batch(
        [logs("first", "sec\nond\n"), logs("check", kind="CONTROL_MESSAGE"), *bad, logs("third")]
    )
    world.drain(stream)
    assert world.joined("data/") == b"first\nsec\nond\nthird\n"
    assert failures(world) == [(record, "CloudWatchLogProcessing.Failed") for record in bad]
    assert stream.status()["dropped"] == 1


def test_the_limit_of_active_partitions(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **QUERY, partitions_max=5, buffer_seconds=60)

    def put(*customers: int) -> None:
        stream.put_batch([b'{"customer":{"id":%d}}' % c for c in customers])
        while stream._pipeline.turn():
            pass

    put(*range(4))
    put(*range(8), 4, 5)
    world.clock.advance(61)
    assert stream._pipeline.turn()
    put(100)  # what was active is delivered
    world.drain(stream)
    assert [code for _, code in failures(world)] == ["DynamicPartitioning.ActivePartitionLimitExceeded"] * 4
    assert stream.status()["delivered"] == 4 + 6 + 1
    assert len({key.split("/")[1] for key in world.names("data/")}) == 6


def test_a_partition_that_cannot_be_written_goes_to_the_error_prefix(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **QUERY)
    put = world.objects.put

    def refuse(bucket: str, key: str, data: Any, **headers: Any) -> None:
        if key.startswith("data/c=1/"):
            raise OSError("this prefix is not allowed")
        put(bucket, key, data, **headers)

    world.objects.put = refuse  # type: ignore[method-assign]
    stream.put_batch([b'{"customer":{"id":%d}}' % n for n in (1, 2)])
    world.clock.advance(61)
    for _ in range(20):
        stream._pipeline.turn()
        world.clock.advance(30)
        if world.names("errors/"):
            break
        stream = world.open(tmp_path, description=stream.description) if _ == 3 else stream
    assert world.clock.monotonic() - 1_700_000_000 > 300  # RetryOptions: 300 s
    assert world.joined("errors/processing-failed/") == b'{"customer":{"id":1}}'
    assert world.joined("data/") == b'{"customer":{"id":2}}'
    world.drain(stream)
    assert (stream.status()["delivered"], stream.status()["failed"]) == (1, 1)


def test_the_bound_of_active_partitions(world: World, tmp_path: Any) -> None:
    for most in (0, 5001):
        with pytest.raises(ApiError, match="between 1 and 5000"):
            world.open(tmp_path, **QUERY, partitions_max=most)


def test_error_objects_are_compressed_as_the_data_is(world: World, tmp_path: Any) -> None:
    stream = world.open(tmp_path, **QUERY, compression="GZIP")
    stream.put_batch([b'{"customer":{"id":1}}', b"bad"])
    world.drain(stream)
    (error,) = world.names("errors/")
    assert error.endswith(".gz")
    assert json.loads(gzip.decompress(world.objects.objects["b", error]))["attemptsMade"] == 1


def test_processors_killed_at_every_durable_step(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudcore.firehose.journal._SNAPSHOT_EVERY", 5)
    at = 0
    while True:
        at += 1
        world = World(monkeypatch)
        world.disk.faults = Faults(at)
        finished = False
        for life in range(2):
            try:
                stream = world.open(tmp_path, **QUERY, split=b"\n", backup_prefix="raw/")
                for n in range(stream.last_sequence, 12):
                    lines = [b'{"customer":{"id":%d},"n":%d}' % (i % 2, n * 10 + i) for i in range(9)]
                    stream.put(b"\n".join([*lines, b"bad"]))
                    while stream._pipeline.turn():
                        pass
                world.drain(stream)
                finished = life == 0
                break
            except Killed:
                world.disk.faults = Faults()
        found = sorted(numbers(world.joined("data/")))
        assert found == [n for n in range(120) if n % 10 != 9], f"killed at step {at}"
        assert len(failures(world)) == 12, f"killed at step {at}"
        status = stream.status()
        assert (status["delivered"], status["failed"], status["backed_up"]) == (108, 12, 12)
        if finished:
            break
    assert at > 30


def processing(*processors: Any) -> dict[str, Any]:
    return {"Enabled": True, "Processors": [
        {"Type": kind, "Parameters": [{"ParameterName": k, "ParameterValue": v} for k, v in values.items()]}
        for kind, values in processors
    ]}  # fmt: skip


BY_QUERY = {
    "Prefix": "!{partitionKeyFromQuery:k}/", "ErrorOutputPrefix": "e/",
    "DynamicPartitioningConfiguration": {"Enabled": True},
}  # fmt: skip
JQ = {"MetadataExtractionQuery": "{k:.k}", "JsonParsingEngine": "JQ-1.6"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({**BY_QUERY}, "MetadataExtraction processor"),
        ({**BY_QUERY, "ProcessingConfiguration": processing(("MetadataExtraction", {**JQ, "JsonParsingEngine": "JQ-1.5"}))}, "JQ-1.6"),
        ({**BY_QUERY, "ProcessingConfiguration": processing(("MetadataExtraction", {**JQ, "MetadataExtractionQuery": "{z:.k}"}))}, "does not give the key k"),
        ({**BY_QUERY, "ProcessingConfiguration": processing(("MetadataExtraction", {**JQ, "MetadataExtractionQuery": "{k:"}))}, "not a jq program"),
        ({"ProcessingConfiguration": processing(("MetadataExtraction", JQ))}, "dynamic partitioning"),
        ({"ProcessingConfiguration": processing(("RecordDeAggregation", {}))}, "SubRecordType"),
        ({"ProcessingConfiguration": processing(("RecordDeAggregation", {"SubRecordType": "DELIMITED", "Delimiter": "#"}))}, "base64"),
        ({"ProcessingConfiguration": processing(("RecordDeAggregation", {"SubRecordType": "JSON", "Delimiter": "IyM="}))}, "DELIMITED"),
        ({"ProcessingConfiguration": processing(("Decompression", {"CompressionFormat": "ZIP"}))}, "GZIP"),
        ({"ProcessingConfiguration": processing(("Decompression", {}), ("CloudWatchLogProcessing", {"DataMessageExtraction": "maybe"}))}, "true or false"),
        ({"ProcessingConfiguration": processing(("Decompression", {}), ("Decompression", {}))}, "Only one processor"),
        ({"ProcessingConfiguration": processing(("AppendDelimiterToRecord", {"LambdaArn": "x"}))}, "LambdaArn"),
        ({"ProcessingConfiguration": processing(("Lambda", {}))}, "LambdaArn"),
        ({"ProcessingConfiguration": processing(("Lambda", {"LambdaArn": "a", "BufferSizeInMBs": "9"}))}, "between"),
    ],
)  # fmt: skip
def test_what_is_refused(members: dict[str, Any], words: str) -> None:
    from cloudcore.firehose.destinations.s3.config import parse

    with pytest.raises(ApiError, match=words):
        parse({"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bucket", **members})


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("YYYY-'W'ww", "2027-W01"), ("yyyy", "2026"), ("W", "5"), ("F", "5"), ("G", "AD"), ("QQQ", "Q4"),
        ("A", "54367123"), ("XXX", "+05:30"), ("X", "+0530"), ("xx", "+0530"), ("Z", "+0530"), ("ZZZZ", "GMT+05:30"),
        ("O", "GMT+5:30"), ("VV", "Asia/Kolkata"), ("z", "IST"), ("EEEE", "Thursday"), ("a", "PM"), ("hh", "03"),
    ],
)  # fmt: skip
def test_java_patterns_in_a_zone(pattern: str, wanted: str) -> None:
    when = datetime(2026, 12, 31, 15, 6, 7, 123000, ZoneInfo("Asia/Kolkata"))
    assert format_java(pattern, when) == wanted
