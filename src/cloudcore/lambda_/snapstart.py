"""SnapStart: what it means for a function's versions. The snapshot itself: snapshots.py, snapshot.py.

    publish -> Pending, Creating -> initialised -> Active (OptimizationStatus On), or Failed with the reason

A snapshot is a process: it goes when its version was not called for a while, or with this process, and the
next call takes it again.
Source: AWS, "Improving startup performance with Lambda SnapStart"; "Lambda function states".
"""

from __future__ import annotations

import copy
import functools
import re
from typing import TYPE_CHECKING, Any

from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.lambda_.registry import FunctionRecord
    from cloudcore.lambda_.runner import Runner
    from cloudcore.lambda_.snapshots import Taken

STATES = frozenset({"State", "StateReason", "StateReasonCode"})
_STORAGE_MAX = 512
_PYTHON_MIN = 12
_CODES = {"timeout": "InitTimeout", "Runtime.OutOfMemory": "InitResourceExhausted",
          "Runtime.InvalidEntrypoint": "InvalidEntryPoint"}  # fmt: skip


def setting(base: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a SnapStart that is given; of $LATEST there is no snapshot."""
    return {"ApplyOn": given.get("ApplyOn", "None"), "OptimizationStatus": "Off"}


def is_on(configuration: dict[str, Any]) -> bool:
    """Whether versions that are published start from a snapshot."""
    return bool(configuration.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions")


def check(configuration: dict[str, Any]) -> None:
    """Refuse what does not go with it. Raises InvalidParameterValueException."""
    if not is_on(configuration):
        return
    runtime = configuration["Runtime"]
    minor = re.fullmatch(r"python3\.(\d+)", runtime)
    if minor is None or int(minor[1]) < _PYTHON_MIN:
        raise _unsupported(runtime)
    if configuration["EphemeralStorage"]["Size"] > _STORAGE_MAX:
        raise _unsupported(f"Ephemeral storage greater than {_STORAGE_MAX} MB")


def check_provisioned(function: FunctionRecord, qualifier: str) -> None:
    """Refuse provisioned concurrency of a version that starts from a snapshot."""
    version = function.versions.get(function.resolve(qualifier))
    if version is not None and is_on(version.configuration):
        raise _unsupported("Provisioned Concurrency")


def _unsupported(what: str) -> ApiError:
    message = f"{what} is not supported for SnapStart enabled functions."
    return ApiError("InvalidParameterValueException", message)


def published(configuration: dict[str, Any]) -> None:
    """Change the configuration of a version that is being published."""
    if is_on(configuration):
        configuration |= {
            "SnapStart": {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"},
            "State": "Pending",
            "StateReason": "The function is being created.",
            "StateReasonCode": "Creating",
        }


def check_state(configuration: dict[str, Any]) -> None:
    """Refuse a call of a version that is not Active."""
    state = configuration.get("State", "Active")
    if state == "Pending":
        raise ApiError(
            "SnapStartNotReadyException",
            "Lambda is initializing your function. It will be ready to invoke once your function state "
            "becomes ACTIVE.", 409,
        )  # fmt: skip
    if state == "Failed":
        raise ApiError(
            "ResourceConflictException",
            "The operation cannot be performed at this time. The function is currently in the following "
            "state: Failed", 409,
        )  # fmt: skip


def begin(service: Any, record: FunctionRecord) -> None:
    """Take the snapshots that versions wait for, and count those that are kept; hold the service's lock."""
    kept = 0.0
    for number, version in record.versions.items():
        held = version.configuration
        if not is_on(held) or number == "$LATEST":
            continue
        if held["State"] == "Pending":
            runner = service.runner(record.name, version)
            runner.snapshot(functools.partial(settle, service, record.name, number, runner))
        elif held["State"] == "Active":
            kept += held["MemorySize"] / 1024
    service.count_kept(record.name, "snapshot_gb_seconds", kept)


def settle(service: Any, name: str, number: str, runner: Runner, taken: Taken) -> None:
    """The snapshot of a version is taken, or was not."""
    service.in_time(lambda: _settle(service, name, number, runner, taken))


def _settle(service: Any, name: str, number: str, runner: Runner, taken: Taken) -> None:
    with service.lock:
        found = service.registry.get(name)
        version = found.versions.get(number) if found else None
        if service.closed or version is None or not version.runs_as(runner.version):
            return
        function = copy.deepcopy(found)
        held = function.versions[number].configuration
        if held.get("State") != "Pending":  # another process was faster
            return
        for state in STATES:
            held.pop(state, None)
        held["State"] = "Active"
        if taken.status:
            held |= {
                "State": "Failed",
                "StateReason": f"The function failed to initialize: {taken.message}",
                "StateReasonCode": "FunctionError." + _CODES.get(taken.status, "RuntimeInitError"),
            }
        service.meter(name).initialised(taken.init_ms, held["MemorySize"])
        service.log(name).write(taken.log)
        service.changed(function)
