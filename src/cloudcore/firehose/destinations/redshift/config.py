"""RedshiftDestinationConfiguration, checked and read.

Where the table is: `reach` says it of the JDBC URL (duckdb:PATH, postgresql://..., redshift-data:NAME), else
Redshift itself when objects go to S3, else a DuckDB file of the service's directory.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations import common
from cloudcore.firehose.destinations.config import Config, Retry
from cloudcore.firehose.destinations.redshift.copy_options import CopyOptions, parse_options
from cloudcore.firehose.destinations.s3 import config as s3
from cloudcore.firehose.destinations.secrets import secret_arn

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around, Sender

SHAPE = common.Shape("Redshift", 5, 300, 3600, ("Disabled", "Enabled"))
_MEMBERS = {
    "ClusterJDBCURL", "CopyCommand", "Username", "Password", "S3BackupConfiguration",
    "SecretsManagerConfiguration",
}  # fmt: skip
_JDBC = re.compile(r"jdbc:(?:redshift|postgresql)://([^/:]+):(\d+)/(.+)")
_COLUMN = re.compile(r'\s*(?:"((?:[^"]|"")+)"|([A-Za-z_][\w$]*))\s*')
_COMPRESSIONS = ("UNCOMPRESSED", "GZIP")


@dataclass(frozen=True)
class Redshift:
    """Settings. `columns`: the column list, empty when COPY names none; `options`: CopyOptions as text."""

    jdbc: str
    table: str
    columns: tuple[str, ...]
    options: str
    role: str
    user: str | None
    password: str | None
    secret: str | None
    gzip: bool
    kms_key: str | None = None
    error_type: str = "errors"
    places: int = 1
    stores: bool = True

    @property
    def address(self) -> tuple[str, int, str]:
        """Host, port and database of the JDBC URL."""
        match = _JDBC.fullmatch(self.jdbc)
        assert match is not None
        return match[1], int(match[2]), match[3]

    def read_options(self) -> CopyOptions:
        """The options as our own COPY understands them. Raises ApiError for what it does not."""
        return parse_options(self.options)

    def where(self, reach: Mapping[str, str], remote: bool) -> str:
        """What loads the table: duckdb:PATH, postgresql://..., redshift-data:NAME, or the JDBC URL."""
        begin = max((b for b in reach if self.jdbc.startswith(b)), key=len, default=None)
        if begin is not None:
            return reach[begin]
        return self.jdbc if remote else "duckdb:"

    def check(self, reach: Mapping[str, str], remote: bool) -> None:
        """Refuse what the place that loads the table cannot do. Raises ApiError."""
        where = self.where(reach, remote)
        if where.startswith(("duckdb:", "postgresql://", "postgres://")):
            options = self.read_options()
            if options.gzip != self.gzip:
                raise invalid("CompressionFormat GZIP and the option GZIP of CopyOptions go together")
        elif not remote:
            raise invalid("Redshift reads from S3: open the cloud with objects='s3', or reach another place")

    def read(self, around: Around, table: str | None, last: int | None) -> Any:
        """What the table holds: deliver.read(). `table` may name it."""
        from cloudcore.firehose.destinations.redshift import deliver

        if table not in (None, self.table):
            raise ValueError(f"the stream loads {self.table}, not {table}")
        return deliver.read(self, around, last)

    def embedded(self, around: Around) -> bool:
        """Whether a file of this machine has the table."""
        where = self.where(around.reach, bool(getattr(around.objects, "encrypts", False)))
        return where.startswith("duckdb:")

    def open(self, around: Around) -> Sender:
        from cloudcore.firehose.destinations.redshift.deliver import RedshiftSender

        return RedshiftSender(self, around)


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Config:
    """Read a configuration that fits the model. Raises ApiError."""
    common.refuse_encrypted(ours, "Redshift")
    block = raw["S3Configuration"]
    for name in ("Prefix", "ErrorOutputPrefix"):
        if "!{" in (block.get(name) or ""):
            raise invalid(f"{name} of a Redshift destination's S3Configuration takes no expressions")
    if block.get("ErrorOutputPrefix"):
        raise invalid("ErrorOutputPrefix of a Redshift destination's S3Configuration must be null or empty")
    compression = block.get("CompressionFormat", "UNCOMPRESSED")
    if compression not in _COMPRESSIONS:
        raise invalid(f"CompressionFormat {compression} is not supported by the Redshift COPY operation")
    secret = secret_arn(raw)
    if secret is None and not (raw.get("Username") and raw.get("Password")):
        raise invalid("Username and Password are required when SecretsManagerConfiguration is not enabled")
    command = raw["CopyCommand"]
    only(command, {"DataTableName", "DataTableColumns", "CopyOptions"}, "CopyCommand")
    endpoint = Redshift(
        raw["ClusterJDBCURL"], command["DataTableName"], columns_of(command.get("DataTableColumns") or ""),
        command.get("CopyOptions") or "", raw["RoleARN"], raw.get("Username"), raw.get("Password"), secret,
        compression == "GZIP", s3.kms_key(block),
    )  # fmt: skip
    backup = None
    if raw.get("S3BackupMode") == "Enabled":
        if raw.get("S3BackupConfiguration") is None:
            raise invalid("S3BackupConfiguration is required when S3BackupMode is Enabled")
        backup = s3.parse_plain(raw["S3BackupConfiguration"], ours, "S3BackupConfiguration")
    # The hints of the data are the bucket's own: there are none beside them.
    hints = {"BufferingHints": {"SizeInMBs": SHAPE.size_mib, "IntervalInSeconds": SHAPE.seconds}}
    hints["BufferingHints"].update(block.get("BufferingHints") or {})
    retry = Retry(common.retry_seconds(SHAPE, raw, ours), "attempts")
    shared = {**raw, **hints, "S3BackupMode": "Disabled"}
    found = common.parse(SHAPE, shared, ours, _MEMBERS, retry, endpoint)
    return found if backup is None else Config(**{**vars(found), "backup": backup})


def columns_of(text: str) -> tuple[str, ...]:
    """The names in DataTableColumns. Raises ApiError."""
    out: list[str] = []
    at = 0
    while text.strip():
        match = _COLUMN.match(text, at)
        if match is None:
            raise invalid(f"DataTableColumns is no list of columns: {text}")
        out.append(match[1].replace('""', '"') if match[1] is not None else match[2].lower())
        at = match.end()
        if at == len(text):
            break
        if text[at] != ",":
            raise invalid(f"DataTableColumns is no list of columns: {text}")
        at += 1
    return tuple(out)


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """RedshiftDestinationDescription; the password is not shown."""
    out = common.describe(SHAPE, raw, secrets=("Password",))
    del out["BufferingHints"]
    return out
