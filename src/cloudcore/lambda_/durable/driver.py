"""Runs durable executions: invokes their functions, keeps their times, answers their checkpoints.

    start -> invoke the function with its state -> PENDING: it sleeps until something it waits for happens
                                                -> SUCCEEDED, FAILED: done
    checkpoint -> journal -> answer with what changed

One thread keeps the times; each invocation has a thread of its own. An invocation that fails is tried again
after 5 s, at most five times in a row. Executions that an earlier run left go on at once: what was
checkpointed is not done again. When somebody else writes the journal (another node of a cluster) all ends
here with ClosedError: what is in memory may be more than what is durable. Thread rule: any call from any
thread.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import threading
import uuid
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.durable.execution import DONE, Execution, callback_of, new_arn, shown
from cloudcore.lambda_.durable.journal import Executions
from cloudcore.lambda_.metering import Result

SYNCHRONOUS_MAX_S = 900
_FAILURES_MAX, _IDLE_PENDINGS_MAX = 5, 3
_RETRY_S, _THROTTLED_S = 5.0, 1.0
_DAY_S = 86_400.0
_log = logging.getLogger("cloudcore.lambda")


class Durable:
    """The durable executions of a journal, for a Lambda service. `ended()` is called when somebody else
    writes the journal."""

    def __init__(self, service: Any, journal: Executions, ended: Callable[[], None] = lambda: None):
        self._service, self._clock = service, service.clock
        self._condition = threading.Condition()
        self._journal, self._ended = journal, ended
        self._tokens: dict[str, tuple[str, dict[str, Any]]] = {}  # ARN -> last client token and its answer
        self._closed = False
        with self._condition:
            for execution in self._journal.executions.values():
                self._resume(execution)
        self._keeper = threading.Thread(target=self._keep_time, name="cloudcore-lambda-durable", daemon=True)
        self._keeper.start()

    def close(self) -> None:
        """Start nothing more. What runs goes on from its last checkpoint at the next open."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._keeper.join()
        with self._condition:
            self._journal.close()

    # -- starting and waiting --------------------------------------------------------------------

    def start(self, name: str, version: Any, payload: bytes, title: str | None) -> Execution:
        """Begin an execution of a function's version; one of the same title and payload is begun once."""
        configuration = version.configuration
        config, text = configuration["DurableConfig"], payload.decode()
        with self._condition:
            self._check_open()
            for held in self._journal.executions.values() if title else ():
                if held.header["name"] == title and held.header["function"] == name:
                    if held.header["payload"] == text:
                        return held
                    raise ApiError(
                        "DurableExecutionAlreadyStartedException",
                        f"Execution with name {title} already exists with different payload.",
                        409,
                    )
            title = title or str(uuid.uuid4())
            arn, identity = new_arn(self._service.arn(name), configuration["Version"], title)
            header = {
                "arn": arn, "id": identity, "name": title, "function": name,
                "version": configuration["Version"], "payload": text, "at": self._clock.now(),
                "timeout": config["ExecutionTimeout"],
                "retention": config["RetentionPeriodInDays"],
            }  # fmt: skip
            execution: Execution = self._written(lambda: self._journal.begin(header))
            self._invoke_soon(execution)
            self._condition.notify_all()
        return execution

    def run(self, name: str, version: Any, payload: bytes, title: str | None) -> Result:
        """Begin an execution and wait until it is done."""
        check_synchronous(version)
        execution = self.start(name, version, payload, title)
        if self.wait(execution.arn, None).status not in DONE:
            raise ClosedError("the service was closed before the execution was done", "closed")
        return outcome(execution, version.configuration["Version"])

    def wait(self, arn: str, seconds: float | None) -> Execution:
        """An execution, once it is done, or `seconds` went by, or this is closed. Raises as find()."""
        with self._condition:
            execution = self.find(arn)
            self._condition.wait_for(lambda: execution.status in DONE or self._closed, seconds)
            return execution

    def find(self, arn: str) -> Execution:
        """Raises ResourceNotFoundException."""
        execution = self._journal.executions.get(arn)
        if execution is None:
            raise ApiError("ResourceNotFoundException", f"Durable execution not found: {arn}", 404)
        return execution

    def all(self) -> list[Execution]:
        """Every execution that is kept."""
        with self._condition:
            return list(self._journal.executions.values())

    def change(self, arn: str, act: Callable[[Execution, float], Any]) -> Any:
        """Run `act(execution, now)` alone, make what it did durable, and let it have its effect."""
        with self._condition:
            self._check_open()
            execution = self.find(arn)
            answer = act(execution, self._clock.now())
            self._save(execution)
            self._go_on(execution)
            return answer

    def forget(self, arn: str) -> float:
        """Drop an execution that is done; when."""
        with self._condition:
            self._check_open()
            if self.find(arn).status not in DONE:
                raise ApiError("ResourceConflictException", "The execution is not done.", 409)
            self._written(lambda: self._journal.forget(arn))
            now: float = self._clock.now()
            return now

    # -- the handler's calls ---------------------------------------------------------------------

    def checkpoint(
        self, arn: str, token: str, updates: list[dict[str, Any]], client_token: str | None
    ) -> Any:
        """Apply a handler's updates; its next token and what changed since it last asked."""
        with self._condition:
            execution = self._with_token(arn, token)
            last = self._tokens.get(arn)
            if client_token and last and last[0] == client_token:
                return last[1]
            started = execution.checkpoint(updates, self._clock.now())
            self._save(execution)
            for held in started:
                self._invoke_chained(execution, held["Id"])
            news = [one for one in execution.operations.values() if one["_sequence"] > execution.seen]
            execution.seen = execution.sequence
            answer: dict[str, Any] = {"NewExecutionState": {"Operations": [shown(one) for one in news]}}
            if execution.status not in DONE:
                answer["CheckpointToken"] = self._token(execution)
            if client_token:
                self._tokens[arn] = (client_token, answer)
            self._condition.notify_all()
            return answer

    def state(self, arn: str, token: str) -> list[dict[str, Any]]:
        """Every operation of an execution, for its handler."""
        with self._condition:
            execution = self._with_token(arn, token)
            return [shown(one) for one in execution.operations.values()]

    def callback(self, given: str, act: Callable[[Execution, str, float], None]) -> None:
        """Run `act(execution, operation, now)` on a callback that waits."""
        found = callback_of(given)
        if found is None or found[0] not in self._journal.executions:
            raise ApiError("ResourceNotFoundException", "Callback not found.", 404)
        arn, operation = found

        def on(execution: Execution, now: float) -> None:
            held = execution.operations.get(operation)
            if held is None:
                raise ApiError("ResourceNotFoundException", "Callback not found.", 404)
            execution.wake(now)
            held = execution.operations[operation]
            if held["Status"] == "TIMED_OUT" or execution.status in DONE:
                raise ApiError("CallbackTimeoutException", "The callback has timed out or is completed.", 400)
            if held["Status"] in DONE:
                raise ApiError("CallbackTimeoutException", "The callback has timed out or is completed.", 400)
            act(execution, operation, now)

        self.change(arn, on)

    # -- inside: hold the lock -------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this service is closed", "closed")

    def _token(self, execution: Execution) -> str:
        told = [execution.arn, [self._journal.term, execution.invocation], execution.sequence]
        return base64.b64encode(json.dumps(told).encode()).decode()

    def _with_token(self, arn: str, token: str) -> Execution:
        self._check_open()
        execution = self._journal.executions.get(arn)
        try:
            told = json.loads(base64.b64decode(token))
        except ValueError:
            told = None
        if (
            execution is None
            or told is None
            or told[:2] != [arn, [self._journal.term, execution.invocation]]
            or not execution.running
        ):
            raise refused("Invalid Checkpoint Token")
        if execution.status in DONE:
            raise refused("The durable execution is not running.")
        return execution

    def _save(self, execution: Execution) -> None:
        self._written(lambda: self._journal.save(execution))

    def _written(self, write: Callable[[], Any]) -> Any:
        """What write() gives, which appends to the journal. Raises ClosedError, and then this has ended."""
        try:
            return write()
        except ClosedError:
            self._closed = True
            self._condition.notify_all()
            self._ended()
            raise

    def _go_on(self, execution: Execution) -> None:
        """Wake who waits, and the handler when there is news for it."""
        if execution.status == "RUNNING" and not execution.running and execution.has_news:
            self._invoke_soon(execution)
        self._condition.notify_all()

    def _resume(self, execution: Execution) -> None:
        """Go on with an execution of an earlier run."""
        if execution.status in ("PAUSING", "PAUSED"):
            execution.status = "PAUSED"
        if execution.status != "RUNNING":
            return
        for held in execution.operations.values():
            if held["Type"] == "CHAINED_INVOKE" and held["Status"] == "STARTED":
                self._invoke_chained(execution, held["Id"])
        self._invoke_soon(execution)

    def _invoke_soon(self, execution: Execution) -> None:
        if execution.running or execution.status != "RUNNING" or self._closed:
            return
        execution.running, execution.retry_at = True, None
        self._begin(self._invoke, execution)

    def _begin(self, work: Callable[..., None], *arguments: Any) -> None:
        def run() -> None:
            with contextlib.suppress(ClosedError):  # it goes on from the journal, elsewhere or later
                work(*arguments)

        threading.Thread(target=run, name="cloudcore-lambda-durable-run", daemon=True).start()

    # -- threads ---------------------------------------------------------------------------------

    def _keep_time(self) -> None:
        with self._condition, contextlib.suppress(ClosedError):
            while not self._closed:
                now, due = self._clock.now(), None
                for execution in list(self._journal.executions.values()):
                    at = self._look_after(execution, now)
                    due = at if due is None else due if at is None else min(at, due)
                self._clock.wait_until(
                    self._condition, None if due is None else self._clock.monotonic_at(due)
                )

    def _look_after(self, execution: Execution, now: float) -> float | None:
        """Let time pass for one execution; when to look at it again."""
        if execution.status in DONE:
            gone: float = (execution.end or now) + execution.header["retention"] * _DAY_S
            if now >= gone:
                self._written(lambda: self._journal.forget(execution.arn))
                return None
            return gone
        before = execution.sequence
        if execution.status == "RUNNING":
            execution.wake(now)
        if execution.sequence != before:
            self._save(execution)
            self._go_on(execution)
        if execution.retry_at is not None and execution.retry_at <= now:
            self._invoke_soon(execution)
        return None if execution.status == "PAUSED" else execution.next_due()

    def _invoke(self, execution: Execution) -> None:
        """One invocation of an execution's handler."""
        with self._condition:
            execution.invocation += 1
            updated = [o["Id"] for o in execution.operations.values() if o["_sequence"] > execution.seen]
            execution.seen = execution.sequence
            event = {
                "DurableExecutionArn": execution.arn,
                "CheckpointToken": self._token(execution),
                "InitialExecutionState": {
                    "Operations": [shown(one, milliseconds=True) for one in execution.operations.values()],
                    "NextMarker": "",
                },
                "UpdatedOperationIds": updated if execution.invocation > 1 else [],
            }
            start = self._clock.now()
        header = execution.header
        try:
            result: Result | None = self._service.invoke(
                header["function"], json.dumps(event).encode(), qualifier=header["version"], as_step=True
            )
            failure = None
        except (ApiError, OSError) as error:
            result, failure = None, error
        with self._condition:
            if self._closed:
                return
            execution.running = False
            self._take(execution, start, self._clock.now(), result, failure)
            if execution.status == "PAUSING":
                execution.status = "PAUSED"
            self._save(execution)
            self._condition.notify_all()

    def _take(
        self, execution: Execution, start: float, now: float, result: Result | None, failure: Exception | None
    ) -> None:
        """What an invocation's answer means."""
        if result is None:
            gone = isinstance(failure, ApiError) and failure.code == "ResourceNotFoundException"
            if gone and execution.status not in DONE:
                execution.finish(
                    "FAILED",
                    now,
                    None,
                    {"ErrorType": "ResourceNotFoundException", "ErrorMessage": str(failure)},
                )
            execution.retry_at = now + _THROTTLED_S
            return
        told = _answer(result)
        error = told.get("Error") if told.get("Status") != "PENDING" else None
        execution.invoked(start, now, result.request_id, error)
        if execution.status in DONE:
            return
        status = told.get("Status")
        if status in ("SUCCEEDED", "FAILED"):
            execution.finish(status, now, told.get("Result"), told.get("Error"))
        elif status == "PENDING":
            execution.failures = 0
            if execution.has_news:
                execution.retry_at = now
            elif not execution.waits:
                execution.idle_pendings += 1
                execution.retry_at = now + _RETRY_S
                if execution.idle_pendings >= _IDLE_PENDINGS_MAX:
                    text = "The function answered PENDING, but waits for nothing."
                    execution.finish(
                        "FAILED", now, None, {"ErrorType": "InvalidPending", "ErrorMessage": text}
                    )
        else:
            execution.failures += 1
            execution.retry_at = now + _RETRY_S
            if execution.failures >= _FAILURES_MAX:
                execution.finish(
                    "FAILED", now, None, told.get("Error") or {"ErrorMessage": "The function failed."}
                )

    def _invoke_chained(self, execution: Execution, one: str) -> None:
        self._begin(self._run_chained, execution, one)

    def _run_chained(self, execution: Execution, one: str) -> None:
        """Invoke another function for an operation; at least once if the process is killed meanwhile."""
        held = execution.operations[one]
        error: dict[str, Any] | None = None
        text: str | None = None
        try:
            reference = names.parse(held["_function"])
            result = self._service.invoke(
                reference.name, (held.get("_payload") or "null").encode(), qualifier=reference.qualifier,
                tenant=held.get("_tenant", ""),
            )  # fmt: skip
            text = result.payload.decode("utf-8", "replace")
            if result.function_error:
                error = _error_of(result)
        except (ApiError, OSError) as failure:
            kind = failure.code if isinstance(failure, ApiError) else type(failure).__name__
            message = failure.message if isinstance(failure, ApiError) else str(failure)
            error = {"ErrorType": kind, "ErrorMessage": message}
        with self._condition:
            if self._closed or execution.arn not in self._journal.executions or execution.status in DONE:
                return
            status = "FAILED" if error else "SUCCEEDED"
            execution.conclude(one, status, self._clock.now(), None if error else text, error)
            self._save(execution)
            self._go_on(execution)


def check_synchronous(version: Any) -> None:
    """Raises ApiError for a version of which nobody may wait for an execution."""
    if version.configuration["DurableConfig"]["ExecutionTimeout"] > SYNCHRONOUS_MAX_S:
        raise refused(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than "
            "15 minutes."
        )


def outcome(execution: Any, version: str) -> Result:
    """What a caller who waited for an execution gets."""
    payload, error = (execution.result or "null").encode(), None
    if execution.status != "SUCCEEDED":
        told = execution.error or {"ErrorMessage": f"The execution is {execution.status}."}
        members = (("ErrorType", "errorType"), ("ErrorMessage", "errorMessage"), ("StackTrace", "stackTrace"))
        payload = json.dumps({ours: told[theirs] for theirs, ours in members if theirs in told}).encode()
        error = "Unhandled"
    duration = ((execution.end or 0.0) - execution.header["at"]) * 1000
    result = Result(payload, error, str(uuid.uuid4()), duration, 0, executed_version=version)
    result.durable_arn = execution.arn
    return result


def _answer(result: Result) -> dict[str, Any]:
    """What a handler answered, as {"Status", "Result", "Error"}."""
    if result.function_error:
        return {"Status": "RETRY", "Error": _error_of(result)}
    try:
        told = json.loads(result.payload)
    except ValueError:
        told = None
    if not isinstance(told, dict) or told.get("Status") not in ("SUCCEEDED", "FAILED", "PENDING", "RETRY"):
        error = {
            "ErrorType": "InvalidInvocationOutput",
            "ErrorMessage": "A durable function answers with a Status: decorate its handler by the SDK.",
        }
        return {"Status": "FAILED", "Error": error}
    return told


def _error_of(result: Result) -> dict[str, Any]:
    try:
        told = json.loads(result.payload)
    except ValueError:
        told = {}
    members = (("errorType", "ErrorType"), ("errorMessage", "ErrorMessage"), ("stackTrace", "StackTrace"))
    return {ours: told[theirs] for theirs, ours in members if told.get(theirs)}
