"""The Lambda transform: records to the function and back, by the contract of Firehose.

What does not come back as the contract asks (a missing or doubled id, no JSON, an unknown result) is
Refused, record by record; a batch that fails after the retries is refused as a whole.

Source: AWS, "Transform source data in Amazon Data Firehose".
"""

from __future__ import annotations

import binascii
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import orjson

from cloudcore._stream import transform_answer, transform_event
from cloudcore.errors import ApiError
from cloudcore.firehose.processing.config import Function
from cloudcore.firehose.processing.work import Items, Refused
from cloudcore.firehose.records import record_id
from cloudcore.firehose.sources.origins import Told

REQUEST_BYTES_MAX = 6 * 1000 * 1000
_RECORD_OVERHEAD = 150  # the JSON around one record's base64
_ORIGIN_OVERHEAD = 30
_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 5.0


@dataclass(slots=True)
class Keyed:
    """New data of a record, and the keys that came with it."""

    data: bytes
    keys: dict[str, Any]


Fate = bytes | Keyed | Refused | None
"""What became of a record: its new data, why it was refused, or None when it was dropped."""


def request_bytes(size: int, origin: int = 0, count: int = 1) -> int:
    """What `count` records of `size` bytes together add to a request, with what tells their origin."""
    return size * 4 // 3 + count * _RECORD_OVERHEAD + (origin and origin + count * _ORIGIN_OVERHEAD)


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

    def call(self, items: Items) -> Iterator[tuple[Items, list[Fate], int]]:
        """What became of each, in order: some of the items, as many fates, and the attempts that it took.
        What does not fit one request goes in several."""
        origins = items.origins or [b""] * len(items.data)
        size = request_bytes(sum(map(len, items.data)), sum(map(len, origins)), len(origins))
        if size <= REQUEST_BYTES_MAX:
            yield items, *self._batch(items)
            return
        start = 0
        sizes = [request_bytes(len(data), len(o)) for data, o in zip(items.data, origins, strict=True)]
        while start < len(sizes):
            end, size = start + 1, sizes[start]
            while end < len(sizes) and size + sizes[end] <= REQUEST_BYTES_MAX:
                size += sizes[end]
                end += 1
            some = items.between(start, end)
            yield some, *self._batch(some)
            start = end

    def _batch(self, items: Items) -> tuple[list[Fate], int]:
        try:
            return self._call(items)
        except Refused as refused:
            return [refused] * len(items.data), refused.attempts

    def _call(self, items: Items) -> tuple[list[Fate], int]:
        """Raises Refused when every attempt failed."""
        event = self._event(items)
        pause = _RETRY_FIRST_S
        for attempt in range(1, self._function.retries + 2):
            try:
                return self._read(self._attempt(event, attempt), items, attempt), attempt
            except Refused as refused:
                if attempt > self._function.retries or refused.code == "Lambda.ResourceNotFound":
                    raise
            self._sleep(pause)
            pause = min(pause * 2, _RETRY_MAX_S)
        raise AssertionError("unreachable")

    def _event(self, items: Items) -> bytes:
        head = b'{"invocationId":"%s",' % str(uuid.uuid4()).encode() + self._head
        return transform_event(
            head, self._told.data.encode(), self._told.origin, items.sequences, items.parts,
            items.arrivals_ms, items.data, items.origins,
        )  # fmt: skip

    def _attempt(self, event: bytes, attempt: int) -> bytes:
        """The answer of one invocation. Raises Refused."""
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
        payload: bytes = result.payload
        return payload

    def _read(self, payload: bytes, items: Items, attempt: int) -> list[Fate]:
        """What an answer says of the records that were sent. Raises Refused for one that is no answer."""
        member = self._told.data
        usual = transform_answer(payload, member.encode(), items.sequences, items.parts)
        try:
            if usual is not None:
                fates, others = usual
                for at, text in others.items():
                    fates[at] = _fate(orjson.loads(text), member)
                return fates
            replies: dict[str, Any] = {}
            for reply in orjson.loads(payload)["records"]:
                identity = reply["recordId"]
                replies[identity] = {"result": "__doubled__"} if identity in replies else reply
        except (orjson.JSONDecodeError, KeyError, TypeError):
            raise Refused(
                "Lambda.JsonProcessingException",
                "There was an error parsing returned records from the Lambda function. Ensure that the "
                "returned records follow the status model required by Amazon Data Firehose.", attempt,
            ) from None  # fmt: skip
        parts = items.parts or repeat(None)
        return [_fate(replies.get(identity), member) for identity in map(record_id, items.sequences, parts)]


def _fate(reply: Any, member: str) -> Fate:
    """What became of a record; its new data is the reply's `member`."""
    if reply is None:
        return Refused(
            "Lambda.MissingRecordId",
            "One or more record Ids were not returned. Ensure that the Lambda function returns all "
            "received record Ids.",
        )
    result = reply.get("result")
    if result == "Dropped":
        return None
    if result == "ProcessingFailed":
        return Refused("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record")
    if result == "__doubled__":
        return Refused(
            "Lambda.DuplicatedRecordId",
            "Multiple records were returned with the same record Id. Ensure that the Lambda function "
            "returns unique record Ids for each record.",
        )
    data = reply.get(member)
    if result != "Ok" or not isinstance(data, str):
        return Refused(
            "Lambda.JsonProcessingException",
            "There was an error parsing the returned records: result must be Ok, Dropped or "
            f"ProcessingFailed, and {member} a base64 string.",
        )
    try:
        raw = binascii.a2b_base64(data, strict_mode=bool(data))
    except (binascii.Error, ValueError):
        return Refused("Lambda.JsonProcessingException", "The returned data is not base64.")
    metadata = reply.get("metadata")
    keys: dict[str, Any] = {}
    for member in ("partitionKeys", "otfMetadata"):
        given = metadata.get(member) if isinstance(metadata, dict) else None
        keys.update(given if isinstance(given, dict) else {})
    return Keyed(raw, keys) if keys else raw
