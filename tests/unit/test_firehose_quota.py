"""Puts held to AWS's default quotas, on request."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from cloudcore.clock import ManualClock
from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects

MIB = 1 << 20


def service(tmp_path: Any, clock: ManualClock, region: str, quotas: bool = True) -> Firehose:
    firehose = Firehose(None, region=region, objects=LocalObjects(tmp_path), clock=clock, quotas=quotas)
    firehose.stream("s", bucket="b")
    return firehose


def refused(firehose: Firehose) -> bool:
    status, body = firehose.call_json("PutRecord", b'{"DeliveryStreamName":"s","Record":{"Data":"eA=="}}')
    assert status == 200 or (status == 503 and b"ServiceUnavailableException" in body)
    return status != 200


@pytest.mark.parametrize(("region", "requests", "mib"), [("us-east-1", 2000, 5), ("eu-north-1", 1000, 1)])
def test_requests_and_bytes(tmp_path: Any, region: str, requests: int, mib: int) -> None:
    clock = ManualClock()
    firehose = service(tmp_path, clock, region)
    assert not any(refused(firehose) for _ in range(requests)) and refused(firehose)
    clock.advance(0.5)
    assert not any(refused(firehose) for _ in range(requests // 2)) and refused(firehose)
    clock.advance(10)  # one second's allowance is the most that is saved up
    data = base64.b64encode(b"x" * 1_000_000).decode()
    body = json.dumps({"DeliveryStreamName": "s", "Records": [{"Data": data}]}).encode()
    taken = 0
    while firehose.call_json("PutRecordBatch", body)[0] == 200:
        taken += 1
    assert taken == -(-mib * MIB // 1_000_000)
    assert firehose.call_json("PutRecordBatch", body)[0] == 503
    firehose.get("s").put(b"the library's own puts are free")
    firehose.close()


def test_none_without_asking(tmp_path: Any) -> None:
    firehose = service(tmp_path, ManualClock(), "eu-north-1", quotas=False)
    assert not any(refused(firehose) for _ in range(3000))
    firehose.close()
