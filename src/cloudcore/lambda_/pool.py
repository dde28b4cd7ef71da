"""The pool of execution environments of one function: started on demand, reused while warm.

A call takes a warm environment or has one forked by the zygote, passes the event through shared
memory, and puts the environment back. A timeout kills the environment's process group; an
environment that ended by itself is told with its exit status. Environments are retired after
`idle_s` without a call, by the next call or by `retire`.

Thread rule: every method may be called from any thread; an environment has one call at a time.
"""

from __future__ import annotations

import contextlib
import json
import math
import multiprocessing
import os
import select
import signal
import socket
import threading
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from cloudcore._channel import Channel
from cloudcore.errors import ClosedError
from cloudcore.lambda_ import zygote

REQUEST_MAX = 6 * 1024 * 1024 + 64 * 1024
RESPONSE_ROOM = 6 * 1024 * 1024 + 64 * 1024
_OUTPUT_KEPT = 1 << 20
_SLICE_MS = 20


@dataclass
class Spec:
    """What an environment runs. `root` is the directory of the code; `timeout_s` whole seconds."""

    name: str
    arn: str
    root: str
    handler: str
    timeout_s: int = 3
    memory_mb: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    version: str = "$LATEST"


@dataclass
class Result:
    """One invocation. `function_error` is None or "Unhandled"; `log` holds the START, END and REPORT
    lines around the function's output (about 1 MiB of it, the end kept); `init_ms` is set on the call
    that initialised the environment; `max_memory_mb` is the environment's peak."""

    payload: bytes
    function_error: str | None
    request_id: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None = None
    max_memory_mb: int = 0
    log: bytes = b""
    status_code: int = 200
    executed_version: str = "$LATEST"


class _Zygote:
    """The parent's side of the zygote process."""

    def __init__(self) -> None:
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        context = multiprocessing.get_context("spawn")
        self.process = context.Process(target=zygote.main, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self._lock = threading.Lock()

    def ask(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, Any]:
        """One request, one reply. ConnectionError when the zygote ended."""
        with self._lock:
            socket.send_fds(self.link, [json.dumps(request).encode()], descriptors)
            data = self.link.recv(zygote.MESSAGE_MAX)
        if not data:
            raise ConnectionError("the zygote ended")
        reply: dict[str, Any] = json.loads(data)
        return reply

    def close(self) -> None:
        self.link.close()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class _Environment:
    """One worker process with its channel and its output file."""

    def __init__(self, parent: _Zygote, spec: Spec):
        self.parent = parent
        self.channel = Channel(REQUEST_MAX, RESPONSE_ROOM)
        self.output = os.memfd_create("cloudcore-output")
        descriptor = os.open(f"/proc/self/fd/{self.output}", os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            fork = {
                "parent": parent.process.pid,
                "root": spec.root,
                "handler": spec.handler,
                "environment": spec.environment,
            }
            self.pid: int = parent.ask({"fork": fork}, [self.channel.fileno(), descriptor])["pid"]
        except BaseException:
            os.close(self.output)
            raise
        finally:
            os.close(descriptor)
        # The zygote reaps only when asked, so that the number cannot have been given away yet.
        self.pidfd = os.pidfd_open(self.pid)
        self.last_used = time.monotonic()

    def ended(self) -> bool:
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def drain(self) -> bytes:
        """The output since the last drain, its end when there is much; emptied."""
        size = os.fstat(self.output).st_size
        if size == 0:
            return b""
        kept = os.pread(self.output, _OUTPUT_KEPT, max(0, size - _OUTPUT_KEPT))
        os.ftruncate(self.output, 0)
        return kept

    def bound_output(self) -> None:
        if os.fstat(self.output).st_size > 16 * _OUTPUT_KEPT:
            self.drain()

    def peak_mb(self) -> int:
        """The largest resident size that the process had, in MB; 0 when it has ended."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/status", "rb") as status:
            for line in status:
                if line.startswith(b"VmHWM:"):
                    return -(-int(line.split()[1]) // 1024)
        return 0

    def end(self) -> int:
        """Kill the whole process group and reap; the waitpid status."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
        try:
            how: int = self.parent.ask({"reap": self.pid}, [])["how"]
        except OSError:
            how = 0
        self.channel.shut()
        os.close(self.pidfd)
        os.close(self.output)
        return how


def _ending(how: int) -> str:
    if os.WIFSIGNALED(how):
        text = signal.strsignal(os.WTERMSIG(how)) or str(os.WTERMSIG(how))
        return f"Runtime exited with error: signal: {text.lower()}"
    if os.WEXITSTATUS(how):
        return f"Runtime exited with error: exit status {os.WEXITSTATUS(how)}"
    return "Runtime exited without providing a reason"


class Pool:
    """The environments of one function. Close it, or use it as a context manager."""

    def __init__(self, spec: Spec, *, idle_s: float = 300.0):
        self.spec, self.idle_s = spec, idle_s
        self._lock = threading.Lock()
        self._warm: list[_Environment] = []
        self._zygote: _Zygote | None = None
        self._closed = False
        self._active = 0

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
    ) -> Result:
        """Call the function with a JSON event; whatever the function does, there is a Result.

        `client_context` is JSON text; `arn` is the invoked ARN when it has a qualifier.
        """
        if len(payload) > 6 * 1024 * 1024:
            raise ValueError("an event has at most 6291456 bytes")
        request_id = request_id or str(uuid.uuid4())
        head = {"id": request_id, "arn": arn or self.spec.arn}
        if client_context:
            head["client"] = client_context.decode()
        with self._lock:
            self._active += 1
        try:
            return self._invoke(request_id, head, payload)
        finally:
            with self._lock:
                self._active -= 1

    def _invoke(self, request_id: str, head: dict[str, Any], payload: bytes) -> Result:
        environment = self._take()
        start = time.perf_counter()
        response, timed_out = self._call(environment, head, payload)
        duration = (time.perf_counter() - start) * 1000
        output, peak = environment.drain(), environment.peak_mb()
        error: str | None = "Unhandled"
        if response is None:
            body = self._failure(request_id, environment.end(), timed_out)
        else:
            body = response[1:]
            if response[:1] == b"R":
                error = None
            if response[:1] == b"X":
                environment.end()
            else:
                self._put(environment)
        billed = math.ceil(duration)
        start_line = f"START RequestId: {request_id} Version: {self.spec.version}\n".encode()
        report = (
            f"END RequestId: {request_id}\nREPORT RequestId: {request_id}\tDuration: {duration:.2f} ms\t"
            f"Billed Duration: {billed} ms\tMemory Size: {self.spec.memory_mb} MB\t"
            f"Max Memory Used: {peak} MB\t\n"
        )
        log = start_line + output + report.encode()
        version = self.spec.version
        return Result(body, error, request_id, duration, billed, None, peak, log, executed_version=version)

    def _call(
        self, environment: _Environment, head: dict[str, Any], payload: bytes
    ) -> tuple[bytes | None, bool]:
        """The response and False, or None and whether the time ran out (else the process ended)."""
        head["deadline"] = int((time.time() + self.spec.timeout_s) * 1000)
        end = time.monotonic() + self.spec.timeout_s
        environment.channel.send(json.dumps(head).encode() + b"\n", payload)
        while (left := end - time.monotonic()) > 0:
            response = environment.channel.wait(min(_SLICE_MS, int(left * 1000) + 1))
            if response is not None:
                return response, False
            environment.bound_output()
            if environment.ended():
                response = environment.channel.wait(0)
                return response, False
        return None, True

    def _failure(self, request_id: str, how: int, timed_out: bool) -> bytes:
        if timed_out:
            text, kind = f"Task timed out after {self.spec.timeout_s:.2f} seconds", "Sandbox.Timedout"
        else:
            text, kind = _ending(how), "Runtime.ExitError"
        return json.dumps(
            {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
        ).encode()

    def _take(self) -> _Environment:
        self.retire(self.idle_s)
        with self._lock:
            if self._closed:
                raise ClosedError("this function's pool is closed", "closed")
            while self._warm:
                environment = self._warm.pop()
                if not environment.ended():
                    return environment
                environment.end()
            if self._zygote is None or not self._zygote.process.is_alive():
                self._zygote = _Zygote()
            parent = self._zygote
        return _Environment(parent, self.spec)

    def _put(self, environment: _Environment) -> None:
        environment.last_used = time.monotonic()
        with self._lock:
            if not self._closed:
                self._warm.append(environment)
                return
        environment.end()

    def retire(self, idle_s: float) -> None:
        """End the environments that had no call for `idle_s` seconds."""
        limit = time.monotonic() - idle_s
        with self._lock:
            old = [e for e in self._warm if e.last_used < limit]
            if not old:
                return
            self._warm = [e for e in self._warm if e.last_used >= limit]
        for environment in old:
            environment.end()

    def close(self) -> None:
        """End every environment and the zygote; calls under way end theirs when they are done."""
        with self._lock:
            self._closed = True
            warm, self._warm = self._warm, []
            parent, self._zygote = self._zygote, None
        for environment in warm:
            environment.end()
        if parent is not None:
            parent.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def environment_of(spec: Spec, region: str, endpoint_url: str | None, account: str) -> dict[str, str]:
    """The environment variables that a function sees, as AWS sets them, then the function's own."""
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{time.strftime('%Y/%m/%d')}/[$LATEST]{uuid.uuid4().hex}",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": "local",
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": spec.root,
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
    }
    if endpoint_url:
        variables["AWS_ENDPOINT_URL"] = endpoint_url
    return variables | spec.environment
