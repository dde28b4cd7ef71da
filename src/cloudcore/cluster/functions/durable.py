"""Durable executions on a cluster: one node keeps those of a function, the one that has its lease.

    any node -> who has the lease? -> here: Durable over the function's journal (journal.py)
                                   -> another node: the operation goes there, as a call (calls.py)
                                   -> nobody: this node takes it

A lease says who tries; the journal, who can: of two nodes that believe they keep a function's executions only
the one that read the journal last appends to it. The token of a handler names the term, so what one says that
an earlier keeper began is refused. Reads are answered under a lease that surely holds, counted from before
its renewal was sent.
Thread rule: any call from any thread but the loop's; coroutines on the loop.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.functions.calls import Refused
from cloudcore.cluster.functions.journal import ClusterJournal, Unknown
from cloudcore.cluster.layout import LEASE_S, durable_log, durable_subject
from cloudcore.cluster.leases import Lease, Turns
from cloudcore.cluster.link import Lost, end, is_transient
from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import names, operations
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.durable.driver import Durable, check_synchronous, outcome
from cloudcore.lambda_.durable.execution import DONE, Execution, callback_of
from cloudcore.lambda_.metering import Result

if TYPE_CHECKING:
    from cloudcore.cluster.node import Node

logger = logging.getLogger("cloudcore.cluster")
_DEADLINE_S, _PAUSE_S, _WAIT_S = 25.0, 0.1, 5.0
_STOP_S, _OPEN_S = 15.0, 10.0
_START, _WAIT = "#start", "#wait"
_READS = frozenset(
    ("GetDurableExecution", "GetDurableExecutionHistory", "GetDurableExecutionState",
     "ListDurableExecutionsByFunction", _WAIT)
)  # fmt: skip
_REPEATED = _READS | {_START, "StopDurableExecution"}
"""What has no other effect when it is done twice."""


@dataclass(slots=True)
class _Kept:
    """A function whose executions this node keeps; `durable`: once it has read the journal."""

    lease: Lease
    over: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    durable: Durable | None = None
    task: asyncio.Task[None] | None = None


class ClusterDurable(Durable):
    """What stands for Durable in the functions of a node."""

    def __init__(self, service: Any, node: Node):
        self._service, self._node = service, node
        self._prefix = f"durable.{service.account}.{service.region}."
        self._kept: dict[str, _Kept] = {}
        self._holders: dict[str, str] = {}  # instances, as they were when they were asked last
        self._turns = Turns(node.link, node.name)
        self._known: set[str] = set()
        self._over = False
        node.link.run(self._make())

    def close(self) -> None:
        """Let others keep what this node kept, at once."""
        self._over = True
        with contextlib.suppress(Exception):
            self._node.link.run(self._leave(), _STOP_S)

    # -- at any node ---------------------------------------------------------------------------------

    def operation(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """One of the operations of executions. Raises ApiError."""
        function = self._function_of(params)
        if function is None or not self._knows(function):
            found: dict[str, Any] = operations.TABLE[operation](self._service, params)  # that it is not there
            return found
        if operation == "SendDurableExecutionCallbackSuccess":
            result = params.get("Result") or b""
            text = base64.b64encode(result.read() if hasattr(result, "read") else bytes(result)).decode()
            params = {**params, "Result": text}
        return dict(self._ask(function, operation, params))

    def start(self, name: str, version: Any, payload: bytes, title: str | None) -> Any:
        """As Durable.start(); of the execution its `arn`."""
        told = {
            "configuration": {each: version.configuration[each] for each in ("Version", "DurableConfig")},
            "payload": payload.decode(), "title": title or str(uuid.uuid4()),
        }  # fmt: skip
        return SimpleNamespace(**self._ask(name, _START, told))

    def run(self, name: str, version: Any, payload: bytes, title: str | None) -> Result:
        """As Durable.run(); who is waited for may be another node each time."""
        check_synchronous(version)
        arn = self.start(name, version, payload, title).arn
        while True:
            told = self._ask(name, _WAIT, {"arn": arn})
            if told["status"] in DONE:
                return outcome(SimpleNamespace(**told), version.configuration["Version"])

    def _ask(self, function: str, what: str, told: dict[str, Any]) -> Any:
        """Whoever keeps the function's executions. Raises ApiError."""
        until = time.monotonic() + _DEADLINE_S
        while True:
            try:
                return self._asked(function, what, told)
            except (ClosedError, Refused, Lost) as error:
                why: Exception = error
            except ApiError as error:
                if error.code != "ServiceException" or what not in _REPEATED:
                    raise
                why = error
            self._holders.pop(function, None)
            if self._over:
                raise ClosedError("this service is closed", "closed")
            if time.monotonic() > until:
                raise ApiError("ServiceException", f"No node keeps the executions of {function}: {why}", 500)
            time.sleep(_PAUSE_S)

    def _asked(self, function: str, what: str, told: dict[str, Any]) -> Any:
        holder = self._holders.get(function)
        if holder is None:
            holder = self._holders[function] = self._node.link.run(self._holder(function))
        if holder == self._node.link.instance:
            return self._here(function, what, told)
        return self._service.elsewhere(holder, {"durable": what, "keeps": function}, told)

    def _knows(self, function: str) -> bool:
        """Whether there may be executions of a function."""
        if function in self._known or self._is_durable(function):
            return True
        self._service.catch_up()
        return self._is_durable(function)

    def _is_durable(self, function: str) -> bool:
        record = self._service.registry.functions.get(function)
        return record is not None and any(
            "DurableConfig" in version.configuration for version in list(record.versions.values())
        )

    def _function_of(self, params: dict[str, Any]) -> str | None:
        if "FunctionName" in params:
            return names.parse(params["FunctionName"], params.get("Qualifier")).name
        found = callback_of(params["CallbackId"]) if "CallbackId" in params else None
        arn = found[0] if found else params.get("DurableExecutionArn", "")
        words = str(arn).split(":")
        return words[6] if len(words) > 7 else None

    # -- at the node that keeps them -----------------------------------------------------------------

    def answer(self, function: str, what: str, told: dict[str, Any]) -> Result:
        """What another node asks. Raises ClosedError when this one does not keep them."""
        return Result(json.dumps(self._here(function, what, told)).encode(), None, "", 0.0, 0)

    def _here(self, function: str, what: str, told: dict[str, Any]) -> Any:
        kept = self._kept.get(function)
        if kept is None or kept.durable is None or not kept.lease.sure:
            raise ClosedError(f"this node does not keep the executions of {function}", "closed")
        try:
            answer = self._done(kept.durable, function, what, told)
        except Unknown as error:
            raise ApiError("ServiceException", str(error), 500) from None
        if what in _READS and not kept.lease.sure:
            raise ClosedError(f"this node may not keep the executions of {function} any more", "closed")
        return answer

    def _done(self, durable: Durable, function: str, what: str, told: dict[str, Any]) -> Any:
        if what == _START:
            version = SimpleNamespace(configuration=told["configuration"])
            return {"arn": durable.start(function, version, told["payload"].encode(), told["title"]).arn}
        if what == _WAIT:
            execution = durable.wait(told["arn"], _WAIT_S)
            state = {name: getattr(execution, name) for name in ("arn", "status", "result", "error", "end")}
            return {**state, "header": {"at": execution.header["at"]}}
        if what == "SendDurableExecutionCallbackSuccess":
            told = {**told, "Result": base64.b64decode(told["Result"])}
        return operations.TABLE[what](self._service, told)

    def _of(self, arn: str) -> Durable | None:
        """Who keeps an execution here; None for one of which no function is known. Raises ClosedError."""
        function = self._function_of({"DurableExecutionArn": arn})
        if function is None or (function not in self._kept and not self._knows(function)):
            return None
        kept = self._kept.get(function)
        if kept is None or kept.durable is None:
            raise ClosedError(f"this node does not keep the executions of {function}", "closed")
        return kept.durable

    def _held(self, arn: str) -> Durable:
        """As _of(). Raises ResourceNotFoundException too."""
        durable = self._of(arn)
        if durable is None:
            raise ApiError("ResourceNotFoundException", f"Durable execution not found: {arn}", 404)
        return durable

    def find(self, arn: str) -> Execution:
        """As Durable.find(), of one that is kept here."""
        return self._held(arn).find(arn)

    def all(self) -> list[Execution]:
        """Those that are kept here."""
        found = [kept.durable for kept in list(self._kept.values()) if kept.durable is not None]
        return [execution for durable in found for execution in durable.all()]

    def change(self, arn: str, act: Callable[[Execution, float], Any]) -> Any:
        """As Durable.change(), of one that is kept here."""
        return self._held(arn).change(arn, act)

    def forget(self, arn: str) -> float:
        """As Durable.forget(), of one that is kept here."""
        return self._held(arn).forget(arn)

    def checkpoint(
        self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str | None
    ) -> Any:
        """As Durable.checkpoint(), of one that is kept here."""
        durable = self._of(arn)
        if durable is None:
            raise refused("Invalid Checkpoint Token")
        return durable.checkpoint(arn, token, updates, client_token)

    def state(self, arn: str, token: str) -> list[dict[str, Any]]:
        """As Durable.state(), of one that is kept here."""
        durable = self._of(arn)
        if durable is None:
            raise refused("Invalid Checkpoint Token")
        return durable.state(arn, token)

    def callback(self, given: str, act: Callable[[Execution, str, float], None]) -> None:
        """As Durable.callback(), of one that is kept here."""
        found = callback_of(given)
        durable = None if found is None else self._of(found[0])
        if durable is None:
            raise ApiError("ResourceNotFoundException", "Callback not found.", 404)
        durable.callback(given, act)

    # -- on the loop ---------------------------------------------------------------------------------

    async def tend(self, leases: dict[str, dict[str, Any]], nodes: list[str]) -> None:
        """Keep what nobody keeps; `leases` as they are now."""
        if self._over:
            return
        held = {key.removeprefix(self._prefix) for key in leases if key.startswith(self._prefix)}
        self._known |= held
        for function in sorted(self._known):
            if self._turns.mine(function, function in held or function in self._kept, nodes):
                await self._stand_for(function)

    async def _make(self) -> None:
        link, place = self._node.link, (self._service.account, self._service.region)
        stream, subjects = durable_log(*place), f"{durable_subject(*place)}.*"
        await link.ensure(stream, subjects)
        info = await link.until(lambda: link.js.stream_info(stream, subjects_filter=subjects), 10)
        self._known |= {subject.rpartition(".")[2] for subject in info.state.subjects or ()}

    async def _holder(self, function: str) -> str:
        """The instance of the node that keeps a function's executions: this one, if nobody does. Raises Lost,
        ClosedError."""
        if function not in self._kept:
            link = self._node.link
            told = await link.until(lambda: self._node.leases.find(self._prefix + function), 10)
            if told is not None and told["instance"] != link.instance:
                return str(told["instance"])
            if told is None:
                await self._stand_for(function)
        kept = self._kept.get(function)
        if kept is None:
            raise ClosedError("another node was faster", "closed")
        with contextlib.suppress(TimeoutError):  # JetStream does not answer; who asks looks again
            await asyncio.wait_for(kept.opened.wait(), _OPEN_S)
        return self._node.link.instance

    def _told(self) -> dict[str, Any]:
        return {"node": self._node.name, "instance": self._node.link.instance}

    async def _stand_for(self, function: str) -> None:
        if self._over or function in self._kept:
            return
        lease = await self._node.leases.take(self._prefix + function, self._told())
        if lease is None:
            return
        self._known.add(function)
        kept = self._kept[function] = _Kept(lease)
        kept.task = asyncio.create_task(self._keep(function, kept))

    async def _keep(self, function: str, kept: _Kept) -> None:
        """Keep a function's executions until the lease is lost, or another node writes their journal."""
        renewing = asyncio.create_task(self._renew(kept))
        loop = asyncio.get_running_loop()

        def ended() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(kept.over.set)

        try:
            journal = ClusterJournal(
                self._node.link, self._service.account, self._service.region, function
            )
            opening = asyncio.create_task(journal.open())
            await asyncio.wait({renewing, opening}, return_when=asyncio.FIRST_COMPLETED)
            if opening.done() and not kept.over.is_set():
                opening.result()
                kept.durable = await asyncio.to_thread(Durable, self._service, journal, ended)
                kept.opened.set()
                await renewing
            else:
                await end(opening)
        except Exception as error:
            if not is_transient(error):
                logger.exception("durable executions of %s", function)
        finally:
            durable, kept.durable = kept.durable, None
            if durable is not None:
                await asyncio.to_thread(durable.close)
            del self._kept[function]
            kept.opened.set()
            kept.over.set()
            await asyncio.wait({renewing})
            with contextlib.suppress(Exception):
                await kept.lease.give_up()

    async def _renew(self, kept: _Kept) -> None:
        try:
            while not kept.over.is_set() and await kept.lease.renew(self._told()):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(kept.over.wait(), LEASE_S / 3)
        finally:
            kept.over.set()

    async def _leave(self) -> None:
        tasks = [kept.task for kept in self._kept.values() if kept.task]
        for kept in self._kept.values():
            kept.over.set()
        await asyncio.gather(*tasks, return_exceptions=True)
