"""boto3 before a delivery stream service, without a socket."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import boto3


class Raw(io.BytesIO):
    """What botocore reads a body from."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def client_of(service: Any) -> Any:
    """An unmodified client whose requests the service answers."""
    from botocore.awsrequest import AWSResponse

    client = boto3.client(
        "firehose", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b",
        endpoint_url="http://127.0.0.1:1",
    )  # fmt: skip

    def answer(request: Any, **_: Any) -> Any:
        target = request.headers["X-Amz-Target"]
        target = target.decode() if isinstance(target, bytes) else target
        assert target.startswith("Firehose_20150804.")
        status, body = service.call_json(target.partition(".")[2], request.body)
        headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": "r"}
        return AWSResponse(request.url, status, headers, Raw(body))

    client.meta.events.register("before-send.firehose", answer)
    return client
