"""IcebergDestinationConfiguration, checked and read.

The catalog is a SQLite file of the service's directory, with its tables beside it, or the REST catalog that
`reach` names for CatalogARN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations import common
from cloudcore.firehose.destinations.config import Config, Retry

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around, Sender

SHAPE = common.Shape("Iceberg", 5, 300, 300, ("FailedDataOnly", "AllData"))
_MEMBERS = {"DestinationTableConfigurationList", "AppendOnly", "CatalogConfiguration",
            "SchemaEvolutionConfiguration", "TableCreationConfiguration"}  # fmt: skip
_TABLE = {"DestinationTableName", "DestinationDatabaseName", "UniqueKeys", "S3ErrorOutputPrefix"}
ROUTE = ("destinationDatabaseName", "destinationTableName", "operation")


@dataclass(frozen=True)
class Table:
    """One table of the list; `keys` are its UniqueKeys."""

    database: str
    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Iceberg:
    """Settings. `routed`: each record names its table and operation, in what processing gave back."""

    tables: tuple[Table, ...]
    routed: bool
    append_only: bool
    catalog: str
    warehouse: str | None
    error_type: str = "iceberg-failed"
    places: int = 1
    stores: bool = False

    def check(self, reach: Mapping[str, str], remote: bool) -> None:
        """Raises ApiError where the local catalog cannot do it."""
        if self.warehouse is not None and not any(self.catalog.startswith(each) for each in reach):
            raise invalid("WarehouseLocation is of catalogs that `reach` names; the local one is a directory")
        try:
            import pyiceberg  # noqa: F401
        except ImportError:
            raise invalid("Iceberg needs pyiceberg: pip install 'cloudcore[iceberg]'") from None

    def embedded(self, around: Around) -> bool:
        """Whether a warehouse of this machine has the tables."""
        return not any(self.catalog.startswith(each) for each in around.reach)

    def read(self, around: Around, table: str | None, last: int | None) -> Any:
        """What one of the tables holds: deliver.read(). `table` names it where there are several."""
        from cloudcore.firehose.destinations.iceberg import deliver

        named = {f"{each.database}.{each.name}": each for each in self.tables}
        if table is None and len(named) == 1:
            table = next(iter(named))
        if table is None or (named and table not in named):
            raise ValueError(f"table= names which: {', '.join(named) or 'database.table'}")
        return deliver.read(self, around, table, last)

    def open(self, around: Around) -> Sender:
        from cloudcore.firehose.destinations.iceberg.deliver import IcebergSender

        return IcebergSender(self, around)


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Config:
    """Read a configuration that fits the model. Raises ApiError."""
    common.refuse_encrypted(ours, "Iceberg")
    for name in ("SchemaEvolutionConfiguration", "TableCreationConfiguration"):
        if (raw.get(name) or {}).get("Enabled"):
            raise invalid(f"{name}.Enabled true is not supported: make the table first")
    tables = []
    for block in raw.get("DestinationTableConfigurationList") or ():
        if block.get("PartitionSpec"):
            raise invalid("PartitionSpec is of automatic table creation, which is not supported")
        only(block, _TABLE, "DestinationTableConfiguration")
        if block.get("S3ErrorOutputPrefix"):
            raise invalid("S3ErrorOutputPrefix of a table is not supported; use S3Configuration's")
        tables.append(Table(block["DestinationDatabaseName"], block["DestinationTableName"],
                            tuple(block.get("UniqueKeys") or ())))  # fmt: skip
    if len({(table.database, table.name) for table in tables}) != len(tables):
        raise invalid("DestinationTableConfigurationList names a table twice")
    if raw.get("S3BackupMode", "FailedDataOnly") != "FailedDataOnly":
        raise invalid("S3BackupMode of an Iceberg destination must be FailedDataOnly")
    catalog = raw["CatalogConfiguration"]
    only(catalog, {"CatalogARN", "WarehouseLocation"}, "CatalogConfiguration")
    endpoint = Iceberg(tuple(tables), False, bool(raw.get("AppendOnly")), catalog.get("CatalogARN") or "",
                       catalog.get("WarehouseLocation"))  # fmt: skip
    retry = Retry(common.retry_seconds(SHAPE, raw, ours), "attempts")
    found = common.parse(SHAPE, raw, ours, _MEMBERS, retry, endpoint, query=True)
    query = found.processors.query
    if query is not None and query.names is not None and not set(query.names) <= set(ROUTE):
        raise invalid(f"MetadataExtractionQuery of an Iceberg destination gives {', '.join(ROUTE)} only")
    routed = query is not None or found.processors.function is not None
    if not routed and len(tables) != 1:
        raise invalid("without a processor that names tables, DestinationTableConfigurationList is one table")
    return Config(**{**vars(found), "endpoint": Iceberg(**{**vars(endpoint), "routed": routed})})


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """IcebergDestinationDescription."""
    return {"AppendOnly": False, **common.describe(SHAPE, raw)}
