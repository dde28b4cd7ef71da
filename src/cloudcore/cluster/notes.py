"""Notes: under which keys a plan's records may be, for plans that become several objects.

A function may answer otherwise when a delivery is repeated, and give a record another partition. So its keys
are noted before the first of its objects is written, and what the next attempt does not write again goes.

    cc-notes    cloudcore.notes.ID.PLAN    JSON, for as long as a plan may wait

Thread rule: any call from any thread but the link's loop.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable

from cloudcore.cluster.layout import NOTES, note_subject
from cloudcore.cluster.link import Link

_KEPT_S = 90_000.0
_SAVE_S = 20.0


class Notes:
    """Those of one delivery stream."""

    def __init__(self, link: Link, identity: str):
        self._link, self._identity = link, identity
        self._made = False

    def read(self, plan: int) -> set[str]:
        """The keys that were noted last. Raises Lost."""
        self._make()
        message = self._link.run(self._link.newest(NOTES, note_subject(self._identity, plan)))
        return set(json.loads(zlib.decompress(message.data))) if message else set()

    def write(self, plan: int, keys: Iterable[str]) -> None:
        """Note keys in the place of those that were noted before. Raises Lost, FullError."""
        self._make()
        data = zlib.compress(json.dumps(sorted(keys)).encode(), 6)
        self._link.run(self._link.append(note_subject(self._identity, plan), data, {}, _SAVE_S))

    def _make(self) -> None:
        if not self._made:
            self._link.run(
                self._link.ensure(NOTES, note_subject("*", "*"), max_msgs_per_subject=1, max_age=_KEPT_S)
            )
            self._made = True
