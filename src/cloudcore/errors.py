"""The exceptions of cloudcore; every room may import this and it imports nothing of ours.

Two families. `ApiError` is an AWS-shaped refusal: an error code, a message in AWS's words and an
HTTP status. Everything else says what went wrong below the API: a full disk, a corrupt log, a
directory that another process owns.
"""

from __future__ import annotations

import functools
import sys
from typing import Any


class CloudcoreError(Exception):
    """Base of every exception that cloudcore raises on purpose."""


class ApiError(CloudcoreError):
    """An operation was refused as AWS refuses it.

    Attributes: `code` (exception name, e.g. "ResourceNotFoundException"), `message`, `status`
    (HTTP status), `fields` (further members of the error body, e.g. {"Item": {...}}), and those of
    botocore's ClientError: `response` and `operation_name` ("" where it is not known). In a program that
    has imported botocore every ApiError is a botocore ClientError too, so that either `except` catches it.
    """

    operation_name = ""

    def __new__(cls, *_: Any, **__: Any) -> ApiError:
        if cls is ApiError and "botocore.exceptions" in sys.modules:
            return super().__new__(_client_error())
        return super().__new__(cls)

    def __init__(self, code: str, message: str, status: int = 400, fields: dict[str, Any] | None = None):
        Exception.__init__(self, f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}

    @property
    def response(self) -> dict[str, Any]:
        """The refusal in the shape of boto3's: Error, ResponseMetadata, and the members of `fields`."""
        error = {"Code": self.code, "Message": self.message}
        return {"Error": error, "ResponseMetadata": {"HTTPStatusCode": self.status}, **self.fields}

    def __reduce__(self) -> tuple[Any, ...]:
        return ApiError, (self.code, self.message, self.status, self.fields), {
            "operation_name": self.operation_name
        }


@functools.cache
def _client_error() -> type[ApiError]:
    from botocore.exceptions import ClientError

    def init(self: ApiError, *args: Any, **kwargs: Any) -> None:
        ApiError.__init__(self, *args, **kwargs)

    # Named as its base: it is the same refusal, which another library's `except` can catch as well.
    return type("ApiError", (ApiError, ClientError), {"__init__": init, "__module__": __name__})


class UnsupportedValue(CloudcoreError, TypeError):
    """A Python value that no DynamoDB type stands for. `path` says where in the item: names and positions."""

    def __init__(self, reason: str):
        super().__init__(reason)
        self.reason = reason
        self.path: list[str | int] = []

    def __str__(self) -> str:
        if not self.path:
            return self.reason
        steps = [f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path]
        return f"{''.join(steps).removeprefix('.')}: {self.reason}"


class EngineError(CloudcoreError):
    """The engine could not do it; `status` is its stable lower-case name, `position` a byte or sequence."""

    def __init__(self, message: str, status: str = "", position: int = 0):
        super().__init__(message)
        self.status = status
        self.position = position


class CorruptError(EngineError):
    """Stored bytes fail their checks."""


class FormatError(EngineError):
    """Stored bytes are of a version or feature that this build does not know."""


class BusyError(EngineError):
    """Another process owns the directory."""


class PoisonedError(EngineError):
    """A sync failed earlier; the log is read-only for good."""


class ForkedError(EngineError):
    """The handle was inherited through fork(); open the store in this process instead."""


class ClosedError(EngineError):
    """The handle is closed."""


class StaleError(EngineError):
    """Somebody else appended first: the expected last sequence did not match."""


class FullError(EngineError):
    """The disk, or a configured bound, is full."""
