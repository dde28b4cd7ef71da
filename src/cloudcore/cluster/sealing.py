"""Sealing: batches of a delivery stream encrypted in JetStream, for StartDeliveryStreamEncryption.

The data keys (firehose/sealed.py has the bytes) are in the description as KMS encrypted them, so every node
can have them opened, and JetStream's files and messages show no record. A batch names its key in the header
Cc-Sealed; a node that meets one that it does not know asks for the description.
Thread rule: any thread but the link's loop, since KMS is asked.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cloudcore.cluster.layout import COUNT, PLACE_BITS, SEALED
from cloudcore.cluster.link import Lost, time_of
from cloudcore.firehose.sealed import Keys, Opened, Sealer, sealer_of

_LOG, _TYPE = "source", 1


class Sealing:
    """The data keys of one stream. `described(fresh)` is its description as this node knows it, or as the
    catalogue has it now; `keys()` opens them."""

    def __init__(self, keys: Callable[[], Keys], described: Callable[[bool], dict[str, Any]]):
        self._keys, self._described = keys, described
        self._lock = threading.Lock()
        self._known: dict[str, Any] | None = None
        self._sealer: Sealer | None = None

    def seal(self, payload: bytes) -> tuple[bytes, dict[str, str]]:
        """A batch as it is stored now, and the headers that say so. Raises ApiError when KMS gives no key."""
        description = self._described(False)
        if not description.get("Encryption") and self._known is None:
            return payload, {}
        sealer = self._of(description)
        if sealer.current is None:
            return payload, {}
        return sealer.seal(_LOG, _TYPE, payload), {SEALED: str(sealer.current)}

    def open(self, message: Any) -> bytes:
        """A batch as it was put. Raises ApiError, CorruptError, Lost."""
        number = (message.headers or {}).get(SEALED)
        if number is None:
            return bytes(message.data)
        description = self._described(False)
        if number not in (description.get("Encryption") or {}).get("Keys", {}):
            description = self._described(True)
        first = message.metadata.sequence.stream << PLACE_BITS
        record = Opened(first, int(message.headers[COUNT]), _TYPE, time_of(message), message.data)
        return bytes(self._of(description).open(_LOG, record).payload)

    def _of(self, description: dict[str, Any]) -> Sealer:
        with self._lock:
            found = description.get("Encryption") or {}
            if self._sealer is None or found != self._known:
                self._sealer, self._known = sealer_of(description, self._keys()), found
            return self._sealer


def described_by(
    find: Callable[[], Any], ask: Callable[[], Any], identity: str
) -> Callable[[bool], dict[str, Any]]:
    """What Sealing wants, of the stream with an identity. Raises Lost when it is not in the catalogue."""

    def described(fresh: bool) -> dict[str, Any]:
        found = None if fresh else find()
        if found is None or found["Identity"] != identity:
            found = ask()
        if found is None or found["Identity"] != identity:
            raise Lost("the stream is not in the catalogue")
        told: dict[str, Any] = found
        return told

    return described
