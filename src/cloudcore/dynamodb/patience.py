"""Asking again what may pass: throttling, a server's own faults, a connection that broke."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, CloudcoreError

TRIES = 10
WAIT_SECONDS = 0.05
WAIT_MAX_SECONDS = 20.0
PASSING = (
    "ProvisionedThroughputExceededException",
    "ThrottlingException",
    "RequestLimitExceeded",
    "InternalServerError",
    "InternalFailure",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "TransactionInProgressException",
    "ExpiredTokenException",
)


class Patience:
    """Asks one endpoint, TRIES times more if need be, ever more slowly."""

    def __init__(self) -> None:
        self._answers = False

    def ask(self, once: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """What `once` gives; raises what is still wrong after so many tries."""
        for waited in itertools.count():
            try:
                found = once()
                self._answers = True
                return found
            except (ApiError, OSError) as error:
                if waited == TRIES or not self._passes(error):
                    raise
            wait(waited)
        raise AssertionError

    def _passes(self, error: ApiError | OSError) -> bool:
        """Whether waiting may help; whoever never answered will not."""
        if isinstance(error, ApiError):
            return error.status >= 500 or error.code in PASSING
        return self._answers


def finish(
    send: Callable[[Any], dict[str, Any]], batch: Any, left_of: Callable[[dict[str, Any]], Any], what: str
) -> None:
    """Send a batch, and what its reply says is left of it, until nothing is. Raises CloudcoreError."""
    for waited in itertools.count():
        batch = left_of(send(batch))
        if not batch:
            return
        if waited == TRIES:
            raise CloudcoreError(f"{what} leaves items unprocessed, after {TRIES} tries")
        wait(waited)


def wait(waited: int) -> None:
    """Longer each time, and never two clients at once."""
    time.sleep(min(WAIT_SECONDS * 2**waited, WAIT_MAX_SECONDS) * (0.5 + random.random() / 2))
