"""Calls between a pool process and one worker process through shared memory (csrc/channel)."""

from typing import final

def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process `signal_number` when the thread that forked it ends."""

@final
class Channel:
    """One side of a channel: made with two sizes in bytes, or attached to `fd` (which stays open).

    One thread at a time on each side; the GIL is free while a side waits. Raises ValueError when a
    message does not fit or comes out of turn, ClosedError when the channel was shut.
    """

    def __new__(cls, request_max: int = 0, response_max: int = 0, *, fd: int = -1) -> Channel: ...
    def fileno(self) -> int:
        """The memfd of the side that made the channel."""
    def send(self, head: bytes, body: bytes) -> None:
        """Caller: publish a request, `head` and `body` one after the other."""
    def wait(self, wait_ms: int) -> bytes | None:
        """Caller: the response, or None when none came in time; the call stays open then."""
    def receive(self, wait_ms: int) -> bytes | None:
        """Worker: the next request, or None when none came in time."""
    def reply(self, data: bytes) -> None:
        """Worker: answer the request received last."""
    def shut(self) -> None:
        """Wake both sides for good; any thread."""
