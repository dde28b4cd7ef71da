"""Who may use the console: names it answers to, forms of its own making, reading where it is told to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

import cloudcore
from cloudcore.console import Console

HOST = {"host": "127.0.0.1:4566"}
FORM = {**HOST, "content-type": "application/x-www-form-urlencoded"}


@pytest.fixture
def cloud() -> Iterator[cloudcore.Cloud]:
    with cloudcore.open(":memory:") as made:
        yield made


def page(console: Console, path: str = "tables/new", **headers: str) -> tuple[str, str]:
    """(cookie, token) of a page that was read."""
    status, out, body = console.answer("GET", f"/_cloudcore/{path}", "", {**HOST, **headers}, b"")
    assert status == 200
    cookie = next(value for name, value in out if name == "Set-Cookie").partition(";")[0]
    found = re.search(rb'name="token" value="([0-9a-f]+)"', body)
    return cookie, found[1].decode() if found else ""


def post(console: Console, token: str, cookie: str, **headers: str) -> tuple[int, bytes]:
    body = f"token={token}&name=orders&pk=id&pk_type=S&billing=PAY_PER_REQUEST".encode()
    status, _, data = console.answer(
        "POST", "/_cloudcore/tables/new", "", {**FORM, "cookie": cookie, **headers}, body
    )
    return status, data


def tables(cloud: cloudcore.Cloud) -> list[str]:
    names: list[str] = cloud.dynamodb.call("ListTables", {})["TableNames"]
    return names


def test_a_form_of_its_own(cloud: cloudcore.Cloud) -> None:
    console = Console(cloud)
    cookie, token = page(console)
    assert post(console, token, cookie, origin="http://127.0.0.1:4566")[0] == 303
    assert tables(cloud) == ["orders"]


@pytest.mark.parametrize("case", ["no token", "another's token", "no cookie", "another site", "read-only"])
def test_forms_that_are_refused(cloud: cloudcore.Cloud, case: str) -> None:
    console = Console(cloud, writable=case != "read-only")
    cookie, token = page(console, "tables" if case == "read-only" else "tables/new")
    token = token or console.token(cookie.partition("=")[2])
    headers: dict[str, str] = {}
    if case == "no token":
        token = ""
    elif case == "another's token":
        token = page(console)[1]
    elif case == "no cookie":
        cookie = ""
    elif case == "another site":
        headers["origin"] = "http://evil.example"
    status, data = post(console, token, cookie, **headers)
    assert status == 403
    assert b"That was refused" in data
    assert tables(cloud) == []


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:4566", "", "[::2]:4566", "localhost.evil"])
def test_another_name_is_no_console(cloud: cloudcore.Cloud, host: str) -> None:
    status, _, body = Console(cloud).answer("GET", "/_cloudcore/", "", {"host": host}, b"")
    assert status == 403
    assert b"not served under that name" in body


@pytest.mark.parametrize("host", ["localhost:4566", "127.0.0.1", "[::1]:4566"])
def test_names_of_loopback(cloud: cloudcore.Cloud, host: str) -> None:
    assert Console(cloud).answer("GET", "/_cloudcore/", "", {"host": host}, b"")[0] == 200


def test_headers_keep_other_sites_out(cloud: cloudcore.Cloud) -> None:
    _, out, _ = Console(cloud).answer("GET", "/_cloudcore/", "", HOST, b"")
    headers = dict(out)
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "SameSite=Strict" in headers["Set-Cookie"] and "HttpOnly" in headers["Set-Cookie"]


@pytest.mark.parametrize(
    "path", ["nowhere", "static/../app.py", "static/x/console.css", "static/console.html", "tables/a/b/c/d"]
)
def test_no_such_page(cloud: cloudcore.Cloud, path: str) -> None:
    assert Console(cloud).answer("GET", f"/_cloudcore/{path}", "", HOST, b"")[0] == 404


def test_methods_and_forms_that_are_none(cloud: cloudcore.Cloud) -> None:
    console = Console(cloud)
    assert console.answer("PUT", "/_cloudcore/", "", HOST, b"")[0] == 405
    assert console.answer("POST", "/_cloudcore/tables/new", "", HOST, b"{}")[0] == 415
    boundary = {**HOST, "content-type": "multipart/form-data"}
    assert console.answer("POST", "/_cloudcore/tables/new", "", boundary, b"--x")[0] == 400
