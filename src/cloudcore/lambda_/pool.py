"""The pool of execution environments of one function version: started on demand, reused while warm.

    invoke -> a warm environment, or a new one (forked by the version's zygote, else by the shared
    one, and initialised) -> one call through shared memory -> back to the warm ones

The initialisation has 10 s of its own. One that fails is run again, in a fresh environment, as part
of the invocation and under the function's timeout; the second failure is the caller's answer. An
environment that ran out of time or memory is killed with everything it started; one that ended by
itself is told with its exit status. With SnapStart environments are forked from the version's snapshot
(snapshots.py), which has initialised the function once. Environments are retired after `idle_s` without a
call, by the supervisor's thread; the version's zygote and its snapshot after twice that.

Thread rule: every method may be called from any thread; an environment has one call at a time.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable

from cloudcore._channel import request_id as new_request_id
from cloudcore.errors import ClosedError, ForkedError
from cloudcore.lambda_ import metering, runtime, snapshots, supervisor, zygotes
from cloudcore.lambda_.environment import (
    ANSWERED,
    ENDED,
    OUT_OF_MEMORY,
    TIMED_OUT,
    Environment,
    Outcome,
    Sink,
    ThreadsError,
)
from cloudcore.lambda_.metering import Result
from cloudcore.lambda_.runtimes import programs
from cloudcore.lambda_.spec import Spec, environment_of
from cloudcore.lambda_.system_log import JsonLog, TextLog

__all__ = ["Pool", "Result", "Spec", "environment_of"]

EVENT_MAX = 6 * 1024 * 1024
INIT_S = 10.0
_ATTEMPTS = 3
_INIT_HEAD = runtime.Head(0, "", "").pack()


class Pool:
    """The environments of one function version. Close it, or use it as a context manager."""

    def __init__(self, spec: Spec, *, idle_s: float = 300.0):
        self.spec, self.idle_s = spec, idle_s
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._warm: list[Environment] = []
        self._active = 0
        self._closed = self._interrupted = False
        self._every: set[Environment] = set()  # that live: idle, running, starting
        self._kept_log: Callable[[bytes], object] = len
        self._kept = 0  # so many are started ahead and outlive idle times
        self._scratches: list[str] = []  # of environments that were killed: /tmp survives a timeout
        self._generation = 0  # of the code: environments of an older one take no further call
        self._version = zygotes.Version(spec.root, spec.environment, spec.opt)
        region = spec.environment.get("AWS_REGION", "us-east-1")
        label = programs.label(spec.runtime)
        self._log: TextLog | JsonLog = TextLog(region, *label, spec.memory_mb)
        if spec.system_log_level:
            self._log = JsonLog(
                region, *label, spec.memory_mb, spec.system_log_level, spec.name, spec.version,
                "snap-start" if spec.snap_start else "on-demand",
            )  # fmt: skip
        self._snapshot = self._no_snapshot()
        zygotes.shared().opened(2 * idle_s)

    @property
    def warm(self) -> int:
        """How many environments are idle."""
        return len(self._warm)

    @property
    def active(self) -> int:
        """How many environments run a call now."""
        return self._active

    def invoke(
        self,
        payload: bytes,
        *,
        request_id: str | None = None,
        client_context: bytes | None = None,
        arn: str | None = None,
        trace: str = "",
        tenant: str = "",
        sink: Sink | None = None,
    ) -> Result:
        """Call the function with a JSON event; whatever the function does, there is a Result.

        `client_context` is JSON text; `arn` is the invoked ARN when it has a qualifier. What the function
        streams goes to `sink`, and the result's payload is empty then, or an error's. Raises
        ValueError for an event over 6 MiB, ClosedError when the pool is closed, ForkedError in a
        forked child, OSError when no process can be started.
        """
        if len(payload) > EVENT_MAX:
            raise ValueError("an event has at most 6291456 bytes")
        if type(payload) is not bytes:
            payload = bytes(payload)
        call = _Call(
            request_id or new_request_id(), arn or self.spec.arn, client_context or b"", payload,
            trace, tenant, sink,
        )  # fmt: skip
        environment = self._take()
        try:
            if environment is None:
                return self._cold(call)
            start = time.perf_counter()
            outcome = environment.call(call.head(self.spec.timeout_s), payload, self.spec.timeout_s, sink)
            duration = (time.perf_counter() - start) * 1000
            if outcome.how is ENDED and not environment.channel.taken():
                # It died while it was idle: the function never saw this event.
                self._discard(environment)
                return self._cold(call)
            return self._finish(call, environment, outcome, duration, None, b"")
        finally:
            with self._lock:
                self._active -= 1

    def prewarm(self, count: int, log: Callable[[bytes], object] = len) -> bool:
        """Have `count` environments initialised, running or idle, and keep so many through idle times.

        False when one did not initialise. `log` is given what each initialisation wrote. A successor of
        one that died is started in the background.
        """
        with self._lock:
            self._kept, self._kept_log = count, log
        while True:
            with self._lock:
                if self._closed or len(self._warm) + self._active >= self._kept:
                    return True
            environment, outcome, init_ms = self._start(INIT_S, "provisioned-concurrency")
            text = self._log.init_start() + metering.ended(environment.read_output())
            if outcome.kind != runtime.READY:
                log(text + self._log.init_report(init_ms, "init", _status(outcome)))
                self._discard(environment, keep=False)
                return False
            log(text)
            self._version.prepare(json.loads(outcome.payload) if outcome.payload else None)
            self._put(environment)

    def _cold(self, call: _Call) -> Result:
        # Counted before there is a child, so that closing the last pool meanwhile leaves the zygote.
        zygotes.shared().count(1)
        try:
            if self.spec.snap_start:
                return self._restore_and_run(call)
            return self._initialise_and_run(call)
        finally:
            zygotes.shared().count(-1)

    def _initialise_and_run(self, call: _Call) -> Result:
        """Initialise an environment and run the call in it."""
        before = self._log.init_start()
        environment, outcome, init_ms = self._start(INIT_S)
        start, budget = time.perf_counter(), float(self.spec.timeout_s)
        billed_init: float | None = init_ms
        if outcome.kind != runtime.READY:
            before += metering.ended(environment.read_output())
            before += self._log.init_report(init_ms, "init", _status(outcome))
            self._discard(environment)
            if self._interrupted:
                raise ClosedError("the service was closed before the function was done", "closed")
            billed_init = None
            environment, outcome, init_ms = self._start(budget)
            if outcome.kind != runtime.READY:
                before += metering.ended(environment.read_output())
                before += self._log.init_report(init_ms, "invoke", _status(outcome))
                duration = (time.perf_counter() - start) * 1000
                return self._finish(call, environment, outcome, duration, None, before, False)
            budget = max(0.0, budget - (time.perf_counter() - start))
        before += metering.ended(environment.read_output())
        self._version.prepare(json.loads(outcome.payload) if outcome.payload else None)
        outcome = environment.call(call.head(budget), call.payload, budget, call.sink)
        duration = (time.perf_counter() - start) * 1000
        return self._finish(call, environment, outcome, duration, billed_init, before)

    def _no_snapshot(self) -> snapshots.Snapshot:
        useless = self.spec.program is not None
        return snapshots.Snapshot(self.spec.name, useless, lambda one: self._discard(one, keep=False))

    def take_snapshot(self) -> snapshots.Taken:
        """Initialise the function, unless that is done, and keep what came of it, to fork from."""
        held = self._snapshot
        with held.turn:
            if held.get() is not None:
                return snapshots.Taken(b"", 0.0)
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            with theirs:
                link = -1 if held.useless else theirs.fileno()
                environment, outcome, init_ms = self._start(
                    max(snapshots.INIT_S, self.spec.timeout_s), "snap-start", link
                )
            status = "" if outcome.kind == runtime.READY else _status(outcome)
            log = self._log.init_start() + metering.ended(environment.read_output())
            taken = snapshots.Taken(log + self._log.init_report(init_ms, "init", status), init_ms, status)
            if status:
                taken.message = _reason(outcome)
            if status or held.useless:
                ours.close()
                self._discard(environment, keep=False)
                if self._interrupted:
                    raise ClosedError("the service was closed before the function was ready", "closed")
            else:
                threads = json.loads(outcome.payload)["threads"]
                held.keep(environment, zygotes.Zygote(ours, environment.pid, None), threads)
                supervisor.current().schedule(self, time.monotonic() + 2 * self.idle_s, self._tick)
            return taken

    def _restore_and_run(self, call: _Call) -> Result:
        """Restore an environment from the snapshot, which is taken first if it is gone, and run the call."""
        before, held = b"", self._snapshot
        if held.get() is None and not held.useless:
            taken = self.take_snapshot()
            before = taken.log
            if taken.status:
                raise snapshots.RestoreError("SnapStartException", taken.message, 400, before)
        before += self._log.restore_start()
        environment, outcome, restore_ms, billed = self._restored()
        status = "" if outcome.kind == runtime.READY else _status(outcome)
        before += metering.ended(environment.read_output()) + self._log.restore_report(restore_ms, status)
        if status:
            self._discard(environment, keep=False)
            if self._interrupted:
                raise ClosedError("the service was closed before the function was done", "closed")
            late = outcome.how is TIMED_OUT
            code, number = ("SnapStartTimeoutException", 408) if late else ("SnapStartException", 400)
            raise snapshots.RestoreError(code, _reason(outcome), number, before)
        start, budget = time.perf_counter(), float(self.spec.timeout_s)
        outcome = environment.call(call.head(budget), call.payload, budget, call.sink)
        duration = (time.perf_counter() - start) * 1000
        result = self._finish(call, environment, outcome, duration, None, before)
        result.restore_ms, result.billed_restore_ms = restore_ms, billed
        result.billed_ms = metering.billed(result.duration_ms, billed)
        return result

    def _restored(self) -> tuple[Environment, Outcome, float, int]:
        """A new environment, how its restore went, its milliseconds, those that are billed: not the fork."""
        limit = snapshots.RESTORE_S
        if self._snapshot.useless:
            limit = max(snapshots.INIT_S, self.spec.timeout_s)  # it initialises itself
        environment = self._fork("snap-start")
        start = time.perf_counter()
        outcome = environment.call(_INIT_HEAD, b"", limit)
        end = time.perf_counter()
        return environment, outcome, (end - environment.started) * 1000, math.ceil((end - start) * 1000)

    def _parent(self, link: int) -> tuple[zygotes.Zygote, bool]:
        """What to fork from, and whether it has the version's variables already."""
        if self.spec.snap_start and link < 0 and not self._snapshot.useless:
            found = self._snapshot.get()
            if found is None:
                taken = self.take_snapshot()  # it was killed meanwhile
                found = self._snapshot.get()
                if taken.status:
                    raise snapshots.RestoreError("SnapStartException", taken.message, 400, taken.log)
            if found is not None:
                return found, True
        own = self._version.get()
        return own or zygotes.shared().get(), own is not None

    def _start(
        self, limit_s: float, initialization: str = "on-demand", link: int = -1
    ) -> tuple[Environment, Outcome, float]:
        """A new environment, how its initialisation went, and how many milliseconds that took."""
        environment = self._fork(initialization, link)
        outcome = environment.call(_INIT_HEAD, b"", limit_s)
        # Counted from the fork on: starting a zygote is the platform's own time.
        return environment, outcome, (time.perf_counter() - environment.started) * 1000

    def _fork(self, initialization: str, link: int = -1) -> Environment:
        with self._lock:
            generation = self._generation
            scratch = self._scratches.pop() if self._scratches else ""
        scratch = scratch or zygotes.shared().scratch()
        error: Exception | None = None
        for _ in range(_ATTEMPTS):
            parent, warmed = self._parent(link)
            try:
                environment = Environment(
                    parent, self.spec, scratch, warmed=warmed, report=self._version.wanted is None,
                    initialization=initialization, link=link,
                )  # fmt: skip
            except (ConnectionError, ThreadsError) as problem:
                error = problem  # the zygote was killed or is unfit: the next attempt has another
                if isinstance(problem, ThreadsError):
                    self._version.retire()
                    self._snapshot.unfit(parent)
                continue
            zygotes.shared().count(1)
            environment.generation = generation
            with self._lock:
                self._every.add(environment)
            if self._interrupted:
                environment.kill()
            return environment
        shutil.rmtree(scratch, ignore_errors=True)
        raise OSError(f"no execution environment could be started: {error}")

    def _finish(
        self,
        call: _Call,
        environment: Environment,
        outcome: Outcome,
        duration: float,
        init_ms: float | None,
        before: bytes,
        initialised: bool = True,
    ) -> Result:
        """Put the environment back or end it, and tell what happened."""
        error: str | None = "Unhandled"
        status, how = "", outcome.how
        if how is ANSWERED and outcome.kind != runtime.FAILED:
            written = environment.written
            output = environment.read_output(written) if written != environment.consumed else b""
            body, peak = outcome.payload, environment.peak_mb
            if outcome.kind == runtime.RESULT:
                error = None
            self._put(environment)
        else:
            output, status = environment.read_output(), _status(outcome)
            killed = self._discard(environment)
            peak = environment.peak_mb
            if how is ENDED and self._interrupted:
                raise ClosedError("the service was closed before the function was done", "closed")
            body = _told(outcome, call) if how is ANSWERED else self._failure(call, how, killed)
            if how is TIMED_OUT:
                duration = self.spec.timeout_s * 1000.0
            if not initialised:
                status = ""  # the INIT_REPORT line says it
        result = Result(
            body,
            error,
            call.request_id,
            duration,
            metering.billed(duration, init_ms),
            init_ms,
            peak,
            b"",
            200,
            self.spec.version,
        )
        compose = self._log.lines
        result._log = lambda told: compose(told, before, output, status)
        return result

    def _failure(self, call: _Call, how: str, killed: int) -> bytes:
        if how is TIMED_OUT:
            text = f"Task timed out after {self.spec.timeout_s:.2f} seconds"
            return metering.error_body("Sandbox.Timedout", call.request_id, text)
        if how is OUT_OF_MEMORY:
            text = "Runtime exited with error: signal: killed"
            return metering.error_body("Runtime.OutOfMemory", call.request_id, text)
        return metering.error_body("Runtime.ExitError", call.request_id, _ending(killed))

    def _take(self) -> Environment | None:
        """A warm environment or None; the call is counted as active."""
        if self._pid != os.getpid():
            # Before the lock, which a thread of the parent may have held at the fork.
            raise ForkedError("this pool was inherited through fork()", "forked")
        with self._lock:
            if self._closed:
                raise ClosedError("this function's pool is closed", "closed")
            self._active += 1
            return self._warm.pop() if self._warm else None

    def _put(self, environment: Environment) -> None:
        fresh = environment.uses == 0
        environment.uses += 1
        environment.last_used = time.monotonic()
        with self._lock:
            closed = self._closed or environment.generation != self._generation
            if not closed:
                self._warm.append(environment)
        if closed:
            self._discard(environment, keep=False)
        elif fresh:
            watch = supervisor.current()
            watch.watch(environment.pidfd, lambda: self._died(environment))
            watch.schedule(self, environment.last_used + self.idle_s, self._tick)

    def _died(self, environment: Environment) -> None:
        """A process ended. While it runs a call, that call sees to it."""
        with self._lock:
            if environment not in self._warm:
                return
            self._warm.remove(environment)
        self._discard(environment)

    def _discard(self, environment: Environment, *, keep: bool = True) -> int:
        """End an environment; its temporary directory goes to its successor, or goes."""
        supervisor.current().forget(environment.pidfd)
        with self._lock:
            self._every.discard(environment)
        how = environment.end()
        zygotes.shared().count(-1)
        with self._lock:
            keep = keep and not self._closed and not self.spec.snap_start
            if keep:
                self._scratches.append(environment.scratch)
        if not keep:
            shutil.rmtree(environment.scratch, ignore_errors=True)
        elif self._kept:
            again = (self._kept, self._kept_log)
            threading.Thread(
                target=self.prewarm, args=again, name="cloudcore-lambda-warm", daemon=True
            ).start()
        return how

    def _tick(self, now: float) -> float | None:
        """Retire what has been idle for too long; when to look again."""
        self.retire(self.idle_s)
        with self._lock:
            if self._closed:
                return None
            if len(self._warm) > self._kept:
                return min(one.last_used for one in self._warm) + self.idle_s
            if self._active or self._warm:
                return now + self.idle_s
        used = [one.used for one in (self._version.get(), self._snapshot.get()) if one is not None]
        if used and now < max(used) + 2 * self.idle_s:
            return max(used) + 2 * self.idle_s
        self._version.retire()
        self._snapshot.drop()
        return None

    def renew(self) -> None:
        """The code has changed: idle environments end, those that run a call after it."""
        with self._lock:
            self._generation += 1
            old, self._warm = self._warm, []
            gone, self._version = (
                self._version, zygotes.Version(self.spec.root, self.spec.environment, self.spec.opt),
            )  # fmt: skip
            taken, self._snapshot = self._snapshot, self._no_snapshot()
        for environment in old:
            self._discard(environment)
        taken.close()
        gone.close()

    def retire(self, idle_s: float) -> None:
        """End the environments that had no call for `idle_s` seconds."""
        limit = time.monotonic() - idle_s
        with self._lock:
            idle = sorted(self._warm, key=lambda one: one.last_used)
            old = [one for one in idle[: max(0, len(idle) - self._kept)] if one.last_used <= limit]
            self._warm = [one for one in self._warm if one not in old]
            spare, self._scratches = self._scratches, []
        for environment in old:
            self._discard(environment, keep=False)
        for scratch in spare:
            shutil.rmtree(scratch, ignore_errors=True)

    def interrupt(self) -> None:
        """End the environments that run a call; the callers get ClosedError."""
        with self._lock:
            self._interrupted = True
            running = self._every.difference(self._warm)
        for environment in running:
            environment.kill()

    def close(self) -> None:
        """End every environment and zygote; calls under way end theirs when they are done."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            warm, self._warm = self._warm, []
            spare, self._scratches = self._scratches, []
        supervisor.current().unschedule(self)
        for environment in warm:
            self._discard(environment)
        for scratch in spare:
            shutil.rmtree(scratch, ignore_errors=True)
        self._snapshot.close()
        self._version.close()
        zygotes.shared().closed()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Call:
    """What the caller gave."""

    __slots__ = ("arn", "client_context", "payload", "request_id", "sink", "tenant", "trace")

    def __init__(
        self,
        request_id: str,
        arn: str,
        client_context: bytes,
        payload: bytes,
        trace: str,
        tenant: str,
        sink: Sink | None,
    ):
        self.request_id, self.arn = request_id, arn
        self.client_context, self.payload = client_context, payload
        self.trace, self.tenant, self.sink = trace, tenant, sink

    def head(self, budget_s: float) -> bytes:
        deadline = int((time.time() + budget_s) * 1000)
        head = runtime.Head(deadline, self.request_id, self.arn, self.client_context, self.trace, self.tenant)
        return head.pack()


def _told(outcome: Outcome, call: _Call) -> bytes:
    """The payload of an initialisation that failed; the platform's own errors name the request."""
    told = json.loads(outcome.payload)
    if told.get("errorType") == "Runtime.InvalidEntrypoint" and "requestId" not in told:
        return metering.error_body(told["errorType"], call.request_id, told["errorMessage"])
    return outcome.payload


def _reason(outcome: Outcome) -> str:
    """An initialisation or a restore that failed, in words."""
    if outcome.how is ANSWERED:
        told = json.loads(outcome.payload)
        return f"{told.get('errorType', '')}: {told.get('errorMessage', '')}"
    return _status(outcome) if outcome.how is not TIMED_OUT else "it took too long"


def _status(outcome: Outcome) -> str:
    """How the REPORT line names an outcome."""
    if outcome.how is TIMED_OUT:
        return "timeout"
    if outcome.how is OUT_OF_MEMORY:
        return "Runtime.OutOfMemory"
    if outcome.how is ENDED:
        return "Runtime.ExitError"
    kind = str(json.loads(outcome.payload).get("errorType", ""))
    return kind if kind.startswith("Runtime.") else "Runtime.Unknown"


def _ending(how: int) -> str:
    if os.WIFSIGNALED(how):
        text = signal.strsignal(os.WTERMSIG(how)) or str(os.WTERMSIG(how))
        return f"Runtime exited with error: signal: {text.lower()}"
    if os.WEXITSTATUS(how):
        return f"Runtime exited with error: exit status {os.WEXITSTATUS(how)}"
    return "Runtime exited without providing a reason"
