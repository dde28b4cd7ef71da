"""Deliver: a plan is an object in the bucket, a manifest that names it, and a COPY of the manifest.

One COPY waits for the other. Where we copy ourselves, the manifest is noted in the same transaction, so
that a redelivery loads nothing twice; at Redshift itself a COPY that was cut off may have been done. A plan
that is given up leaves its manifest under errors/.
"""

from __future__ import annotations

import os
from typing import Any

from cloudcore.firehose import prefix
from cloudcore.firehose.destinations.redshift import encode, loading, warehouse
from cloudcore.firehose.destinations.redshift.config import Redshift
from cloudcore.firehose.destinations.redshift.loading import CopyFailed, Database
from cloudcore.firehose.destinations.s3.compress import FORMATS, compress
from cloudcore.firehose.destinations.secrets import Secret
from cloudcore.firehose.destinations.sending import Around, Batch, Failure, Later, Record, failure_line
from cloudcore.firehose.prefix import uuid_of

_COLUMNAR = ("PARQUET", "ORC")
_LOADED = ("duckdb:", "postgres")  # by us


class RedshiftSender:
    """A Sender (sending.py)."""

    def __init__(self, settings: Redshift, around: Around):
        self._settings, self._around = settings, around
        self._where = _where(settings, around)
        self._secret = None if settings.secret is None else Secret(settings.secret)

    def send(self, batch: Batch) -> None:
        """Write the object and its manifest, then COPY. Raises Later."""
        left = batch.left()
        if not left:
            return
        url = self._store(batch)
        try:
            self._copy(url, batch)
        except CopyFailed as error:
            raise Later("Redshift.CopyFailed", f"COPY failed: {error.args[0]}") from None
        except OSError as error:
            if isinstance(error, Later):
                raise
            raise Later("Redshift.ConnectionFailed", str(error)) from None
        batch.progress.taken.update(left)

    def line(self, record: Record, failure: Failure) -> dict[str, Any]:
        return failure_line(record, failure)

    def give_up(self, batch: Batch, moved: dict[str, int]) -> None:
        """The manifest of what was skipped, for a load by hand; its object stays where it is."""
        plan = batch.plan
        if not batch.progress.stored:
            self._store(batch)
        text = self._manifest(batch)
        key = self._manifest_key(batch, "errors/manifests/")
        self._around.objects.put(plan.bucket, key, [text], **self._sealed())
        moved["objects"] += 1
        moved["bytes_out"] += len(text)

    def close(self) -> None:
        pass

    def _store(self, batch: Batch) -> str:
        """The address of the manifest of the batch's object, both written."""
        plan, objects = batch.plan, self._around.objects
        key = self._manifest_key(batch, "manifests/")
        if not batch.progress.stored:
            kind = "GZIP" if self._settings.gzip else "UNCOMPRESSED"
            parts = compress([record.data for record in batch.records], kind, plan.key)
            encoding, sealed = FORMATS[kind].content_encoding, self._sealed()
            objects.put(plan.bucket, plan.key, parts, content_encoding=encoding, **sealed)
            batch.progress.size = sum(map(len, parts))
            objects.put(plan.bucket, key, [self._manifest(batch)], **sealed)
            batch.progress.stored = True
        return f"s3://{plan.bucket}/{key}"

    def _sealed(self) -> dict[str, str]:
        """How the store is told to encrypt, by the bucket's EncryptionConfiguration."""
        return {"kms_key": self._settings.kms_key} if self._settings.kms_key else {}

    def _manifest(self, batch: Batch) -> bytes:
        columnar = any(word in self._settings.options.upper().split() for word in _COLUMNAR)
        sizes = [batch.progress.size] if columnar else None
        return encode.manifest([f"s3://{batch.plan.bucket}/{batch.plan.key}"], sizes)

    def _manifest_key(self, batch: Batch, folder: str) -> str:
        when = prefix.moment(batch.plan.time_ms, self._around.zone)
        name = batch.plan.key.rpartition("/")[2].removesuffix(".gz")
        return f"{folder}{when:%Y/%m/%d/%H}/{name}.manifest"

    def _copy(self, url: str, batch: Batch) -> None:
        settings = self._settings
        if self._where.startswith(_LOADED):
            database = open_database(settings, self._around, *self._account())
            try:
                loading.copy(
                    database, self._around.objects, url, settings.table, settings.columns,
                    settings.read_options(),
                )  # fmt: skip
            finally:
                database.close()
            return
        statement = encode.statement(
            settings.table, settings.columns, url, settings.role, settings.options
        )
        user, password = self._account()
        host, port, name = settings.address
        if self._where.startswith("redshift-data:"):
            import botocore.session

            session = botocore.session.Session()
            client = session.create_client("redshift-data", region_name=self._around.region)
            warehouse.run_data_api(
                client, self._where.removeprefix("redshift-data:"), name, user, settings.secret, statement,
                uuid_of(url), self._around.pause,
            )  # fmt: skip
            return
        warehouse.run_connector((host, port, name), user, password, statement)

    def _account(self) -> tuple[str, str]:
        if self._secret is None:
            return self._settings.user or "", self._settings.password or ""
        return self._secret.get("username"), self._secret.get("password")


def open_database(settings: Redshift, around: Around, user: str, password: str) -> Database:
    """What is loaded in the place of Redshift. OSError when it cannot be reached."""
    where = _where(settings, around)
    if where.startswith("duckdb:"):
        from cloudcore.firehose.destinations.redshift.duck import Duck

        path = where.removeprefix("duckdb:")
        if not path:
            path = os.path.join(around.home.path(), "@redshift", f"{settings.address[2]}.duckdb")
        return Duck(path)
    from cloudcore.firehose.destinations.redshift.postgres import Postgres

    return Postgres(where, user, password)


def read(settings: Redshift, around: Around, last: int | None) -> Any:
    """The table as Arrow, or its last rows as the database keeps them. ValueError where it is Redshift's own,
    or not there; OSError."""
    if not _where(settings, around).startswith(_LOADED):
        raise ValueError(f"{settings.table} is Redshift's: ask it there")
    account = settings.user or "", settings.password or ""
    if settings.secret is not None:
        secret = Secret(settings.secret)
        account = secret.get("username"), secret.get("password")
    database = open_database(settings, around, *account)
    try:
        columns = database.columns(settings.table)
        if not columns:
            raise ValueError(f"the table {settings.table} does not exist")
        return database.read(settings.table, columns, last)
    finally:
        database.close()


def _where(settings: Redshift, around: Around) -> str:
    return settings.where(around.reach, bool(getattr(around.objects, "encrypts", False)))
