"""One GetItem of 400 bytes through every door: in process, boto3 without and with HTTP.

    python -m pytest bench/bench_clients.py --benchmark-columns=median,ops

"boto3 over HTTP" asks this package's own endpoint, which answers in C: the cheapest server boto3 can have.
Every door's answer is checked equal before it is timed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

import cloudcore

from .conftest import item

CALLS = 200
KEY = {"pk": item(1)["pk"], "sk": item(1)["sk"]}
TABLE: dict[str, Any] = {
    "TableName": "bench",
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}
DOORS = ["service", "client", "boto3 session", "boto3 mocked", "boto3 over HTTP"]


@pytest.fixture(scope="module", params=DOORS)
def get(request: pytest.FixtureRequest) -> Iterator[Callable[[], Any]]:
    options = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    with cloudcore.open(":memory:") as own, cloudcore.mock() as mocked, own.serve() as endpoint:
        cloud = mocked if request.param == "boto3 mocked" else own
        cloud.client("dynamodb").create_table(**TABLE)
        cloud.client("dynamodb").put_item(TableName="bench", Item=item(1))
        if request.param == "service":
            params = {"TableName": "bench", "Key": KEY}
            call = own.dynamodb.call
            yield lambda: call("GetItem", params)
            return
        clients: dict[str, Callable[[], Any]] = {
            "client": lambda: own.client("dynamodb"),
            "boto3 session": lambda: own.boto3_session().client("dynamodb"),
            "boto3 mocked": lambda: boto3.client("dynamodb", **options),
            "boto3 over HTTP": lambda: boto3.client("dynamodb", endpoint_url=endpoint.url, **options),
        }
        client = clients[request.param]()
        yield lambda: client.get_item(TableName="bench", Key=KEY)


@pytest.mark.benchmark(group="GetItem, one client, by door")
def test_get_item(benchmark: Any, get: Callable[[], Any]) -> None:
    """The same item each time; a round is `CALLS` calls."""
    assert get()["Item"] == item(1)

    def round_() -> None:
        for _ in range(CALLS):
            get()

    benchmark.pedantic(round_, rounds=15, warmup_rounds=2)
    benchmark.extra_info["us_per_call"] = round(benchmark.stats.stats.median / CALLS * 1e6, 2)
