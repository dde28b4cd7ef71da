"""The last calls over HTTP, with latency, and each as a command of aws-cli."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from cloudcore.console import words
from cloudcore.console.app import View
from cloudcore.console.request import Request

_SERVICES = {
    "DynamoDB_20120810": "dynamodb",
    "DynamoDBStreams_20120810": "dynamodbstreams",
    "Firehose_20150804": "firehose",
}


def listing(view: View, request: Request) -> tuple[str, dict[str, Any]]:
    """The page; its rows are refreshed by the script."""
    return "requests.html", {"title": "Requests", "calls": _calls(view)}


def live(view: View, request: Request) -> dict[str, Any]:
    """The rows."""
    return {
        "calls": [
            [call["at"], call["operation"], str(call["status"]), call["latency"], call["sizes"]]
            for call in _calls(view)
        ]
    }


def _calls(view: View) -> list[dict[str, Any]]:
    shown = []
    for call in view.root.recent_calls():
        shown.append(
            {
                "at": words.moment(call.at),
                "operation": words.operation(call.operation),
                "status": call.status,
                "latency": words.duration(call.seconds),
                "sizes": f"{words.size(call.bytes_in)} in, {words.size(call.bytes_out)} out",
                "command": command(call),
            }
        )
    return shown


def command(call: Any) -> str:
    """The call as one line for a shell."""
    service, _, operation = call.operation.partition(".")
    if service in _SERVICES:
        verb = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", operation).lower()
        line = f"aws {_SERVICES[service]} {verb}"
        try:
            body = json.dumps(json.loads(call.body or b"{}"), separators=(",", ":"))
        except ValueError:
            return line + "   # its body was longer than what is kept"
        return line if body == "{}" else f"{line} --cli-input-json {shlex.quote(body)}"
    return f'curl -X {call.method} "$AWS_ENDPOINT_URL"{shlex.quote(call.target)}'
