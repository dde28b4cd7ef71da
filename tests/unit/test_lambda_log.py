"""What a function's log holds: output, `logging` in both formats, errors, the report's figures."""

from __future__ import annotations

import json
import re

import pytest
from lambda_support import UUID, ask, make

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"


def inside(result):
    """The lines between START and END."""
    return re.search(r"^START [^\n]*\n(.*)^END RequestId", result.log.decode(), re.S | re.M).group(1)


def test_output_arrives_in_order_and_without_line_ends(tmp_path):
    code = """
import os, sys
def handler(event, context):
    print("one"); print("two", file=sys.stderr); os.write(1, b"three\\n"); os.system("echo four")
    context.log("five"); sys.stdout.write("ä six")
    if "exit" in event: os._exit(0)
"""
    with make(tmp_path, code) as functions:
        assert inside(ask(functions)[0]) == "one\ntwo\nthree\nfour\nfive\nä six\n"
        result, _ = ask(functions, {"exit": 1})
        assert inside(result) == "one\ntwo\nthree\nfour\nfive\nä six\n"
        assert result.log.decode().endswith("\tStatus: error\tError Type: Runtime.ExitError\n")


def test_much_output_keeps_its_end(tmp_path):
    code = """
def handler(event, context):
    for n in range(event["lines"]): print(f"{n:09d}" + "x" * 90)
"""
    with make(tmp_path, code, timeout_s=20) as functions:
        result, _ = ask(functions, {"lines": 60_000})
        assert 1 << 20 <= len(result.log) < (1 << 20) + 2000
        assert inside(result).endswith("000059999" + "x" * 90 + "\n")
        assert inside(ask(functions, {"lines": 2})[0]) == "".join(
            f"{n:09d}" + "x" * 90 + "\n" for n in (0, 1)
        )


LOGGING = """
import logging
logger = logging.getLogger("mine")
logger.setLevel("INFO")
def handler(event, context):
    logger.info("hello %s", "you", extra={"order": 7})
    logging.getLogger().debug("unseen")
    try: 1 / 0
    except ZeroDivisionError: logging.exception("bad")
"""


def test_logging_as_text(tmp_path):
    with make(tmp_path, LOGGING) as functions:
        result, _ = ask(functions)
        pattern = (
            rf"\[INFO\]\t{STAMP}\.\d\d\dZ\t{result.request_id}\thello you\n"
            rf"\[ERROR\]\t{STAMP}\.\d\d\dZ\t{result.request_id}\tbad\nTraceback \(most recent call last\):\n.*"
            r"ZeroDivisionError: division by zero\n"
        )
        assert re.fullmatch(pattern, inside(result), re.S)


def test_logging_as_json(tmp_path):
    with make(tmp_path, LOGGING, AWS_LAMBDA_LOG_FORMAT="JSON", AWS_LAMBDA_LOG_LEVEL="INFO") as functions:
        result, _ = ask(functions)
        first, second = (json.loads(line) for line in inside(result).splitlines())
        assert re.fullmatch(STAMP + "Z", first.pop("timestamp"))
        assert first == {
            "level": "INFO", "message": "hello you", "logger": "mine",
            "requestId": result.request_id, "order": 7,
        }  # fmt: skip
        assert (second["errorType"], second["errorMessage"]) == ("ZeroDivisionError", "division by zero")
        assert "app.py:handler:9" in second["location"] and len(second["stackTrace"]) == 1


def test_an_error_is_written_to_the_log(tmp_path):
    code = "def inner(): raise ValueError('so')\ndef handler(event, context): inner()\n"
    with make(tmp_path, code) as functions:
        result, body = ask(functions)
        assert body["requestId"] == result.request_id and len(body["stackTrace"]) == 2
        source = f'File "{tmp_path}/app.py"'
        assert (
            body["stackTrace"][1]
            == f"  {source}, line 1, in inner\n    def inner(): raise ValueError('so')\n"
        )
        said = inside(result).splitlines()
        assert said[:3] == [
            "[ERROR] ValueError: so",
            "Traceback (most recent call last):",
            f"\u00a0\u00a0{source}, line 2, in handler",
        ]


def test_the_peak_of_memory_is_true(tmp_path):
    code = "def handler(event, context):\n    kept = bytearray(event['mb'] << 20)\n    return len(kept)\n"
    with make(tmp_path, code, memory_mb=512) as functions:
        low = ask(functions, {"mb": 0})[0].max_memory_mb
        high = ask(functions, {"mb": 150})[0]
        assert 5 < low < 60 and low + 140 <= high.max_memory_mb <= low + 170
        assert f"Max Memory Used: {high.max_memory_mb} MB\t" in high.log.decode()
        assert ask(functions, {"mb": 0})[0].max_memory_mb == high.max_memory_mb


CONTEXT = """
def handler(event, c):
    client = c.client_context
    return {
        "id": c.aws_request_id, "arn": c.invoked_function_arn, "name": c.function_name,
        "version": c.function_version, "memory": c.memory_limit_in_mb, "group": c.log_group_name,
        "stream": c.log_stream_name, "tenant": c.tenant_id,
        "identity": [c.identity.cognito_identity_id, c.identity.cognito_identity_pool_id],
        "client": client and [client.custom, client.env, client.client and [
            client.client.installation_id, client.client.app_title, client.client.app_version_name,
            client.client.app_version_code, client.client.app_package_name]],
    }
"""


def test_the_context_is_complete(tmp_path):
    with make(tmp_path, CONTEXT) as functions:
        _, body = ask(functions, request_id="given", arn="arn:x:LIVE")
        stream = body.pop("stream")
        assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
        assert ask(functions)[1]["stream"] == stream
        assert body == {
            "id": "given", "arn": "arn:x:LIVE", "name": "f", "version": "$LATEST", "memory": "256",
            "group": "/aws/lambda/f", "tenant": None, "identity": [None, None], "client": None,
        }  # fmt: skip
        text = json.dumps({"custom": {"a": 1}, "env": {"b": "2"}, "client": {"app_title": "T"}}).encode()
        _, body = ask(functions, client_context=text)
        assert body["client"] == [{"a": 1}, {"b": "2"}, [None, "T", None, None, None]]
        assert ask(functions, client_context=b'{"custom": 1}')[1]["client"] == [1, None, None]
        functions.retire(0)
        assert ask(functions)[1]["stream"] != stream
        result, body = ask(functions, client_context=b"{")
        assert body["errorType"] == "Runtime.LambdaContextUnmarshalError"
        assert body["errorMessage"].startswith("Unable to parse Client Context JSON: ")
        assert re.fullmatch(UUID, result.request_id)


@pytest.mark.parametrize("handler", ["app.handler", "deep/inner.handler", "deep.inner.handler"])
def test_handler_names(tmp_path, handler):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "inner.py").write_text("def handler(e, c): return __name__\n")
    with make(tmp_path, "def handler(e, c): return __name__\n", handler=handler) as functions:
        assert ask(functions)[1] == handler.rpartition(".")[0].replace("/", ".")
