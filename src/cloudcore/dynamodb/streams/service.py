"""Streams: the four operations of DynamoDB Streams over the tables of one service."""

from __future__ import annotations

import importlib
import json
import re
from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore.dynamodb.errors import error_body, parse
from cloudcore.dynamodb.streams.registry import Registry
from cloudcore.dynamodb.streams.stream import Stream
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB
    from cloudcore.dynamodb.streams.following import Following

_MODULES = {
    "DescribeStream": "describe_stream",
    "GetRecords": "get_records",
    "GetShardIterator": "get_shard_iterator",
    "ListStreams": "list_streams",
}
_ARN = re.compile(r"arn:aws:dynamodb:([a-z0-9-]+):(\d{12}):table/([a-zA-Z0-9_.-]{3,255})/stream/([^/|]+)")
SHARD_SECONDS = 4 * 3600.0


def _module(operation: str) -> Any:
    return importlib.import_module(f"cloudcore.dynamodb.streams.operations.{_MODULES[operation]}")


class Streams:
    """The streams of a service's tables. Any thread may call."""

    operations = frozenset(_MODULES)

    def __init__(self, service: DynamoDB, retention_seconds: float):
        self.service = service
        self.retention_seconds = retention_seconds
        self.registry = Registry(service, SHARD_SECONDS)

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation with boto3-shaped params and answer.

        Raises ApiError with AWS's code and message.
        """
        checked = self._check(operation, params, wire=False)
        answer: dict[str, Any] = _module(operation).run(self, checked)
        if operation == "GetRecords":
            return answer
        return validation.for_boto3("dynamodbstreams", operation, answer)

    def call_json(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """(HTTP status, JSON body) of one operation; a refusal is a body too, never raised."""
        try:
            checked = self._check(operation, parse(body), wire=True)
            if operation == "GetRecords":
                return 200, _module(operation).run_json(self, checked)
            return 200, json.dumps(_module(operation).run(self, checked)).encode()
        except ApiError as error:
            return error.status, error_body(error)

    def _check(self, operation: str, params: Any, wire: bool) -> dict[str, Any]:
        if operation not in self.operations:
            raise ApiError("UnknownOperationException", "")
        checked = validation.check("dynamodbstreams", operation, params, wire)
        self.registry.pass_time(self.service.clock.now(), self.retention_seconds)
        return checked

    # ---- what the operations share ----

    def arn(self, stream: Stream) -> str:
        """The ARN of a stream."""
        service = self.service
        return (
            f"arn:aws:dynamodb:{service.region}:{service.account}:table/{stream.table}/stream/{stream.label}"
        )

    def find(self, arn: str) -> Stream:
        """The stream of an ARN. Raises ApiError: ValidationException, ResourceNotFoundException."""
        found = _ARN.fullmatch(arn)
        if found is None:
            raise ApiError("ValidationException", "Invalid StreamArn")
        region, account, table, label = found.groups()
        stream = self.registry.find(table, label)
        if stream is None or (region, account) != (self.service.region, self.service.account):
            raise ApiError(
                "ResourceNotFoundException", f"Requested resource not found: Stream: {arn} not found"
            )
        return stream

    def following(self, arn: str) -> Following:
        """A stream, to be read by one thread. Raises ApiError."""
        from cloudcore.dynamodb.streams.following import Following

        return Following(self, arn)

    def horizon_ms(self) -> int:
        """Changes before this time are trimmed."""
        return max(0, int((self.service.clock.now() - self.retention_seconds) * 1000))
