"""One request to the console: path, query, cookies, and the fields and files of a form."""

from __future__ import annotations

import email.parser
import email.policy
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, unquote

from cloudcore.errors import ApiError

FORM_MAX = 70_000_000
Reply = tuple[int, list[tuple[str, str]], bytes]


@dataclass
class Request:
    """`path` is below /_cloudcore/, its segments decoded; `fields` of a form by name, the last of each."""

    method: str
    path: list[str]
    query: dict[str, str]
    headers: Mapping[str, str]
    fields: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """A field, without the spaces around it."""
        return self.fields.get(name, default).strip()

    def number(self, name: str, default: int) -> int:
        """A field that is a whole number. Raises ApiError otherwise."""
        given = self.text(name)
        try:
            return int(given) if given else default
        except ValueError:
            raise ApiError("ValidationException", f"{name} is a whole number, not {given!r}") from None

    def cookie(self, name: str) -> str:
        """A cookie, or ""."""
        try:
            found = SimpleCookie(self.headers.get("cookie", "")).get(name)
        except CookieError:
            return ""
        return found.value if found else ""


def read(method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Request:
    """Take a request apart. Raises ApiError for a form that cannot be read."""
    segments = [unquote(part) for part in path.removeprefix("/_cloudcore").strip("/").split("/") if part]
    request = Request(method, segments, dict(parse_qsl(query, keep_blank_values=True)), headers)
    if method != "POST":
        return request
    if len(body) > FORM_MAX:
        raise ApiError("RequestEntityTooLargeException", "The form is too large", 413)
    kind = headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        for name, value in parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True):
            _add(request, name, value)
    elif kind.startswith("multipart/form-data"):
        _multipart(request, kind, body)
    else:
        raise ApiError("ValidationException", "A form was expected", 415)
    return request


def _add(request: Request, name: str, value: str) -> None:
    request.fields[name] = value
    request.lists.setdefault(name, []).append(value)


def _multipart(request: Request, kind: str, body: bytes) -> None:
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(b"Content-Type: " + kind.encode("latin-1") + b"\r\n\r\n" + body)
    if not message.is_multipart():
        raise ApiError("ValidationException", "The form is malformed")
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        data = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(data, bytes):
            continue
        if part.get_filename() is not None:
            if data:
                request.files[name] = data
        else:
            _add(request, name, data.decode("utf-8", "replace"))
