"""The exceptions of cloudcore; every room may import this and it imports nothing of ours.

Two families. `ApiError` is an AWS-shaped refusal: an error code, a message in AWS's words and an
HTTP status. Everything else says what went wrong below the API: a full disk, a corrupt log, a
directory that another process owns.
"""

from __future__ import annotations

from typing import Any


class CloudcoreError(Exception):
    """Base of every exception that cloudcore raises on purpose."""


class ApiError(CloudcoreError):
    """An operation was refused as AWS refuses it.

    Attributes: `code` (exception name, e.g. "ResourceNotFoundException"), `message`, `status`
    (HTTP status), `fields` (further members of the error body, e.g. {"Item": {...}}).
    """

    def __init__(self, code: str, message: str, status: int = 400, fields: dict[str, Any] | None = None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields or {}


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
