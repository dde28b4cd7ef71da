"""AWS's own runtime client for Python (awslambdaric), unmodified: it runs here, and our environments say what it says.

Each handler is deployed twice: as python3.x, which runs in our environments, and behind awslambdaric as a bootstrap.
"""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from typing import Any

import pytest
from test_lambda_provided import executable

import cloudcore
from cloudcore.lambda_.code import pack

pytest.importorskip("awslambdaric", reason="needs awslambdaric: pip install awslambdaric")

OURS = f"python3.{sys.version_info[1]}"
CODE = '''
import decimal, json, logging, sys
class Own(Exception): pass
def inner(x): raise Own(f"so {x}")
def handler(event, context):
    do = event.get("do") if isinstance(event, dict) else None
    if do == "raise": inner(3)
    if do == "key": return {}["absent"]
    if do == "set": return {1, 2}
    if do == "decimal": return [decimal.Decimal("1.50"), decimal.Decimal("7")]
    if do == "nan": return [float("nan"), float("inf")]
    if do == "text": return "ä\\u2028\\U0001f600"
    if do == "bytes": return b'"raw"'
    if do == "none": return None
    if do == "keys": return {1: "a", None: "b", True: "c"}
    if do == "logs":
        logging.warning("low %s", 1)
        logging.getLogger("own").error("high")
        print("said")
        return 1
    if do == "context":
        c, i = context.client_context, context.identity
        return [context.function_name and True, context.memory_limit_in_mb, context.function_version,
                i.cognito_identity_id, i.cognito_identity_pool_id, c and [c.custom, c.env, c.client and c.client.app_title],
                context.tenant_id, 0 < context.get_remaining_time_in_millis() <= 20000]
    return event
'''
BOOTSTRAP = f"#!/bin/sh\nexec {sys.executable} -m awslambdaric \"$_HANDLER\"\n"


@pytest.fixture(scope="module")
def cloud():
    with cloudcore.open(":memory:") as made:
        yield made


def both(cloud: Any, name: str, code: str, handler: str = "app.handler", **variables: str) -> None:
    files = {"app.py": code.encode()}
    cloud.function(name + "-ours", pack(files), handler=handler, runtime=OURS, timeout=20, environment=variables)
    packed = io.BytesIO(executable("bootstrap", BOOTSTRAP))
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("app.py", code)
    package = packed.getvalue()
    cloud.function(
        name + "-ric", package, handler=handler, runtime="provided.al2023", timeout=20, environment=variables
    )


def answers(cloud: Any, name: str, event: bytes, **options: Any) -> list[tuple[Any, str | None, list[str]]]:
    found = []
    for side in ("-ours", "-ric"):
        result = cloud.lambda_.invoke(name + side, event, **options)
        text = result.payload.decode().replace(result.request_id, "ID")
        root = cloud.lambda_.registry.get(name + side).latest
        text = text.replace(cloud.lambda_.packages.root(root.package), "ROOT")
        log = result.log.decode().replace(result.request_id, "ID").replace("\r", "\n")
        log = log.replace(cloud.lambda_.packages.root(root.package), "ROOT")
        log = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z", "TIME", log)
        inside = re.search(r"^START [^\n]*\n(.*)^END ", log, re.S | re.M)
        found.append((text, result.function_error, (inside[1] if inside else "").splitlines()))
    return found


@pytest.mark.parametrize(
    "event",
    [
        *({"do": what} for what in ("raise", "key", "set", "decimal", "nan", "text", "bytes", "none", "keys", "logs", "context")),
        {"a": [1, 2.5, -0.0, 1e300, 12345678901234567890123, True, None, "ä"]}, [], "text", 0, None,
    ],
    ids=str,
)  # fmt: skip
def test_the_same_answers_and_the_same_lines(cloud, event):
    if cloud.lambda_.registry.get("same-ours") is None:
        both(cloud, "same", CODE)
    ours, theirs = answers(cloud, "same", json.dumps(event).encode())
    assert ours == theirs


def test_the_same_client_context(cloud):
    both(cloud, "same", CODE)
    context = json.dumps({"custom": {"a": 1}, "env": {"b": "2"}, "client": {"app_title": "T"}}).encode()
    event = b'{"do": "context"}'
    ours, theirs = answers(cloud, "same", event, client_context=context)
    assert ours == theirs
    ours, theirs = answers(cloud, "same", event, client_context=b"{")
    assert ours == theirs and "Runtime.LambdaContextUnmarshalError" in ours[0]


@pytest.mark.parametrize(
    ("code", "handler"),
    [
        ("import absent_module\n", "app.handler"),
        ("def handler(:\n", "app.handler"),
        ("x = 1\n", "app.handler"),
        ("x = 1\n", "app"),
        ("x = 1\n", "sys.exit"),
        ("x = 1\n", "absent.handler"),
    ],
)
def test_the_same_failures_of_initialisation(cloud, code, handler):
    both(cloud, "init", code, handler)
    (ours, ours_error, _), (theirs, theirs_error, _) = answers(cloud, "init", b"{}")
    assert (ours, ours_error) == (theirs, theirs_error)


@pytest.mark.parametrize("do", ["raise", "logs", "set", None])
def test_the_same_lines_as_json(cloud, do):
    if cloud.lambda_.registry.get("json-ours") is None:
        both(cloud, "json", CODE, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO")
    ours, theirs = answers(cloud, "json", json.dumps({"do": do}).encode())
    assert ours == theirs
