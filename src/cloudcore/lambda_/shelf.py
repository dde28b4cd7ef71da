"""A shelf: JSON documents by name, one file each, replaced as a whole and durable when saved.

    <directory>/<name, percent-encoded>.json    {"format": 1, ...}

What a kill left half written is removed at the next open. The service's lock guards it.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any
from urllib.parse import quote, unquote

from cloudcore.errors import FormatError

FORMAT = 1


class Shelf:
    """`documents` by name, in memory and on disk. Change one by `save`, never in place."""

    def __init__(self, directory: str):
        self._directory = directory
        os.makedirs(directory, exist_ok=True)
        self.documents: dict[str, dict[str, Any]] = {}
        for entry in sorted(os.listdir(directory)):
            path = os.path.join(directory, entry)
            if entry.endswith(".json"):
                self.documents[unquote(entry.removesuffix(".json"))] = _read(path)
            else:
                os.unlink(path)

    def save(self, name: str, document: dict[str, Any]) -> None:
        """Make `document` what the name stands for, durably."""
        with tempfile.NamedTemporaryFile("w", dir=self._directory, suffix=".part", delete=False) as part:
            part.write(json.dumps({"format": FORMAT} | document))
            part.flush()
            os.fsync(part.fileno())
        os.replace(part.name, self._path(name))
        self._sync()
        self.documents[name] = document

    def remove(self, name: str) -> None:
        """Forget a name; one that is not there is no error."""
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))
        self._sync()
        self.documents.pop(name, None)

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, quote(name, safe="") + ".json")

    def _sync(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: str) -> dict[str, Any]:
    with open(path, encoding="utf-8") as file:
        try:
            held: dict[str, Any] = json.load(file)
        except ValueError as error:
            raise FormatError(f"{path}: {error}", "format") from None
    if held.pop("format", None) != FORMAT:
        raise FormatError(f"{path}: this build reads format {FORMAT} only", "format")
    return held
