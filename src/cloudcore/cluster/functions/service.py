"""ClusterLambda: Lambda over shared documents; a call runs at any node that has room."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from cloudcore.cluster.functions.calls import Refused
from cloudcore.cluster.functions.documents import ClusterShelf, Document, Documents
from cloudcore.cluster.functions.durable import ClusterDurable
from cloudcore.cluster.functions.events import ClusterAsynchronous, ClusterQueue
from cloudcore.cluster.functions.packages import ClusterPackages
from cloudcore.cluster.functions.sources import ClusterMappings, Places
from cloudcore.cluster.functions.times import ClusterSchedules
from cloudcore.cluster.leases import in_turn
from cloudcore.cluster.link import Lost
from cloudcore.errors import ApiError, FullError, StaleError
from cloudcore.lambda_ import layers, lineage, names
from cloudcore.lambda_.code import UNZIPPED_MAX, pack
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.registry import FunctionRecord, function_of
from cloudcore.lambda_.service import Lambda

if TYPE_CHECKING:
    from cloudcore.cluster.node import Node
    from cloudcore.lambda_.metering import Result
    from cloudcore.lambda_.runner import Runner

T = TypeVar("T")
_CALLS = frozenset(("Invoke", "InvokeAsync", "InvokeWithResponseStream"))
_TRIES = 10
_TOLD = 100


class ClusterLambda(Lambda):
    """The functions of one account in one region of a cluster, on any node. `directory` is this node's alone:
    packages as files, logs of what ran here."""

    _mappings: ClusterMappings | None

    def __init__(self, node: Node, directory: str, account: str, region: str, **settings: Any):
        self._node = node
        self._documents = Documents(node.link, account, region)
        self._leases: dict[str, dict[str, Any]] = {}
        super().__init__(directory, account, region, **settings)
        self._documents.follow(self.lock, self._taken)
        self.asynchronous, self.schedules, self.mappings, self.durable  # noqa: B018 - what waits in the cluster goes on

    async def tend(self, leases: dict[str, dict[str, Any]], nodes: list[str]) -> None:
        """Run the event source mappings, and keep the durable executions, that are this node's turn; on the
        link's loop, once a second."""
        self._leases = leases
        if self._mappings is not None:
            await self._mappings.tend(leases, nodes)
        if isinstance(self._durable, ClusterDurable):
            await self._durable.tend(leases, nodes)

    # -- doors -----------------------------------------------------------------------------------

    def run(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """As Lambda.run; the control plane answers by what every node has done before."""
        if operation in _CALLS:
            return super().run(operation, params)
        if "DurableExecution" in operation:
            return self.durable.operation(operation, params)
        return self.again(lambda: super(ClusterLambda, self).run(operation, params))

    def deploy(self, name: str, source: dict[str, Any], settings: dict[str, Any]) -> None:
        """As Lambda.deploy; a directory is packed, since other nodes do not have it."""
        if "Directory" in source:
            source = {"ZipFile": _packed(source["Directory"])}
        self.again(lambda: super(ClusterLambda, self).deploy(name, source, settings))

    def invoke(
        self, function: str, payload: bytes = b"{}", *, qualifier: str | None = None, sink: Any = None,
        **more: Any,
    ) -> Result:  # fmt: skip
        """As Lambda.invoke. It runs here if there is room, else at a node that has some; what is streamed
        runs here."""
        more["trace"] = more.get("trace") or lineage.take() or ""
        if sink is None:
            for instance in self._others(function, qualifier):
                result = self._asked(instance, function, payload, qualifier, more)
                if result is not None:
                    return result
        return self._known(lambda: self._here(function, payload, qualifier=qualifier, sink=sink, **more))

    def accept(self, function: str, payload: bytes = b"{}", **more: Any) -> str:
        return self._known(lambda: super(ClusterLambda, self).accept(function, payload, **more))

    def answer(self, head: dict[str, Any], payload: bytes) -> Result:
        """Run a call here that another node was asked for. Raises as Lambda.invoke()."""
        self._documents.catch_up(head["reached"])
        if "durable" in head:
            return self.durable.answer(head["keeps"], head["durable"], json.loads(payload))
        context = head["more"].pop("client_context", None)
        more = {**head["more"], "client_context": base64.b64decode(context) if context else None}
        return self._here(head["function"], payload, qualifier=head["qualifier"], **more)

    def elsewhere(self, instance: str, what: dict[str, Any], told: Any) -> Any:
        """What a node's answer() says of something else than a call. Raises as Calls.call()."""
        head = {"account": self.account, "region": self.region, "reached": self._documents.reached, **what}
        return json.loads(self._node.calls.call(instance, head, json.dumps(told).encode()).payload)

    def close(self, grace_s: float = 5.0) -> None:
        super().close(grace_s)
        self._documents.close()

    # -- what is kept elsewhere ------------------------------------------------------------------

    def shelf(self, kind: str) -> ClusterShelf:
        return ClusterShelf(self._documents, kind)

    def _packages(self) -> ClusterPackages:
        return ClusterPackages(self.directory, self._node.link, self._node.blobs)

    def _begin_events(self) -> ClusterAsynchronous:
        queue = ClusterQueue(self._node.link, self.account, self.region, self._documents)
        return ClusterAsynchronous(self, queue)

    @property
    def durable(self) -> ClusterDurable:
        found = super().durable
        assert isinstance(found, ClusterDurable)
        return found

    def _begin_durable(self) -> ClusterDurable:
        return ClusterDurable(self, self._node)

    def _begin_schedules(self) -> ClusterSchedules:
        return ClusterSchedules(self)

    def _begin_mappings(self) -> ClusterMappings:
        places = Places(self._node.link, self.account, self.region, self._documents.run)
        return ClusterMappings(self, self._node, places)

    def _taken(self, kind: str, name: str, document: Document | None) -> None:
        """Another node changed a document; the lock is held."""
        if kind == "functions":
            if document is None:
                self.registry.functions.pop(name, None)
            else:
                self.registry.functions[name] = function_of(document)
            self._apply(name)

    # -- where a call runs -----------------------------------------------------------------------

    def _here(self, function: str, payload: bytes, **more: Any) -> Result:
        self._node.calls.entered()
        try:
            return super().invoke(function, payload, **more)
        finally:
            self._node.calls.left()

    def _others(self, function: str, qualifier: str | None) -> list[str]:
        """The instances of nodes that are to be asked before the call runs here."""
        target = self._targets.get((function, qualifier))
        base = target.name if target else names.parse(function, qualifier).name
        share = self.capacity.shares.get(base)
        if share is not None and share.limit is not None:
            if share.active < share.limit:
                return []
            return [
                instance for name, instance in self._node.nodes.items()
                if name != self._node.name and self._part(base, share.reserved or 0, name)
            ]  # fmt: skip
        calls = self._node.calls
        if calls.room():
            return []
        found = calls.somewhere()
        return [] if found is None else [found]

    def _asked(
        self, instance: str, function: str, payload: bytes, qualifier: str | None, more: dict[str, Any]
    ) -> Result | None:
        """What a node made of a call; None when it had no room either. Raises ApiError."""
        context = more.get("client_context")
        head = {
            "account": self.account, "region": self.region, "function": function, "qualifier": qualifier,
            "reached": self._documents.reached,
            "more": {**more, "client_context": base64.b64encode(context).decode() if context else None},
        }  # fmt: skip
        try:
            return self._node.calls.call(instance, head, payload)
        except Refused:
            return None
        except ApiError as error:
            if error.code == "TooManyRequestsException":
                return None
            raise

    def kept(self) -> set[str]:
        """The packages that are needed, by all that was changed before. Raises Lost."""
        self._documents.catch_up()
        with self.lock:
            return self.registry.packages() | layers.packages(self)

    def told_of(self) -> dict[str, list[int]]:
        """The environments that are here: function -> [idle, running]; of the first hundred. Without the
        lock: who has it may wait for what the loop has to do."""
        found: dict[str, list[int]] = {}
        for (name, _), runner in self._runners.copy().items():
            idle, running = runner.environments()
            if idle or running:
                before = found.get(name, (0, 0))
                found[name] = [before[0] + idle, before[1] + running]
        return dict(sorted(found.items())[:_TOLD])

    def ready(self) -> dict[str, list[Any]]:
        """Of versions of which environments are provisioned here: how many are ready, and how that goes."""
        return {
            f"{name}:{number}": list(runner.provisioned_state())
            for (name, number), runner in self._runners.copy().items() if runner.provisioned
        }  # fmt: skip

    def provisioned_state(self, name: str, runner: Runner, wanted: int) -> tuple[int, str]:
        """As Lambda's, of all nodes: of the others as they said a second ago."""
        version, place = f"{name}:{runner.configuration['Version']}", f"{self.account}/{self.region}"
        others = [each for each in self._node.nodes if each != self._node.name]
        leases = [self._leases.get(f"node.{each}", {}) for each in others]
        found = [(told.get("ready") or {}).get(place, {}).get(version, (0, "READY")) for told in leases]
        found.append(runner.provisioned_state())
        ready = min(wanted, sum(int(each[0]) for each in found))
        if any(each[1] == "FAILED" for each in found):
            return ready, "FAILED"
        return ready, "READY" if ready == wanted else "IN_PROGRESS"

    def _here_of(self, name: str, count: int) -> int:
        return self._part(name, count, self._node.name)

    def in_time(self, work: Callable[[], None]) -> None:
        while not self.closed:
            try:
                return self.again(work)
            except (ApiError, RuntimeError):  # the cluster does not answer, or this node leaves
                time.sleep(1.0)

    def nodes_changed(self) -> None:
        """Reserves and provisioned environments are divided anew among the nodes that are there."""
        with self.lock:
            for name, record in self.registry.functions.items():
                self._provide(name, record)

    def _provide(self, name: str, record: FunctionRecord | None) -> None:
        super()._provide(name, record)
        self._divide(name, record)

    def _divide(self, name: str, record: FunctionRecord | None) -> None:
        reserved = record.reserved if record else None
        share = self.capacity.share(name)
        share.limit = None if reserved is None else self._part(name, reserved, self._node.name)

    def _part(self, function: str, reserved: int, node: str) -> int:
        """How many of the calls that are reserved for a function a node may run."""
        order = in_turn(self._node.nodes, function)
        if node not in order:
            return 0
        return reserved // len(order) + (order.index(node) < reserved % len(order))

    # -- trying again ----------------------------------------------------------------------------

    def again(self, work: Callable[[], T]) -> T:
        """What work() gives, which sees all that was changed before, and changes nothing that was changed
        since. Raises ApiError."""
        try:
            for _ in range(_TRIES):
                self._documents.catch_up()
                with contextlib.suppress(StaleError), self._documents.change():
                    return work()
        except (Lost, FullError) as error:
            words = f"{error}; what was asked for may have happened"
            raise ApiError("ServiceException", words, 500) from None
        raise ApiError("TooManyRequestsException", "Other nodes change functions at the same time.", 429)

    def _known(self, work: Callable[[], T]) -> T:
        """What work() gives; a function that is not known here may have been made a moment ago."""
        try:
            return work()
        except ApiError as error:
            if error.code != "ResourceNotFoundException":
                raise
        self.catch_up()
        return work()

    def catch_up(self) -> None:
        """Wait until this node knows all that was changed before. Raises ApiError."""
        try:
            self._documents.catch_up()
        except Lost as error:
            raise ApiError("ServiceException", str(error), 500) from None


def _packed(directory: str) -> bytes:
    """A package of the files below a directory, without hidden ones and caches. Raises ApiError."""
    files: dict[str, bytes] = {}
    size = 0
    for place, below, found in os.walk(directory):
        below[:] = [name for name in below if not name.startswith(".") and name != "__pycache__"]
        for name in found:
            path = os.path.join(place, name)
            if name.startswith(".") or not os.path.isfile(path):
                continue
            size += os.path.getsize(path)
            if size > UNZIPPED_MAX:
                raise refused(
                    f"Nodes of a cluster get a directory as a package, and {directory} has more than "
                    f"{UNZIPPED_MAX} bytes: give a zip file."
                )
            with open(path, "rb") as file:
                files[os.path.relpath(path, directory)] = file.read()
    return pack(files)
