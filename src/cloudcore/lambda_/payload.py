"""Events in, responses out: the JSON that AWS's Python runtime reads and writes.

The fast decoder is used where it agrees with `json`; where it refuses, and for integers that may
not fit into 64 bits (which it would turn into floats), `json` decides, so that values and messages
are those of AWS's runtime.
"""

from __future__ import annotations

import json
import os
import sys
from decimal import Decimal
from typing import Any

try:
    import orjson
except ImportError:  # another interpreter of this machine, with nothing installed
    orjson = None  # type: ignore[assignment]

RESPONSE_MAX = 6_291_556
# Stands around the digits of a Decimal until the text is complete: json cannot write raw numbers.
_MARK = "cloudcore-decimal-" + os.urandom(16).hex() + ":"


def decode(event: bytes, long_integers: bool) -> Any:
    """The event; ValueError or RecursionError when it is no JSON."""
    if not long_integers and orjson is not None:
        try:
            return orjson.loads(event)
        except ValueError:
            pass
    return json.loads(event)


def too_large() -> bytes:
    """The payload of an error: a response over RESPONSE_MAX."""
    text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_MAX} bytes)."
    body = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}
    return json.dumps(body, separators=(",", ":")).encode()


class Encoder:
    """Writes responses; made after the environment's variables are set."""

    def __init__(self) -> None:
        major, minor = _version()
        # From Python 3.12 on, AWS's runtime does not escape characters.
        escaped = (major, minor) < (3, 12)
        self._encode = json.JSONEncoder(default=self._other, ensure_ascii=escaped).encode
        self._marked = False

    def encode(self, value: Any) -> bytes:
        """Raises TypeError, ValueError or RecursionError for what is not JSON."""
        if type(value) is bytes:
            return value
        text = self._encode(value)
        if self._marked:
            self._marked = False
            text = text.replace('"' + _MARK, "").replace(_MARK + '"', "")
        return text.encode()

    def _other(self, value: object) -> object:
        if isinstance(value, Decimal):
            if value.is_nan():
                return float("nan")
            self._marked = True
            return f"{_MARK}{value}{_MARK}"
        if isinstance(value, bytes):
            return value.decode()
        raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _version() -> tuple[int, int]:
    name = os.environ.get("AWS_EXECUTION_ENV", "")
    major, _, minor = name.removeprefix("AWS_Lambda_python").partition(".")
    if major.isdigit() and minor.isdigit():
        return int(major), int(minor)
    return sys.version_info[:2]
