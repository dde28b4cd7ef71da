"""The owner's side of one execution environment: its process, channel, output and memory."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import time
from dataclasses import dataclass
from typing import Any, Protocol

from cloudcore._channel import Channel, punch
from cloudcore.lambda_ import groups, network
from cloudcore.lambda_.debugging import is_attached
from cloudcore.lambda_.metering import OUTPUT_KEPT
from cloudcore.lambda_.payload import RESPONSE_MAX, too_large
from cloudcore.lambda_.runtime import BEGIN, ERROR, GO, PIECE, RESULT
from cloudcore.lambda_.spec import Spec
from cloudcore.lambda_.zygotes import Zygote

REQUEST_ROOM = 6 * 1024 * 1024 + 64 * 1024
RESPONSE_ROOM = 6 * 1024 * 1024 + 64 * 1024
_FIRST_SLICE_MS, _SLICE_MS = 1, 5
_OUTPUT_HELD = 8 * OUTPUT_KEPT
_CHILDREN_EVERY = 8
_PAGE_KB = os.sysconf("SC_PAGESIZE") // 1024

Answer = tuple[int, bytes, int, int]
"""What Channel.call returns."""
ANSWERED, TIMED_OUT, ENDED, OUT_OF_MEMORY = "answered", "timeout", "ended", "memory"


@dataclass(slots=True)
class Outcome:
    """How a request to an environment ended; `kind` and `payload` only when it was answered."""

    how: str
    kind: int = 0
    payload: bytes = b""


class Sink(Protocol):
    """Who takes a stream: its content type first, then its bytes."""

    def begin(self, content_type: bytes) -> None: ...
    def write(self, data: bytes) -> None: ...


class Whole:
    """A stream for a caller who wants all of it at once, at most as much as a response may have."""

    def __init__(self) -> None:
        self._pieces: list[bytes] | None = None
        self._size = 0

    def begin(self, content_type: bytes) -> None:
        self._pieces = []

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._pieces is not None and self._size <= RESPONSE_MAX:
            self._pieces.append(data)

    def outcome(self, end: Outcome) -> Outcome:
        """How the call ended, with the stream as its payload when it was one that ended well."""
        if self._pieces is None or end.kind != RESULT:
            return end
        if self._size > RESPONSE_MAX:
            return Outcome(ANSWERED, ERROR, too_large())
        return Outcome(ANSWERED, RESULT, b"".join(self._pieces))


class ThreadsError(Exception):
    """The zygote has more than one thread and must not be forked from."""


class Environment:
    """One worker process. One call at a time; `end` may run beside nothing else."""

    def __init__(
        self, parent: Zygote, spec: Spec, scratch: str, *, warmed: bool, report: bool,
        initialization: str = "on-demand", link: int = -1,
    ):  # fmt: skip
        """`link` is the socket of one that becomes a snapshot."""
        self.parent, self.scratch = parent, scratch
        self.limit_kb = spec.memory_mb * 1024
        self.own = spec.program is None  # its process is the function's, not one that answers for it
        self.debug_port = int(spec.environment.get("CLOUDCORE_DEBUG_PORT") or 0)
        self.peak_kb = 0
        self.generation = 0
        self.door: network.Door | None = None
        self.consumed = self.punched = self.written = self.uses = 0
        self.started, self.last_used = time.perf_counter(), time.monotonic()
        self.channel = Channel(REQUEST_ROOM, RESPONSE_ROOM)
        self.output = os.memfd_create("cloudcore-output")
        try:
            writer = os.open(f"/proc/self/fd/{self.output}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                fork = {
                    "root": spec.root,
                    "handler": spec.handler,
                    "environment": {} if warmed else spec.environment,
                    "scratch": scratch,
                    "storage": spec.storage_mb << 20,
                    "opt": spec.opt,
                    "program": spec.program,
                    "hidden": list(spec.hidden),
                    "warmed": warmed,
                    "report": report,
                    "initialization": initialization,
                }
                reply = self._ask(fork, [self.channel.fileno(), writer], link, spec)
            finally:
                os.close(writer)
            if "threads" in reply:
                raise ThreadsError(f"the zygote has {reply['threads']} threads")
            self.pid: int = reply["pid"]
            # The zygote reaps only when asked, so the number cannot have been given away yet;
            # unless the zygote was killed since.
            self.pidfd = os.pidfd_open(self.pid)
            self.group = groups.Group(spec.memory_mb + spec.storage_mb)
            self.group.add(self.pid)
        except ProcessLookupError as error:
            os.close(self.output)
            raise ConnectionError("the zygote ended") from error
        except BaseException:
            os.close(self.output)
            raise

    def _ask(self, fork: dict[str, Any], passed: list[int], link: int, spec: Spec) -> dict[str, Any]:
        """Have the parent fork; where the function has no network, with a door to the cloud's listener."""
        names = ["link"] if link >= 0 else []
        passed += [link] * len(names)
        alone = spec.environment.get(network.VARIABLE) == network.NONE
        if not alone or self.parent.snapshot:  # what a snapshot has its children have too
            return self.parent.ask({"fork": fork | {"more": names}}, passed)
        endpoint = spec.environment.get("AWS_ENDPOINT_URL", "")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            more = {"more": [*names, "door"], "endpoint": endpoint}
            try:
                reply = self.parent.ask({"fork": fork | more}, [*passed, theirs.fileno()])
            except BaseException:
                ours.close()
                raise
        self.door = network.Door(ours, network.address_of(endpoint))
        return reply

    def call(self, head: bytes, payload: bytes, limit_s: float, sink: Sink | None = None) -> Outcome:
        """Send one request and wait for its answer, at most `limit_s` seconds; never raises.

        What the function streams goes to `sink`; without one the whole of it is the outcome's payload.
        """
        try:
            end = time.monotonic() + limit_s
            answer = self.channel.call(head, payload, _FIRST_SLICE_MS, self.output)
            if answer is None or answer[0] in (BEGIN, PIECE):
                return self._go_on(answer, end, sink)
        except Exception:
            # The function scribbled on the shared memory, or somebody shut the channel.
            return Outcome(ENDED)
        return self._answered(answer)

    def _go_on(self, answer: Answer | None, end: float, sink: Sink | None) -> Outcome:
        """Take the pieces of a stream, if it is one, up to the answer that ends it."""
        whole = Whole()
        stream = sink or whole
        while True:
            if answer is None:
                found = self._watch(end)
                if isinstance(found, Outcome):
                    return found
                answer = found
            kind, data, _, _ = answer
            if kind == BEGIN:
                stream.begin(data)
            elif kind == PIECE:
                stream.write(data)
            else:
                return whole.outcome(self._answered(answer))
            if time.monotonic() > end:
                return Outcome(TIMED_OUT)
            answer = self.channel.call(GO, b"", _FIRST_SLICE_MS, self.output)

    def _answered(self, answer: Answer) -> Outcome:
        kind, payload, peak_kb, self.written = answer
        if peak_kb > self.peak_kb:
            self.peak_kb = peak_kb
        return Outcome(ANSWERED, kind, payload)

    def _watch(self, end: float) -> Outcome | Answer:
        """Wait on while guarding the limits: time, memory, output, and that the process lives."""
        rounds = 0
        while (left := end - time.monotonic()) > 0 or is_attached(self.debug_port):
            left = max(left, 0.0)
            answer = self.channel.wait(min(_SLICE_MS, int(left * 1000) + 1), self.output)
            if answer is not None:
                return answer
            rounds += 1
            if self._over_memory(rounds % _CHILDREN_EVERY == 0):
                return Outcome(OUT_OF_MEMORY)
            if self.ended():
                answer = self.channel.wait(0, self.output)
                return Outcome(ENDED) if answer is None else answer
            self._bound_output()
        self._over_memory(True)
        return Outcome(TIMED_OUT)

    def ended(self) -> bool:
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def _over_memory(self, children: bool) -> bool:
        try:
            used = 0
            if self.own:
                with open(f"/proc/{self.pid}/statm", "rb") as statm:
                    used = int(statm.read().split()[1]) * _PAGE_KB
            if children or not self.own:
                used += _children_kb(self.pid)
        except OSError:
            return False
        if used > self.peak_kb:
            self.peak_kb = used
        return used > self.limit_kb

    def _bound_output(self) -> None:
        size = os.lseek(self.output, 0, os.SEEK_END)
        if size - self.punched > _OUTPUT_HELD:
            self._give_back(size - OUTPUT_KEPT)

    def _give_back(self, upto: int) -> None:
        upto -= upto % 4096
        if upto > self.punched:
            punch(self.output, self.punched, upto - self.punched)
            self.punched = upto

    def read_output(self, written: int | None = None) -> bytes:
        """What was written since the last time; the end of it when it is much."""
        size = os.lseek(self.output, 0, os.SEEK_END) if written is None else written
        if size == self.consumed:
            return b""
        start = max(min(self.consumed, size), size - OUTPUT_KEPT)
        kept = os.pread(self.output, size - start, start)
        self.consumed = size
        if size - self.punched > OUTPUT_KEPT:
            self._give_back(size)
        return kept

    @property
    def peak_mb(self) -> int:
        """The peak of the environment's resident memory, at most its limit, in MB."""
        return min(-(-self.peak_kb // 1024), self.limit_kb // 1024)

    def kill(self) -> None:
        """Kill the environment and its process group; a call under way sees that it ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def end(self) -> int:
        """Kill the environment and all that it started, and reap; the waitpid status."""
        self.kill()
        try:
            how: int = self.parent.ask({"reap": self.pid})["how"]
        except ConnectionError:
            how = signal.SIGKILL  # it died with its zygote
        if self.door is not None:
            self.door.close()
        self.group.remove()
        self.channel.shut()
        os.close(self.pidfd)
        os.close(self.output)
        return how


def _children_kb(pid: int) -> int:
    """The proportional share of memory of the descendants, which share pages with their parent."""
    total, found = 0, [pid]
    while found:
        parent = found.pop()
        with contextlib.suppress(OSError):
            for task in os.listdir(f"/proc/{parent}/task"):
                with open(f"/proc/{parent}/task/{task}/children", "rb") as children:
                    for child in map(int, children.read().split()):
                        found.append(child)
                        total += _share_kb(child)
    return total


def _share_kb(pid: int) -> int:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", "rb") as rollup:
        for line in rollup:
            if line.startswith(b"Pss:"):
                return int(line.split()[1])
    return 0
