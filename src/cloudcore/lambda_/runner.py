"""One version of a function, ready to run: its pool of environments, made when first called."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cloudcore.errors import ClosedError
from cloudcore.lambda_ import lineage, snapstart
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.on_ray import asked
from cloudcore.lambda_.pool import Pool
from cloudcore.lambda_.registry import Version
from cloudcore.lambda_.reload import Watched
from cloudcore.lambda_.runtimes import programs
from cloudcore.lambda_.snapshots import Taken
from cloudcore.lambda_.spec import Spec, environment_of

if TYPE_CHECKING:
    from cloudcore.lambda_.on_ray.hosts import RayPool

_log = logging.getLogger("cloudcore.lambda")


class Runner:
    """Starts nothing until `pool` is asked for. Close it when the version changes or goes."""

    def __init__(
        self,
        version: Version,
        root: Callable[[], str],
        opt: Callable[[], str],
        endpoint_url: Callable[[], str | None],
        account: str,
        region: str,
        idle_s: float,
        hidden: tuple[str, ...] = (),
        secret: str = "local",
    ):
        self.version, self.configuration = version, version.configuration
        self._root, self._opt, self._endpoint_url = root, opt, endpoint_url
        self._account, self._region, self._idle_s, self._hidden = account, region, idle_s, hidden
        self._secret = secret
        self._lock = threading.Lock()
        self._pool: Pool | RayPool | None = None
        self._watched: Watched | None = None
        self._closed = self._failed = self._snapshotting = False
        # Calls under way and provisioned environments; the service's lock guards both.
        self.active = self.provisioned = 0
        self.stale = False  # the version changed or went; the service's lock guards it too

    def pool(self) -> Pool | RayPool:
        """The version's environments."""
        with self._lock:
            if self._closed:
                raise ClosedError("this version changed or went", "closed")
            if self._pool is None:
                spec = self._spec()
                if self.version.directory:
                    self._watched = Watched(spec.root)  # before anything is loaded from it
                self._pool = _pool_of(spec)(spec, idle_s=self._idle_s)
            elif self._watched is not None and self._watched.changed():
                self._pool.renew()
            return self._pool

    def provision(self, count: int, log: Callable[[bytes], object]) -> None:
        """Keep `count` environments ready from now on; they are started in the background."""
        if count == self.provisioned:
            return
        self.provisioned, self._failed = count, False

        def start() -> None:
            with contextlib.suppress(ClosedError):
                self._failed = not self.pool().prewarm(count, log)

        threading.Thread(target=start, name="cloudcore-lambda-warm", daemon=True).start()

    def snapshot(self, done: Callable[[Taken], None]) -> None:
        """Take the version's snapshot in the background, once, and say how that went."""
        if self._snapshotting:
            return
        self._snapshotting = True

        def take() -> None:
            try:
                taken = self.pool().take_snapshot()
            except ClosedError:
                return
            except OSError as error:
                taken = Taken(b"", 0.0, "Runtime.Unknown", str(error))
            done(taken)

        threading.Thread(target=take, name="cloudcore-lambda-snapshot", daemon=True).start()

    def provisioned_state(self) -> tuple[int, str]:
        """(environments that are ready, READY or IN_PROGRESS or FAILED); without waiting for anything."""
        idle, running = self.environments()
        ready = min(self.provisioned, idle + running)
        if ready == self.provisioned:
            return ready, "READY"
        return ready, "FAILED" if self._failed else "IN_PROGRESS"

    def environments(self) -> tuple[int, int]:
        """How many are idle, how many run a call; without waiting for anything."""
        pool = self._pool
        return (0, 0) if pool is None else (pool.warm, pool.active)

    def interrupt(self) -> None:
        """End the calls under way; the callers get ClosedError."""
        with self._lock:
            pool = self._pool
        if pool is not None:
            pool.interrupt()

    def close(self) -> None:
        """End the environments; calls under way finish first."""
        with self._lock:
            self._closed = True
            pool = self._pool
        if pool is not None:
            pool.close()

    def _spec(self) -> Spec:
        c = self.configuration
        other = programs.mismatch(c["Runtime"])
        if other:
            _log.warning("%s asks for %s and runs on %s", c["FunctionName"], c["Runtime"], other)
        spec = Spec(
            name=c["FunctionName"],
            arn=c["FunctionArn"],
            root=self._root(),
            handler=c["Handler"],
            timeout_s=c["Timeout"],
            memory_mb=c["MemorySize"],
            environment=c.get("Environment", {}).get("Variables", {}),
            version=c["Version"],
            hidden=self._hidden,
            opt=self._opt(),
            runtime=c["Runtime"],
            storage_mb=c["EphemeralStorage"]["Size"],
            snap_start=snapstart.is_on(c) and c["Version"] != LATEST,
        )
        logging_ = c["LoggingConfig"]
        if logging_["LogFormat"] == "JSON":
            spec.system_log_level = logging_["SystemLogLevel"]
            spec.environment = {
                "AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging_["ApplicationLogLevel"],
            } | spec.environment  # fmt: skip
        spec.program = programs.program(spec.runtime, spec.handler, spec.root, spec.opt, spec.environment)
        group = {"AWS_LAMBDA_LOG_GROUP_NAME": logging_["LogGroup"]}
        group[lineage.VARIABLE] = lineage.first(c["FunctionArn"].partition(f":{c['Version']}")[0])
        ours = environment_of(spec, self._region, self._endpoint_url(), self._account, self._secret)
        spec.environment = ours | group
        return spec


def _pool_of(spec: Spec) -> type[Pool] | type[RayPool]:
    """What runs it: processes of this one, or Ray."""
    if asked.VARIABLE not in spec.environment:
        return Pool
    from cloudcore.lambda_.on_ray.hosts import RayPool

    return RayPool
