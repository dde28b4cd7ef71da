"""Mappings: what event source mappings there are, kept durably, and the threads that run them.

    <directory>/event-sources/<uuid>.json          what a mapping is
    <directory>/event-source-places/<uuid>.json    {"shards": {shard: place}, "windows": {shard: {lane: ..}}}

A place is written when a batch is done, so what a kill cuts short is sent again. Thread rule: any thread.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_.event_sources.opening import poller
from cloudcore.lambda_.event_sources.poller import Poller
from cloudcore.lambda_.event_sources.queues import QueuePoller


class Mappings:
    """The mappings of a Lambda service; `service.follow(arn)` opens a table's stream, `service.remote(arn)`
    reaches others."""

    def __init__(self, service: Any):
        self._service = service
        self._shelf = service.shelf("event-sources")
        self._places = service.shelf("event-source-places")
        self._lock = threading.RLock()
        self._pollers: dict[str, Poller | QueuePoller] = {}
        self._closed = False
        for uuid in self._shelf.documents:
            self._start(uuid)

    def all(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._shelf.documents.values())

    def get(self, uuid: str) -> dict[str, Any]:
        """Raises ResourceNotFoundException."""
        with self._lock:
            found = self._shelf.documents.get(uuid)
        if found is None:
            raise ApiError("ResourceNotFoundException", "The resource you requested does not exist.", 404)
        return found

    def result(self, uuid: str) -> str:
        """LastProcessingResult."""
        with self._lock:
            found = self._pollers.get(uuid)
        return found.result if found is not None else "No records processed"

    def create(self, held: dict[str, Any], kept: dict[str, Any]) -> None:
        """Keep and start a mapping that begins where `kept` says (opening.py)."""
        with self._lock:
            if self._closed:
                raise ClosedError("this service is closed", "closed")
            same = (held["EventSourceArn"], held["FunctionArn"])
            for one in self._shelf.documents.values():
                if (one["EventSourceArn"], one["FunctionArn"]) == same:
                    raise ApiError(
                        "ResourceConflictException",
                        f'An event source mapping with event source arn (" {same[0]} ") and function '
                        f'(" {one["FunctionArn"].split(":")[6]} ") already exists. Please update or delete '
                        f"the existing mapping with UUID {one['UUID']}", 409,
                    )  # fmt: skip
            self._places.save(held["UUID"], kept)
            self._shelf.save(held["UUID"], held)
            self._start(held["UUID"])

    def update(self, uuid: str, held: dict[str, Any]) -> None:
        """Go on as `held` says, from where the mapping is."""
        with self._lock:
            self.get(uuid)
            self._stop(uuid)
            self._shelf.save(uuid, held)
            self._start(uuid)

    def remove(self, uuid: str) -> None:
        with self._lock:
            self.get(uuid)
            self._stop(uuid)
            self._shelf.remove(uuid)
            self._places.remove(uuid)

    def close(self) -> None:
        """End the threads; a batch under way has the functions' grace."""
        with self._lock:
            self._closed = True
            pollers, self._pollers = list(self._pollers.values()), {}
        for one in pollers:
            one.stop()
        for one in pollers:
            one.join()

    def _start(self, uuid: str) -> None:
        held = self._shelf.documents[uuid]
        if held["State"] == "Enabled" and not self._closed:
            kept = self._places.documents[uuid]
            self._pollers[uuid] = poller(
                self._service, held, kept, lambda moved: self._places.save(uuid, moved)
            )
            self._pollers[uuid].start()

    def _stop(self, uuid: str) -> None:
        found = self._pollers.pop(uuid, None)
        if found is not None:
            found.stop()
            found.join()


def directory_of(service_directory: str) -> str:
    """Where a service keeps its mappings."""
    return os.path.join(service_directory, "event-sources")

