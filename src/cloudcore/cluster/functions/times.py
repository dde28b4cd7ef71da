"""Schedules on a cluster: every node keeps all times, and hands in the event of a time that came under an id
of that time, of which the queue takes the first. So no node leads, and times are kept while one is there.

Thread rule: any call from any thread but the link's loop.
"""

from __future__ import annotations

import logging
import uuid
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_.schedules.schedules import Schedules

logger = logging.getLogger("cloudcore.cluster")
_LOOK_S = 1.0
_LATE_S = 30.0  # what came while nobody had the schedule yet; the queue knows ids for two minutes
_NAMES = uuid.UUID("5f8a3c1e-7b2d-4e69-9a40-d1c6b7e8f203")


class ClusterSchedules(Schedules):
    """The schedules of a node's functions; `last` is what this node knows of."""

    def __init__(self, service: Any):
        self._known: dict[str, dict[str, Any]] = {}
        self._last: dict[str, float] = {}
        super().__init__(service)

    def put(self, name: str, function: str, expression: str, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._service.again(
            lambda: super(ClusterSchedules, self).put(name, function, expression, **more)
        )
        return found

    def remove(self, name: str) -> None:
        self._service.again(lambda: super(ClusterSchedules, self).remove(name))

    def all(self) -> list[dict[str, Any]]:
        self._service.again(lambda: None)  # sees what was changed before
        with self._condition:
            self._look()
            return super().all()

    def _shown(self, name: str) -> dict[str, Any]:
        return super()._shown(name) | {"last": self._last.get(name)}

    def _look(self) -> None:
        """Take up what other nodes changed; the condition is held."""
        found = dict(self._shelf.documents)
        now = self._clock.now()
        for name in self._due.keys() - found.keys():
            del self._due[name]
        for name, held in found.items():
            if self._known.get(name) is not held:
                since = max(held["start"], now - _LATE_S, self._last.get(name, 0.0))
                self._due[name] = self._next(held, since)
        self._known = found

    def _keep_time(self) -> None:
        with self._condition:
            while not self._closed:
                self._look()
                now = self._clock.now()
                for name, due in list(self._due.items()):
                    if due is not None and due <= now:
                        self._run(name, due, now)
                self._clock.wait_until(self._condition, self._clock.monotonic() + _LOOK_S)

    def _run(self, name: str, due: float, now: float) -> None:
        held = self._shelf.documents.get(name)
        if held is None:
            return
        identity = str(uuid.uuid5(_NAMES, f"{self._service.account}/{self._service.region}/{name}/{due}"))
        try:
            self._service.accept(held["function"], self._payload(name, held, due), request_id=identity)
        except ClosedError:
            return
        except ApiError as error:
            logger.warning("schedule %s: %s", name, error)
        self._last[name] = due
        self._due[name] = self._next(held, now)
