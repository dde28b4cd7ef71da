"""Destinations of asynchronous invocations: what they are told and how it gets there.

A destination is another function, an object store's bucket (for failures) or, beyond AWS, a delivery stream;
queues, topics and event buses are refused, since there are none here.
Source: AWS, "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import json
import re
import time
import uuid
from typing import Any

from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.events import Event
from cloudcore.lambda_.metering import Result

_STREAM = re.compile(r"arn:aws[\w-]*:firehose:[\w-]*:\d{12}:deliverystream/([\w.-]+)")
_BUCKET = re.compile(r"arn:aws[\w-]*:s3:::([\w.-]+)")


def check(service: Any, function: str, side: str, target: str) -> None:
    """Refuse a destination that is not there, or of a kind that this endpoint has not."""
    if ":lambda:" in target:
        reference = names.parse(target)
        if reference.name == function:
            raise refused("You can't specify the function as a destination for itself.")
        found = service.registry.get(reference.name)
        foreign = reference.account != service.account or reference.region != service.region
        if (
            foreign
            or found is None
            or found.resolve(reference.qualifier or names.LATEST) not in found.versions
        ):
            raise refused(f"The destination ARN {target} is invalid.")
    elif _BUCKET.fullmatch(target):
        if side == "OnSuccess":
            raise refused(f"The destination ARN {target} is invalid: a bucket is told of failures only.")
        if service.put_object is None:
            raise refused(f"The destination ARN {target} is invalid: there is no object store here.")
    elif not _STREAM.fullmatch(target) or service.put_record is None:
        raise refused(
            f"The destination {target} is not supported by this endpoint: functions, buckets and delivery "
            "streams are."
        )


def record(
    service: Any, event: Event, payload: bytes, condition: str, result: Result | None
) -> dict[str, Any]:
    """The invocation record."""
    now = service.clock.now()
    told: dict[str, Any] = {
        "version": "1.0",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now * 1000) % 1000:03d}Z",
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": service.arn(event.name, event.qualifier or names.LATEST),
            "condition": condition,
            "approximateInvokeCount": event.attempts,
        },
        "requestPayload": json.loads(payload or b"{}"),
    }
    if result is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": result.executed_version}
        if result.function_error:
            context["functionError"] = result.function_error
        told["responseContext"] = context
        try:
            told["responsePayload"] = json.loads(result.payload) if result.payload else None
        except ValueError:
            told["responsePayload"] = None  # bytes that are no JSON
    return told


def send(service: Any, target: str, function: str, told: dict[str, Any]) -> None:
    """Hand a record over to a checked destination. Raises what the destination raises."""
    data = json.dumps(told).encode()
    bucket, stream = _BUCKET.fullmatch(target), _STREAM.fullmatch(target)
    if bucket:
        now = time.gmtime(service.clock.now())
        key = time.strftime(f"aws/lambda/async/{function}/%Y/%m/%d/%Y-%m-%dT%H.%M.%S-", now) + str(
            uuid.uuid4()
        )
        service.put_object(bucket[1], key, data)
    elif stream:
        service.put_record(stream[1], data + b"\n")
    else:
        reference = names.parse(target)
        service.version(reference)
        service.asynchronous.accept(reference.name, reference.qualifier, data)
