"""RayPool: the environments of one function version, each in an actor of Ray.

    invoke -> a host that is idle, or a new one where Ray has what it asks for -> its Pool -> back

A host holds what it asked for until it is ended: after `idle_s` without a call, at most _IDLE_S, or when
another function waits for a place. Ray is joined with the first host: the one that RAY_ADDRESS names or that
this machine runs, else one that is started here and ends with this process.
Thread rule: every method from any thread.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import weakref
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from cloudcore._channel import request_id as new_request_id
from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import metering, supervisor
from cloudcore.lambda_.environment import Sink
from cloudcore.lambda_.metering import Result
from cloudcore.lambda_.on_ray import asked
from cloudcore.lambda_.on_ray.host import Host, packed
from cloudcore.lambda_.pool import EVENT_MAX, INIT_S
from cloudcore.lambda_.snapshots import Taken
from cloudcore.lambda_.spec import Spec

_IDLE_S = 30.0
_PLACE_S, _LOOK_S = 60.0, 1.0
_MARGIN_S = 30.0  # beyond what the host itself allows a call
_END_S = 5.0
_pools: weakref.WeakSet[RayPool] = weakref.WeakSet()
_joining = threading.Lock()


class RayPool:
    """As Pool, of a function that has CLOUDCORE_RAY. Raises ApiError without Ray."""

    def __init__(self, spec: Spec, *, idle_s: float = 300.0):
        self._ray = _joined()
        self.spec, self.idle_s = spec, min(idle_s, _IDLE_S)
        self._needs = asked.resources(spec.environment[asked.VARIABLE])
        self._lock = threading.Lock()
        self._idle: list[tuple[float, Any]] = []
        self._every: list[Any] = []
        self._active = self._kept = self._generation = 0
        self._closed = self._interrupted = False
        self._code: Any = None
        _pools.add(self)

    @property
    def warm(self) -> int:
        """How many hosts are idle."""
        return len(self._idle)

    @property
    def active(self) -> int:
        """How many run a call now."""
        return self._active

    def invoke(
        self, payload: bytes, *, request_id: str | None = None, client_context: bytes | None = None,
        arn: str | None = None, trace: str = "", tenant: str = "", sink: Sink | None = None,
    ) -> Result:  # fmt: skip
        """As Pool.invoke(); nothing is streamed, which is for other runtimes than Python's. Raises
        TooManyRequestsException when Ray has no place for a minute."""
        if len(payload) > EVENT_MAX:
            raise ValueError("an event has at most 6291456 bytes")
        more = {"request_id": request_id or new_request_id(), "client_context": client_context, "arn": arn,
                "trace": trace, "tenant": tenant}  # fmt: skip
        generation, host = self._take()
        try:
            if host is None:
                host = self._start()
            answer = host.invoke.remote(bytes(payload), more)
            body, log, rest = self._ray.get(answer, timeout=self.spec.timeout_s + INIT_S + _MARGIN_S)
        except (self._ray.exceptions.RayActorError, self._ray.exceptions.GetTimeoutError) as error:
            self._end(host)
            if self._interrupted:
                raise ClosedError("the service was closed before the function was done", "closed") from None
            return self._lost(str(more["request_id"]), error)
        except BaseException:
            self._end(host)
            raise
        finally:
            with self._lock:
                self._active -= 1
        self._put(host, generation)
        return Result(body, log=log, **rest)

    def prewarm(self, count: int, log: Callable[[bytes], object] = len) -> bool:
        """As Pool.prewarm()."""
        with self._lock:
            self._kept = count
        while True:
            with self._lock:
                if self._closed or len(self._every) >= self._kept:
                    return True
                generation = self._generation
            host = None
            try:
                host = self._start()
                done, said = self._ray.get(host.prewarm.remote(), timeout=INIT_S + _MARGIN_S)
            except (ApiError, self._ray.exceptions.RayError) as error:
                logging.getLogger("cloudcore.lambda").warning("%s on Ray: %s", self.spec.name, error)
                self._end(host)
                return False
            log(said)
            if not done:
                self._end(host)
                return False
            self._put(host, generation)

    def take_snapshot(self) -> Taken:
        """SnapStart is refused with CLOUDCORE_RAY."""
        raise NotImplementedError

    def renew(self) -> None:
        """The code has changed: hosts take no further call."""
        with self._lock:
            self._generation += 1
            self._code = None
            gone, self._idle = self._idle, []
        for _, host in gone:
            self._end(host)

    def retire(self, idle_s: float) -> None:
        """End the hosts that had no call for `idle_s` seconds, but as many as are to be kept."""
        limit = time.monotonic() - idle_s
        with self._lock:
            spare = max(0, len(self._every) - self._kept)
            gone = [one for one in self._idle if one[0] <= limit][:spare]
            self._idle = [one for one in self._idle if one not in gone]
        for _, host in gone:
            self._end(host)

    def interrupt(self) -> None:
        """End the hosts that run a call; the callers get ClosedError."""
        with self._lock:
            self._interrupted = True
            idle = [host for _, host in self._idle]
            running = [host for host in self._every if host not in idle]
        for host in running:
            self._ray.kill(host)

    def close(self) -> None:
        """End every host; one that runs a call when that is done."""
        supervisor.current().unschedule(self)
        with self._lock:
            self._closed = True
            gone, self._idle = self._idle, []
        for _, host in gone:
            self._end(host)

    # -- hosts -----------------------------------------------------------------------------------

    def _take(self) -> tuple[int, Any]:
        with self._lock:
            if self._closed:
                raise ClosedError("this function's pool is closed", "closed")
            self._active += 1
            return self._generation, self._idle.pop()[1] if self._idle else None

    def _start(self) -> Any:
        """A new host, once Ray has placed it. Raises TooManyRequestsException."""
        with self._lock:
            if self._code is None:
                self._code = [self._ray.put(packed(place)) for place in (self.spec.root, self.spec.opt)]
            code = self._code
        custom = {name: count for name, count in self._needs.items() if name not in ("CPU", "GPU")}
        actor = self._ray.remote(Host).options(
            num_cpus=self._needs["CPU"], num_gpus=self._needs.get("GPU", 0), resources=custom,
            memory=self.spec.memory_mb << 20,
        )  # fmt: skip
        host = actor.remote(version("cloudcore"), self.spec, *code)
        ready, until = host.ready.remote(), time.monotonic() + _PLACE_S
        while not self._ray.wait([ready], timeout=_LOOK_S)[0]:
            if self._interrupted or time.monotonic() > until:
                self._ray.kill(host)
                reason = {"Reason": "ConcurrentInvocationLimitExceeded"}
                needs = self.spec.environment[asked.VARIABLE]
                raise ApiError("TooManyRequestsException", f"Ray has no place with {needs}.", 429, reason)
            for pool in list(_pools):  # what waits for calls makes room for one that is there
                pool.retire(0.0)
        self._ray.get(ready)
        with self._lock:
            self._every.append(host)
        return host

    def _put(self, host: Any, generation: int) -> None:
        with self._lock:
            stays = not self._closed and generation == self._generation
            if stays:
                self._idle.append((time.monotonic(), host))
        if stays:
            supervisor.current().schedule(self, time.monotonic() + self.idle_s, self._tick)
        else:
            self._end(host)

    def _tick(self, now: float) -> float | None:
        self.retire(self.idle_s)
        return now + self.idle_s if self._idle and not self._closed else None

    def _end(self, host: Any) -> None:
        """End a host, in the background: it gives back what it has on its machine first."""
        if host is None:
            return
        with self._lock:
            if host in self._every:
                self._every.remove(host)

        def end() -> None:
            with contextlib.suppress(Exception):
                self._ray.get(host.close.remote(), timeout=_END_S)
            with contextlib.suppress(Exception):
                self._ray.kill(host)

        threading.Thread(target=end, name="cloudcore-lambda-ray", daemon=True).start()

    def _lost(self, request_id: str, error: Exception) -> Result:
        text = f"The host on Ray was lost: {type(error).__name__}"
        body = metering.error_body("Runtime.ExitError", request_id, text)
        log = f"{request_id} {error}\n".encode()
        return Result(body, "Unhandled", request_id, 0.0, 0, log=log, executed_version=self.spec.version)


def _joined() -> Any:
    """Ray, joined by this process. Raises ApiError."""
    try:
        import ray
    except ImportError:  # the function was made where there is one
        words = f"{asked.VARIABLE} needs Ray: pip install 'cloudcore[ray]'."
        raise ApiError("ServiceException", words, 500) from None
    with _joining:
        if not ray.is_initialized():
            ray.init(namespace="cloudcore", log_to_driver=False, configure_logging=False)
    return ray
