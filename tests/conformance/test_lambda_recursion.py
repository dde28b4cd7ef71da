"""A function that calls itself through boto3 is stopped after sixteen calls of one chain, unless it may go on."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import pytest

import cloudcore
from cloudcore.lambda_ import lineage
from cloudcore.lambda_.code import pack

CODE = b"""
import boto3, json, os
client = boto3.client("lambda")
def handler(event, context):
    depth = event["depth"] + 1
    print("DEPTH", depth)
    if depth >= event["most"]: return depth
    payload = json.dumps({**event, "depth": depth}).encode()
    try:
        answer = client.invoke(FunctionName="loop", Payload=payload, InvocationType=event["how"])
    except client.exceptions.RecursiveInvocationException:
        return [depth, "stopped"]
    return json.loads(answer["Payload"].read() or b"null")
"""


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as made:
        runtime = f"python3.{sys.version_info[1]}"
        made.function("loop", pack({"h.py": CODE}), handler="h.handler", timeout=60, runtime=runtime)
        yield made


def call(cloud: Any, most: int, how: str = "RequestResponse") -> Any:
    result = cloud.lambda_.invoke("loop", json.dumps({"depth": 0, "most": most, "how": how}).encode())
    return json.loads(result.payload)


def test_a_loop_is_stopped(cloud):
    assert call(cloud, 5) == 5
    assert call(cloud, 40) == [16, "stopped"]
    assert call(cloud, 5) == 5  # another chain begins at one


def test_a_loop_of_events_is_stopped(cloud):
    call(cloud, 40, "Event")
    deadline = time.monotonic() + 60
    while "DEPTH 16" not in (log := cloud.lambda_.log("loop").tail().decode()) or cloud.lambda_.asynchronous.pending:
        assert time.monotonic() < deadline, log
        time.sleep(0.05)
    assert "DEPTH 17" not in log


def test_headers():
    arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
    header = lineage.first(arn)
    for _ in range(15):
        header = lineage.follow(header, arn, True)
    assert header.endswith(":16") and header.startswith("Root=1-")
    with pytest.raises(Exception, match="RecursiveInvocationException"):
        lineage.follow(header, arn, True)
    assert lineage.follow(header, arn, False).endswith(":17")
    assert "|" in lineage.follow(header, arn + "2", True)
    assert lineage.follow("Root=x;Lineage=||:;a", arn, True).startswith("Root=x;a;Lineage=")
