"""The owner's side of a SnapStart version's snapshot (snapshot.py), the process that they come from."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudcore.errors import ApiError
from cloudcore.lambda_.zygotes import Zygote

if TYPE_CHECKING:
    from cloudcore.lambda_.environment import Environment

INIT_S, RESTORE_S = 130.0, 10.0
"""How long initialising (or the function's timeout, if that is longer) and restoring may take, as on AWS."""
_REPLY_S = 30.0
_log = logging.getLogger("cloudcore.lambda")


@dataclass
class Taken:
    """How taking a snapshot went: what it wrote, its time, and why it failed ("": it did not)."""

    log: bytes
    init_ms: float
    status: str = ""
    message: str = ""


class RestoreError(ApiError):
    """An environment could not be restored; `log` is what it wrote."""

    def __init__(self, code: str, message: str, status: int, log: bytes):
        super().__init__(code, message, status)
        self.log = log


class Snapshot:
    """None yet, ready, or of no use: a function whose initialisation leaves threads behind cannot be forked,
    and one behind a wrapper script is another program. Then every environment initialises itself.

    `discard` ends the environment that is the snapshot.
    """

    def __init__(self, function: str, useless: bool, discard: Callable[[Environment], object]):
        self.turn = threading.Lock()  # one thread at a time takes it
        self.useless = useless
        self._function, self._discard = function, discard
        self._lock = threading.Lock()
        self._held: tuple[Environment, Zygote] | None = None
        self._closed = False

    def get(self) -> Zygote | None:
        """What to fork from."""
        with self._lock:
            if self._held is None:
                return None
            process, zygote = self._held
            if zygote.alive and not process.ended():
                return zygote
        self.drop()
        return None

    def keep(self, process: Environment, zygote: Zygote, threads: int) -> None:
        """`process` has initialised the function, and runs so many threads."""
        zygote.link.settimeout(_REPLY_S)  # user code was in there
        zygote.snapshot = True
        with self._lock:
            self.useless = threads > 1
            if not self.useless and not self._closed:
                self._held = (process, zygote)
                return
        if self.useless:
            self.tell(threads)
        zygote.close()
        self._discard(process)

    def tell(self, threads: int) -> None:
        """Why there is no snapshot."""
        self.useless = True
        _log.warning(
            "%s: its initialisation leaves %d threads running, which no snapshot can hold: every environment "
            "initialises itself; stop them in a hook before the snapshot", self._function, threads,
        )  # fmt: skip

    def unfit(self, zygote: Zygote) -> None:
        """`zygote`, if this is the snapshot, has more than one thread now."""
        if zygote is self.get():
            self.tell(2)
            self.drop()

    def drop(self) -> None:
        """End it; the next call that needs one takes it again."""
        with self._lock:
            held, self._held = self._held, None
        if held is not None:
            held[1].close()
            self._discard(held[0])

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self.drop()
