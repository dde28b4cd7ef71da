"""Budget: what may wait in the delivery streams of one process together, and what of it may be in memory.

    waiting     put and not delivered; at the bound puts are refused, so that producers wait and try again
    buffered    of that, what waits for its size or its time; beyond the bound the largest buffer leaves early
    in flight   of that, what is being encoded and sent, so in memory; beyond the bound deliveries take turns

One stream whose destination is down must not take the room of all others: it may have at most four times what
is left free, so that something always is (dynamic thresholds: Choudhury and Hahne, "Dynamic queue length
thresholds for shared-memory packet switches", 1998).

Thread rule: any call from any thread; `wake` of a share is called without the lock.
"""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable

WAITING_MAX = 64 << 30
WAITING_IN_MEMORY_MAX = 1 << 30
BUFFERED_MAX = 4 << 30
FLYING_MAX = 128 << 20
_TIMES_FREE = 4


def waiting_max_of(directory: str | os.PathLike[str] | None) -> int:
    """The bound where none is given: 64 GiB, or half of what is free on the disk now; 1 GiB in memory."""
    if directory is None:
        return WAITING_IN_MEMORY_MAX
    path = os.path.abspath(os.fspath(directory))
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return min(WAITING_MAX, max(1 << 20, shutil.disk_usage(path).free // 2))


class Budget:
    """Bounds in bytes over all shares."""

    def __init__(self, waiting_max: int, flying_max: int = FLYING_MAX):
        self.waiting_max, self.flying_max = waiting_max, flying_max
        self.buffered_max = min(BUFFERED_MAX, waiting_max // 2)
        self.waiting = self.buffered = self.flying = 0
        self._lock = threading.Lock()
        self._shares: list[Share] = []

    def share(self, wake: Callable[[], None] = lambda: None) -> Share:
        """The part of one stream; `wake` is called when there may be room to fly, or a buffer has to go."""
        share = Share(self, wake)
        with self._lock:
            self._shares.append(share)
        return share

    def _wanting(self) -> list[Share]:
        """Who was told that there is no room, each once; the lock is held."""
        found = [share for share in self._shares if share._wants_to_fly]
        for share in found:
            share._wants_to_fly = False
        return found


class Share:
    """One stream's part. `unread` is what was put and is not taken in yet."""

    def __init__(self, budget: Budget, wake: Callable[[], None]):
        self._budget, self.wake = budget, wake
        self.unread = self.held = self.buffered = self.flying = 0
        self._wants_to_fly = False

    @property
    def waiting(self) -> int:
        return self.unread + self.held

    def put(self, size: int) -> bool:
        """Room for what is being put, if there is; give it back with read(size) when the put fails."""
        with self._budget._lock:
            if not self._has_room(size):
                return False
            self.unread += size
            self._budget.waiting += size
            return True

    def full(self) -> bool:
        """Whether nothing more could be put."""
        with self._budget._lock:
            return not self._has_room(1)

    def read(self, size: int) -> None:
        """`size` bytes of what was put are taken in now, and part of what hold() says."""
        with self._budget._lock:
            size = min(size, self.unread)
            self.unread -= size
            self._budget.waiting -= size

    def hold(self, held: int, buffered: int) -> None:
        """What the stream's buffers and plans hold now, and the buffers alone."""
        budget, victim = self._budget, None
        with budget._lock:
            budget.waiting += held - self.held
            budget.buffered += buffered - self.buffered
            self.held, self.buffered = held, buffered
            if budget.buffered > budget.buffered_max:
                victim = self._largest()
        if victim is not None and victim is not self:
            victim.wake()

    def excess(self) -> int:
        """How much of its buffers this stream has to let go now: it has the most of all."""
        with self._budget._lock:
            over = self._budget.buffered - self._budget.buffered_max
            return over if over > 0 and self._largest() is self else 0

    def may_fly(self, size: int) -> bool:
        """Whether a delivery of so many bytes can begin; if not, wake() comes when others have ended."""
        budget = self._budget
        with budget._lock:
            free = budget.flying_max - budget.flying
            fits = not budget.flying or (size <= free and self.flying + size <= _TIMES_FREE * free)
            self._wants_to_fly = self._wants_to_fly or not fits
            return fits

    def fly(self, size: int) -> None:
        with self._budget._lock:
            self.flying += size
            self._budget.flying += size

    def land(self, size: int) -> None:
        """A delivery ended."""
        with self._budget._lock:
            self.flying -= size
            self._budget.flying -= size
            waiting = self._budget._wanting()
        for share in waiting:
            share.wake()

    def close(self) -> None:
        """The stream is closed: nothing of it waits here any more."""
        budget = self._budget
        with budget._lock:
            if self not in budget._shares:
                return
            budget._shares.remove(self)
            budget.waiting -= self.unread + self.held
            budget.buffered -= self.buffered
            budget.flying -= self.flying
            self.unread = self.held = self.buffered = self.flying = 0
            waiting = budget._wanting()
        for share in waiting:
            share.wake()

    def _has_room(self, size: int) -> bool:
        free = self._budget.waiting_max - self._budget.waiting
        return size <= free and self.unread + self.held + size <= _TIMES_FREE * free

    def _largest(self) -> Share:
        return max(self._budget._shares, key=lambda share: share.buffered)
