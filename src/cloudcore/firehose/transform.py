"""The Lambda transform: a batch of records to the function and back, each record's fate decided here.

`Transform.run` is the one place that tells Ok, Dropped and ProcessingFailed apart. What does not
come back as the contract asks (a missing or doubled id, no JSON, an unknown result, absent
partition keys) becomes a failure line with the original bytes, in the order AWS writes it.

Source: AWS, "Transform source data in Amazon Data Firehose".
"""

from __future__ import annotations

import binascii
import json
import uuid
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import orjson

from cloudcore.clock import Clock
from cloudcore.errors import ApiError
from cloudcore.firehose.destinations.s3.config import S3Config
from cloudcore.firehose.prefix import EVALUATED_MAX, moment
from cloudcore.firehose.records import record_id

REQUEST_BYTES_MAX = 6 * 1000 * 1000
_SEGMENT_MAX = 255  # bytes of a file name
_LANES_KEPT = 10_000
_RECORD_OVERHEAD = 150  # the JSON around one record's base64
_RETRY_FIRST_S, _RETRY_MAX_S = 0.1, 5.0


@dataclass
class Work:
    """Records for one invocation: consecutive sequence numbers with their arrival times in ms."""

    first: int
    records: list[bytes] = field(default_factory=list)
    arrivals: list[int] = field(default_factory=list)
    size: int = 0
    request_bytes: int = 0

    @property
    def last(self) -> int:
        return self.first + len(self.records) - 1


@dataclass
class Group:
    """Records of one lane: what goes into one buffer. `sequences` are their source sequence numbers."""

    lane: str
    keys: dict[str, str]
    records: list[bytes] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)


@dataclass
class Outcome:
    """What became of a Work. ok + dropped + failed = its records."""

    groups: list[Group]
    ok: int = 0
    dropped: int = 0
    failed: int = 0


class Refused(Exception):
    """The whole batch failed, after the retries."""

    def __init__(self, code: str, message: str, attempts: int):
        super().__init__(message)
        self.code = code
        self.attempts = attempts


class Transform:
    """Calls the processor function of one stream."""

    def __init__(
        self,
        config: S3Config,
        stream_arn: str,
        region: str,
        invoke: Callable[[str, bytes], Any],
        clock: Clock,
        sleep: Callable[[float], None],
        on_failed: Callable[[int, str, str, bytes], None] | None = None,
    ):
        assert config.processor is not None
        self.config = config
        self.processor = config.processor
        self.buffer_bytes, self.buffer_seconds = self.processor.buffer_bytes, self.processor.buffer_seconds
        self._head = b'"deliveryStreamArn":%s,"region":%s,"records":[' % (
            orjson.dumps(stream_arn), orjson.dumps(region),
        )  # fmt: skip
        self._invoke = invoke
        self._clock = clock
        self._sleep = sleep
        self._on_failed = on_failed
        self._needed = config.data.prefix.partition_keys
        self._lanes: set[str] = set()  # whose names were checked already

    def has_room(self, work: Work, record: bytes) -> bool:
        """Whether one more record fits the invocation's request."""
        if not work.records:
            return True
        grown = work.request_bytes + len(record) * 4 // 3 + _RECORD_OVERHEAD
        return work.size + len(record) <= self.processor.buffer_bytes and grown <= REQUEST_BYTES_MAX

    def add(self, work: Work, record: bytes, arrival_ms: int) -> None:
        work.records.append(record)
        work.arrivals.append(arrival_ms)
        work.size += len(record)
        work.request_bytes += len(record) * 4 // 3 + _RECORD_OVERHEAD

    def run(self, work: Work) -> Outcome:
        """Invoke the function over the records and sort them into lanes."""
        groups: dict[str, Group] = {}
        outcome = Outcome([])
        try:
            replies, attempts = self._call(work)
        except Refused as refused:
            for at in range(len(work.records)):
                self._fail(groups, work, at, refused.code, str(refused), refused.attempts)
            outcome.failed = len(work.records)
            outcome.groups = list(groups.values())
            return outcome
        for at in range(len(work.records)):
            reply = replies.get(record_id(work.first + at))
            try:
                lane, keys, data = self._fate(reply)
            except Refused as refused:
                self._fail(groups, work, at, refused.code, str(refused), attempts)
                outcome.failed += 1
                continue
            if lane is None:
                outcome.dropped += 1
                continue
            group = groups.get(lane) or groups.setdefault(lane, Group(lane, keys))
            group.records.append(data + self.config.delimiter if self.config.delimiter else data)
            group.sequences.append(work.first + at)
            outcome.ok += 1
        outcome.groups = list(groups.values())
        return outcome

    def _fate(self, reply: Any) -> tuple[str | None, dict[str, str], bytes]:
        """(lane, partition keys, data) of a reply; lane None: dropped. Raises Refused: failed."""
        if reply is None:
            raise Refused(
                "Lambda.MissingRecordId",
                "One or more record Ids were not returned. Ensure that the Lambda function returns all "
                "received record Ids.", 1,
            )  # fmt: skip
        result = reply.get("result")
        if result == "Dropped":
            return None, {}, b""
        if result == "ProcessingFailed":
            raise Refused("Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record", 1)
        if result == "__doubled__":
            raise Refused(
                "Lambda.DuplicatedRecordId",
                "Multiple records were returned with the same record Id. Ensure that the Lambda function "
                "returns unique record Ids for each record.", 1,
            )  # fmt: skip
        data = reply.get("data")
        if result != "Ok" or not isinstance(data, str):
            raise Refused(
                "Lambda.JsonProcessingException",
                "There was an error parsing the returned records: result must be Ok, Dropped or "
                "ProcessingFailed, and data a base64 string.", 1,
            )  # fmt: skip
        try:
            raw = binascii.a2b_base64(data, strict_mode=bool(data))
        except (binascii.Error, ValueError):
            raise Refused("Lambda.JsonProcessingException", "The returned data is not base64.", 1) from None
        if not self._needed:
            return "data", {}, raw
        keys = self._keys(reply)
        lane = "data:" + json.dumps(keys, sort_keys=True, ensure_ascii=False)
        if lane not in self._lanes:
            self._check_prefix(keys)
            if len(self._lanes) >= _LANES_KEPT:
                self._lanes.clear()
            self._lanes.add(lane)
        return lane, keys, raw

    def _keys(self, reply: dict[str, Any]) -> dict[str, str]:
        metadata = reply.get("metadata")
        found = metadata.get("partitionKeys") if isinstance(metadata, dict) else None
        keys = {}
        for name in self._needed:
            value = found.get(name) if isinstance(found, dict) else None
            if isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            if not isinstance(value, str) or not value:
                raise Refused(
                    "DynamicPartitioning.MetadataExtractionFailed",
                    f"partitionKeys values cannot be null or empty: {name}", 1,
                )  # fmt: skip
            keys[name] = value
        return keys

    def _check_prefix(self, keys: dict[str, str]) -> None:
        """An object name that no store takes must fail here, not when it is written."""
        text = self.config.data.prefix.evaluate(moment(self._clock.now_ms(), self.config.zone), keys)
        segments = [len(segment.encode()) for segment in text.split("/")]
        if sum(segments) + len(segments) > EVALUATED_MAX or max(segments) > _SEGMENT_MAX or segments[-1] > 90:
            raise Refused("DynamicPartitioning.PrefixEvaluationFailed", "The evaluated prefix is too long", 1)

    def _fail(
        self, groups: dict[str, Group], work: Work, at: int, code: str, message: str, attempts: int
    ) -> None:
        group = groups.get("error:processing-failed")
        if group is None:
            group = groups["error:processing-failed"] = Group("error:processing-failed", {})
        sequence = work.first + at
        group.sequences.append(sequence)
        group.records.append(
            orjson.dumps(
                {
                    "rawData": b64encode(work.records[at]).decode(),
                    "errorCode": code,
                    "errorMessage": message,
                    "attemptsMade": attempts,
                    "arrivalTimestamp": work.arrivals[at],
                    "attemptEndingTimestamp": self._clock.now_ms(),
                    "lambdaARN": self.processor.function_arn,
                }
            )
            + b"\n"
        )
        if self._on_failed:
            self._on_failed(sequence, code, message, work.records[at])

    def _call(self, work: Work) -> tuple[dict[str, Any], int]:
        """The replies by record id. Raises Refused when every attempt failed."""
        event = self._event(work)
        pause = _RETRY_FIRST_S
        for attempt in range(1, self.processor.retries + 2):
            try:
                return self._attempt(event, attempt), attempt
            except Refused as refused:
                if attempt > self.processor.retries or refused.code == "Lambda.ResourceNotFound":
                    raise
            self._sleep(pause)
            pause = min(pause * 2, _RETRY_MAX_S)
        raise AssertionError("unreachable")

    def _attempt(self, event: bytes, attempt: int) -> dict[str, Any]:
        try:
            result = self._invoke(self.processor.function_arn, event)
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

    def _event(self, work: Work) -> bytes:
        first = work.first
        records = [
            b'{"recordId":"49%054d","approximateArrivalTimestamp":%d,"data":"%s"}'
            % (first + at, arrival, binascii.b2a_base64(record, newline=False))
            for at, (record, arrival) in enumerate(zip(work.records, work.arrivals, strict=True))
        ]
        return b'{"invocationId":"%s",' % str(uuid.uuid4()).encode() + self._head + b",".join(records) + b"]}"
