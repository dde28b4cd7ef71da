"""Console: finds the page of a request, after it has looked at who asks and from where.

A page is read by anybody who reaches the endpoint under a name that is its own (Host), which keeps pages of
other sites out. A change needs, besides, a form that this console made for this browser: a token bound to a
cookie that other sites cannot send. Away from loopback the console only reads, unless it was told otherwise.
"""

from __future__ import annotations

import functools
import hmac
import importlib.resources
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cloudcore.console.request import Reply, Request, read
from cloudcore.errors import ApiError, CloudcoreError

PREFIX = "/_cloudcore"
_COOKIE, _PLACE = "cloudcore_console", "cloudcore_place"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_STATIC = {"console.css": "text/css; charset=utf-8", "console.js": "text/javascript; charset=utf-8"}
_HEADERS = [
    (
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
]
_SAID_MAX = 1000


class Redirect(Exception):
    """Go on at `where` (below /_cloudcore/), where `said` is shown once."""

    def __init__(self, where: str, said: str = ""):
        super().__init__(where)
        self.where, self.said = where, said


@dataclass(frozen=True)
class View:
    """What a page sees: `cloud` is the account and region that the browser has chosen, `root` the whole."""

    cloud: Any
    root: Any
    writable: bool

    def call(self, service: str, operation: str, params: dict[str, Any] | None = None) -> dict[str, Any]:
        """One operation of a service, with boto3's types. Raises ApiError."""
        answer: dict[str, Any] = getattr(self.cloud, service).call(operation, params or {})
        return answer


class Console:
    """The pages of one cloud. `hosts`: names besides loopback's under which it may be asked; `any_host`: an
    endpoint of a network, whose names are its owner's affair; readers have signed in there."""

    def __init__(
        self, cloud: Any, hosts: tuple[str, ...] = (), writable: bool = True, any_host: bool = False
    ):
        self._any_host = any_host
        self.cloud, self.writable = cloud, writable
        self._hosts = {*_LOOPBACK, *hosts}
        self._secret = secrets.token_bytes(32)
        self._said: dict[str, str] = {}  # per session: what the next page says once

    def answer(self, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; refusals are pages too."""
        session = ""
        try:
            self._check_host(headers)
            if method not in ("GET", "HEAD", "POST"):
                raise ApiError("MethodNotAllowed", f"{method} is not for pages", 405)
            request = read(method, path, query, headers, body)
            if request.path[:1] == ["static"]:
                return _static(request)
            session = request.cookie(_COOKIE)
            if len(session) != 32:
                session = secrets.token_hex(16)
            if method == "POST":
                self._check_form(request, session)
            elif "at" in request.query and request.path == ["place"]:
                return self._choose(request.query["at"], session)
            status, kind, data = self._page(request, session)
        except Redirect as redirect:
            if redirect.said and len(self._said) < _SAID_MAX:
                self._said[session] = redirect.said
            return 303, [("Location", f"{PREFIX}/{redirect.where}"), *_HEADERS, _set(session)], b""
        except CloudcoreError as error:
            status, kind, data = self._refusal(error, session)
        return status, [("Content-Type", kind), *_HEADERS, *([_set(session)] if session else [])], data

    def _choose(self, place: str, session: str) -> Reply:
        """From now on this browser looks at `place`."""
        known = {f"{each.account}/{each.region}" for each in self.cloud.places()}
        chosen = ("Set-Cookie", f"{_PLACE}={place}; Path={PREFIX}; HttpOnly; SameSite=Strict")
        cookies = [_set(session), *([chosen] if place in known else [])]
        return 303, [("Location", f"{PREFIX}/"), *_HEADERS, *cookies], b""

    def token(self, session: str) -> str:
        """What a form of this session carries."""
        return hmac.new(self._secret, session.encode(), "sha256").hexdigest()

    def _page(self, request: Request, session: str) -> tuple[int, str, bytes]:
        page, arguments = _find(request)
        place = self._place(request)
        found = page(View(place, self.cloud, self.writable), request, *arguments)
        if isinstance(found, (dict, list)):
            return 200, "application/json", json.dumps(found, default=str).encode()
        if isinstance(found, bytes):
            return 200, "application/octet-stream", found
        template, context = found
        return 200, "text/html; charset=utf-8", self._render(template, context, request, session)

    def _render(self, template: str, context: dict[str, Any], request: Request | None, session: str) -> bytes:
        chosen = self._place(request) if request else self.cloud
        common = {
            "cloud": chosen,
            "places": [f"{p.account}/{p.region}" for p in self.cloud.places()],
            "writable": self.writable,
            "token": self.token(session),
            "section": request.path[0] if request and request.path else "",
            "said": self._said.pop(session, ""),
        }
        text: str = _templates().get_template(template).render(common | context)
        return text.encode()

    def _refusal(self, error: CloudcoreError, session: str) -> tuple[int, str, bytes]:
        status = error.status if isinstance(error, ApiError) else 500
        words = error.message if isinstance(error, ApiError) else str(error)
        code = error.code if isinstance(error, ApiError) else type(error).__name__
        context = {"title": "Refused", "code": code, "words": words}
        return status, "text/html; charset=utf-8", self._render("refused.html", context, None, session)

    def _place(self, request: Request) -> Any:
        """The account and region of the browser's cookie, if they are in use."""
        account, _, region = request.cookie(_PLACE).partition("/")
        for place in self.cloud.places():
            if (place.account, place.region) == (account, region):
                return place
        return self.cloud

    def _check_host(self, headers: Mapping[str, str]) -> None:
        name = urlsplit("//" + headers.get("host", "")).hostname or ""
        if name not in self._hosts and not self._any_host:
            raise ApiError("ForbiddenHost", "This console is not served under that name", 403)

    def _check_form(self, request: Request, session: str) -> None:
        origin = request.headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != request.headers.get("host", ""):
            raise ApiError("ForbiddenOrigin", "The form came from another site", 403)
        if not hmac.compare_digest(request.fields.get("token", ""), self.token(session)):
            raise ApiError("ForbiddenForm", "The form is not of this session: open the page again", 403)
        if not self.writable:
            raise ApiError("ReadOnly", "This console only reads: it is served beyond this machine", 403)


def _find(request: Request) -> tuple[Any, list[str]]:
    """The page of a path, and what the path names."""
    from cloudcore.console import routes

    for method, pattern, page in routes.ROUTES:
        if len(pattern) != len(request.path) or (method == "POST") != (request.method == "POST"):
            continue
        if all(want in ("*", have) for want, have in zip(pattern, request.path, strict=True)):
            return page, [have for want, have in zip(pattern, request.path, strict=True) if want == "*"]
    raise ApiError("NotFound", "There is no such page", 404)


@functools.cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from cloudcore.console import words

    made = Environment(
        loader=PackageLoader("cloudcore.console"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(words.FILTERS)
    return made


@functools.cache
def _file(name: str) -> bytes:
    return (importlib.resources.files("cloudcore.console") / "static" / name).read_bytes()


def _static(request: Request) -> Reply:
    name = request.path[-1]
    if len(request.path) != 2 or name not in _STATIC:
        raise ApiError("NotFound", "There is no such file", 404)
    return (
        200,
        [("Content-Type", _STATIC[name]), ("Cache-Control", "max-age=300"), *_HEADERS[1:2]],
        _file(name),
    )


def _set(session: str) -> tuple[str, str]:
    return "Set-Cookie", f"{_COOKIE}={session}; Path={PREFIX}; HttpOnly; SameSite=Strict"
