"""Schemas of a stream's converted objects on a cluster: given, or inferred once.

An inferred one is of the records that a node had in its hands first. It is in the stream's description before
any object is written by it, where of two nodes that infer at the same time one is first; so all objects have
it, and a delivery that is repeated, at whichever node, too.
Thread rule: any thread but the link's loop.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from cloudcore.firehose import schema
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.inference import inferred
from cloudcore.firehose.records import Piece


class Schemas:
    """Those of one stream. `kept(text)`: the inferred one that is kept, `text` if there was none; None: it
    is only asked for."""

    def __init__(self, kept: Callable[[str | None], str | None]):
        self._kept = kept
        self._inferred: str | None = None
        self._known: dict[str, Any] = {}

    def of(self, config: Config, pieces: Sequence[Piece]) -> Any:
        """The Arrow schema of objects of these records; None where nothing is converted. Raises Lost."""
        if config.conversion is None:
            return None
        text: str | None = config.conversion.schema
        if text == "infer":
            self._inferred = text = self._inferred or self._kept(None)
            if text is None:
                found = inferred(pieces)
                if not found:
                    return found  # no record can be read: others may know better
                self._inferred = text = self._kept(schema.dump(found))
        assert text is not None
        if text not in self._known:
            self._known[text] = schema.load(text)
        return self._known[text]
