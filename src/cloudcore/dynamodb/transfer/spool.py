"""What an import or a bulk put has to report, line by line, in a file beside the store.

The record of the job says how many bytes of it count: what a killed process wrote beyond them is cut off.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import Any


class Spool:
    """Lines of JSON in a file that is made with the first of them. One thread at a time."""

    def __init__(self, path: str, size: int):
        self.path, self.size = path, size
        if os.path.exists(path):
            os.truncate(path, size)

    def add(self, records: list[Any]) -> None:
        """Append a line for each record; `size` counts them."""
        if not records:
            return
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        text = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records).encode()
        with open(self.path, "ab") as file:
            file.write(text)
        self.size += len(text)

    def remove(self) -> None:
        """Forget them all."""
        self.size = 0
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.path)
            os.rmdir(os.path.dirname(self.path))

    def lines(self) -> Iterator[bytes]:
        """The lines, with their ends."""
        if self.size:
            with open(self.path, "rb") as file:
                yield from file
