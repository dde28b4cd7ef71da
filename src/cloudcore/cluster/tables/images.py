"""Images of backups in JetStream, beside the log: every node has them, and none of its files.

    cc-backups    cloudcore.backups.ACCOUNT.REGION.RANGE.ID_UPLOAD    the parts of an image file, in order

Whoever leads writes an image, and then names its upload in the backup's record (`Images.keep`); one that no
record names was not finished, and goes when another leader begins.
Thread rule: on threads, not on the link's loop.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cloudcore.cluster.layout import BACKUPS, backup_subject
from cloudcore.cluster.link import Link
from cloudcore.cluster.tables import parts
from cloudcore.dynamodb.recovery.images import Images

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


class StoredImages(Images):
    """The images of an account's backups in a region."""

    def __init__(self, service: DynamoDB, link: Link):
        super().__init__(service)
        self._link, self._place = link, (service.account, service.region)

    def keep(self, id_: str) -> dict[str, Any]:
        """Bring a file that was written to where all nodes find it; what its backup's record is told."""
        upload, every = self._link.message_id(), backup_subject("*", "*", "*", "*")
        with open(self.path(id_), "rb") as file:
            subject = backup_subject(*self._place, f"{id_}_{upload}")
            count = self._link.run(parts.keep(self._link, BACKUPS, every, subject, file))
            size = file.tell()
        os.unlink(self.path(id_))
        return {"image": {"upload": upload, "parts": count, "bytes": size}}

    @contextlib.contextmanager
    def file(self, id_: str, record: dict[str, Any]) -> Iterator[str]:
        """The path of a file that is the image, as long as the block lasts. Raises CloudcoreError."""
        told = record["image"]
        subject = backup_subject(*self._place, f"{id_}_{told['upload']}")
        path = f"{self.path(id_)}.{self._link.message_id()}"
        with parts.brought(self._link, BACKUPS, subject, told["parts"], path, f"backup {id_}"):
            yield path

    def forget(self, id_: str) -> None:
        """Remove a backup's image, and what was begun of it."""
        self._purge(lambda word: word.partition("_")[0] == id_)

    def sweep(self, backups: dict[str, dict[str, Any]]) -> None:
        """Remove what belongs to none of these: id -> record."""

        def lost(word: str) -> bool:
            id_, _, upload = word.partition("_")
            return backups.get(id_, {}).get("image", {}).get("upload") != upload

        self._purge(lost)

    def _purge(self, which: Callable[[str], bool]) -> None:
        self._link.run(parts.purge(self._link, BACKUPS, backup_subject(*self._place, "*"), which))
