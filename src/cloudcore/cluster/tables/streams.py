"""ClusterStreams: DynamoDB Streams at any node: every replica numbers the changes alike, so an iterator of
one node goes on at another, and behind a fail-over.

Records are the replica's own; which streams and shards there are, and where an iterator begins, the leader
says.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cloudcore import validation
from cloudcore.cluster.tables.pending import Answer
from cloudcore.dynamodb.changes import Change, Changes
from cloudcore.dynamodb.streams import Streams
from cloudcore.dynamodb.streams.following import Following, Place
from cloudcore.errors import ApiError, ClosedError, CloudcoreError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.replica import Replica
    from cloudcore.cluster.tables.service import ClusterDynamoDB

T = TypeVar("T")
_ABSENT = "ResourceNotFoundException"
_TRIES = 100


class ClusterStreams:
    """The streams of a cluster's tables. Any thread may call."""

    operations = Streams.operations

    def __init__(self, service: ClusterDynamoDB):
        self._service = service

    def call_json(self, operation: str, body: bytes) -> Answer:
        """(HTTP status, JSON body) of one operation; a refusal is a body too, never raised."""
        if operation == "GetRecords" and (replica := self._service.range.whole()) is not None:
            try:
                status, data = replica.service.streams.call_json(operation, body)
            except ClosedError:  # it is made anew
                status, data = 400, _ABSENT.encode()
            if status == 200 or _ABSENT.encode() not in data:
                return status, data
        return self._service.described(operation, body)

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run one operation with boto3-shaped params and answer. Raises ApiError."""
        if operation not in self.operations:
            raise ApiError("UnknownOperationException", "")
        if operation == "GetRecords" and (replica := self._service.range.whole()) is not None:
            try:
                return replica.service.streams.call(operation, params)
            except ClosedError:
                pass
            except ApiError as error:
                if error.code != _ABSENT:  # a stream or shard that this node has not heard of yet
                    raise
        checked = validation.check("dynamodbstreams", operation, params, False)
        body = json.dumps(checked, default=validation.for_json).encode()
        reply = self._service.parsed(operation, self._service.described(operation, body))
        return validation.for_boto3("dynamodbstreams", operation, reply)

    def following(self, arn: str) -> ClusterFollowing:
        """A stream, to be read by one thread. Raises ApiError."""
        return ClusterFollowing(self._service, arn)


def replica_of(service: ClusterDynamoDB) -> Replica:
    """This node's replica. Raises CloudcoreError while it has none that is whole."""
    found = service.range.whole()
    if found is None:
        raise CloudcoreError("this node is not as far as the log of its tables yet")
    return found


class ClusterFollowing:
    """As Following, over whichever replica this node has."""

    def __init__(self, service: ClusterDynamoDB, arn: str):
        self._service, self.arn = service, arn
        self._replica: Replica | None = None
        self._inner: Following | None = None
        service.streams.call("DescribeStream", {"StreamArn": arn})  # now the replica is as far as the leader
        self._try(lambda following: None)

    def _try(self, work: Callable[[Following], T]) -> T:
        replica = replica_of(self._service)
        if self._inner is None or replica is not self._replica:
            self._replica, self._inner = replica, Following(replica.service.streams, self.arn)
        try:
            return work(self._inner)
        except ClosedError:  # this node's part goes on, with another replica
            raise CloudcoreError("the replica of this node is made anew") from None

    def first(self, position: str) -> Place:
        """Where TRIM_HORIZON or LATEST is now."""
        return self._try(lambda following: following.first(position))

    def shard(self, number: str) -> str:
        """The id of the shard that a SequenceNumber lies in."""
        return self._try(lambda following: following.shard(number))

    def place(self, number: str) -> Place:
        """Where the record with a SequenceNumber is."""
        return self._try(lambda following: following.place(number))

    def read(self, place: Place, limit: int) -> tuple[list[bytes], Place, bool]:
        """(records, place behind them, whether the stream has ended there)."""
        return self._try(lambda following: following.read(place, limit))

    def wait(self, place: Place, seconds: float) -> None:
        """Until there may be a record at a place; wake() ends it too."""
        self._try(lambda following: following.wait(place, seconds))

    def wake(self) -> None:
        """Any thread may call."""
        inner, replica = self._inner, self._replica
        if inner is not None and replica is not None and not replica.tables.closed:
            inner.wake()

    def close(self) -> None:
        """Let go of the log. Idempotent."""
        if self._inner is not None and self._replica is not None and not self._replica.tables.closed:
            self._inner.close()


class ClusterChanges:
    """As Changes, over whichever replica this node has. One thread at a time."""

    def __init__(self, service: ClusterDynamoDB, table: str, after: str | None, latest: bool,
                 wait: float | None, floats: bool):  # fmt: skip
        self._service, self._arguments = service, (table, latest, wait, floats)
        self.position = after
        self._inner = self._open()

    def _open(self) -> Changes:
        table, latest, wait, floats = self._arguments
        service = replica_of(self._service).service
        return Changes(service, table, self.position, latest and self.position is None, wait, floats)

    def __iter__(self) -> ClusterChanges:
        return self

    def __next__(self) -> Change:
        for _ in range(_TRIES):
            try:
                found = next(self._inner)
            except ClosedError:  # the replica is made anew: another one has the same changes
                self._inner = self._open()
                continue
            self.position = found.position
            return found
        raise CloudcoreError("the replica of this node is made anew again and again")

    def close(self) -> None:
        """Let go of the log. Idempotent."""
        with contextlib.suppress(ClosedError):
            self._inner.close()

    def __enter__(self) -> ClusterChanges:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
