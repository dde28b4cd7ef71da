"""Native Python values on a cluster: ClusterTables runs item operations on them, ClusterTable is a Table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.cluster.tables.streams import ClusterChanges
from cloudcore.dynamodb.asked import AskedTable
from cloudcore.dynamodb.patience import Patience
from cloudcore.dynamodb.shapes import Shaped
from cloudcore.dynamodb.verbs import check_keys, create_params, key_names
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.cluster.tables.service import ClusterDynamoDB


class ClusterTables(Shaped):
    """What a service's `tables` are to those who run item operations. Any thread may call."""

    def __init__(self, service: ClusterDynamoDB):
        self._service = service

    def info(self) -> dict[str, int]:
        """As Tables.info(), of this node's replica."""
        return self._service.info()

    def send(self, operation: str, body: bytes) -> dict[str, Any]:
        """An operation of any kind, of a request that is JSON. Raises ApiError."""
        return self._service.asked(operation, body)

    def execute(
        self, operation: str, params: dict[str, Any], shape: str = "native", floats: bool = False
    ) -> dict[str, Any]:
        """As Shaped has it; what this node's replica may answer, it answers without JSON."""
        local = self._service.local(operation, params)
        return super().execute(operation, params, shape, floats) if local is None else local.execute(
            operation, params, shape, floats)  # fmt: skip


class ClusterTable(AskedTable):
    """One table of a cluster, with the methods of `Table`. Made by Cloud.table().

    An eventually consistent read is this node's own; it sees what was written at this node. With `pk` the
    table is made if absent, also when the leader is lost meanwhile. Raises ApiError, ResourceInUseException
    for a table that is there with other keys.
    """

    def __init__(self, service: ClusterDynamoDB, name: str, pk: str | None, sk: str | None, floats: bool):
        self.service, self.name, self.floats = service, name, floats
        self.tables = service.tables
        if pk is not None:
            try:
                Patience().ask(lambda: self.call("CreateTable", create_params(name, pk, sk)))
            except ApiError as error:
                if error.code != "ResourceInUseException":
                    raise
        self._described = Patience().ask(self.describe)
        if pk is not None:
            check_keys(self._described, pk, sk)
        self.keys = key_names(self._described)

    def enable_stream(self, view: str = "NEW_AND_OLD_IMAGES") -> None:
        """As Table.enable_stream()."""
        self._switch_stream({"StreamEnabled": True, "StreamViewType": view})

    def disable_stream(self) -> None:
        """As Table.disable_stream()."""
        self._switch_stream({"StreamEnabled": False})

    def _switch_stream(self, specification: dict[str, Any]) -> None:
        self.call("UpdateTable", {"TableName": self.name, "StreamSpecification": specification})

    def changes(
        self, *, after: str | None = None, latest: bool = False, wait: float | None = 0.0
    ) -> ClusterChanges:
        """As Table.changes(), from this node's replica. A position of one node is one at every node."""
        self.describe()  # by the leader: now the replica here is as far
        return ClusterChanges(self.service, self.name, after, latest, wait, self.floats)

    def __repr__(self) -> str:
        return f"<Table {self.name} ({', '.join(self.keys)})>"
