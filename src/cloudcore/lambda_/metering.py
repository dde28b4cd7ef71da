"""What an invocation cost and the lines that say so: INIT_START, INIT_REPORT, START, END, REPORT.

The lines and the rounding follow what AWS writes today: milliseconds rounded up, initialisation
billed with the call that it precedes (since August 2025), `Status` on a call that did not end well.
"""

from __future__ import annotations

import hashlib
import json
import math
import sys
from collections.abc import Callable
from typing import Any

OUTPUT_KEPT = 1 << 20
_MEMBERS = (
    "function_error", "request_id", "duration_ms", "billed_ms", "init_ms", "max_memory_mb", "status_code",
    "executed_version",
)  # fmt: skip


class Result:
    """One invocation.

    `function_error` is None or "Unhandled". `duration_ms` is the handler's time, `billed_ms` what
    is billed, `init_ms` set on the call that initialised the environment, `restore_ms` and what is billed of
    it on the one that restored it from a snapshot, `max_memory_mb` the environment's peak. `log` has the
    START, END and REPORT lines around the function's output, of which about the last 1 MiB is kept.
    """

    __slots__ = (
        "_log",
        "billed_ms",
        "billed_restore_ms",
        "durable_arn",
        "duration_ms",
        "executed_version",
        "function_error",
        "init_ms",
        "max_memory_mb",
        "payload",
        "request_id",
        "restore_ms",
        "status_code",
    )

    def __init__(
        self,
        payload: bytes,
        function_error: str | None,
        request_id: str,
        duration_ms: float,
        billed_ms: int,
        init_ms: float | None = None,
        max_memory_mb: int = 0,
        log: bytes | Callable[[Result], bytes] = b"",
        status_code: int = 200,
        executed_version: str = "$LATEST",
    ):
        self.payload = payload
        self.function_error = function_error
        self.request_id = request_id
        self.duration_ms = duration_ms
        self.billed_ms = billed_ms
        self.init_ms = init_ms
        self.max_memory_mb = max_memory_mb
        self._log = log
        self.status_code = status_code
        self.executed_version = executed_version
        self.durable_arn: str | None = None
        self.restore_ms: float | None = None
        self.billed_restore_ms = 0

    @property
    def log(self) -> bytes:
        # Most callers do not look at it, and composing it costs as much as a small handler.
        if not isinstance(self._log, bytes):
            self._log = self._log(self)
        return self._log

    def __repr__(self) -> str:
        return (
            f"Result({self.payload[:80]!r}, function_error={self.function_error!r}, "
            f"request_id={self.request_id!r}, duration_ms={self.duration_ms:.2f}, "
            f"billed_ms={self.billed_ms}, init_ms={self.init_ms}, max_memory_mb={self.max_memory_mb})"
        )


def members(result: Result) -> dict[str, Any]:
    """What makes a result again elsewhere: Result(payload, log=log, **members)."""
    return {member: getattr(result, member) for member in _MEMBERS}


def billed(duration_ms: float, init_ms: float | None) -> int:
    """Whole milliseconds that a call is billed."""
    return math.ceil(duration_ms + (init_ms or 0.0))


def lines(result: Result, before: bytes, output: bytes, memory_mb: int, status: str = "") -> bytes:
    """The log of one invocation. `before` is what its initialisation wrote; `status` the end of the
    REPORT line: "timeout" or an error type."""
    start = f"START RequestId: {result.request_id} Version: {result.executed_version}\n"
    report = (
        f"END RequestId: {result.request_id}\n"
        f"REPORT RequestId: {result.request_id}\tDuration: {result.duration_ms:.2f} ms\t"
        f"Billed Duration: {result.billed_ms} ms\tMemory Size: {memory_mb} MB\t"
        f"Max Memory Used: {result.max_memory_mb} MB\t"
    )
    if result.init_ms is not None:
        report += f"Init Duration: {result.init_ms:.2f} ms\t"
    if result.restore_ms is not None:
        report += f"Restore Duration: {result.restore_ms:.2f} ms\t"
        report += f"Billed Restore Duration: {result.billed_restore_ms} ms\t"
    report += _status(status) + "\n"
    return before + start.encode() + ended(output) + report.encode()


def ended(output: bytes) -> bytes:
    """Output whose last line ends, so that the next line starts on its own."""
    return output if not output or output.endswith(b"\n") else output + b"\n"


def runtime_version_arn(region: str, version: str = sys.version) -> str:
    """What names an interpreter: the hash of what it says of itself."""
    return f"arn:aws:lambda:{region}::runtime:{hashlib.sha256(version.encode()).hexdigest()}"


def init_start(region: str, runtime: str, version: str, what: str = "INIT") -> bytes:
    """The first line of an environment's log; `runtime` and `version` as programs.label() gives them. `what`:
    "RESTORE" of one that comes from a snapshot."""
    arn = runtime_version_arn(region, version)
    return f"{what}_START Runtime Version: {runtime}\tRuntime Version ARN: {arn}\n".encode()


def restore_report(duration_ms: float, status: str = "") -> bytes:
    """The line about a restore."""
    told = "\t" + _status(status) if status else ""
    return f"RESTORE_REPORT Restore Duration: {duration_ms:.2f} ms{told}\n".encode()


def init_report(duration_ms: float, phase: str, status: str) -> bytes:
    """The line about an initialisation that failed, or that of a snapshot; `phase` is "init" or "invoke"."""
    return f"INIT_REPORT Init Duration: {duration_ms:.2f} ms\tPhase: {phase}\t{_status(status)}\n".encode()


def _status(status: str) -> str:
    if not status:
        return ""
    return "Status: timeout" if status == "timeout" else f"Status: error\tError Type: {status}"


def error_body(kind: str, request_id: str, text: str) -> bytes:
    """The payload of a failure that the platform, not the runtime, reports."""
    body = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"}
    return json.dumps(body, separators=(",", ":")).encode()
