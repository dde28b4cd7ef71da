"""ClusterDynamoDB: DynamoDB over a log that all nodes follow; asked at any node."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore.cluster.tables.kinds import LOCAL, eventual, kind_of
from cloudcore.cluster.tables.pending import READ, Answer, unknown
from cloudcore.cluster.tables.range import Range
from cloudcore.cluster.tables.shaped import ClusterTable, ClusterTables
from cloudcore.cluster.tables.streams import ClusterStreams
from cloudcore.dynamodb.errors import error_body
from cloudcore.dynamodb.operations import CONTROL, ITEM
from cloudcore.errors import ApiError, ClosedError

if TYPE_CHECKING:
    from cloudcore._table import Tables
    from cloudcore.cluster.tables.replica import Replica

_WAIT_S = 40.0


class ClusterDynamoDB:
    """The tables of an account in a region. `begin()` gives this node's part in their log.

    Any thread may call. What a cluster does not have yet is refused: UnsupportedOperationException.
    """

    operations = CONTROL | ITEM

    def __init__(self, account: str, region: str, begin: Callable[[], Range]):
        self.account, self.region = account, region
        self._begin = begin
        self._range: Range | None = None
        self._closed = False
        self.streams = ClusterStreams(self)
        self.tables = ClusterTables(self)

    @property
    def range(self) -> Range:
        """This node's part in the log."""
        if self._closed:
            raise ClosedError("this cloud is closed", "closed")
        if self._range is None:
            self._range = self._begin()
        return self._range

    @property
    def _replica(self) -> Replica | None:
        """What this node has of the log so far; it does not begin one."""
        return None if self._range is None else self._range.replica

    def call_json(self, operation: str, body: bytes) -> Answer:
        """(HTTP status, JSON body) of one operation; a refusal is a body too, never raised."""
        if operation not in self.operations:
            return _refused(ApiError("UnknownOperationException", ""))
        try:
            kind = kind_of(operation, body)
        except ApiError as error:
            return _refused(error)
        found = self.range
        if (why := found.versions.refused) is not None:
            return unknown(why)
        if kind == LOCAL:
            if (replica := found.whole()) is not None:
                return replica.tables.call_json(operation, body)
            kind = READ
        if kind == READ and (answer := found.read(operation, body)) is not None:
            return answer
        return self.answered(kind, operation, body)

    def answered(self, kind: str, operation: str, body: bytes) -> Answer:
        """What the leader answers, of an operation of streams too."""
        if (why := self.range.versions.refused) is not None:
            return unknown(why)
        try:
            return self.range.ask(kind, operation, body).result(_WAIT_S)
        except TimeoutError:
            return unknown("this node is busy; what was asked for may have happened")

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation with boto3-shaped params (bytes for B). Raises ApiError."""
        if operation in CONTROL:
            kind_of(operation, b"{}")  # what is refused is, whatever its parameters are
            params = validation.check("dynamodb", operation, params, False)  # times are numbers in it
        try:
            body = json.dumps(params, default=validation.for_json).encode()
        except (TypeError, ValueError) as error:
            raise ApiError("SerializationException", str(error)) from None
        reply = self.asked(operation, body)
        if operation in ITEM:
            found: dict[str, Any] = _with_bytes(reply)
            return found
        return validation.for_boto3("dynamodb", operation, reply)

    def local(self, operation: str, params: dict[str, Any]) -> Tables | None:
        """This node's replica, if it may answer that."""
        replica = self.range.whole()
        return None if replica is None or not eventual(operation, params) else replica.tables

    def table(self, name: str, pk: str | None, sk: str | None, floats: bool) -> ClusterTable:
        """A table with native Python types, as Cloud.table() has it."""
        return ClusterTable(self, name, pk, sk, floats)

    def asked(self, operation: str, body: bytes) -> dict[str, Any]:
        """The JSON of an operation's answer. Raises ApiError."""
        return self.parsed(operation, self.call_json(operation, body))

    def parsed(self, operation: str, answer: Answer) -> dict[str, Any]:
        """The JSON of an answer. Raises ApiError for one that is a refusal."""
        status, data = answer
        reply: dict[str, Any] = json.loads(data) if data else {}
        if status >= 400:
            code = str(reply.pop("__type", status)).rpartition("#")[2]
            message = reply.pop("message", None) or reply.pop("Message", None) or ""
            error = ApiError(code, str(message), status, _with_bytes(reply))
            error.operation_name = operation
            raise error
        return reply

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Items and bytes of every table, by name, as this node's replica has them."""
        replica = self._replica
        return {} if replica is None else replica.service.metrics()

    def info(self) -> dict[str, int]:
        """What this node's replica holds, as Tables.info() tells; nothing before it is there."""
        replica = self._replica
        return {} if replica is None else replica.tables.info()

    def billed(self) -> dict[str, dict[str, float]]:
        """Units are not counted on a cluster."""
        return {}

    def priced(self, name: str) -> dict[str, Any]:
        """What the price of a table depends on besides its use, as this node's replica has it."""
        replica = self._replica
        return {"bytes": 0} if replica is None else replica.service.priced(name)

    def partition_key(self, table: str) -> str | None:
        """The name of a table's partition key; None when there is no such table."""
        replica = self.range.replica
        return None if replica is None else replica.service.partition_key(table)

    def policy_of(self, resource: str) -> str | None:
        """The policy of a table, as this node's replica has it."""
        replica = self.range.replica
        return None if replica is None else replica.service.policy_of(resource)

    def close(self) -> None:
        """The node goes on following the log."""
        self._closed = True


def _refused(error: ApiError) -> Answer:
    return error.status, error_body(error)


def _with_bytes(value: Any) -> Any:
    """JSON of DynamoDB with bytes in the place of base64: {"B": text} and {"BS": [text]} alone are that."""
    if isinstance(value, list):
        return [_with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, inner),) = value.items()
        if kind == "B" and isinstance(inner, str):
            return {"B": base64.b64decode(inner)}
        if kind == "BS" and isinstance(inner, list) and all(isinstance(one, str) for one in inner):
            return {"BS": [base64.b64decode(one) for one in inner]}
    return {name: _with_bytes(inner) for name, inner in value.items()}
