"""What the tests of functions under boto3 share."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.lambda_.code import pack

ROLE = "arn:aws:iam::000000000000:role/r"
ARN = "arn:aws:lambda:us-east-1:000000000000:function:fn"
ECHO = b"def handler(event, context):\n    return {'event': event, 'arn': context.invoked_function_arn}\n"


@pytest.fixture
def cloud() -> Iterator[cloudcore.Cloud]:
    with cloudcore.open(":memory:") as made:
        yield made


@pytest.fixture
def functions(cloud: cloudcore.Cloud) -> Iterator[Any]:
    with cloud.serve() as endpoint:
        client = boto3.client(
            "lambda", endpoint_url=endpoint.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
            config=Config(retries={"max_attempts": 1}, parameter_validation=False),
        )  # fmt: skip
        yield client
        client.close()


def create(client: Any, name: str = "fn", source: bytes = ECHO, **more: Any) -> dict[str, Any]:
    """CreateFunction with what it needs and time for a slow machine; a member that is None is left out."""
    params = {
        "FunctionName": name, "Runtime": "python3.12", "Role": ROLE, "Handler": "h.handler", "Timeout": 30,
        "Code": {"ZipFile": pack({"h.py": source})},
    }  # fmt: skip
    params = {member: value for member, value in (params | more).items() if value is not None}
    answer: dict[str, Any] = client.create_function(**params)
    return answer


def change(client: Any, source: bytes, name: str = "fn", **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.update_function_code(
        FunctionName=name, ZipFile=pack({"h.py": source}), **more
    )
    return answer


def invoke(client: Any, name: str = "fn", event: Any = None, **more: Any) -> tuple[Any, dict[str, Any]]:
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode(), **more)
    return json.loads(answer["Payload"].read()), answer


def until(check: Callable[[], Any], seconds: float = 60) -> Any:
    """What `check` gives once it is true; it must become so."""
    end = time.monotonic() + seconds
    while not (found := check()):
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.01)
    return found


def refusal(call: Any, *args: Any, **params: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(*args, **params)
    answer = caught.value.response
    message = answer["Error"].get("Message") or answer.get("message")
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], message
