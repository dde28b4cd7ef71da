"""DynamoDB's JSON with bytes in it."""

from __future__ import annotations

import base64
from typing import Any


def with_bytes(value: Any) -> Any:
    """JSON of DynamoDB with bytes in the place of base64: {"B": text} and {"BS": [text]} alone are that."""
    if isinstance(value, list):
        return [with_bytes(one) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((kind, inner),) = value.items()
        if kind == "B" and isinstance(inner, str):
            return {"B": base64.b64decode(inner)}
        if kind == "BS" and isinstance(inner, list) and all(isinstance(one, str) for one in inner):
            return {"BS": [base64.b64decode(one) for one in inner]}
    return {name: with_bytes(inner) for name, inner in value.items()}
