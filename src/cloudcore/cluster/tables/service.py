"""ClusterDynamoDB: DynamoDB over a log that all nodes follow; asked at any node."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cloudcore import validation
from cloudcore.cluster.tables.binary import with_bytes
from cloudcore.cluster.tables.kinds import LOCAL, eventual, kind_of
from cloudcore.cluster.tables.pending import CONTROL as CHANGE
from cloudcore.cluster.tables.pending import DESCRIBE, READ, Answer, unknown, waited
from cloudcore.cluster.tables.range import Range
from cloudcore.cluster.tables.ranges import Ranges
from cloudcore.cluster.tables.router import Router
from cloudcore.cluster.tables.shaped import ClusterTable, ClusterTables
from cloudcore.cluster.tables.splitting import MOVED
from cloudcore.cluster.tables.streams import ClusterStreams
from cloudcore.cluster.tables.transacting import BUSY
from cloudcore.dynamodb.errors import error_body
from cloudcore.dynamodb.operations import CONTROL, ITEM
from cloudcore.dynamodb.usage import HOURS, add
from cloudcore.errors import ApiError, ClosedError

if TYPE_CHECKING:
    from cloudcore._table import Tables
    from cloudcore.cluster.tables.replica import Replica


class ClusterDynamoDB:
    """The tables of an account in a region. `begin()` gives this node's parts in their logs.

    Any thread may call.
    """

    operations = CONTROL | ITEM

    def __init__(self, account: str, region: str, begin: Callable[[], Ranges]):
        self.account, self.region = account, region
        self._begin = begin
        self._router: Router | None = None
        self._closed = False
        self.streams = ClusterStreams(self)
        self.tables = ClusterTables(self)

    @property
    def router(self) -> Router:
        """This node's parts in the logs."""
        if self._closed:
            raise ClosedError("this cloud is closed", "closed")
        if self._router is None:
            self._router = Router(self._begin())
        return self._router

    @property
    def range(self) -> Range:
        """This node's part in the log of the first range, all of them unless it was split."""
        return self.router.ranges.root

    @property
    def _replica(self) -> Replica | None:
        """What this node has of the log so far; it does not begin one."""
        return None if self._router is None else self._router.ranges.root.replica

    def call_json(self, operation: str, body: bytes) -> Answer:
        """(HTTP status, JSON body) of one operation; a refusal is a body too, never raised."""
        if operation not in self.operations:
            return _refused(ApiError("UnknownOperationException", ""))
        kind = kind_of(operation, body)
        router = self.router
        found = router.ranges.root
        if router.ranges.split and kind not in (DESCRIBE, CHANGE):
            return router.answer(kind, operation, body)
        answer = self._of_one(found, kind, operation, body)
        return answer if answer[0] not in (MOVED, BUSY) else router.answer(kind, operation, body)

    def manage(self, operation: str, body: bytes) -> Answer:
        """What an operator asks of the leader of a range: "#split/RANGE", "#move/RANGE" (range.py)."""
        verb, _, range_ = operation.partition("/")
        found = self.router.ranges.all.get(range_)
        if found is None:
            told = {"message": f"there is no range {range_!r} of {self.account} {self.region}"}
            return 400, json.dumps(told).encode()
        return self._of_one(found, CHANGE, verb, body)

    def _of_one(self, found: Range, kind: str, operation: str, body: bytes) -> Answer:
        if (why := found.versions.refused) is not None:
            return unknown(why)
        if kind == LOCAL:
            if (replica := found.whole()) is not None:
                return replica.tables.call_json(operation, body)
            kind = READ
        if kind == READ and (answer := found.read(operation, body)) is not None:
            return answer
        return waited(found.ask(kind, operation, body))

    def described(self, operation: str, body: bytes) -> Answer:
        """What the leader says, of streams too."""
        return self._of_one(self.range, DESCRIBE, operation, body)

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation with boto3-shaped params (bytes for B). Raises ApiError."""
        if operation in CONTROL:
            params = validation.check("dynamodb", operation, params, False)  # times are numbers in it
        try:
            body = json.dumps(params, default=validation.for_json).encode()
        except (TypeError, ValueError) as error:
            raise ApiError("SerializationException", str(error)) from None
        reply = self.asked(operation, body)
        if operation in ITEM:
            found: dict[str, Any] = with_bytes(reply)
            return found
        return validation.for_boto3("dynamodb", operation, reply)

    def local(self, operation: str, params: dict[str, Any]) -> Tables | None:
        """This node's replica, if it may answer that."""
        ranges = self.router.ranges
        replica = None if ranges.split else ranges.root.whole()
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
            error = ApiError(code, str(message), status, with_bytes(reply))
            error.operation_name = operation
            raise error
        return reply

    def metrics(self) -> dict[str, dict[str, Any]]:
        """Items and bytes of every table, by name, as this node's replica has them."""
        replica = self._replica
        return {} if replica is None else replica.service.metrics()

    def info(self) -> dict[str, int]:
        """What this node's replica holds, as Tables.info() tells; nothing before it is there."""
        if self._router is None:
            return {}
        found: dict[str, int] = {}
        for each in self._router.ranges.order:
            if (replica := each.replica) is not None:
                for name, value in replica.tables.info().items():
                    found[name] = found.get(name, 0) + value
        return found

    def billed(self) -> dict[str, dict[str, float]]:
        """What tables took at this node: write units of the whole cluster, because every node executes every
        write, and read units of what was answered here."""
        found: dict[str, dict[str, float]] = {}
        for number, range_ in enumerate([] if self._router is None else self._router.ranges.order):
            for table, counts in range_.used().items():
                # Capacity is a table's, however many ranges have its keys.
                own = {name: count for name, count in counts.items() if not number or name not in HOURS}
                add(found, table, own)
        return found

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
