"""Destinations of asynchronous invocations and dead letters: who may be told, and of what.

A destination gets the invocation record, the dead-letter target the event as it was, with what went wrong in
the message's attributes. Where they go: delivering.py.
Source: AWS, "Capturing records of Lambda asynchronous invocations"; "Adding a dead-letter queue".
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import delivering, names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.delivering import Message
from cloudcore.lambda_.events import Event
from cloudcore.lambda_.metering import Result

_ERROR_MESSAGE_MAX = 1024
_DEAD_LETTERS = frozenset({"sqs", "sns", "dynamodb", "firehose"})


def check(service: Any, function: str, config: dict[str, Any]) -> None:
    """Refuse a DestinationConfig with what is not there. Hold no lock: endpoints elsewhere are asked."""
    for side, told in config.items():
        target = told.get("Destination")
        if not target:
            continue
        kind = delivering.service_of(target)
        if kind == "lambda" and names.parse(target).name == function:
            raise refused("You can't specify the function as a destination for itself.")
        if kind == "s3" and side == "OnSuccess":
            raise refused(f"The destination ARN {target} is invalid: a bucket is told of failures only.")
        delivering.check(service, target)


def check_dead_letters(service: Any, settings: dict[str, Any]) -> None:
    """Refuse a DeadLetterConfig among a function's settings whose target is not there; as check()."""
    target = settings.get("DeadLetterConfig", {}).get("TargetArn")
    if not target:
        return
    if delivering.service_of(target) not in _DEAD_LETTERS:
        raise refused(
            f"The provided dead letter config target {target} is not supported by this endpoint: queues and "
            "topics elsewhere, tables and delivery streams are."
        )
    delivering.check(service, target)


def messages(
    service: Any, event: Event, payload: bytes, condition: str, result: Result | None
) -> list[tuple[str, str, Message]]:
    """Who is told of an event's end: (meter's name of a failure to, target, message)."""
    function = service.registry.get(event.name)
    config = function.events.get(event.qualifier or names.LATEST, {}) if function else {}
    side = "OnSuccess" if condition == "Success" else "OnFailure"
    found = []
    target = config.get("DestinationConfig", {}).get(side, {}).get("Destination")
    at, arn = service.clock.now(), service.arn(event.name, event.qualifier or names.LATEST)
    if target:
        told = json.dumps(record(arn, at, event, payload, condition, result)).encode()
        message = Message(event.name, arn, event.request_id, at, told, condition == "Success")
        found.append(("destination_failures", target, message))
    letters = _dead_letters(service, event) if condition != "Success" else None
    if letters:
        attributes = _wrong(event, condition, result)
        message = Message(event.name, arn, event.request_id, at, payload, attributes=attributes)
        found.append(("dead_letter_errors", letters, message))
    return found


def _dead_letters(service: Any, event: Event) -> str | None:
    try:
        version = service.version(names.parse(event.name, event.qualifier))
    except ApiError:
        return None  # the version went meanwhile
    target: str | None = version.configuration.get("DeadLetterConfig", {}).get("TargetArn")
    return target


def _wrong(event: Event, condition: str, result: Result | None) -> dict[str, tuple[str, str]]:
    """The attributes of a dead letter."""
    code, text = ("200", condition) if result else ("429", condition)
    if result is not None:
        try:
            text = str(json.loads(result.payload)["errorMessage"])
        except (ValueError, KeyError, TypeError):
            text = result.payload.decode("utf-8", "replace")
    return {
        "RequestID": ("String", event.request_id),
        "ErrorCode": ("Number", code),
        "ErrorMessage": ("String", text[:_ERROR_MESSAGE_MAX] or condition),
    }


def record(
    arn: str, at: float, event: Event, payload: bytes, condition: str, result: Result | None
) -> dict[str, Any]:
    """The invocation record."""
    told: dict[str, Any] = {
        "version": "1.0",
        "timestamp": delivering.stamp(at),
        "requestContext": {
            "requestId": event.request_id,
            "functionArn": arn,
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
