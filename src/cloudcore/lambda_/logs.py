"""How a function's `logging` and its errors look in its log: the text and the JSON format.

Source: AWS, "Logging and monitoring Python Lambda functions"; field names as AWS writes them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from typing import Any

_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s"
_SECONDS = "%Y-%m-%dT%H:%M:%S"
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "aws_request_id", "taskName"}
_INDENT = "\u00a0"

request_id = ""  # of the invocation under way


class _Handler(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        try:
            # Looked up at every record: the function may have replaced sys.stdout.
            sys.stdout.write(self.format(record) + "\n")
        except Exception:
            self.handleError(record)

    def filter(self, record: logging.LogRecord) -> Any:
        record.aws_request_id = request_id
        return super().filter(record)


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        plain = isinstance(record.msg, dict) and not record.args
        line: dict[str, Any] = {
            "timestamp": self.formatTime(record, _SECONDS + "Z"),
            "level": record.levelname,
            "message": record.msg if plain else record.getMessage(),
            "logger": record.name,
        }
        if record.exc_info and record.exc_info[0] is not None:
            line["stackTrace"] = traceback.format_tb(record.exc_info[2])
            line["errorType"] = record.exc_info[0].__name__
            line["errorMessage"] = str(record.exc_info[1])
            line["location"] = f"{record.pathname}:{record.funcName}:{record.lineno}"
        line["requestId"] = request_id
        for name, value in record.__dict__.items():
            if name not in _STANDARD and name not in line:
                line[name] = value
        kept = {name: value for name, value in line.items() if value is not None}
        return json.dumps(kept, ensure_ascii=False, default=str)


def _is_json() -> bool:
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def prepare() -> None:
    """Give the root logger its handler, by AWS_LAMBDA_LOG_FORMAT and AWS_LAMBDA_LOG_LEVEL."""
    handler = _Handler()
    formatter: logging.Formatter = _Json() if _is_json() else logging.Formatter(_TEXT, _SECONDS)
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = "DEBUG" if level == "TRACE" else "CRITICAL" if level == "FATAL" else level
    if level in ("DEBUG", "INFO", "WARN", "WARNING", "ERROR", "CRITICAL"):
        root.setLevel(level)


def error(body: dict[str, Any]) -> None:
    """Write a function's error to its log, as AWS's runtime does before it reports it."""
    if _is_json():
        head = {"timestamp": time.strftime(_SECONDS + "Z", time.gmtime()), "level": "ERROR"}
        print(json.dumps({**head, **body}, ensure_ascii=False))
        return
    said = [f"[ERROR] {body['errorType']}: {body['errorMessage']}", "Traceback (most recent call last):"]
    for entry in body["stackTrace"]:
        for line in entry.splitlines():
            bare = line.lstrip(" ")
            said.append(_INDENT * (len(line) - len(bare)) + bare)
    sys.stdout.write("\n".join(said) + "\n")
