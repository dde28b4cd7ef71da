"""The pytest plugin: every test that asks for it gets a cloud of its own, empty and in memory.

    def test_order(dynamodb):                       # boto3's client; code under test may make its own clients
        dynamodb.create_table(...)

    def test_expiry(cloudcore, cloudcore_clock):    # the Cloud, and its time, which stands still
        cloudcore_clock.advance(3600)

Without options boto3 is answered where it would open a socket; `--cloudcore-wire` serves each cloud on a
free loopback port instead, so that programs in other processes and languages reach it through `aws_env`.
Workers of pytest-xdist share nothing.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from cloudcore.clock import ManualClock
    from cloudcore.cloud import Cloud

_ACCOUNT = "123456789012"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("cloudcore")
    group.addoption(
        "--cloudcore-wire", action="store_true", help="clients of the fixtures speak HTTP to a served cloud"
    )


@pytest.fixture
def cloudcore_clock() -> ManualClock:
    """The time of this test's cloud: it starts at the present and moves by `advance(seconds)` alone."""
    from cloudcore.clock import ManualClock

    return ManualClock(time.time())


@pytest.fixture
def cloudcore(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """An empty Cloud in memory, with a clock that stands still if the test asks for `cloudcore_clock`."""
    from cloudcore.cloud import Cloud

    frozen = "cloudcore_clock" in request.fixturenames
    clock = request.getfixturevalue("cloudcore_clock") if frozen else None
    with Cloud(":memory:", account=_ACCOUNT, clock=clock) as cloud:
        yield cloud


@pytest.fixture
def aws_env(
    request: pytest.FixtureRequest, cloudcore: Cloud, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, str]]:
    """The variables (also set in os.environ) by which every SDK in this test reaches `cloudcore`.

    With --cloudcore-wire they name an endpoint; without, boto3 needs none and other programs cannot reach it.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    variables = {
        "AWS_REGION": cloudcore.region,
        "AWS_DEFAULT_REGION": cloudcore.region,
        "AWS_ACCESS_KEY_ID": cloudcore.account,
        "AWS_SECRET_ACCESS_KEY": "cloudcore",
    }
    if request.config.getoption("--cloudcore-wire"):
        with cloudcore.serve() as endpoint:
            variables["AWS_ENDPOINT_URL"] = endpoint.url
            for name, value in variables.items():
                monkeypatch.setenv(name, value)
            yield variables
        return
    from cloudcore.testing.mocks import Mock

    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with Mock(cloudcore.account, over=cloudcore):
        yield variables


def _client(service: str) -> Any:
    import boto3

    return boto3.Session().client(service)


@pytest.fixture
def dynamodb(aws_env: dict[str, str]) -> Any:
    """boto3's DynamoDB client on this test's cloud."""
    return _client("dynamodb")


@pytest.fixture
def lambda_(aws_env: dict[str, str]) -> Any:
    """boto3's Lambda client on this test's cloud."""
    return _client("lambda")


@pytest.fixture
def firehose(aws_env: dict[str, str]) -> Any:
    """boto3's Firehose client on this test's cloud."""
    return _client("firehose")


@pytest.fixture
def s3(aws_env: dict[str, str]) -> Any:
    """boto3's S3 client on this test's cloud."""
    return _client("s3")
