"""A table as the source of a delivery stream: each change once, over restarts, kills and streams switched off and on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError


def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        pause.wait(0.05)
    raise AssertionError("it did not come")


def lines_of(cloud: Any) -> list[bytes]:
    """What was delivered."""
    return [line for key in cloud.objects.list("lake") for line in cloud.objects.get("lake", key).splitlines(True)]


def changes(lines: list[bytes]) -> list[tuple[str, str, str | None]]:
    """(event, id, new n) of each."""
    out = []
    for line in lines:
        found = json.loads(line)
        assert found["tableName"] == "orders" and found["recordFormat"] == "application/json"
        new = found["dynamodb"].get("NewImage", {}).get("n", {}).get("N")
        out.append((found["eventName"], found["dynamodb"]["Keys"]["id"]["S"], new))
    return out


def test_every_change_is_a_line_once(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path) as cloud:
        orders = cloud.table("orders", pk="id:S")
        orders.put({"id": "before", "n": 0})
        audit = cloud.stream("audit", source=orders, bucket="lake", prefix="audit/", buffer_seconds=0)
        for n in range(3):
            orders.put({"id": "a", "n": n})
        orders.delete("a")
        until(lambda: audit.last_sequence == 4)
        with pytest.raises(ApiError, match="has a source of its own"):
            cloud.firehose.call("PutRecord", {"DeliveryStreamName": "audit", "Record": {"Data": b"x"}})
        told = cloud.client("firehose").describe_delivery_stream(DeliveryStreamName="audit")[
            "DeliveryStreamDescription"
        ]
        assert told["DeliveryStreamType"] == "KinesisStreamAsSource"
        arn = told["Source"]["KinesisStreamSourceDescription"]["KinesisStreamARN"]
        assert arn.startswith("arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/")
        with pytest.raises(ApiError, match="exists with another configuration"):
            cloud.stream("audit", bucket="lake", prefix="audit/", buffer_seconds=0)
    with cloudcore.open(tmp_path) as cloud:  # what happens while nobody reads
        orders = cloud.table("orders")
        orders.put({"id": "b", "n": 9})
        orders.disable_stream()
        orders.put({"id": "unseen"})
        orders.enable_stream()
        orders.update("b", add={"n": 1})
    with cloudcore.open(tmp_path) as cloud:
        audit = cloud.stream("audit", source="orders", bucket="lake", prefix="audit/", buffer_seconds=0)
        until(lambda: audit.last_sequence == 6)
        assert audit.flush(60)
        taken = [data for _, _, data in audit.records(1, 10)]
        assert sorted(lines_of(cloud)) == sorted(taken)
        assert changes(taken) == [
            ("INSERT", "a", "0"), ("MODIFY", "a", "1"), ("MODIFY", "a", "2"), ("REMOVE", "a", None),
            ("INSERT", "b", "9"), ("MODIFY", "b", "10"),
        ]  # fmt: skip


def test_a_large_change_is_a_line_all_the_same() -> None:
    with cloudcore.open(":memory:") as cloud:
        orders = cloud.table("orders", pk="id:S")
        audit = cloud.stream("audit", source="orders", bucket="lake", buffer_seconds=0)
        for letter in "\x01\x02":  # six bytes each in JSON: two images do not fit, nor does one
            orders.put({"id": "a", "n": 1, "text": letter * 390_000})
        orders.delete("a")
        orders.put({"id": "b", "n": 2})
        until(lambda: audit.last_sequence == 4)
        assert audit.flush(60)
        assert sorted((event, key) for event, key, _ in changes(lines_of(cloud))) == [
            ("INSERT", "a"), ("INSERT", "b"), ("MODIFY", "a"), ("REMOVE", "a"),
        ]  # fmt: skip


WRITER = """
    import sys, cloudcore
    with cloudcore.open(sys.argv[1]) as cloud:
        orders = cloud.table("orders", pk="id:S")
        cloud.stream("audit", source=orders, bucket="lake", prefix="audit/", buffer_seconds=0)
        first = int(sys.argv[2])
        for n in range(first, first + 100_000):
            orders.put({"id": f"i{n:06d}", "n": n})
            print(n, flush=True)
"""


def test_no_change_is_lost_or_doubled_by_kill_9(tmp_path: Path) -> None:
    acknowledged = -1
    for life in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), str((life + 1) * 100_000)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        for _ in range(300 + 170 * life):
            acknowledged = int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    with cloudcore.open(tmp_path) as cloud:
        audit = cloud.stream("audit", source="orders", bucket="lake", prefix="audit/", buffer_seconds=0)
        wanted = sorted(item["id"] for item in cloud.table("orders").scan())
        assert f"i{acknowledged:06d}" in wanted
        until(lambda: audit.last_sequence >= len(wanted))
        assert audit.flush(60)
        assert sorted(key for _, key, _ in changes(lines_of(cloud))) == wanted


def test_what_is_no_source() -> None:
    with cloudcore.open(":memory:") as cloud:
        for given, kind in ((7, TypeError), ("arn:aws:sqs:us-east-1:0:q", ValueError), ("kafka://host", ValueError),
                            ("nowhere", ApiError)):  # fmt: skip
            with pytest.raises(kind):
                cloud.stream("s", source=given)
        with pytest.raises(ApiError, match="not found"):
            cloud.firehose.stream("s", source="nowhere")
        assert cloud.firehose.names() == []
