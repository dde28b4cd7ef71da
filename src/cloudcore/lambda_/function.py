"""Function: one function as a Python object; deploys code, invokes, tells what it cost."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable
from typing import Any

import orjson

from cloudcore.errors import CloudcoreError
from cloudcore.lambda_.code import pack

_LOADER = b"""import os, pickle
with open(os.path.join(os.path.dirname(__file__), "function.pickle"), "rb") as file:
    handler = pickle.load(file)
"""
_SETTINGS = {
    "timeout": "Timeout",
    "memory": "MemorySize",
    "handler": "Handler",
    "description": "Description",
    "runtime": "Runtime",
    "layers": "Layers",
}


class FunctionError(CloudcoreError):
    """The function itself failed. `kind` is its errorType, `trace` its stack, `log` what it wrote."""

    def __init__(self, payload: dict[str, Any], log: str):
        self.kind = str(payload.get("errorType", ""))
        self.message = str(payload.get("errorMessage", ""))
        self.trace: list[str] = payload.get("stackTrace", [])
        self.log = log
        super().__init__(f"{self.kind}: {self.message}")


class Function:
    """The function `name` of a Lambda service. Settings are those of `Cloud.function`.

    Used as a decorator it deploys what it decorates and stands in its place:

        @cloud.function("greet", timeout=5)
        def greet(event, context):
            return {"hello": event["name"]}

        greet.invoke({"name": "ann"})

    With `on` it is called with what a source holds, or several in a list: see connect.
    """

    def __init__(self, service: Any, name: str, **settings: Any):
        unknown = sorted(set(settings) - set(_SETTINGS) - {"environment", "dead_letters", "on"})
        if unknown:
            raise TypeError(f"a function has no setting {unknown[0]!r}")
        self.name = name
        self._service = service
        on = settings.pop("on", None)
        self._on = on if isinstance(on, list | tuple) else [] if on is None else [on]
        self._settings = {_SETTINGS[k]: v for k, v in settings.items() if k in _SETTINGS and v is not None}
        if settings.get("environment") is not None:
            self._settings["Environment"] = {"Variables": dict(settings["environment"])}
        if settings.get("dead_letters") is not None:
            self._settings["DeadLetterConfig"] = {"TargetArn": settings["dead_letters"]}

    def deploy(self, code: Callable[..., Any] | bytes | str | os.PathLike[str]) -> Function:
        """Make the function run `code`, creating it when it is not there yet.

        `code`: a callable (shipped by module and name; a decorated one, one of `__main__` or a closure by
        value, with cloudpickle), the bytes of a zip, a zip file, or a directory, which is read where it is.
        All but a callable need the setting `handler` ("module.function").
        """
        source, handler = _source(code)
        settings = dict(self._settings)
        if handler is not None:
            settings["Handler"] = handler
        if "Handler" not in settings:
            raise ValueError("code that is no callable needs handler='module.function'")
        self._service.deploy(self.name, source, settings)
        for source_ in self._on:
            self.connect(source_)
        return self

    __call__ = deploy

    def invoke(self, event: Any = None) -> Any:
        """Call it with a JSON-like event; its result. Raises FunctionError, or ApiError as Invoke does."""
        result = self._service.invoke(self.name, orjson.dumps(event))
        value: Any = orjson.loads(result.payload) if result.payload else None
        if result.function_error:
            raise FunctionError(value, result.log.decode("utf-8", "replace"))
        return value

    def send(self, event: Any = None) -> str:
        """Have it run later, at least once; the request id. The event is durable when this returns.

        Raises ApiError as Invoke does.
        """
        accepted: str = self._service.accept(self.name, orjson.dumps(event))
        return accepted

    def on(
        self,
        *,
        success: str | None = None,
        failure: str | None = None,
        retries: int | None = None,
        max_age_s: int | None = None,
    ) -> Function:
        """Say who is told (ARNs) when an event that was sent has succeeded or finally failed, how often it is
        tried again (0 to 2) and until which age (60 to 21600 s). Replaces what was said before.

        Raises ApiError InvalidParameterValueException for a destination that is not there.
        """
        told = {"OnSuccess": success, "OnFailure": failure}
        config = {
            "DestinationConfig": {side: {"Destination": arn} for side, arn in told.items() if arn},
            "MaximumRetryAttempts": retries,
            "MaximumEventAgeInSeconds": max_age_s,
        }
        given = {name: value for name, value in config.items() if value is not None}
        self._service.call("PutFunctionEventInvokeConfig", {"FunctionName": self.name, **given})
        return self

    def connect(self, source: Any, **settings: Any) -> dict[str, Any]:
        """Have it called with what a source holds, each record at least once; the event source mapping.

        source: a table or its name (whose stream begins now if it has none), or the ARN of a table's stream,
        of a Kinesis stream or of a queue (elsewhere: where `reach` says). Settings: batch (records), window_s
        (0 to 300), start ("TRIM_HORIZON" unless it is given, "LATEST", or a time), filters (patterns as
        dicts), parallel (1 to 10), tumbling_s (0 to 900), retries, max_age_s, bisect, partial (the function
        answers with batchItemFailures), failure (an ARN), concurrency (of a queue, from 2), enabled. A source
        that is connected already takes the settings that are given. Raises TypeError, ApiError.
        """
        from cloudcore.lambda_.event_sources import connecting

        return connecting.connect(self._service, self.name, source, settings)

    def schedule(
        self, expression: str, *, name: str | None = None, timezone: str = "UTC", input: Any = None
    ) -> dict[str, Any]:
        """Call it at times: "rate(5 minutes)", "cron(0 9 ? * MON-FRI *)", "at(2030-01-31T09:00:00)".

        `name` of the schedule, the function's unless it is given; `input` the event, None: EventBridge's.
        Raises ApiError InvalidParameterValueException.
        """
        made: dict[str, Any] = self._service.schedules.put(
            name or self.name, self.name, expression, timezone=timezone, input=input
        )
        return made

    def stats(self) -> dict[str, Any]:
        """usage(), and in `cost` what AWS's list prices make of it."""
        stats: dict[str, Any] = self._service.stats(self.name)
        return stats

    def usage(self) -> dict[str, Any]:
        """Invocations, errors, throttles, cold_starts, init_ms, duration_ms, billed_ms, gb_seconds,
        storage_gb_seconds and concurrency_peak since the cloud was opened; of SnapStart restores, restore_ms,
        restored_gb, snapshot_gb_seconds; of provisioned concurrency provisioned_gb_seconds and, of
        gb_seconds, provisioned_call_gb_seconds; of events that were sent
        async_received, async_retries, async_dropped, async_age_ms (summed at every attempt),
        async_age_peak_ms, destination_failures and dead_letter_errors."""
        usage: dict[str, Any] = self._service.usage(self.name)
        return usage

    def log(self) -> str:
        """The last megabyte of the function's log."""
        text: bytes = self._service.log(self.name).tail()
        return text.decode("utf-8", "replace")

    def __repr__(self) -> str:
        return f"Function({self.name!r})"


def _source(code: Any) -> tuple[dict[str, Any], str | None]:
    """(what Lambda.deploy takes, handler or None)."""
    if callable(code):
        return _callable(code)
    if isinstance(code, bytes):
        return {"ZipFile": code}, None
    path = os.path.abspath(os.fspath(code))
    if os.path.isdir(path):
        return {"Directory": path}, None
    with open(path, "rb") as file:
        return {"ZipFile": file.read()}, None


def _callable(code: Callable[..., Any]) -> tuple[dict[str, Any], str]:
    name = getattr(code, "__qualname__", "")
    module = sys.modules.get(code.__module__)
    found = getattr(module, name, None) if "." not in name else None
    file = getattr(module, "__file__", None)
    if code.__module__ != "__main__" and file and found is code and inspect.isfunction(code):
        depth = code.__module__.count(".") + (os.path.basename(file) == "__init__.py") + 1
        root = os.path.abspath(file)
        for _ in range(depth):
            root = os.path.dirname(root)
        return {"Directory": root}, f"{code.__module__}.{name}"
    return {
        "ZipFile": pack({"index.py": _LOADER, "function.pickle": _pickled(code, module)})
    }, "index.handler"


def _pickled(code: Callable[..., Any], module: Any) -> bytes:
    """The callable by value: importing its module in a worker would run the module's own main part again."""
    try:
        import cloudpickle
    except ImportError:
        raise ValueError(
            f"{code!r} cannot be imported by name from a module, so it travels by value, which needs "
            "cloudpickle: pip install 'cloudcore[callables]'"
        ) from None
    by_value = module is not None and module.__name__ != "__main__"
    if by_value:
        cloudpickle.register_pickle_by_value(module)
    try:
        packed: bytes = cloudpickle.dumps(code)
        return packed
    except Exception as error:
        raise ValueError(f"{code!r} cannot be sent to a worker: {error}") from error
    finally:
        if by_value:
            cloudpickle.unregister_pickle_by_value(module)
