"""A function's configuration: the members of CreateFunction and UpdateFunctionConfiguration, checked.

What is in _HONOURED has an effect here. What is in _ONLY is taken with the values that describe what
happens here anyway, and refused with any other. Nothing is taken and ignored but Role and TracingConfig:
there is no IAM and no X-Ray, and neither changes what a function answers. Who asks for traces is told so.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import network, snapstart
from cloudcore.lambda_.on_ray import asked
from cloudcore.lambda_.runtimes.programs import check as check_runtime

_log = logging.getLogger("cloudcore.lambda")
_HONOURED = (
    "Runtime", "Role", "Handler", "Description", "Timeout", "MemorySize", "Environment", "DurableConfig",
    "LoggingConfig", "EphemeralStorage", "DeadLetterConfig", "SnapStart",
)  # fmt: skip
_RETENTION_DAYS, _EXECUTION_S = 14, 86_400
_ONLY: dict[str, tuple[Any, ...]] = {
    "PackageType": ("Zip",),
    "Architectures": (["x86_64"], ["arm64"]),
    "TracingConfig": ({"Mode": "PassThrough"}, {"Mode": "Active"}),
    "VpcConfig": ({}, {"SubnetIds": [], "SecurityGroupIds": []}),
    "KMSKeyArn": ("",),
    "FileSystemConfigs": ([],),
}
_TIMEOUT_MAX, _MEMORY_MAX, _STORAGE_MAX = 900, 10240, 10240
_ENVIRONMENT_MAX = 4096
_RESERVED = frozenset(
    {"_HANDLER", "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"}
    | {"AWS_" + name for name in ("REGION", "DEFAULT_REGION", "EXECUTION_ENV", "ACCESS_KEY", "ACCESS_KEY_ID")}
    | {"AWS_" + name for name in ("SECRET_ACCESS_KEY", "SESSION_TOKEN", "LAMBDA_RUNTIME_API")}
    | {"AWS_LAMBDA_FUNCTION_" + name for name in ("NAME", "MEMORY_SIZE", "VERSION")}
    | {"AWS_LAMBDA_" + name for name in ("INITIALIZATION_TYPE", "LOG_GROUP_NAME", "LOG_STREAM_NAME")}
)


def merge(base: dict[str, Any], params: dict[str, Any]) -> dict[str, Any]:
    """`base` with the settings in `params`; raises ApiError for one that is wrong or has no effect here."""
    changed = dict(base)
    for name, value in params.items():
        if name in _ONLY:
            if value not in _ONLY[name]:
                raise refused(f"{name} {json.dumps(value)} is not supported by this endpoint.")
            if name in ("TracingConfig", "PackageType", "Architectures"):
                changed[name] = value
            if value == {"Mode": "Active"}:
                _log.warning("TracingConfig Active is kept and shown; there is no X-Ray here, and no traces")
        elif name in _HONOURED:
            if name == "Runtime":
                check_runtime(value)
            changed[name] = _MADE[name](changed, value) if name in _MADE else value
            if name == "DeadLetterConfig" and not value.get("TargetArn"):
                del changed[name]  # none any more, and none is shown
        else:
            raise refused(f"{name} is not supported by this endpoint.")
    _check(changed)
    return changed


def _logging(base: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    """What a LoggingConfig changes; levels are a JSON log's alone, INFO unless they are given."""
    made = base.get("LoggingConfig", {}) | config
    levels = {"ApplicationLogLevel", "SystemLogLevel"}
    if made.get("LogFormat", "Text") == "Text":
        if levels & config.keys():
            raise refused(
                "The LogFormat must be set to JSON in order to set ApplicationLogLevel or SystemLogLevel."
            )
        return {name: value for name, value in made.items() if name not in levels} | {"LogFormat": "Text"}
    return dict.fromkeys(sorted(levels), "INFO") | made


def _durable(base: dict[str, Any], config: dict[str, Any]) -> dict[str, Any]:
    if config.get("KMSKeyArn"):
        raise refused("KMSKeyArn in DurableConfig is not supported by this endpoint.")
    return {"RetentionPeriodInDays": _RETENTION_DAYS, "ExecutionTimeout": _EXECUTION_S} | config


def refused(message: str) -> ApiError:
    """InvalidParameterValueException."""
    return ApiError("InvalidParameterValueException", message)


_MADE: dict[str, Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]] = {
    "DurableConfig": _durable,
    "LoggingConfig": _logging,
    "SnapStart": snapstart.setting,
}
"""What is kept of a member, from what there was and what is given."""


def _check(configuration: dict[str, Any]) -> None:
    runtime = configuration.get("Runtime")
    if runtime is None or not configuration.get("Handler"):
        raise refused(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )
    _at_most("timeout", configuration["Timeout"], _TIMEOUT_MAX)
    _at_most("memorySize", configuration["MemorySize"], _MEMORY_MAX)
    _at_most("ephemeralStorage.size", configuration["EphemeralStorage"]["Size"], _STORAGE_MAX)
    _check_environment(configuration.get("Environment", {}).get("Variables", {}))
    snapstart.check(configuration)
    if (why := asked.check(configuration)) is not None:
        raise refused(why)


def _at_most(name: str, value: int, high: int) -> None:
    """The limits of functions that are not managed instances; the model has the wider ones."""
    if value > high:
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
            f"Member must have value less than or equal to {high}",
        )


def _check_environment(variables: dict[str, str]) -> None:
    start = (
        "Lambda was unable to configure your environment variables because the environment variables "
        "you have provided"
    )
    used = sorted(_RESERVED.intersection(variables))
    if used:
        raise refused(
            f"{start} contains reserved keys that are currently not supported for modification. "
            f"Reserved keys used in this request: {', '.join(used)}"
        )
    if variables.get(network.VARIABLE, network.HOST) not in (network.HOST, network.NONE):
        raise refused(f"{network.VARIABLE} is {network.HOST} or {network.NONE}.")
    if any("\0" in value for value in variables.values()):
        raise refused("An environment variable cannot hold a NUL character.")
    text = json.dumps(variables, separators=(",", ":"), ensure_ascii=False)
    if variables and len(text.encode()) > _ENVIRONMENT_MAX:
        raise refused(f"{start} exceeded the 4KB limit. String measured: {text}")
