"""Notes: what the next attempt at a plan, of any node, has to know of the ones before.

Of a plan that becomes several objects, its keys: a function may answer otherwise when a delivery is repeated,
and give a record another partition. So they are noted before the first of its objects is written, and what
the next attempt does not write again goes. Of an endpoint's, how far it got (endpoints.py).

    cc-notes    cloudcore.notes.ID.PLAN    JSON, for as long as a plan may wait

Thread rule: any call from any thread but the link's loop.
"""

from __future__ import annotations

import json
import zlib
from typing import Any

from cloudcore.cluster.layout import NOTES, note_subject
from cloudcore.cluster.link import Link

_KEPT_S = 90_000.0
_SAVE_S = 20.0
_LARGE = 1_000_000  # JetStream takes 1 MiB with the headers


class Notes:
    """Those of one delivery stream."""

    def __init__(self, link: Link, identity: str):
        self._link, self._identity = link, identity
        self._made = False

    def read(self, plan: int) -> Any:
        """What was noted last, or None. Raises Lost."""
        self._make()
        message = self._link.run(self._link.newest(NOTES, note_subject(self._identity, plan)))
        return json.loads(zlib.decompress(message.data)) if message else None

    def write(self, plan: int, *values: Any) -> None:
        """Note a value in the place of what was noted before: the first that is not too large for a message,
        else the last. Raises Lost, FullError."""
        self._make()
        for value in values:
            data = zlib.compress(json.dumps(value).encode(), 6)
            if len(data) <= _LARGE:
                break
        self._link.run(self._link.append(note_subject(self._identity, plan), data, {}, _SAVE_S))

    def _make(self) -> None:
        if not self._made:
            self._link.run(
                self._link.ensure(NOTES, note_subject("*", "*"), max_msgs_per_subject=1, max_age=_KEPT_S)
            )
            self._made = True
