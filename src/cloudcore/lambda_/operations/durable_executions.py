"""The twelve operations of durable executions. Source: AWS, Lambda API reference (2025-12-01)."""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.durable.execution import DONE, Execution
from cloudcore.lambda_.paging import page

_PAGE_MAX = 1000


def checkpoint_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Keep what a handler has done; what changed since it last asked."""
    answer: dict[str, Any] = service.durable.checkpoint(
        params["DurableExecutionArn"],
        params["CheckpointToken"],
        params.get("Updates", []),
        params.get("ClientToken"),
    )
    return answer


def get_durable_execution_state(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The operations of an execution, for its handler."""
    rows = service.durable.state(params["DurableExecutionArn"], params["CheckpointToken"])
    return _paged([(f"{at:012d}", row) for at, row in enumerate(rows)], params, "Operations")


def get_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """One execution."""
    execution = service.durable.find(params["DurableExecutionArn"])
    header = execution.header
    made = _summary(service, execution) | {
        "Version": header["version"],
        "DurableConfig": {
            "ExecutionTimeout": header["timeout"], "RetentionPeriodInDays": header["retention"],
        },
        "ExecutionDataIncluded": params.get("IncludeExecutionData", True),
    }  # fmt: skip
    if made["ExecutionDataIncluded"]:
        made["InputPayload"] = header["payload"]
        made |= {
            name: value
            for name, value in (("Result", execution.result), ("Error", execution.error))
            if value is not None
        }
    if execution.pause:
        made["PauseDetails"] = execution.pause
    if execution.status not in DONE and execution.deadline != float("inf"):
        made["ExpectedExecutionTimeoutTimestamp"] = execution.deadline
    return made


def get_durable_execution_history(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Everything that happened, oldest first unless ReverseOrder is asked for."""
    events = list(service.durable.find(params["DurableExecutionArn"]).events)
    if not params.get("IncludeExecutionData"):
        events = [_without_data(event) for event in events]
    if params.get("ReverseOrder"):
        events.reverse()
    return _paged([(f"{at:012d}", event) for at, event in enumerate(events)], params, "Events")


def list_durable_executions_by_function(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """The executions of a function, the newest first unless ReverseOrder is asked for."""
    reference = service.reference(params)
    function = service.function(reference)
    version = function.resolve(reference.qualifier) if reference.qualifier else None
    found = []
    for execution in service.durable.all():
        header = execution.header
        if (
            header["function"] == function.name
            and version in (None, header["version"])
            and params.get("DurableExecutionName") in (None, header["name"])
            and execution.status in params.get("Statuses", [execution.status])
            and params.get("StartedAfter", header["at"])
            <= header["at"]
            <= params.get("StartedBefore", header["at"])
        ):
            found.append(execution)
    found.sort(key=lambda one: one.header["at"], reverse=not params.get("ReverseOrder"))
    rows = [(f"{at:012d}", _summary(service, one)) for at, one in enumerate(found)]
    return _paged(rows, params, "DurableExecutions")


def stop_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """End an execution; one that is done stays as it is."""

    def stop(execution: Execution, now: float) -> float:
        if execution.status not in DONE:
            execution.finish(
                "STOPPED", now, None, params.get("Error", {"ErrorMessage": "The execution was stopped."})
            )
        return execution.end or now

    return {"StopTimestamp": service.durable.change(params["DurableExecutionArn"], stop)}


def pause_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Let an execution rest after the invocation that runs."""

    def pause(execution: Execution, now: float) -> None:
        if execution.status in DONE:
            raise _conflict(f"The execution is {execution.status}.")
        if execution.pause is None:
            told = {
                "PauseRequestTimestamp": now,
                "ExecutionTimeoutPaused": params.get("ExecutionTimeoutPaused", False),
            }
            execution.set_pause(told, now, params.get("Reason"))

    service.durable.change(params["DurableExecutionArn"], pause)
    return {}


def resume_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Go on with an execution."""

    def resume(execution: Execution, now: float) -> None:
        if execution.status in DONE:
            raise _conflict(f"The execution is {execution.status}.")
        if execution.pause is not None:
            execution.set_pause(None, now, params.get("Reason"))
            execution.retry_at = now

    service.durable.change(params["DurableExecutionArn"], resume)
    return {}


def delete_durable_execution(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Forget an execution that is done."""
    return {"DeletionRequestTimestamp": service.durable.forget(params["DurableExecutionArn"])}


def send_durable_execution_callback_success(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Answer a callback."""
    result = params.get("Result", b"")
    text = (result.read() if hasattr(result, "read") else bytes(result)).decode("utf-8", "replace")
    service.durable.callback(
        params["CallbackId"],
        lambda execution, one, now: execution.conclude(one, "SUCCEEDED", now, text or None),
    )
    return {}


def send_durable_execution_callback_failure(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Say that what a callback waits for failed."""
    error = params.get("Error", {})
    service.durable.callback(
        params["CallbackId"], lambda execution, one, now: execution.conclude(one, "FAILED", now, None, error)
    )
    return {}


def send_durable_execution_callback_heartbeat(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Say that what a callback waits for is still under way."""
    service.durable.callback(params["CallbackId"], lambda execution, one, now: execution.beat(one, now))
    return {}


def _summary(service: Any, execution: Execution) -> dict[str, Any]:
    header = execution.header
    made = {
        "DurableExecutionArn": execution.arn,
        "DurableExecutionName": header["name"],
        "FunctionArn": service.arn(header["function"], header["version"]),
        "Status": execution.status,
        "StartTimestamp": header["at"],
    }
    return made | ({"EndTimestamp": execution.end} if execution.end is not None else {})


def _without_data(event: dict[str, Any]) -> dict[str, Any]:
    details = event[event["EventType"] + "Details"]
    bare = {
        name: {"Truncated": "Payload" in value} if isinstance(value, dict) and "Truncated" in value else value
        for name, value in details.items()
    }
    return event | {event["EventType"] + "Details": bare}


def _paged(rows: list[tuple[str, Any]], params: dict[str, Any], member: str) -> dict[str, Any]:
    given = (
        params if params.get("MaxItems") else {name: v for name, v in params.items() if name != "MaxItems"}
    )
    return page(rows, given, member, _PAGE_MAX)


def _conflict(message: str) -> ApiError:
    return ApiError("ResourceConflictException", message, 409)
