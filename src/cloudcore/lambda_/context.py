"""The second argument of a handler, with the members that AWS documents.

Source: AWS, "Using the Lambda context object to retrieve Python function information".
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

_CLIENT_FIELDS = (
    "installation_id",
    "app_title",
    "app_version_name",
    "app_version_code",
    "app_package_name",
)


class Client:
    """The application that called through the Mobile SDK."""

    __slots__ = _CLIENT_FIELDS

    def __init__(self, found: dict[str, Any]):
        for name in _CLIENT_FIELDS:
            setattr(self, name, found.get(name))


class ClientContext:
    """What the caller sent as client context: `custom`, `env` and `client`; None where absent."""

    __slots__ = ("client", "custom", "env")

    def __init__(self, found: dict[str, Any]):
        self.custom = found.get("custom")
        self.env = found.get("env")
        self.client = None if found.get("client") is None else Client(found["client"])


class CognitoIdentity:
    """The caller's Cognito identity; both members are None, since nothing here issues identities."""

    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self) -> None:
        self.cognito_identity_id = None
        self.cognito_identity_pool_id = None


class Context:
    """One invocation's context."""

    def __init__(
        self, request_id: str, arn: str, deadline_ms: int, client_context: bytes, tenant_id: str | None = None
    ):
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.client_context = ClientContext(json.loads(client_context)) if client_context else None
        self.identity = CognitoIdentity()
        self.tenant_id = tenant_id
        self._deadline_ms = deadline_ms

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out, never below 0."""
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        """Write one message to the function's log."""
        text = str(message)
        sys.stdout.write(text if text.endswith("\n") else text + "\n")

    def __repr__(self) -> str:
        names = ("aws_request_id", "function_name", "function_version", "invoked_function_arn")
        return f"Context({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"


def prepare() -> None:
    """Read what is the same for all invocations of this environment from its variables."""
    get = os.environ.get
    Context.log_group_name = get("AWS_LAMBDA_LOG_GROUP_NAME")  # type: ignore[attr-defined]
    Context.log_stream_name = get("AWS_LAMBDA_LOG_STREAM_NAME")  # type: ignore[attr-defined]
    Context.function_name = get("AWS_LAMBDA_FUNCTION_NAME")  # type: ignore[attr-defined]
    Context.memory_limit_in_mb = get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")  # type: ignore[attr-defined]
    Context.function_version = get("AWS_LAMBDA_FUNCTION_VERSION")  # type: ignore[attr-defined]
