"""Calls between a pool process and one worker process through shared memory (csrc/channel)."""

from typing import final

def die_with_parent(signal_number: int) -> None:
    """Ask the kernel to send this process `signal_number` when the thread that forked it ends."""

def isolate(covers: list[tuple[bytes, bytes | None]], kept: list[bytes], ahead: bool = False) -> int:
    """Give this process a file tree of its own, in which each (directory, by) shows `by`, or nothing when it
    is None, in their order; `kept` directories below one of these are left in place; at most 64 of each. And
    forbid it to mount, trace and signal outwards, and to use the system calls of csrc/channel/forbid.h.

    Bits of the answer: 1 files, 2 mounts and tracing, 4 signals, 8 system calls. What the kernel refuses is
    missing. One thread, no way back, inherited by children. OSError when the process cannot go on. With
    `ahead` its children may still ask for isolate_again.
    """

def isolate_again(directory: bytes, size: int, kept: list[bytes]) -> int:
    """In a child of a process that was isolated ahead: an empty file system of `size` bytes over `directory`
    that its siblings do not see, with the `kept` directories below it, and all that isolate forbids. The
    answer as that of isolate."""

def own_network() -> bool:
    """Before isolate: give this process, which has one thread, a network with a loopback and nothing else;
    False where that is refused."""

def own_mounts() -> bool:
    """Give this process, which has one thread, mounts that nobody else sees; False where that is refused."""

def mount_storage(directory: bytes, size: int) -> bool:
    """After own_mounts: an empty file system in memory over `directory`, of at most `size` bytes. It goes
    when any process removes the directory."""

def drop_storage(directory: bytes) -> None:
    """Undo mount_storage, so that this process can remove the directory."""

def adopt_orphans() -> None:
    """Make this process the parent of its descendants whose own parents end."""

def punch(fd: int, offset: int, size: int) -> None:
    """Give back the memory of a part of a file, which reads as zeros from then on. Raises OSError."""

def request_id() -> str:
    """A random (version 4) UUID as text."""

def forget_random() -> None:
    """Drop the random bytes at hand: a forked child must not repeat its parent's."""

def long_integers(text: bytes) -> bool:
    """Whether JSON text may hold an integer of 19 digits or more, which may not fit into 64 bits."""

@final
class Channel:
    """One side of a channel: made with two sizes in bytes, or attached to `fd` (which stays open).

    One thread at a time on each side; the GIL is free while a side waits. Raises ValueError when a
    message does not fit or comes out of turn, ClosedError when the channel was shut.

    A request is a head and a body; the head's first four bytes are its own size (little-endian). An
    answer is (kind, payload, peak memory of the worker in KiB, end of the `output` descriptor).
    """

    def __new__(cls, request_max: int = 0, response_max: int = 0, *, fd: int = -1) -> Channel: ...
    def fileno(self) -> int:
        """The memfd of the side that made the channel."""
    def call(self, head: bytes, body: bytes, wait_ms: int, output: int) -> tuple[int, bytes, int, int] | None:
        """Caller: publish a request and wait for its answer; None as with `wait`."""
    def wait(self, wait_ms: int, output: int) -> tuple[int, bytes, int, int] | None:
        """Caller: the answer, or None when none came in time; the call stays open then."""
    def taken(self) -> bool:
        """Caller: whether the worker picked up the request sent last."""
    def receive(self, wait_ms: int) -> tuple[bytes, bytes, bool] | None:
        """Worker: head and body of the next request and what `long_integers` says of the body, or None
        when none came in time."""
    def reply(self, kind: int, data: bytes, peak_kb: int = 0) -> None:
        """Worker: answer the request received last; `kind` is one byte. `peak_kb`: memory used at most by
        whom this process answers for; 0: by itself."""
    def shut(self) -> None:
        """Wake both sides for good; any thread."""
