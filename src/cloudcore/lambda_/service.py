"""Lambda: the service. Operations are one file each in operations/; this keeps functions and runs them.

    <directory>/functions/<name>.json   what a function is (registry.py)
    <directory>/code/<sha256>.zip       deployment packages (code.py)
    <directory>/logs/<name>.log         what functions wrote (function_log.py)

Invoke: name and qualifier -> version -> a warm environment of its pool, or a new one -> result, log, meter.

Thread rule: any call from any thread.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import orjson

from cloudcore.clock import Clock
from cloudcore.errors import ApiError, BusyError, ClosedError
from cloudcore.lambda_ import code, names, operations
from cloudcore.lambda_.function_log import FunctionLog
from cloudcore.lambda_.meter import Meter
from cloudcore.lambda_.metering import Result
from cloudcore.lambda_.registry import FunctionRecord, Registry, Version, not_found
from cloudcore.lambda_.runner import Runner
from cloudcore.validation import check, for_boto3

PAYLOAD_MAX = 6_291_456
CONCURRENCY = 1000  # of an account, as on AWS


class Lambda:
    """The functions of one account and region, kept in `directory`.

    `endpoint_url()` gives the URL at which functions reach the other services; `read_object(bucket, key)`
    reads deployment packages from an object store. Environments end after `idle_s` seconds without a call.
    One process owns a directory: BusyError for a second one.
    """

    operations = frozenset(operations.TABLE)

    def __init__(
        self,
        directory: str | os.PathLike[str],
        account: str = "000000000000",
        region: str = "us-east-1",
        *,
        endpoint_url: Callable[[], str | None] = lambda: None,
        read_object: Callable[[str, str], bytes] | None = None,
        clock: Clock | None = None,
        idle_s: float = 300.0,
        concurrency: int = CONCURRENCY,
    ):
        self.directory = os.fspath(directory)
        self.account, self.region = account, region
        self.clock = clock or Clock()
        self.idle_s, self.concurrency = idle_s, concurrency
        self.endpoint_url, self.read_object = endpoint_url, read_object
        os.makedirs(os.path.join(self.directory, "logs"), exist_ok=True)
        self._owner = _own(self.directory)
        self.registry = Registry(self.directory)
        self.packages = code.Packages(self.directory)
        self.lock = threading.RLock()  # functions, runners, counts
        self._runners: dict[tuple[str, str], Runner] = {}
        self._meters: dict[str, Meter] = {}
        self._logs: dict[str, FunctionLog] = {}
        self._active = 0
        self._closed = False
        self.packages.keep_only(self.registry.packages())

    # -- doors -----------------------------------------------------------------------------------

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation with boto3's parameters; the answer as boto3 gives it. Raises ApiError."""
        if operation in operations.TABLE:
            params = check("lambda", operation, params)
        return for_boto3("lambda", operation, self.run(operation, params))

    def run(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Run an operation with checked parameters; timestamps in epoch seconds. Raises ApiError."""
        action = operations.TABLE.get(operation)
        if action is None:
            raise ApiError("UnknownOperationException", f"Operation {operation} is not supported", 404)
        return action(self, params)

    def handle(
        self, method: str, path: str, query: str, headers: dict[str, str], body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """The wire's form (REST-JSON): HTTP status, headers and body, errors included."""
        from cloudcore.lambda_ import rest

        return rest.handle(self, method, path, query, headers, body)

    def deploy(self, name: str, source: dict[str, Any], settings: dict[str, Any]) -> None:
        """Make function `name` what it is asked to be: see deploy.py."""
        from cloudcore.lambda_.deploy import deploy

        deploy(self, name, source, settings)

    def invoke(
        self,
        function: str,
        payload: bytes = b"{}",
        *,
        qualifier: str | None = None,
        client_context: bytes | None = None,
    ) -> Result:
        """Run a function (name, partial or full ARN) with a JSON event and wait for its result.

        What the function itself does wrong is in the Result. Raises ApiError: ResourceNotFoundException,
        TooManyRequestsException, InvalidRequestContentException, RequestTooLargeException.
        """
        if len(payload) > PAYLOAD_MAX:
            raise ApiError(
                "RequestTooLargeException",
                f"Request must be smaller than {PAYLOAD_MAX} bytes for the InvokeFunction operation",
                413,
            )
        payload = payload or b"{}"
        check_json(payload)
        reference = names.parse(function, qualifier)
        while True:
            runner = self._enter(reference)
            try:
                arn = self.arn(reference.name, reference.qualifier)
                result = runner.pool().invoke(payload, client_context=client_context, arn=arn)
            except ClosedError:
                if self._closed:
                    raise
                continue  # the function was changed between the two lines: take its new version
            finally:
                with self.lock:
                    runner.active -= 1
                    self._active -= 1
            self._account_for(reference.name, runner, result)
            return result

    def usage(self, function: str) -> dict[str, Any]:
        """What a function has cost since the service was opened: see Meter."""
        return self.meter(function).read()

    def billed_ms(self, function: str) -> int:
        """Billed milliseconds of a function since the service was opened."""
        return self.meter(function).billed_ms

    def log(self, function: str) -> FunctionLog:
        """The function's log."""
        with self.lock:
            if function not in self._logs:
                path = os.path.join(self.directory, "logs", function + ".log")
                self._logs[function] = FunctionLog(path)
            return self._logs[function]

    def meter(self, function: str) -> Meter:
        with self.lock:
            return self._meters.setdefault(function, Meter())

    def close(self) -> None:
        """End every environment and release the directory. Idempotent."""
        with self.lock:
            self._closed = True
            runners, self._runners = list(self._runners.values()), {}
            logs, self._logs = list(self._logs.values()), {}
        for runner in runners:
            runner.close()
        for log in logs:
            log.close()
        if self._owner >= 0:
            os.close(self._owner)
            self._owner = -1

    # -- for the operations ----------------------------------------------------------------------

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """The ARN of a function, with the qualifier when there is one."""
        end = f":{qualifier}" if qualifier else ""
        return f"arn:aws:lambda:{self.region}:{self.account}:function:{name}{end}"

    def reference(self, params: dict[str, Any]) -> names.Reference:
        """FunctionName and Qualifier of an operation."""
        return names.parse(params["FunctionName"], params.get("Qualifier"))

    def function(self, reference: names.Reference) -> FunctionRecord:
        """The function that a reference names. Raises ResourceNotFoundException."""
        found = self.registry.get(reference.name)
        foreign = reference.account not in (None, self.account) or reference.region not in (None, self.region)
        if found is None or foreign:
            raise not_found(self.arn(reference.name, reference.qualifier))
        return found

    def version(self, reference: names.Reference) -> Version:
        """The version that a reference names."""
        found = self.function(reference).versions.get(reference.qualifier or names.LATEST)
        if found is None:
            raise not_found(self.arn(reference.name, reference.qualifier))
        return found

    def changed(self, function: FunctionRecord) -> None:
        """Save a function; environments of versions that changed or went are ended."""
        with self.lock:
            self.registry.save(function)
            self._end_stale(function.name, function.versions)

    def removed(self, name: str) -> None:
        """Forget a function."""
        with self.lock:
            self.registry.remove(name)
            self._end_stale(name, {})

    def stamp(self, configuration: dict[str, Any]) -> None:
        """A new RevisionId and LastModified."""
        now = self.clock.now()
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        configuration["LastModified"] = f"{moment}.{int(now * 1000) % 1000:03d}+0000"
        configuration["RevisionId"] = str(uuid.uuid4())

    # -- inside ----------------------------------------------------------------------------------

    def _enter(self, reference: names.Reference) -> Runner:
        """Count one more call of the version that a reference names, if there is room for it."""
        with self.lock:
            if self._closed:
                raise ClosedError("this service is closed", "closed")
            version = self.version(reference)
            key = (reference.name, version.configuration["Version"])
            runner = self._runners.get(key)
            if runner is None:
                runner = self._runners[key] = self._runner(version)
            if self._active >= self.concurrency:
                self.meter(reference.name).throttle()
                raise ApiError(
                    "TooManyRequestsException", "Rate Exceeded.", 429,
                    {"Reason": "ConcurrentInvocationLimitExceeded"},
                )  # fmt: skip
            runner.active += 1
            self._active += 1
            return runner

    def _runner(self, version: Version) -> Runner:
        def root() -> str:
            return version.directory or self.packages.root(version.package or "")

        return Runner(version, root, self.endpoint_url, self.account, self.region, self.idle_s)

    def _end_stale(self, name: str, versions: dict[str, Version]) -> None:
        stale = []
        for key, runner in list(self._runners.items()):
            version = versions.get(key[1])
            if key[0] == name and (version is None or version.configuration != runner.configuration):
                stale.append(self._runners.pop(key))
        for runner in stale:
            threading.Thread(target=runner.close, name="cloudcore-lambda-end", daemon=True).start()
        self.packages.keep_only(self.registry.packages())

    def _account_for(self, name: str, runner: Runner, result: Result) -> None:
        memory = runner.configuration["MemorySize"]
        self.meter(name).count(
            result.duration_ms, result.billed_ms, memory, result.function_error is not None
        )
        self.log(name).write(result.log)

    def __enter__(self) -> Lambda:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_json(payload: bytes) -> None:
    """Refuse an event that is no JSON, as Invoke does."""
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        raise ApiError(
            "InvalidRequestContentException",
            f"Could not parse request body into json: Could not parse payload into json: {error}",
        ) from None


def _own(directory: str) -> int:
    """A descriptor that holds the directory for this process alone, until it is closed."""
    owner = os.open(os.path.join(directory, "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(owner)
        raise BusyError(f"{directory} is owned by another process", "busy") from None
    return owner
