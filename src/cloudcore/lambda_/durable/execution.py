"""One durable execution: its operations, what checkpoints and time do to them, and its history.

    checkpoint(updates) -> operations change -> seen by the handler in the answer, or by its next invocation
    time, callbacks, chained invocations -> operations change -> wake the handler if it sleeps

An operation is kept as the API shows it, timestamps in epoch seconds; members with an underscore are ours.
Nothing here waits, writes or locks: driver.py does. Source: AWS, Lambda API reference (2025-12-01
operations).
"""

from __future__ import annotations

import base64
import json
import uuid
from typing import Any

from cloudcore.lambda_.configuration import refused

DONE = frozenset({"SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"})
_ACTIONS = {
    "EXECUTION": {"SUCCEED": "SUCCEEDED", "FAIL": "FAILED"},
    "CONTEXT": {"START": "STARTED", "SUCCEED": "SUCCEEDED", "FAIL": "FAILED"},
    "STEP": {"START": "STARTED", "RETRY": "PENDING", "SUCCEED": "SUCCEEDED", "FAIL": "FAILED"},
    "WAIT": {"START": "STARTED", "CANCEL": "CANCELLED"},
    "CALLBACK": {"START": "STARTED"},
    "CHAINED_INVOKE": {"START": "STARTED"},
}
_DETAILS = {
    "CONTEXT": "ContextDetails",
    "STEP": "StepDetails",
    "WAIT": "WaitDetails",
    "CALLBACK": "CallbackDetails",
    "CHAINED_INVOKE": "ChainedInvokeDetails",
}
_EVENTS = {
    "CONTEXT": "Context",
    "STEP": "Step",
    "WAIT": "Wait",
    "CALLBACK": "Callback",
    "CHAINED_INVOKE": "ChainedInvoke",
}
_ENDS = {
    "STARTED": "Started", "SUCCEEDED": "Succeeded", "FAILED": "Failed", "CANCELLED": "Cancelled",
    "TIMED_OUT": "TimedOut", "STOPPED": "Stopped",
}  # fmt: skip


class Execution:
    """`header` is what started it: arn, name, function, version, payload, at, timeout, retention."""

    def __init__(self, header: dict[str, Any]):
        self.header = header
        self.arn: str = header["arn"]
        self.status = "RUNNING"
        self.end: float | None = None
        self.result: str | None = None
        self.error: dict[str, Any] | None = None
        self.pause: dict[str, Any] | None = None
        self.paused_s = 0.0  # for so long its time did not run
        self.operations: dict[str, dict[str, Any]] = {}
        self.events: list[dict[str, Any]] = []
        self.sequence = 0  # of changes
        self.seen = 0  # up to here the handler knows
        self.invocation = 0  # the number of the one that runs, or ran last
        self.running = False
        self.failures = self.idle_pendings = 0
        self.retry_at: float | None = None
        self._dirty: set[str] = set()
        self._fresh: list[dict[str, Any]] = []
        first = {"ExecutionDetails": {"InputPayload": header["payload"]}, "Name": header["name"]}
        self._put(header["id"], "EXECUTION", "STARTED", header["at"], first)
        given = {"Payload": header["payload"], "Truncated": False}
        self._event("ExecutionStarted", header["at"], {"Input": given, "ExecutionTimeout": header["timeout"]})
        self.taken()

    # -- what changed ----------------------------------------------------------------------------

    def taken(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Operations and events that changed since the last time: for the journal."""
        operations = [self.operations[one] for one in self._dirty]
        events, self._fresh = self._fresh, []
        self._dirty.clear()
        return operations, events

    def restore(self, operations: list[dict[str, Any]], events: list[dict[str, Any]]) -> None:
        """The other way, from the journal."""
        for one in operations:
            self.operations[one["Id"]] = one
            self.sequence = max(self.sequence, one["_sequence"])
        self.events += events

    def _put(self, one: str, kind: str, status: str, now: float, more: dict[str, Any]) -> dict[str, Any]:
        held = self.operations.get(one, {"Id": one, "Type": kind, "StartTimestamp": now})
        held = held | {name: value for name, value in more.items() if value is not None}
        self.sequence += 1
        held |= {"Status": status, "_sequence": self.sequence}
        if status in DONE:
            held["EndTimestamp"] = now
        self.operations[one] = held
        self._dirty.add(one)
        return held

    def _event(
        self, kind: str, now: float, details: dict[str, Any], of: dict[str, Any] | None = None
    ) -> None:
        event: dict[str, Any] = {"EventType": kind, "EventId": len(self.events) + 1, "EventTimestamp": now}
        for member in ("Id", "Name", "ParentId", "SubType"):
            if of and member in of:
                event[member] = of[member]
        event[kind + "Details"] = details
        self.events.append(event)
        self._fresh.append(event)

    # -- checkpoints -----------------------------------------------------------------------------

    def checkpoint(self, updates: list[dict[str, Any]], now: float) -> list[dict[str, Any]]:
        """Apply updates; the chained invocations to start. Raises ApiError, and then nothing is applied."""
        for update in updates:
            self._check(update)
        started = []
        for update in updates:
            held = self._apply(update, now)
            if update["Type"] == "CHAINED_INVOKE":
                started.append(held)
        return started

    def _check(self, update: dict[str, Any]) -> None:
        kind, action = update["Type"], update["Action"]
        if action not in _ACTIONS[kind]:
            raise refused(f"Invalid action for {kind} operation.")
        held = self.operations.get(update["Id"])
        if held and kind != "EXECUTION" and held["Type"] != kind:
            raise refused("Invalid operation update: the type of an operation cannot change.")
        if held and held["Status"] in DONE:
            raise refused(f"Invalid current {kind} state to {action.lower()}.")
        if kind == "STEP" and action == "RETRY" and "StepOptions" not in update:
            raise refused("Invalid StepOptions for the given action.")
        if kind == "WAIT" and action == "START" and "WaitOptions" not in update:
            raise refused("Invalid WaitOptions for the given action.")
        if kind == "CHAINED_INVOKE" and "ChainedInvokeOptions" not in update:
            raise refused("Update for CHAINED_INVOKE operation requires ChainedInvokeOptions.")

    def _apply(self, update: dict[str, Any], now: float) -> dict[str, Any]:
        kind, action = update["Type"], update["Action"]
        status = _ACTIONS[kind][action]
        if kind == "EXECUTION":
            self.finish(status, now, update.get("Payload"), update.get("Error"))
            return self.operations[self.header["id"]]
        held = self.operations.get(update["Id"], {})
        more = {member: update.get(member) for member in ("ParentId", "Name", "SubType")}
        details = getattr(self, "_" + kind.lower())(update, held.get(_DETAILS[kind], {}), now)
        more[_DETAILS[kind]] = {
            name: value for name, value in details.items() if name[0] != "_" and value is not None
        }
        more |= {name: value for name, value in details.items() if name[0] == "_"}
        made = self._put(update["Id"], kind, status, now, more)
        told = update.get("Payload"), update.get("Error")
        if action == "RETRY":
            self._tell(made, "FAILED", now, *told)
        else:
            self._tell(made, status, now, *told)
        return made

    def _context(self, update: dict[str, Any], held: dict[str, Any], now: float) -> dict[str, Any]:
        replay = update.get("ContextOptions", {}).get("ReplayChildren")
        return {"Result": update.get("Payload"), "Error": update.get("Error"), "ReplayChildren": replay}

    def _step(self, update: dict[str, Any], held: dict[str, Any], now: float) -> dict[str, Any]:
        attempt = held.get("Attempt", 0) + (update["Action"] != "START")
        made = {"Attempt": attempt, "Result": update.get("Payload"), "Error": update.get("Error")}
        if update["Action"] == "RETRY":
            made["NextAttemptTimestamp"] = now + update["StepOptions"].get("NextAttemptDelaySeconds", 1)
        return made

    def _wait(self, update: dict[str, Any], held: dict[str, Any], now: float) -> dict[str, Any]:
        if update["Action"] == "CANCEL":
            return held
        seconds = update["WaitOptions"].get("WaitSeconds", 1)
        return {"ScheduledEndTimestamp": now + seconds, "_duration": seconds}

    def _callback(self, update: dict[str, Any], held: dict[str, Any], now: float) -> dict[str, Any]:
        options = update.get("CallbackOptions", {})
        timeout, beat = options.get("TimeoutSeconds", 0), options.get("HeartbeatTimeoutSeconds", 0)
        return {
            "CallbackId": callback_id(self.arn, update["Id"]), "_timeout": timeout, "_beat": beat,
            "_until": now + timeout if timeout else None, "_beat_until": now + beat if beat else None,
        }  # fmt: skip

    def _chained_invoke(self, update: dict[str, Any], held: dict[str, Any], now: float) -> dict[str, Any]:
        options = update["ChainedInvokeOptions"]
        return {
            "_function": options["FunctionName"], "_tenant": options.get("TenantId", ""),
            "_payload": update.get("Payload"),
        }  # fmt: skip

    # -- what happens outside of the handler -----------------------------------------------------

    def conclude(
        self,
        one: str,
        status: str,
        now: float,
        result: str | None = None,
        error: dict[str, Any] | None = None,
    ) -> None:
        """End an operation that waits for something: a timer, a callback, a chained invocation."""
        held = self.operations[one]
        details = dict(held[_DETAILS[held["Type"]]])
        if held["Type"] != "WAIT":
            details |= {
                name: value for name, value in (("Result", result), ("Error", error)) if value is not None
            }
        made = self._put(one, held["Type"], status, now, {_DETAILS[held["Type"]]: details})
        self._tell(made, status, now, result, error)

    def beat(self, one: str, now: float) -> None:
        """A callback is alive."""
        held = self.operations[one]
        if held.get("_beat"):
            self._put(one, "CALLBACK", "STARTED", now, {"_beat_until": now + held["_beat"]})

    def wake(self, now: float) -> None:
        """Let time pass: waits that end, attempts that are due, callbacks that nobody answered."""
        if self.status == "RUNNING" and now >= self.deadline:
            error = {"ErrorType": "Lambda.DurableExecutionTimedOut", "ErrorMessage": "Execution timed out."}
            self.finish("TIMED_OUT", now, None, error)
        for one, held in list(self.operations.items()):
            due = _due(held)
            if due is None or now < due:
                continue
            if held["Type"] == "WAIT":
                self.conclude(one, "SUCCEEDED", now)
            elif held["Type"] == "STEP":
                self._put(one, "STEP", "READY", now, {})
            else:
                beat = held.get("_until") is None or now < held["_until"]
                kind = "Callback.Heartbeat" if beat else "Callback.Timeout"
                text = "Callback heartbeat timed out" if beat else "Callback timed out"
                self.conclude(one, "TIMED_OUT", now, None, {"ErrorType": kind, "ErrorMessage": text})

    @property
    def deadline(self) -> float:
        """When the whole execution times out."""
        if self.pause and self.pause["ExecutionTimeoutPaused"]:
            return float("inf")
        end: float = self.header["at"] + self.header["timeout"] + self.paused_s
        return end

    def next_due(self) -> float | None:
        """When time will change something, or the handler is to be tried again."""
        if self.status in DONE:
            return None
        times = [due for held in self.operations.values() if (due := _due(held)) is not None]
        times += [self.deadline] if self.deadline != float("inf") else []
        if self.retry_at is not None and not self.running:
            times.append(self.retry_at)
        return min(times, default=None)

    @property
    def waits(self) -> bool:
        """Whether something outside of the handler is still to come."""
        return any(
            held["Status"] in ("STARTED", "PENDING")
            and held["Type"] in ("WAIT", "CALLBACK", "CHAINED_INVOKE", "STEP")
            for held in self.operations.values()
            if held["Type"] != "STEP" or held["Status"] == "PENDING"
        )

    @property
    def has_news(self) -> bool:
        """Whether the handler does not know of a change yet."""
        return any(
            held["_sequence"] > self.seen and held["Status"] in {*DONE, "READY"}
            for held in self.operations.values()
        )

    def finish(self, status: str, now: float, result: str | None, error: dict[str, Any] | None) -> None:
        """End the execution."""
        self.status, self.end, self.result, self.error = status, now, result, error
        self._put(self.header["id"], "EXECUTION", status, now, {})
        kind = "Execution" + _ENDS[status]
        if status == "SUCCEEDED":
            self._event(kind, now, {"Result": _payload(result)})
        else:
            self._event(kind, now, {"Error": _payload(error or {})})

    def invoked(self, start: float, now: float, request_id: str, error: dict[str, Any] | None) -> None:
        """Note an invocation of the handler in the history."""
        details: dict[str, Any] = {"StartTimestamp": start, "EndTimestamp": now, "RequestId": request_id}
        if error is not None:
            details["Error"] = _payload(error)
        self._event("InvocationCompleted", now, details)

    def set_pause(self, pause: dict[str, Any] | None, now: float, reason: str | None = None) -> None:
        """Pause, or go on with None."""
        told = {} if reason is None else {"Reason": _payload(reason)}
        if pause is not None:
            self.status, self.pause = ("PAUSING" if self.running else "PAUSED"), pause
            self._event("ExecutionPaused", now, pause | told)
            return
        if self.pause and self.pause["ExecutionTimeoutPaused"]:
            self.paused_s += now - self.pause["PauseRequestTimestamp"]
        self.status, self.pause = "RUNNING", None
        self._event("ExecutionResumed", now, {"ResumeRequestTimestamp": now} | told)

    def _tell(
        self, held: dict[str, Any], status: str, now: float, result: str | None, error: dict[str, Any] | None
    ) -> None:
        kind = _EVENTS[held["Type"]] + _ENDS[status]
        details: dict[str, Any] = {}
        if status == "STARTED":
            details = _started(held)
        elif held["Type"] == "WAIT":
            details = {"Duration": int(held.get("_duration", 0))} if status == "SUCCEEDED" else {}
        elif status == "SUCCEEDED":
            details = {"Result": _payload(result)}
        else:
            details = {"Error": _payload(error or {})}
        if held["Type"] == "STEP" and status != "STARTED":
            step = held["StepDetails"]
            retry = {"CurrentAttempt": step["Attempt"]}
            if "NextAttemptTimestamp" in step and held["Status"] == "PENDING":
                retry["NextAttemptDelaySeconds"] = round(step["NextAttemptTimestamp"] - now)
            details["RetryDetails"] = retry
        self._event(kind, now, details, held)


def callback_id(arn: str, operation: str) -> str:
    """What names a callback."""
    return base64.urlsafe_b64encode(json.dumps([arn, operation]).encode()).decode()


def callback_of(given: str) -> tuple[str, str] | None:
    """(ARN, operation) of a callback's id; None when it is none."""
    try:
        arn, operation = json.loads(base64.urlsafe_b64decode(given.encode()))
    except (ValueError, TypeError):
        return None
    return (arn, operation) if isinstance(arn, str) and isinstance(operation, str) else None


def new_arn(function_arn: str, version: str, name: str) -> tuple[str, str]:
    """(ARN, id) of a new execution."""
    identity = str(uuid.uuid4())
    return f"{function_arn}:{version}/durable-execution/{name}/{identity}", identity


def shown(held: dict[str, Any], *, milliseconds: bool = False) -> dict[str, Any]:
    """An operation as the API gives it, or as handlers get it in their events (whole milliseconds)."""
    made = {name: value for name, value in held.items() if name[0] != "_"}
    if not milliseconds:
        return made
    for name in ("StepDetails", "WaitDetails"):
        if name in made:
            made[name] = dict(made[name])
    for inner in (made, *(made.get(name, {}) for name in ("StepDetails", "WaitDetails"))):
        for name, value in list(inner.items()):
            if name.endswith("Timestamp"):
                inner[name] = int(value * 1000)
    return made


def _started(held: dict[str, Any]) -> dict[str, Any]:
    if held["Type"] == "WAIT":
        return {"Duration": int(held["_duration"]), **held["WaitDetails"]}
    if held["Type"] == "CALLBACK":
        told = {"CallbackId": held["CallbackDetails"]["CallbackId"]}
        named = (("HeartbeatTimeout", "_beat"), ("Timeout", "_timeout"))
        return told | {name: held[member] for name, member in named if held.get(member)}
    if held["Type"] == "CHAINED_INVOKE":
        return {"FunctionName": held["_function"], "Input": _payload(held.get("_payload"))}
    return {}


def _payload(value: Any) -> dict[str, Any]:
    return {"Truncated": False} if value is None else {"Payload": value, "Truncated": False}


def _due(held: dict[str, Any]) -> float | None:
    """When time changes an operation."""
    if held["Type"] == "WAIT" and held["Status"] == "STARTED":
        due: float = held["WaitDetails"]["ScheduledEndTimestamp"]
        return due
    if held["Type"] == "STEP" and held["Status"] == "PENDING":
        due = held["StepDetails"]["NextAttemptTimestamp"]
        return due
    if held["Type"] == "CALLBACK" and held["Status"] == "STARTED":
        return min(
            (held[name] for name in ("_until", "_beat_until") if held.get(name) is not None), default=None
        )
    return None
