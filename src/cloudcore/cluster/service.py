"""ClusterFirehose: Firehose over the shared catalogue. What does not work on a cluster yet is refused."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.absent import CODE
from cloudcore.cluster.link import Lost
from cloudcore.cluster.stream import ClusterStream
from cloudcore.errors import ApiError, StaleError
from cloudcore.firehose import sealed, sources
from cloudcore.firehose.destinations import kinds
from cloudcore.firehose.destinations.iceberg.config import Iceberg
from cloudcore.firehose.kms import KeyFailed
from cloudcore.firehose.quota import Quota
from cloudcore.firehose.service import Firehose
from cloudcore.firehose.sources import table

if TYPE_CHECKING:
    from cloudcore.cluster.catalogue import Place
    from cloudcore.cluster.node import Node

_VERSIONED = ("Kind", "Destination", "Ours")
_KEPT_S = 90_000.0  # of an earlier version; a plan of it that is older is past its retention


class ClusterFirehose(Firehose):
    """The delivery streams of one account in one region of a cluster, on any node."""

    def __init__(self, node: Node, **settings: Any):
        super().__init__(None, **settings)
        self._node = node
        self._open_streams: dict[str, ClusterStream] = {}

    def names(self) -> list[str]:
        return sorted(
            name for (account, region, name), found in self._node.catalogue.all().items()
            if (account, region) == (self.account, self.region) and found["State"] == "ACTIVE"
        )  # fmt: skip

    def find(self, name: str) -> dict[str, Any] | None:
        """The shared description of a stream; asked for when it is not in memory."""
        found = self._node.catalogue.find(self._place(name))
        if found is None or found["State"] != "ACTIVE":
            found = self._ask(self._node.catalogue.ask(self._place(name)))
        return None if found is None or found["State"] != "ACTIVE" else found

    def description(self, name: str) -> dict[str, Any]:
        found = self.find(name)
        if found is None:
            raise self._missing(name)
        return found

    def get(self, name: str) -> Any:
        """The stream of that name. Raises ApiError ResourceNotFoundException."""
        found = self.description(name)
        stream = self._open_streams.get(name)
        if stream is None or stream.identity != found["Identity"]:
            quota = Quota(self.region, self.clock) if self.quotas else None
            store = self.store_of(found.get("Ours"))
            stream = ClusterStream(self._node, self._place(name), found, store, quota)
            self._open_streams[name] = stream
        return stream

    def create(
        self, name: str, raw: dict[str, Any], ours: dict[str, Any] | None = None,
        tags: dict[str, str] | None = None, source: dict[str, Any] | None = None,
        encryption: dict[str, Any] | None = None,
        kind: str = "ExtendedS3", stream_type: str = "DirectPut",
    ) -> dict[str, Any]:  # fmt: skip
        """Make a stream for all nodes. Raises ApiError ResourceInUseException, and for what does not work
        there UnsupportedOperationException."""
        if table.MEMBER in (source or {}):
            raise _unsupported("Tables as sources of delivery streams do")
        description = {
            **self._new(name, raw, ours, tags, kind, stream_type),
            "State": "ACTIVE",
            "Identity": uuid.uuid4().hex,
            "Source": source,
        }
        self._refuse(description)
        if encryption is not None:
            _refuse_own_key(encryption.get("KeyARN"))
            try:
                description = sealed.with_new_key(description, self.keys, encryption)
            except KeyFailed as failed:
                raise ApiError(failed.code, failed.message) from None
        try:
            stored = self._ask(self._node.catalogue.store(self._place(name), description))
        except StaleError:
            raise self._taken(name) from None
        self._ask(self._node.catalogue.ensure(stored))
        return stored

    def store(self, description: dict[str, Any]) -> None:
        """Make a changed description everybody's. Raises ApiError when another node changed it meanwhile."""
        self._stored(description)

    def _stored(self, description: dict[str, Any]) -> dict[str, Any]:
        """A changed description as the catalogue has it now. Raises ApiError as store() does."""
        name = description["DeliveryStreamName"]
        try:
            found: dict[str, Any] = self._ask(self._node.catalogue.store(self._place(name), description))
            return found
        except StaleError:
            words = f"Firehose {name} was changed at the same time, please try again."
            raise ApiError("ConcurrentModificationException", words) from None

    def delete(self, name: str) -> None:
        """Remove a stream and everything that waits in it, for all nodes."""
        with self.updates(name):
            found = {**self.description(name), "State": "DELETING", "DeletedAt": self.clock.now()}
            found = self._stored(found)
            self._open_streams.pop(name, None)
            self._ask(self._node.catalogue.remove(self._place(name), found))

    def update(self, description: dict[str, Any]) -> None:
        """A stream goes on by a new version, as soon as its planner knows of it; plans keep the one they were
        made by. Raises ApiError as create() and store() do."""
        self._refuse(description)
        now, found = self.clock.now(), self.description(description["DeliveryStreamName"])
        earlier = {
            number: each for number, each in found.get("Earlier", {}).items() if each["Until"] > now - _KEPT_S
        }
        earlier[found["VersionId"]] = {**{member: found.get(member) for member in _VERSIONED}, "Until": now}
        self.store({**description, "Earlier": earlier})

    def seal(self, description: dict[str, Any]) -> None:
        """As Firehose.seal(); other nodes go by it a second later."""
        found = description.get("Encryption")
        if found and found["Current"] is not None:
            _refuse_own_key(found["KeyARN"])
            if sources.fills(description.get("Source")):
                raise _unsupported("Encryption of what a source fills does")
        if found:
            description = {**description, "Encryption": {**found, "Since": self.clock.now()}}
        self.store(description)

    def define_table(self, database: str, table: str, schema: Any) -> None:
        raise _unsupported("Tables of the local catalogue do")

    def metrics(self) -> dict[str, dict[str, Any]]:
        """ClusterStream.status() of every stream that was used here."""
        return {name: stream.status() for name, stream in dict(self._open_streams).items()}

    def _refuse(self, description: dict[str, Any]) -> None:
        """Refuse what a cluster's streams cannot do yet. Raises ApiError UnsupportedOperationException."""
        config, ours = kinds.parse(description), description.get("Ours") or {}
        if isinstance(config.endpoint, Iceberg) and config.endpoint.routed:
            raise _unsupported("Iceberg destinations whose tables a processor names do")
        around = self._node.around(self._place(description["DeliveryStreamName"]), self.objects, ours)
        if config.endpoint is not None and config.endpoint.embedded(around):
            raise _unsupported("Destinations that are files of one machine (no address is given) do")
        if ours.get("encrypt_objects") is True:
            raise _unsupported("Client-side encryption of objects by a key file, and not by KMS, does")
        if ours.get("encrypt_objects"):
            self.store_of(ours).check()
        if ours.get("retention_seconds") is not None:
            raise _unsupported("retention_seconds does")

    def _place(self, name: str) -> Place:
        return self.account, self.region, name

    def _ask(self, work: Any) -> Any:
        try:
            return self._node.link.run(work)
        except Lost as error:
            raise ApiError("ServiceUnavailableException", str(error), 503) from None


def _refuse_own_key(arn: str | None) -> None:
    if arn is None:
        raise _unsupported("Encryption by a key that is not KMS's (CUSTOMER_MANAGED_CMK) does")


def _unsupported(what: str) -> ApiError:
    return ApiError(CODE, f"{what} not work on a cluster yet.")
