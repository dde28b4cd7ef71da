"""Asker: asks a cluster's nodes for operations on tables, by NATS, from a process that is no node.

    call      "NUMBER ACCOUNT REGION OPERATION", the request's JSON      to a node, by its courier
    answer    "NUMBER STATUS", the answer's JSON                         to who asked, by the courier here

Thread rule: call() and close() from any thread; Answering on the link's loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cloudcore.cluster import address
from cloudcore.cluster.leases import Leases
from cloudcore.cluster.link import Link
from cloudcore.cluster.tables.courier import Courier
from cloudcore.firehose.records import frame, split

_DEADLINE_S = 35.0  # a node says something after 25
_LOOK_S = 1.0
_THREADS = 16
Answer = tuple[int, bytes]


class Asker:
    """A connection to the servers of `text`. Raises ValueError, ImportError, CloudcoreError."""

    def __init__(self, text: str):
        self._link = Link(address.parse(text).servers, "")
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._node: str | None = None
        self._courier = Courier(self._link, self._took)
        self._leases = Leases(self._link)
        try:
            self._link.run(self._open())
        except BaseException:
            self._link.close()
            raise

    async def _open(self) -> None:
        await self._leases.open()
        await self._courier.open()

    def call(self, account: str, region: str, operation: str, body: bytes) -> Answer:
        """(HTTP status, JSON) of one operation, by one node for as long as that is there. Raises OSError when
        it was lost, or no node is there; what was asked for may have happened."""
        return self._link.run(self._call(account, region, operation, body))

    async def _call(self, account: str, region: str, operation: str, body: bytes) -> Answer:
        if self._node is None:
            self._node = random.choice(await self._nodes() or [""]) or None
        if (node := self._node) is None:
            raise OSError("no node of cloudcore is in the cluster")
        number, until = next(self._numbers), self._link.now() + _DEADLINE_S
        waits = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            head = f"{number} {account} {region} {operation}".encode()
            await self._courier.send(node, "call", frame([head, body]))
            while True:
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(asyncio.shield(waits), _LOOK_S)
                if self._link.now() > until or node not in await self._nodes():
                    self._node = None
                    raise OSError("the node that was asked is lost")
        finally:
            del self._waiting[number]

    async def _nodes(self) -> list[str]:
        held = await self._link.until(self._leases.read, 10)
        return [value["instance"] for key, value in held.items() if key.startswith("node.")]

    def _took(self, kind: str, sender: str, data: bytes) -> None:
        head, body = (bytes(each) for each in split(data))
        number, status = head.decode().split(" ")
        waits = self._waiting.get(int(number))
        if kind == "called" and waits is not None and not waits.done():
            waits.set_result((int(status), body))

    def close(self) -> None:
        """Leave the servers. Idempotent."""
        self._link.close()


class Answering:
    """A node's side: `service(account, region)` are tables, `send(to, kind, data)` is the courier's."""

    def __init__(self, service: Callable[[str, str], Any], send: Callable[[str, str, bytes], Any]):
        self._service, self._send = service, send
        self._services: dict[tuple[str, str], Any] = {}
        # Threads of its own: what waits here for a leader may need another one to be answered.
        self._threads = ThreadPoolExecutor(_THREADS, "cluster-asked")

    async def asked(self, sender: str, data: bytes) -> None:
        """Answer one call."""
        head, body = (bytes(each) for each in split(data))
        number, account, region, operation = head.decode().split(" ")
        service = self._services.get((account, region))
        if service is None:
            service = self._services[account, region] = self._service(account, region)
        loop = asyncio.get_running_loop()
        # "#split/RANGE" is what no request to tables is.
        work = service.manage if operation.startswith("#") else service.call_json
        status, answer = await loop.run_in_executor(self._threads, work, operation, body)
        await self._send(sender, "called", frame([f"{number} {status}".encode(), answer]))

    def close(self) -> None:
        """Wait for nobody."""
        self._threads.shutdown(wait=False, cancel_futures=True)
