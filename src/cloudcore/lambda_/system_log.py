"""The platform's own lines in a function's log: as text (metering.py), or as JSON objects by SystemLogLevel.

    {"time": ..., "type": "platform.start", "record": {...}}

| event | told from level |
| --- | --- |
| initStart, restoreStart, start, report; runtimeDone, initReport and restoreReport of what failed | INFO |
| runtimeDone, initReport, restoreReport of what went well | DEBUG |

Source: AWS, "Lambda Telemetry API Event schema"; "System log level event mapping".
"""

from __future__ import annotations

import datetime
import json
import time
from typing import Any

from cloudcore.lambda_ import metering
from cloudcore.lambda_.metering import Result

_LEVELS = {"DEBUG": 0, "INFO": 1, "WARN": 2}


class TextLog:
    """The lines of one version's environments, as text."""

    def __init__(self, region: str, runtime: str, version: str, memory_mb: int):
        self.memory_mb = memory_mb
        self._first = metering.init_start(region, runtime, version)
        self._restored = metering.init_start(region, runtime, version, "RESTORE")

    def init_start(self) -> bytes:
        """The first line of an environment."""
        return self._first

    def init_report(self, init_ms: float, phase: str, status: str) -> bytes:
        """About an initialisation that failed."""
        return metering.init_report(init_ms, phase, status)

    def restore_start(self) -> bytes:
        """The first line of an environment that comes from a snapshot."""
        return self._restored

    def restore_report(self, restore_ms: float, status: str = "") -> bytes:
        """The line behind what its restore wrote."""
        return metering.restore_report(restore_ms, status)

    def lines(self, result: Result, before: bytes, output: bytes, status: str) -> bytes:
        """The log of one invocation; `before` is what its initialisation wrote."""
        return metering.lines(result, before, output, self.memory_mb, status)


class JsonLog:
    """The same as JSON objects, one a line, from `level` on."""

    def __init__(
        self, region: str, runtime: str, version: str, memory_mb: int, level: str, function: str, number: str,
        initialization: str = "on-demand",
    ):  # fmt: skip
        self.memory_mb = memory_mb
        self._least = _LEVELS[level]
        self._init = {
            "initializationType": initialization,
            "phase": "init",
            "runtimeVersion": runtime,
            "runtimeVersionArn": metering.runtime_version_arn(region, version),
            "functionName": function,
            "functionVersion": number,
        }

    def init_start(self) -> bytes:
        return self._line("INFO", "initStart", self._init)

    def init_report(self, init_ms: float, phase: str, status: str) -> bytes:
        record = {"initializationType": self._init["initializationType"], "phase": phase} | _status(status)
        return self._line(
            "INFO" if status else "DEBUG",
            "initReport",
            record | {"metrics": {"durationMs": round(init_ms, 3)}},
        )

    def restore_start(self) -> bytes:
        names = ("runtimeVersion", "runtimeVersionArn", "functionName", "functionVersion")
        return self._line("INFO", "restoreStart", {name: self._init[name] for name in names})

    def restore_report(self, restore_ms: float, status: str = "") -> bytes:
        record = _status(status) | {"metrics": {"durationMs": round(restore_ms, 3)}}
        return self._line("INFO" if status else "DEBUG", "restoreReport", record)

    def lines(self, result: Result, before: bytes, output: bytes, status: str) -> bytes:
        now = time.time()
        metrics: dict[str, Any] = {
            "durationMs": round(result.duration_ms, 3),
            "billedDurationMs": result.billed_ms,
            "memorySizeMB": self.memory_mb,
            "maxMemoryUsedMB": result.max_memory_mb,
        }
        if result.init_ms is not None:
            metrics["initDurationMs"] = round(result.init_ms, 3)
        if result.restore_ms is not None:
            metrics["restoreDurationMs"] = round(result.restore_ms, 3)
            metrics["billedRestoreDurationMs"] = result.billed_restore_ms
        identity, told = {"requestId": result.request_id}, _status(status)
        produced = {"durationMs": round(result.duration_ms, 3), "producedBytes": len(result.payload)}
        start = {**identity, "version": result.executed_version}
        return (
            before
            + self._line("INFO", "start", start, now - result.duration_ms / 1000)
            + metering.ended(output)
            + self._line(
                "INFO" if status else "DEBUG", "runtimeDone", identity | told | {"metrics": produced}, now
            )
            + self._line("INFO", "report", identity | {"metrics": metrics} | told, now)
        )

    def _line(self, level: str, kind: str, record: dict[str, Any], at: float | None = None) -> bytes:
        if _LEVELS[level] < self._least:
            return b""
        when = datetime.datetime.fromtimestamp(time.time() if at is None else at, datetime.UTC)
        stamp = when.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return json.dumps({"time": stamp, "type": f"platform.{kind}", "record": record}).encode() + b"\n"


def _status(status: str) -> dict[str, str]:
    if not status:
        return {"status": "success"}
    return {"status": "timeout"} if status == "timeout" else {"status": "error", "errorType": status}
