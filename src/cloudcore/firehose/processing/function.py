"""The Lambda transform: records to the function and back, by the contract of Firehose.

What does not come back as the contract asks (a missing or doubled id, no JSON, an unknown result) is
Refused, record by record; a batch that fails after the retries is refused as a whole.

Source: AWS, "Transform source data in Amazon Data Firehose".
"""

from __future__ import annotations

import binascii
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudcore.errors import ApiError
from cloudcore.firehose.processing.config import Function
from cloudcore.firehose.processing.work import Item, Refused
from cloudcore.firehose.records import record_id
from cloudcore.firehose.sources.origins import Told

REQUEST_BYTES_MAX = 6 * 1000 * 1000
_RECORD_OVERHEAD = 150  # the JSON around one record's base64
_ORIGIN_OVERHEAD = 30
_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 5.0


@dataclass(slots=True)
class Reply:
    """What became of one item: its new data, or None when it was dropped, or why it was refused."""

    data: bytes | None = None
    keys: dict[str, Any] = field(default_factory=dict)
    refused: Refused | None = None
    attempts: int = 1


def request_bytes(size: int, origin: int = 0) -> int:
    """What a record of `size` bytes adds to a request, with so many bytes about its origin."""
    return size * 4 // 3 + _RECORD_OVERHEAD + (origin and origin + _ORIGIN_OVERHEAD)


class Caller:
    """Calls the processor function of one stream."""

    def __init__(
        self, function: Function, stream_arn: str, region: str, told: Told,
        invoke: Callable[[str, bytes], Any], sleep: Callable[[float], None],
    ):  # fmt: skip
        self._function, self._invoke, self._sleep = function, invoke, sleep
        self._told = told
        self._head = b'%s"deliveryStreamArn":%s,"region":%s,"records":[' % (
            told.head, orjson.dumps(stream_arn), orjson.dumps(region),
        )  # fmt: skip

    def call(self, items: list[Item]) -> Iterator[Reply]:
        """A reply for each item, in order. Items that do not fit one request go in several."""
        start = 0
        while start < len(items):
            end, size = start, 0
            while end < len(items) and (
                end == start or size + _request_bytes(items[end]) <= REQUEST_BYTES_MAX
            ):
                size += _request_bytes(items[end])
                end += 1
            yield from self._batch(items[start:end])
            start = end

    def _batch(self, items: list[Item]) -> Iterator[Reply]:
        identities = [record_id(item.sequence, item.part) for item in items]
        try:
            replies, attempts = self._call(items, identities)
        except Refused as refused:
            for _ in items:
                yield Reply(refused=refused, attempts=refused.attempts)
            return
        for identity in identities:
            try:
                yield _fate(replies.get(identity), self._told.data)
            except Refused as refused:
                yield Reply(refused=refused, attempts=attempts)

    def _call(self, items: list[Item], identities: list[str]) -> tuple[dict[str, Any], int]:
        """The replies by record id. Raises Refused when every attempt failed."""
        event = self._event(items, identities)
        pause = _RETRY_FIRST_S
        for attempt in range(1, self._function.retries + 2):
            try:
                return self._attempt(event, attempt), attempt
            except Refused as refused:
                if attempt > self._function.retries or refused.code == "Lambda.ResourceNotFound":
                    raise
            self._sleep(pause)
            pause = min(pause * 2, _RETRY_MAX_S)
        raise AssertionError("unreachable")

    def _attempt(self, event: bytes, attempt: int) -> dict[str, Any]:
        try:
            result = self._invoke(self._function.arn, event)
        except ApiError as error:
            codes = {
                "ResourceNotFoundException": "Lambda.ResourceNotFound",
                "TooManyRequestsException": "Lambda.InvokeLimitExceeded",
            }
            raise Refused(codes.get(error.code, "Lambda.InvokeFailed"), error.message, attempt) from None
        if result.function_error:
            text = bytes(result.payload).decode("utf-8", "replace")
            if "Task timed out" in text:
                raise Refused("Lambda.FunctionTimedOut", "The Lambda function timed out.", attempt)
            raise Refused(
                "Lambda.FunctionError",
                "The Lambda function was successfully invoked but it returned an error result.", attempt,
            )  # fmt: skip
        try:
            answer = orjson.loads(result.payload)
            replies: dict[str, Any] = {}
            for reply in answer["records"]:
                identity = reply["recordId"]
                replies[identity] = {"result": "__doubled__"} if identity in replies else reply
            return replies
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refused(
                "Lambda.JsonProcessingException",
                "There was an error parsing returned records from the Lambda function. Ensure that the "
                "returned records follow the status model required by Amazon Data Firehose.", attempt,
            ) from None  # fmt: skip

    def _event(self, items: list[Item], identities: list[str]) -> bytes:
        data = self._told.data.encode()
        records = [
            b'{"recordId":"%s","approximateArrivalTimestamp":%d,"%s":"%s"%s}'
            % (
                identity.encode(),
                item.arrival_ms,
                data,
                binascii.b2a_base64(item.data, newline=False),
                b',"%s":%s' % (self._told.origin, item.origin) if item.origin else b"",
            )
            for item, identity in zip(items, identities, strict=True)
        ]
        return b'{"invocationId":"%s",' % str(uuid.uuid4()).encode() + self._head + b",".join(records) + b"]}"


def _request_bytes(item: Item) -> int:
    return request_bytes(len(item.data), len(item.origin))


def _fate(reply: Any, member: str) -> Reply:
    """What became of a record; its new data is the reply's `member`."""
    if reply is None:
        raise Refused(
            "Lambda.MissingRecordId",
            "One or more record Ids were not returned. Ensure that the Lambda function returns all "
            "received record Ids.",
        )
    result = reply.get("result")
    if result == "Dropped":
        return Reply()
    if result == "ProcessingFailed":
        raise Refused("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
    if result == "__doubled__":
        raise Refused(
            "Lambda.DuplicatedRecordId",
            "Multiple records were returned with the same record Id. Ensure that the Lambda function "
            "returns unique record Ids for each record.",
        )
    data = reply.get(member)
    if result != "Ok" or not isinstance(data, str):
        raise Refused(
            "Lambda.JsonProcessingException",
            "There was an error parsing the returned records: result must be Ok, Dropped or "
            f"ProcessingFailed, and {member} a base64 string.",
        )
    try:
        raw = binascii.a2b_base64(data, strict_mode=bool(data))
    except (binascii.Error, ValueError):
        raise Refused("Lambda.JsonProcessingException", "The returned data is not base64.") from None
    metadata = reply.get("metadata")
    keys: dict[str, Any] = {}
    for member in ("partitionKeys", "otfMetadata"):
        given = metadata.get(member) if isinstance(metadata, dict) else None
        keys.update(given if isinstance(given, dict) else {})
    return Reply(raw, keys)
