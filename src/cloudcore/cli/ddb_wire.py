"""Many items over the wire: Scan, BatchWriteItem and BatchGetItem of one table, with patience.

What is throttled, left unprocessed or lost on the way is asked again (dynamodb/patience.py).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.cli.connection import Connection
from cloudcore.dynamodb.patience import Patience, finish
from cloudcore.errors import ApiError

PUTS = 25
"""Items of one BatchWriteItem."""
GETS = 100
"""Keys of one BatchGetItem."""
Item = dict[str, Any]


class Pace:
    """Lets through so many items a second, over all threads; None: as many as come."""

    def __init__(self, rate: float | None):
        self._rate, self._lock, self._next = rate, threading.Lock(), time.monotonic()

    def take(self, items: int) -> None:
        """Waits until `items` may go."""
        if self._rate is None:
            return
        with self._lock:
            begin = max(self._next, time.monotonic())
            self._next = begin + items / self._rate
        time.sleep(max(begin - time.monotonic(), 0))


class WireTable:
    """One table of a connection; threads may share it."""

    def __init__(self, connection: Connection, name: str, rate: float | None = None):
        self.connection, self.name = connection, name
        self._pace = Pace(rate)
        self._patience = Patience()

    def ask(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """One operation; raises what is still wrong after so many tries."""
        return self._patience.ask(lambda: self.connection.call("dynamodb", operation, params))

    def describe(self) -> dict[str, Any] | None:
        """DescribeTable's answer, or None where there is no such table."""
        try:
            found: dict[str, Any] = self.ask("DescribeTable", {"TableName": self.name})["Table"]
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return None
        return found

    def pages(self, start: Item | None = None, **members: Any) -> Iterator[tuple[list[Item], Item | None]]:
        """(items, the key behind which the next page begins, or None) of a strongly consistent Scan."""
        params = {"TableName": self.name, "ConsistentRead": True, **members}
        while True:
            if start is not None:
                params["ExclusiveStartKey"] = start
            page = self.ask("Scan", params)
            start = page.get("LastEvaluatedKey")
            yield page["Items"], start
            if start is None:
                return

    def put(self, items: list[Item]) -> None:
        """Store them; no two of one key."""
        for first in range(0, len(items), PUTS):
            batch = [{"PutRequest": {"Item": item}} for item in items[first : first + PUTS]]
            self._pace.take(len(batch))
            self._finish("BatchWriteItem", batch, "UnprocessedItems", lambda reply: None)

    def get(self, keys: list[Item]) -> list[Item]:
        """The items that are there, in any order."""
        found: list[Item] = []
        for first in range(0, len(keys), GETS):
            wanted = {"Keys": keys[first : first + GETS], "ConsistentRead": True}
            self._finish(
                "BatchGetItem",
                wanted,
                "UnprocessedKeys",
                lambda reply: found.extend(reply["Responses"][self.name]),
            )
        return found

    def _finish(self, operation: str, rest: Any, member: str, take: Callable[[dict[str, Any]], Any]) -> None:
        """Send a batch, and what is left of it, until nothing is."""

        def send(rest: Any) -> dict[str, Any]:
            reply = self.ask(operation, {"RequestItems": {self.name: rest}})
            take(reply)
            return reply

        left = lambda reply: reply.get(member, {}).get(self.name)  # noqa: E731
        finish(send, rest, left, f"{operation} on {self.name}")
