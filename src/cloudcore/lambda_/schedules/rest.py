"""Schedules over HTTP, ours alone: GET /_cloudcore/schedules, PUT and DELETE /_cloudcore/schedules/<name>.

A PUT's body is {"function", "expression", "timezone"?, "input"?, "enabled"?}.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused

PATH = "/_cloudcore/schedules"
_MEMBERS = {"function": str, "expression": str, "timezone": str, "input": object, "enabled": bool}
Reply = tuple[int, list[tuple[str, str]], bytes]


def handle(service: Any, method: str, path: str, body: bytes) -> Reply:
    """Answer one request; refusals are answers too."""
    name = unquote(path.removeprefix(PATH).lstrip("/"))
    try:
        if method == "GET" and not name:
            return _json(200, {"schedules": service.schedules.all()})
        if method == "PUT" and name:
            return _json(200, service.schedules.put(name, **_read(body)))
        if method == "DELETE" and name:
            service.schedules.remove(name)
            return 204, [], b""
        raise ApiError("UnknownOperationException", f"There is no {method} {path} here.", 404)
    except ApiError as error:
        return _json(error.status, {"__type": error.code, "message": error.message})


def _read(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
    except ValueError:
        raise refused("The body is no JSON.") from None
    if not isinstance(told, dict) or not {"function", "expression"} <= told.keys():
        raise refused("A schedule needs a function and an expression.")
    for member, value in told.items():
        if member not in _MEMBERS or not isinstance(value, _MEMBERS[member]):
            raise refused(f"{member} is not one of {', '.join(_MEMBERS)}, or of the wrong type.")
    return told


def _json(status: int, value: Any) -> Reply:
    return status, [("Content-Type", "application/json")], json.dumps(value).encode()
