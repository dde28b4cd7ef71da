"""Lambda: the service. Operations are one file each in operations/; this keeps functions and runs them.

    <directory>/functions/<name>.json   what a function is (registry.py)
    <directory>/layers/<name>.json      layers and their versions (layers.py)
    <directory>/code-signing/<id>.json  code signing configurations
    <directory>/code/<sha256>.zip       deployment packages (code.py)
    <directory>/logs/<name>.log         what functions wrote (function_log.py)
    <directory>/async/                  events that are to run (events.py)
    <directory>/durable/                durable executions (durable/)
    <directory>/schedules/<name>.json   when functions are called (schedules/)
    <directory>/event-sources/          streams that they are called with (event_sources/)

Invoke: name and qualifier -> version -> a warm environment of its pool, or a new one -> result, log, meter.

Thread rule: any call from any thread.
"""

from __future__ import annotations

import contextlib
import copy
import fcntl
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from cloudcore.billing import Prices
from cloudcore.clock import Clock
from cloudcore.errors import ApiError, BusyError, ClosedError, CloudcoreError
from cloudcore.lambda_ import aliases, code, layers, lineage, names, operations, policies, snapstart
from cloudcore.lambda_.asynchronous import Asynchronous
from cloudcore.lambda_.capacity import Capacity
from cloudcore.lambda_.durable.driver import Durable
from cloudcore.lambda_.durable.journal import Journal
from cloudcore.lambda_.event_sources.mappings import Mappings
from cloudcore.lambda_.event_sources.mappings import directory_of as sources_of
from cloudcore.lambda_.events import EventQueue
from cloudcore.lambda_.function_log import FunctionLog
from cloudcore.lambda_.meter import Meter, cost, total
from cloudcore.lambda_.metering import Result
from cloudcore.lambda_.registry import FunctionRecord, Registry, Version, not_found
from cloudcore.lambda_.runner import Runner
from cloudcore.lambda_.schedules.schedules import Schedules, directory_of
from cloudcore.lambda_.shelf import Shelf
from cloudcore.lambda_.snapshots import RestoreError
from cloudcore.lambda_.target import Target
from cloudcore.validation import check, for_boto3

PAYLOAD_MAX = 6_291_456
EVENT_MAX = 1_048_576  # asynchronous
_TARGETS_MAX = 4096
CONCURRENCY = 1000  # of an account, as on AWS


class Lambda:
    """The functions of one account and region, kept in `directory`.

    `endpoint_url()` gives the URL at which functions reach the other services, `listener()` the one that
    clients use; `read_object(bucket, key)` reads deployment packages from an object store; `put_object(
    bucket, key, data)`, `put_record(stream, data)` and `tables(operation, parameters)` write to destinations
    of asynchronous events, as do boto3's clients that `remote(arn)` gives for services elsewhere;
    `follow(stream ARN)` opens a table's stream for an event source mapping; functions do not see
    the directories in `hidden`. Environments end after `idle_s` seconds without a call.
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
        put_object: Callable[[str, str, bytes], None] | None = None,
        put_record: Callable[[str, bytes], object] | None = None,
        tables: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
        remote: Callable[[str], Any] | None = None,
        follow: Callable[[str], Any] | None = None,
        listener: Callable[[], str | None] = lambda: None,
        clock: Clock | None = None,
        idle_s: float = 300.0,
        concurrency: int = CONCURRENCY,
        hidden: tuple[str, ...] = (),
        secret: str = "local",
    ):
        self.secret = secret
        """What functions sign with, for a listener that checks."""
        self.directory = os.fspath(directory)
        self.account, self.region = account, region
        self._hidden = tuple(os.path.abspath(path) for path in hidden)
        self.clock = clock or Clock()
        self.idle_s = idle_s
        self.endpoint_url, self.read_object, self.listener = endpoint_url, read_object, listener
        self.put_object, self.put_record, self.tables = put_object, put_record, tables
        self._remote = remote
        self.follow = follow
        os.makedirs(os.path.join(self.directory, "logs"), exist_ok=True)
        self._owner = _own(self.directory)
        self.registry = Registry(self.shelf("functions"))
        self.packages = self._packages()
        self.layers, self.signing = self.shelf("layers"), self.shelf("code-signing")
        self.lock = threading.RLock()  # functions, runners, counts
        self._idle = threading.Condition(self.lock)  # no call is under way
        self._runners: dict[tuple[str, str], Runner] = {}
        self._every: weakref.WeakSet[Runner] = weakref.WeakSet()  # those of changed versions too
        self._meters: dict[str, Meter] = {}
        self._logs: dict[str, FunctionLog] = {}
        self._targets: dict[tuple[str, str | None], Target] = {}
        self.capacity = Capacity(concurrency)
        self._closed = False
        self.keep_packages()
        self._asynchronous: Asynchronous | None = None
        self._durable: Durable | None = None
        self._schedules: Schedules | None = None
        self._mappings: Mappings | None = None
        for name, record in self.registry.functions.items():
            self._provide(name, record)
            snapstart.begin(self, record)
        if os.path.isdir(os.path.join(self.directory, "async")):
            self.asynchronous  # noqa: B018 - events of an earlier run go on
        if os.path.isdir(os.path.join(self.directory, "durable")):
            self.durable  # noqa: B018 - so do executions
        if os.path.isdir(directory_of(self.directory)):
            self.schedules  # noqa: B018 - and schedules
        if os.path.isdir(sources_of(self.directory)):
            self.mappings  # noqa: B018 - and event source mappings

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

    def handle(self, method: str, path: str, query: str, headers: dict[str, str], body: bytes) -> Any:
        """The wire's form (REST-JSON): HTTP status, headers and body, errors included.

        An answer that is streamed is a function instead, of `start(status, headers) -> write`; it calls
        start once and write for each part, until write says False, and returns None; or it returns an answer.
        """
        from cloudcore.lambda_ import rest

        return rest.handle(self, method, path, query, headers, body)

    def handle_schedules(
        self, method: str, path: str, body: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        """Schedules over HTTP (schedules/rest.py)."""
        from cloudcore.lambda_.schedules import rest

        return rest.handle(self, method, path, body)

    def handle_url(
        self,
        url_id: str,
        method: str,
        path: str,
        query: str,
        headers: dict[str, str],
        body: bytes,
        caller: Callable[[str], dict[str, str] | None] = lambda resource: None,
    ) -> Any:
        """A request to a function URL; the answer as that of handle().

        `caller(function ARN)` says who signed it ({"account", "arn", "access_key"}), for a URL of AuthType
        AWS_IAM.
        """
        from cloudcore.lambda_ import urls

        return urls.handle(self, url_id, method, path, query, headers, body, caller)

    def has_url(self, url_id: str) -> bool:
        """Whether the function URL of this id is one of ours."""
        from cloudcore.lambda_ import urls

        return urls.find(self, url_id) is not None

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
        request_id: str | None = None,
        tenant: str = "",
        sink: Any = None,
        as_step: bool = False,
        durable_name: str | None = None,
        trace: str = "",
        checked: bool = False,
    ) -> Result:
        """Run a function (name, partial or full ARN) with a JSON event and wait for its result.

        `checked`: the event is known to be JSON. What it streams goes to `sink` (streaming.py), or is the
        result's payload without one. What the function itself does wrong is in the Result. Raises ApiError:
        ResourceNotFoundException, TooManyRequestsException, InvalidRequestContentException,
        RequestTooLargeException.
        """
        if len(payload) > PAYLOAD_MAX:
            raise ApiError(
                "RequestTooLargeException",
                f"Request must be smaller than {PAYLOAD_MAX} bytes for the InvokeFunction operation",
                413,
            )
        payload = payload or b"{}"
        if not checked:
            check_json(payload)
        given = trace or lineage.take()
        while True:
            target, runner, common = self._enter(function, qualifier)
            try:
                trace = lineage.follow(given, target.base, target.stops) if given else ""
            except ApiError:
                self._leave(target, runner, common)
                raise
            if target.durable and not as_step:
                self._leave(target, runner, common)
                return self._run_durable(function, qualifier, payload, durable_name)
            try:
                if sink is not None:
                    sink.executed_version = runner.configuration["Version"]
                result = runner.pool().invoke(
                    payload,
                    client_context=client_context,
                    arn=target.arn,
                    request_id=request_id,
                    trace=trace,
                    tenant=tenant,
                    sink=sink,
                )
            except RestoreError as error:
                target.log.write(error.log)
                raise
            except ClosedError:
                if self._closed:
                    raise
                continue  # the function was changed between the two lines: take its new version
            finally:
                self._leave(target, runner, common)
            target.meter.count(
                result.duration_ms,
                result.billed_ms,
                runner.configuration["MemorySize"],
                result.function_error is not None,
                result.init_ms,
                runner.configuration["EphemeralStorage"]["Size"],
                result.restore_ms,
                runner.active < runner.provisioned,  # this call is counted out by now
            )
            target.log.write(result.log)
            return result

    def accept(
        self,
        function: str,
        payload: bytes = b"{}",
        *,
        qualifier: str | None = None,
        client_context: str | None = None,
        durable_name: str | None = None,
        request_id: str | None = None,
    ) -> str:
        """Take an event that the function will run later, at least once; its request id, or a durable
        execution's ARN.

        The event is durable when this returns. `client_context` is base64. Raises ApiError:
        ResourceNotFoundException, InvalidRequestContentException, RequestTooLargeException.
        """
        if len(payload) > EVENT_MAX:
            raise ApiError(
                "RequestTooLargeException",
                f"{len(payload)} byte payload is too large for the Event invocation type (limit {EVENT_MAX} "
                "bytes)", 413,
            )  # fmt: skip
        payload = payload or b"{}"
        check_json(payload)
        reference = names.parse(function, qualifier)
        with self.lock:
            version = self.version(reference)
            durable = "DurableConfig" in version.configuration
            queue = None if durable else self.asynchronous
        if queue is None:
            check_qualified(reference)
            return self.durable.start(reference.name, version, payload, durable_name).arn
        return queue.accept(
            reference.name, reference.qualifier, payload, client_context, lineage.take() or "", request_id
        )

    @property
    def asynchronous(self) -> Asynchronous:
        """The events that were accepted; the log is made with the first."""
        with self.lock:
            if self._closed:
                raise ClosedError("this service is closed", "closed")
            if self._asynchronous is None:
                self._asynchronous = self._begin_events()
            return self._asynchronous

    @property
    def durable(self) -> Durable:
        """The durable executions; their journal is made with the first."""
        with self.lock:
            if self._durable is None:
                if self._closed:
                    raise ClosedError("this service is closed", "closed")
                self._durable = self._begin_durable()
            return self._durable

    @property
    def schedules(self) -> Schedules:
        """The schedules of functions."""
        with self.lock:
            if self._schedules is None:
                if self._closed:
                    raise ClosedError("this service is closed", "closed")
                self._schedules = self._begin_schedules()
            return self._schedules

    @property
    def mappings(self) -> Mappings:
        """The event source mappings."""
        with self.lock:
            if self._mappings is None:
                if self._closed:
                    raise ClosedError("this service is closed", "closed")
                self._mappings = self._begin_mappings()
            return self._mappings

    def sources_of(self, arn: str) -> list[dict[str, Any]]:
        """The event source mappings of a function, by its ARN."""
        with self.lock:
            found = self._mappings
        return [held for held in found.all() if held["FunctionArn"] == arn] if found is not None else []

    def usage(self, function: str) -> dict[str, Any]:
        """What a function has cost since the service was opened: see Meter."""
        return self.meter(function).read(self.clock.now())

    def stats(self, function: str | None = None) -> dict[str, Any]:
        """Figures of a function, or of all functions together, with what AWS's list prices make of them
        (`cost`).

        In total `functions` has each function's own. See Meter for the names.
        """
        listed = Prices()
        if function is not None:
            return self._priced(function, listed)
        with self.lock:
            names_ = sorted(self._meters)
        each = {name: self._priced(name, listed) for name in names_}
        figures = total([{k: v for k, v in one.items() if k != "cost"} for one in each.values()])
        costs = [one["cost"] for one in each.values()]
        members = ("requests", "duration", "storage", "snapstart", "provisioned", "total")
        sums = {member: sum(one[member] for one in costs) for member in members}
        told = {"currency": "USD", "prices": f"{listed.source}, {listed.date}"}
        return {**figures, "cost": sums | told, "functions": each}

    def _priced(self, function: str, listed: Prices) -> dict[str, Any]:
        figures = self.meter(function).read(self.clock.now())
        return figures | {"cost": cost(figures, self.priced(function)["architecture"], listed)}

    def priced(self, function: str) -> dict[str, Any]:
        """What the price of a function depends on besides its use: architecture."""
        record = self.registry.get(function)
        return {"architecture": record.latest.configuration["Architectures"][0] if record else "x86_64"}

    def billed(self) -> dict[str, dict[str, float]]:
        """What is billed for, of every function that was called since this was opened, by name."""
        members = (
            "invocations", "gb_seconds", "storage_gb_seconds", "restored_gb", "snapshot_gb_seconds",
            "provisioned_gb_seconds", "provisioned_call_gb_seconds",
        )  # fmt: skip
        return {name: {m: found[m] for m in members} for name, found in self.metrics().items()}

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

    def metrics(self) -> dict[str, dict[str, Any]]:
        """usage() of every function that was called since the service was opened, by name."""
        with self.lock:
            meters = dict(self._meters)
        return {name: meter.read(self.clock.now()) for name, meter in meters.items()}

    def meter(self, function: str) -> Meter:
        with self.lock:
            return self._meters.setdefault(function, Meter())

    def count_kept(self, function: str, figure: str, gb: float) -> None:
        """So much is kept ready for a function from now on; those that were never called have no meter."""
        with self.lock:
            if gb or function in self._meters:
                self.meter(function).keep(figure, gb, self.clock.now())

    def interrupt(self) -> None:
        """Take no further calls and end those under way: their callers get ClosedError. Close it after
        that."""
        with self.lock:
            self._closed = True
            runners = list(self._every)
        for runner in runners:
            runner.interrupt()

    def close(self, grace_s: float = 5.0) -> None:
        """Wait up to `grace_s` for the calls under way, end every environment, release the directory.
        Idempotent.

        Asynchronous events that are interrupted run again when the directory is opened the next time.
        """
        with self.lock:
            self._closed = True
            self._targets.clear()
            queue, self._asynchronous = self._asynchronous, None
        if self._schedules is not None:
            self._schedules.close()
        if queue is not None:
            queue.stop()
        if self._mappings is not None:
            self._mappings.close()
        if self._durable is not None:
            self._durable.close()
        with self.lock:
            idle = self._idle.wait_for(lambda: not any(r.active for r in self._every), grace_s)
            runners, self._runners = list(self._runners.values()), {}
        if not idle:
            self.interrupt()
        if queue is not None:
            queue.close()
        with self.lock:
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

    def url(self, url_id: str) -> str:
        """A function URL on the first listener that is open."""
        scheme, _, host = (self.listener() or "http://localhost").partition("://")
        _, _, port = host.rpartition(":") if ":" in host else ("", "", "")
        return f"{scheme}://{url_id}.lambda-url.{self.region}.localhost{':' + port if port else ''}/"

    def remote(self, arn: str) -> Any:
        """boto3's client of the service elsewhere that an ARN names. Raises CloudcoreError without one."""
        if self._remote is None:
            raise CloudcoreError("no services elsewhere are configured")
        return self._remote(arn)

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

    def has(self, function: str) -> bool:
        """Whether a name or an ARN stands for a function, or a version of one, that is here."""
        try:
            with self.lock:
                self.version(names.parse(function))
        except ApiError:
            return False
        return True

    def policy_of(self, resource: str) -> str | None:
        """The policy of `function:NAME`, or of its version or alias; None when it has none."""
        kind, name, qualifier = [*resource.split(":"), "", ""][:3]
        with self.lock:
            function = self.registry.get(name) if kind == "function" else None
            if function is None:
                return None
            held = function.policies.get("" if qualifier == names.LATEST else qualifier)
            return None if held is None else policies.text(held)

    def version(self, reference: names.Reference) -> Version:
        """The version that a reference names, by its number or by an alias (the first of its two)."""
        function = self.function(reference)
        qualifier = reference.qualifier or names.LATEST
        found = function.versions.get(function.resolve(qualifier))
        if found is None:
            raise not_found(self.arn(reference.name, reference.qualifier))
        return found

    @contextlib.contextmanager
    def edit(self, reference: names.Reference) -> Iterator[FunctionRecord]:
        """The function as a copy to change, saved when the block ends well; holds the lock."""
        with self.lock:
            function = copy.deepcopy(self.function(reference))
            yield function
            self.changed(function)

    def changed(self, function: FunctionRecord) -> None:
        """Save a function; environments of versions that changed or went are ended."""
        with self.lock:
            self.registry.save(function)
            self._apply(function.name)

    def removed(self, name: str) -> None:
        """Forget a function."""
        with self.lock:
            self.registry.remove(name)
            self._apply(name)

    def keep_packages(self) -> None:
        """Forget the packages that neither a function nor a layer needs."""
        self.packages.keep_only(self.registry.packages() | layers.packages(self))

    def package_location(self, name: str) -> str:
        """Where a package can be read: a file: URL."""
        return Path(self.packages.path(name)).as_uri()

    def stamp(self, configuration: dict[str, Any]) -> None:
        """A new RevisionId and LastModified."""
        configuration["LastModified"] = self.moment(milliseconds=True)
        configuration["RevisionId"] = str(uuid.uuid4())

    def moment(self, *, milliseconds: bool = False) -> str:
        """The time as the answers write it."""
        now = self.clock.now()
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        return text + (f".{int(now * 1000) % 1000:03d}" if milliseconds else "") + "+0000"

    # -- what another kind of service keeps elsewhere ----------------------------------------------

    def shelf(self, kind: str) -> Shelf:
        """The documents of a kind: "functions", "layers", "code-signing", "schedules", "event-sources",
        "event-source-places"."""
        return Shelf(os.path.join(self.directory, kind))

    def _packages(self) -> code.Packages:
        return code.Packages(self.directory)

    def _begin_events(self) -> Asynchronous:
        return Asynchronous(self, EventQueue(os.path.join(self.directory, "async")))

    def _begin_durable(self) -> Durable:
        return Durable(self, Journal(os.path.join(self.directory, "durable")))

    def _begin_schedules(self) -> Schedules:
        return Schedules(self)

    def _begin_mappings(self) -> Mappings:
        return Mappings(self)

    # -- inside ----------------------------------------------------------------------------------

    def _enter(self, function: str, qualifier: str | None) -> tuple[Target, Runner, bool]:
        """Count one more call of what a name stands for, if there is room for it."""
        with self.lock:
            target = self._targets.get((function, qualifier)) or self._find(function, qualifier)
            runner = target.choose()
            try:
                common = self.capacity.enter(target.share, runner)
            except ApiError:
                target.meter.throttle()
                raise
            if target.share.active > target.meter.concurrency_peak:
                target.meter.concurrency_peak = target.share.active
            return target, runner, common

    def _leave(self, target: Target, runner: Runner, common: bool) -> None:
        """Count a call out."""
        with self.lock:
            self.capacity.leave(target.share, runner, common)
            if runner.stale and not runner.active:
                self._let_go(runner)
            if self._closed:
                self._idle.notify_all()

    def _run_durable(
        self, function: str, qualifier: str | None, payload: bytes, durable_name: str | None
    ) -> Result:
        reference = names.parse(function, qualifier)
        check_qualified(reference)
        return self.durable.run(reference.name, self.version(reference), payload, durable_name)

    def _find(self, function: str, qualifier: str | None) -> Target:
        if self._closed:
            raise ClosedError("this service is closed", "closed")
        reference = names.parse(function, qualifier)
        record, version = self.function(reference), self.version(reference)
        alias = record.aliases.get(reference.qualifier or "")
        target = Target(
            reference.name,
            self.arn(reference.name, reference.qualifier),
            self.capacity.share(reference.name),
            self.meter(reference.name),
            self.log(reference.name),
            self.runner(reference.name, version),
        )
        target.durable = "DurableConfig" in version.configuration
        target.base = self.arn(reference.name)
        target.stops = record.settings.get("RecursiveLoop", "Terminate") == "Terminate"
        snapstart.check_state(version.configuration)
        for number, weight in aliases.weights(alias).items() if alias else ():
            snapstart.check_state(record.versions[number].configuration)
            target.second, target.weight = self.runner(reference.name, record.versions[number]), weight
        if len(self._targets) >= _TARGETS_MAX:
            self._targets.clear()
        self._targets[(function, qualifier)] = target
        return target

    def runner(self, name: str, version: Version) -> Runner:
        """What runs a version; hold the lock."""

        def root() -> str:
            return version.directory or self.packages.root(version.package or "")

        def opt() -> str:
            return self.packages.merged(version.layers)

        key = (name, version.configuration["Version"])
        if key not in self._runners:
            for package in version.packages():
                self.packages.hold(package)
            self._runners[key] = Runner(
                version, root, opt, self.endpoint_url, self.account, self.region, self.idle_s, self._hidden,
                self.secret,
            )  # fmt: skip
            self._every.add(self._runners[key])
        return self._runners[key]

    def _apply(self, name: str) -> None:
        """Make what runs agree with what the registry says of the function `name`."""
        self._targets.clear()
        record = self.registry.get(name)
        versions = record.versions if record else {}
        stale = []
        for key, runner in list(self._runners.items()):
            version = versions.get(key[1])
            if key[0] == name and (version is None or not version.runs_as(runner.version)):
                stale.append(self._runners.pop(key))
                runner.stale = True
                if not runner.active:
                    self._let_go(runner)
        self._provide(name, record)
        if record and not self._closed:
            snapstart.begin(self, record)
        for runner in stale:
            threading.Thread(target=runner.close, name="cloudcore-lambda-end", daemon=True).start()
        self.keep_packages()

    def _let_go(self, runner: Runner) -> None:
        """Forget the package of a version that changed or went, now that no call is in it; hold the lock."""
        runner.stale = False
        for name in runner.version.packages():
            self.packages.release(name)
        self.keep_packages()

    def _provide(self, name: str, record: FunctionRecord | None) -> None:
        """Set a function's reserve and keep its provisioned versions warm."""
        wanted: dict[str, int] = {}
        if record:
            for qualifier, given in record.provisioned.items():
                number = record.resolve(qualifier)
                wanted[number] = wanted.get(number, 0) + given["Requested"]
                self.runner(name, record.versions[number])
        here = {number: self._here_of(name, count) for number, count in wanted.items()}
        for (owner, number), runner in self._runners.items():
            if owner == name:
                runner.provision(here.get(number, 0), self.log(name).write)
        versions = record.versions if record else {}
        memory = sum(count * versions[at].configuration["MemorySize"] for at, count in here.items())
        self.count_kept(name, "provisioned_gb_seconds", memory / 1024)
        share = self.capacity.share(name)
        self.capacity.settle(share, record.reserved if record else None, sum(wanted.values()))

    def _here_of(self, name: str, count: int) -> int:
        """How many of a function's provisioned environments this process keeps."""
        return count

    def provisioned_state(self, name: str, runner: Runner, wanted: int) -> tuple[int, str]:
        """(environments that are ready of those that are wanted, READY or IN_PROGRESS or FAILED)."""
        return runner.provisioned_state()

    def in_time(self, work: Callable[[], None]) -> None:
        """Do what changes a function and nobody waits for; on a thread of its own."""
        work()

    @property
    def closed(self) -> bool:
        """Whether this takes no further calls."""
        return self._closed

    @property
    def concurrency(self) -> int:
        """How many calls of the account may run at once."""
        return self.capacity.limit

    @concurrency.setter
    def concurrency(self, limit: int) -> None:
        self.capacity.limit = limit

    def __enter__(self) -> Lambda:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def check_qualified(reference: names.Reference) -> None:
    """A durable function runs to its end on one version, so callers name it."""
    if reference.qualifier is None:
        raise ApiError(
            "InvalidParameterValueException", "You cannot invoke a durable function using an unqualified ARN."
        )


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
