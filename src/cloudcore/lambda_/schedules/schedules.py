"""Schedules: kept durably, one thread that waits for the next one, events that go the way of asynchronous
ones.

    <directory>/schedules/<name>.json    {"function", "expression", "timezone", "input", "state", "start",
    "last"}

Each time that comes is an event of the function's asynchronous side: durable, retried, with destinations.
Times that pass while nobody serves the directory are left out, as by a schedule that is disabled. Thread
rule: any call from any thread. Source: AWS, "EventBridge Scheduler"; the event as EventBridge's scheduled
rules send it.
"""

from __future__ import annotations

import datetime
import json
import logging
import os
import threading
import uuid
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.schedules.expression import ExpressionError, parse

_log = logging.getLogger("cloudcore.lambda")


class Schedules:
    """The schedules of a Lambda service."""

    def __init__(self, service: Any):
        self._service, self._clock = service, service.clock
        self._shelf = service.shelf("schedules")
        self._condition = threading.Condition()
        self._closed = False
        now = self._clock.now()
        self._due = {name: self._next(held, now) for name, held in self._shelf.documents.items()}
        self._keeper = threading.Thread(target=self._keep_time, name="cloudcore-lambda-schedule", daemon=True)
        self._keeper.start()

    def put(
        self, name: str, function: str, expression: str, *, timezone: str = "UTC", input: Any = None,
        enabled: bool = True,
    ) -> dict[str, Any]:  # fmt: skip
        """Make or replace a schedule; how it is shown. `input` is the event, None: EventBridge's.

        Raises ApiError: InvalidParameterValueException for an expression, ResourceNotFoundException for a
        function.
        """
        try:
            parse(expression, timezone)
        except ExpressionError as error:
            raise refused(f"Invalid schedule expression: {error}") from None
        if not name or len(name) > 64 or not all(c.isalnum() or c in "-_." for c in name):
            raise refused("A schedule's name has 1 to 64 letters, digits, dots, dashes and underscores.")
        self._service.version(names.parse(function))
        now = self._clock.now()
        held = {
            "function": function, "expression": expression, "timezone": timezone, "input": input,
            "state": "ENABLED" if enabled else "DISABLED", "start": now, "last": None,
        }  # fmt: skip
        with self._condition:
            self._check_open()
            self._shelf.save(name, held)
            self._due[name] = self._next(held, now)
            self._condition.notify_all()
            return self._shown(name)

    def remove(self, name: str) -> None:
        """Raises ResourceNotFoundException."""
        with self._condition:
            self._check_open()
            if name not in self._shelf.documents:
                raise ApiError("ResourceNotFoundException", f"Schedule {name} does not exist.", 404)
            self._shelf.remove(name)
            del self._due[name]

    def all(self) -> list[dict[str, Any]]:
        """Every schedule, in the order of their names."""
        with self._condition:
            return [self._shown(name) for name in sorted(self._shelf.documents)]

    def close(self) -> None:
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        self._keeper.join()

    # -- inside ----------------------------------------------------------------------------------

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedError("this service is closed", "closed")

    def _next(self, held: dict[str, Any], now: float) -> float | None:
        if held["state"] != "ENABLED":
            return None
        return parse(held["expression"], held["timezone"]).after(now, held["start"])

    def _shown(self, name: str) -> dict[str, Any]:
        return {"name": name, **self._shelf.documents[name], "next": self._due[name]}

    def _keep_time(self) -> None:
        with self._condition:
            while not self._closed:
                now = self._clock.now()
                for name, due in list(self._due.items()):
                    if due is not None and due <= now:
                        self._run(name, due, now)
                end = min((due for due in self._due.values() if due is not None), default=None)
                self._clock.wait_until(
                    self._condition, None if end is None else self._clock.monotonic_at(end)
                )

    def _run(self, name: str, due: float, now: float) -> None:
        """Hand the event of a time over, and find the next time."""
        held = self._shelf.documents[name]
        try:
            self._service.accept(held["function"], self._payload(name, held, due))
        except ClosedError:
            return
        except ApiError as error:
            _log.warning("schedule %s: %s", name, error)
        held = held | {"last": due}
        self._shelf.save(name, held)
        self._due[name] = self._next(held, now)

    def _payload(self, name: str, held: dict[str, Any], due: float) -> bytes:
        return json.dumps(self._event(name, due) if held["input"] is None else held["input"]).encode()

    def _event(self, name: str, due: float) -> dict[str, Any]:
        service = self._service
        when = datetime.datetime.fromtimestamp(due, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": service.account,
            "time": when,
            "region": service.region,
            "resources": [f"arn:aws:events:{service.region}:{service.account}:rule/{name}"],
            "detail": {},
        }


def directory_of(service_directory: str) -> str:
    """Where a service keeps its schedules."""
    return os.path.join(service_directory, "schedules")
