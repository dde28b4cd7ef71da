"""Log formats and levels, /tmp and its size: as configured, told and enforced."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest
from lambda_clients import create, invoke, refusal

SPEAKS = b"""
import logging
def handler(event, context):
    logging.getLogger().debug("low"); logging.info("mid"); logging.warning("high", extra={"order": 7})
    if event == "fail": raise ValueError("so")
    return 1
"""
STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def lines(answer: Any) -> list[Any]:
    return [json.loads(line) for line in base64.b64decode(answer["LogResult"]).decode().splitlines()]


def test_a_log_of_json_objects(functions: Any) -> None:
    made = create(functions, source=SPEAKS, LoggingConfig={"LogFormat": "JSON"}, Timeout=20)
    assert made["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", "LogGroup": "/aws/lambda/fn",
    }  # fmt: skip
    _, answer = invoke(functions, LogType="Tail")
    first, start, mid, high, report = lines(answer)
    assert all(re.fullmatch(STAMP, line["time"]) for line in (first, start, report))
    assert (first["type"], first["record"]["phase"]) == ("platform.initStart", "init")
    request = start["record"]["requestId"]
    assert (start["type"], start["record"]) == ("platform.start", {"requestId": request, "version": "$LATEST"})
    assert (mid["level"], mid["message"], mid["requestId"]) == ("INFO", "mid", request)
    assert (high["level"], high["order"]) == ("WARNING", 7) or (high["level"], high["order"]) == ("WARN", 7)
    metrics = report["record"]["metrics"]
    assert report["type"] == "platform.report" and report["record"]["status"] == "success"
    assert set(metrics) == {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"}
    _, answer = invoke(functions, event="fail", LogType="Tail")
    error = lines(answer)[-2]
    assert (error["level"], error["errorType"], error["errorMessage"]) == ("ERROR", "ValueError", "so")


def test_levels(functions: Any) -> None:
    levels = {"LogFormat": "JSON", "ApplicationLogLevel": "DEBUG", "SystemLogLevel": "DEBUG"}
    create(functions, source=SPEAKS, LoggingConfig=levels, Timeout=20)
    told = [line.get("type") or line["message"] for line in lines(invoke(functions, LogType="Tail")[1])]
    assert told[1:] == ["platform.start", "low", "mid", "high", "platform.runtimeDone", "platform.report"]
    changed = functions.update_function_configuration(
        FunctionName="fn", LoggingConfig={"ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN", "LogGroup": "/own"}
    )
    assert changed["LoggingConfig"] == {
        "LogFormat": "JSON", "ApplicationLogLevel": "ERROR", "SystemLogLevel": "WARN", "LogGroup": "/own",
    }  # fmt: skip
    assert lines(invoke(functions, LogType="Tail")[1]) == []
    text = functions.update_function_configuration(FunctionName="fn", LoggingConfig={"LogFormat": "Text"})
    assert text["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/own"}
    wrong = {"LogFormat": "Text", "SystemLogLevel": "INFO"}
    code, _, said = refusal(functions.update_function_configuration, FunctionName="fn", LoggingConfig=wrong)
    assert code == "InvalidParameterValueException" and said.startswith("The LogFormat must be set to JSON")


FILLS = b"""
import errno, os, time
def handler(event, context):
    if event.get("read"):
        return [os.path.exists("/tmp/kept"), os.statvfs("/tmp").f_frsize * os.statvfs("/tmp").f_blocks]
    written = 0
    try:
        with open("/tmp/kept", "wb") as file:
            while written < event["bytes"]:
                written += file.write(b"x" * (1 << 20))
                file.flush()
    except OSError as error:
        return [errno.errorcode[error.errno], written]
    if event.get("hang"):
        while True: time.sleep(1)
    return ["written", written]
"""


def test_ephemeral_storage_has_a_size_and_survives_a_timeout(functions: Any) -> None:
    create(functions, source=FILLS, Timeout=20, MemorySize=256)
    size = invoke(functions, event={"read": 1})[0][1]
    if size != 512 << 20:
        pytest.skip("this kernel or its policy gives processes no mounts of their own")
    assert invoke(functions, event={"bytes": 600 << 20})[0] == ["ENOSPC", 512 << 20]
    assert invoke(functions, event={"bytes": 1 << 20})[0] == ["written", 1 << 20]  # the environment is well
    functions.update_function_configuration(FunctionName="fn", EphemeralStorage={"Size": 600})
    assert functions.get_function_configuration(FunctionName="fn")["EphemeralStorage"] == {"Size": 600}
    assert invoke(functions, event={"bytes": 600 << 20})[0] == ["written", 600 << 20]
    functions.update_function_configuration(FunctionName="fn", Timeout=2)
    assert invoke(functions, event={"bytes": 1 << 20, "hang": 1})[0]["errorType"] == "Sandbox.Timedout"
    assert invoke(functions, event={"read": 1})[0] == [True, 600 << 20]
    wrong = {"FunctionName": "fn", "EphemeralStorage": {"Size": 10241}}
    assert refusal(functions.update_function_configuration, **wrong)[0] == "ValidationException"
