"""What does not work on a cluster yet, refused in every form in which it can be asked for."""

from __future__ import annotations

import json
from typing import Any

from cloudcore.errors import ApiError

_WORDS = {"dynamodbstreams": "Streams of tables do"}
CODE = "UnsupportedOperationException"


class Absent:
    """The place of a service that a cluster does not have yet."""

    operations: frozenset[str] = frozenset()

    def __init__(self, service: str):
        self._text = f"{_WORDS[service]} not work on a cluster yet; open a directory for them."

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """Raises ApiError."""
        raise self._refusal()

    def call_json(self, operation: str, body: bytes) -> tuple[int, bytes]:
        """The refusal in the wire's form."""
        return 400, json.dumps({"__type": CODE, "message": self._text}).encode()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise self._refusal()

    def _refusal(self) -> ApiError:
        return ApiError(CODE, self._text)
