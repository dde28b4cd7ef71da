"""REST requests and answers by the table: path, query, headers and body <-> members.

route = routes("lambda").match("POST", "/2015-03-31/functions/f/invocations", {})
params = read_request("lambda", route.operation, route.uri, query, headers, body)
status, headers, body = write_answer("lambda", route.operation, answer)
"""

from __future__ import annotations

import datetime
import functools
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

from cloudcore.errors import ApiError
from cloudcore.validation.answer import for_json
from cloudcore.validation.check import check
from cloudcore.validation.model import Model, load, member_shape
from cloudcore.validation.words import serialization

Query = Mapping[str, list[str]]
Names = Mapping[str, str]


class Match(NamedTuple):
    """An operation and the members that its path named."""

    operation: str
    uri: dict[str, str]


class _Route(NamedTuple):
    operation: str
    segments: list[str]
    query: dict[str, list[str]]


class Router:
    """Finds operations by method and path."""

    def __init__(self, model: Model):
        self._routes: dict[tuple[str, int], list[_Route]] = {}
        for operation, entry in model.operations.items():
            path, _, constants = entry["uri"].partition("?")
            route = _Route(operation, _segments(path), parse_qs(constants))
            self._routes.setdefault((entry["method"], len(route.segments)), []).append(route)
        for routes_of in self._routes.values():  # constants in the query, then in the path, go first
            routes_of.sort(key=lambda r: (-len(r.query), sum(s.startswith("{") for s in r.segments)))

    def match(self, method: str, path: str, query: Query) -> Match | None:
        """The operation at a percent-encoded path; None when there is none. A trailing / is ignored."""
        given = _segments(path)
        for route in self._routes.get((method, len(given)), ()):
            uri = {}
            for wanted, segment in zip(route.segments, given, strict=True):
                if wanted.startswith("{"):
                    uri[wanted[1:-1]] = unquote(segment)
                elif wanted != segment:
                    break
            else:
                if all(query.get(name) == values for name, values in route.query.items()):
                    return Match(route.operation, uri)
        return None


@functools.cache
def routes(service: str) -> Router:
    """The router of a REST service."""
    return Router(load(service))


def read_request(
    service: str, operation: str, uri: Names, query: Query, headers: Names, body: bytes
) -> dict[str, Any]:
    """The checked request. `headers` by lower-case name. Raises ApiError as check() does."""
    return check(service, operation, collect(load(service), operation, uri, query, headers, body), wire=True)


def collect(
    model: Model, operation: str, uri: Names, query: Query, headers: Names, body: bytes
) -> dict[str, Any]:
    """The members of a request from where they stand in it, not checked yet."""
    name = model.input(operation)
    if name is None:
        return {}
    shape = model.shapes[name]
    params: dict[str, Any] = {}
    payload = shape.get("payload")
    if payload is None:
        located = {member for member, place in shape["members"].items() if not isinstance(place, str)}
        if len(located) < len(shape["members"]):
            params = {m: value for m, value in _json_object(body).items() if m not in located}
    elif model.shapes[member_shape(shape["members"][payload])]["type"] == "blob":
        params = {payload: body}
    elif body:
        params = {payload: _json_object(body)}
    for member, place in shape["members"].items():
        if isinstance(place, str):
            continue
        given: Any
        if place["location"] == "uri":
            given = uri.get(place["name"])
        elif place["location"] == "querystring":
            given = query.get(place["name"])
        else:
            given = headers.get(place["name"].lower())
        if given is not None:
            params[member] = _from_text(model, place["shape"], given)
    return params


def write_answer(
    service: str, operation: str, answer: Mapping[str, Any]
) -> tuple[int, list[tuple[str, str]], bytes]:
    """(HTTP status, headers without Content-Type, body) of an operation's answer."""
    model = load(service)
    entry = model.operations[operation]
    shape = model.shapes.get(entry.get("output", ""), {})
    members, payload = shape.get("members", {}), shape.get("payload")
    status, headers, rest, body = entry["status"], [], {}, None
    for member, value in answer.items():
        place = members.get(member)
        if value is None:
            continue
        if isinstance(place, dict) and place["location"] == "statusCode":
            status = value
        elif isinstance(place, dict):
            headers.append((place["name"], str(value)))
        elif member == payload and isinstance(value, (bytes, bytearray, memoryview)):
            body = bytes(value)
        else:
            rest[member] = value
    if payload is None and status != 204 and (rest or not members or not _all_located(members)):
        body = json.dumps(rest, default=for_json, separators=(",", ":")).encode()
    return status, headers, body or b""


def _all_located(members: Mapping[str, Any]) -> bool:
    return all(isinstance(place, dict) for place in members.values())


def _segments(path: str) -> list[str]:
    return path.strip("/").split("/")


def _json_object(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError("SerializationException", "The request body is not valid JSON") from None
    if isinstance(value, list):
        raise serialization("Start of list found where not expected")
    if not isinstance(value, dict):
        raise ApiError("SerializationException", "The request body is not a JSON object")
    return value


def _from_text(model: Model, name: str, given: str | list[str]) -> Any:
    """Text of a path, query or header as the JSON value it stands for; what is none stays text."""
    shape = model.shapes[name]
    if shape["type"] == "list":
        listed = given if isinstance(given, list) else given.split(",")
        return [_from_text(model, shape["member"], text) for text in listed]
    text = given[0] if isinstance(given, list) else given
    if shape["type"] in ("integer", "long"):
        return int(text) if text.lstrip("-").isdecimal() and len(text) < 20 else text
    if shape["type"] == "timestamp":
        return _epoch_seconds(text)
    return text


def _epoch_seconds(text: str) -> float | str:
    """A number or an ISO 8601 date-time, UTC when it names no zone."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        when = datetime.datetime.fromisoformat(text)
        return (when if when.tzinfo else when.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return text
