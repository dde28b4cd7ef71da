"""A transform's answer read the quick way, in C, and the thorough way: the same fates, whatever the function says."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest

from cloudcore.firehose.processing import function
from cloudcore.firehose.processing.function import Caller, Keyed
from cloudcore.firehose.processing.work import Items, Refused
from cloudcore.firehose.records import record_id
from cloudcore.firehose.sources.origins import Told

ANSWERS = 1200
DATA = ["", "YWI=", "YWJj", "YW", "YW==", "YWJ=", "Y W=", "YWI=YWI=", "é", "=", "====", "YWI\n", None, 7, ["YWI="]]
RESULTS = ["Ok", "Ok", "Ok", "Dropped", "ProcessingFailed", "ok", "", None, 1, "O\u006b"]
METADATA = [None, {}, {"partitionKeys": {"k": "1"}}, {"partitionKeys": 3}, {"otfMetadata": {"o": "x"}}, [], "\ud800"]


def caller(told: Told) -> Caller:
    return Caller(None, "arn:aws:firehose:x", "x", told, None, None)  # type: ignore[arg-type]


def plain(fates: list[Any]) -> list[Any]:
    return [
        (fate.code, str(fate)) if isinstance(fate, Refused)
        else (fate.data, fate.keys) if isinstance(fate, Keyed) else fate
        for fate in fates
    ]  # fmt: skip


def read(reader: Caller, payload: bytes, items: Items) -> Any:
    try:
        return plain(reader._read(payload, items, 1))
    except Refused as refused:
        return (refused.code, str(refused), refused.attempts)


def answer(rng: random.Random, items: Items, member: str) -> Any:
    """Mostly as the contract has it, with a fault here and there."""
    records: list[Any] = []
    for at in range(len(items.data)):
        record: dict[str, Any] = {"recordId": record_id(items.sequences[at], items.parts[at] if items.parts else None)}
        odd = rng.random() < 0.2
        record["result"] = rng.choice(RESULTS) if odd else rng.choice(["Ok", "Ok", "Dropped"])
        if record["result"] != "Dropped" or odd:
            record[member] = rng.choice(DATA) if odd else base64.b64encode(rng.randbytes(rng.randrange(90))).decode()
        if rng.random() < 0.1:
            record["metadata"] = rng.choice(METADATA)
        members = list(record.items())
        if rng.random() < 0.1:
            rng.shuffle(members)
        if rng.random() < 0.03:
            members.pop(rng.randrange(len(members)))
        records.append(dict(members))
    if rng.random() < 0.1:
        rng.shuffle(records)
    if rng.random() < 0.1:
        records.insert(rng.randrange(len(records) + 1), rng.choice([*records, {"recordId": "x"}, 3, {}]))
    if rng.random() < 0.05:
        records.pop()
    whole: dict[str, Any] = {"records": records}
    if rng.random() < 0.05:
        whole = {"more": 1, **whole} if rng.random() < 0.5 else {**whole, "more": {"a": []}}
    return whole if rng.random() < 0.99 else rng.choice([records, None, {"records": None}, {}])


@pytest.mark.parametrize("told", [Told(), Told(b"", b"kinesisRecordMetadata", "kinesis")], ids=["puts", "a source"])
def test_both_ways_say_the_same(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, reader, quickly = function.transform_answer, caller(told), 0
    seen: set[Any] = set()
    for seed in range(ANSWERS):
        rng = random.Random(seed)
        count = rng.randrange(1, 7)
        parts = list(range(count)) if rng.random() < 0.3 else None
        sequences = list(range(5, 5 + count)) if parts is None else sorted(rng.choices(range(3), k=count))
        items = Items(sequences, [1] * count, [b""] * count, parts)
        payload = json.dumps(answer(rng, items, told.data), ensure_ascii=rng.random() < 0.9).encode("utf-8", "replace")
        if rng.random() < 0.2:
            at = rng.randrange(len(payload))
            payload = payload[:at] + rng.choice([b"", b'"', b"\\", b"\xff", b" ", b"\x01", b"}"]) + payload[at + 1 :]
        found = read(reader, payload, items)
        quickly += quick(payload, told.data.encode(), sequences, parts) is not None
        with monkeypatch.context() as patch:
            patch.setattr(function, "transform_answer", lambda *_: None)
            assert found == read(reader, payload, items), (seed, payload)
        if isinstance(found, list):
            seen |= {fate[0] if isinstance(fate, tuple) else type(fate) for fate in found}
    assert ANSWERS // 3 < quickly < ANSWERS - ANSWERS // 10
    assert {bytes, type(None), "Lambda.ProcessingFailedStatus", "Lambda.MissingRecordId"} <= seen


def test_an_event_is_what_its_parts_say() -> None:
    reader = caller(Told(b'"sourceKinesisStreamArn":"arn",', b"kinesisRecordMetadata", "data"))
    rng = random.Random(1)
    for count in (1, 2, 50):
        data = [rng.randbytes(rng.randrange(200)) for _ in range(count)]
        origins = [json.dumps({"shardId": str(at)}).encode() if at % 2 else b"" for at in range(count)]
        sequences = [3 + at // 2 for at in range(count)]
        items = Items(sequences, list(range(count)), data, list(range(count)), origins)
        event = json.loads(reader._event(items))
        assert event["deliveryStreamArn"] == "arn:aws:firehose:x" and event["sourceKinesisStreamArn"] == "arn"
        assert [base64.b64decode(record["data"]) for record in event["records"]] == data
        assert [record["recordId"] for record in event["records"]] == [
            record_id(sequence, part) for part, sequence in enumerate(sequences)
        ]
        assert [record["approximateArrivalTimestamp"] for record in event["records"]] == list(range(count))
        assert ["kinesisRecordMetadata" in record for record in event["records"]] == [bool(one) for one in origins]
