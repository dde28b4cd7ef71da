"""Functions: make one, deploy it, call it, read its log.

cloudcore lambda new greet                       # greet/lambda_function.py and an event to try it with
cloudcore lambda deploy greet greet              # a directory, a zip, or one source file
cloudcore lambda invoke greet --event @greet/event.json
cloudcore lambda logs greet --follow
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from base64 import b64decode, b64encode
from typing import Any
from urllib.parse import quote

from cloudcore.cli.connection import Connection, Refusal, add_target, connect
from cloudcore.cli.packing import default_handler, package
from cloudcore.cli.status import functions
from cloudcore.errors import ApiError

_PATH = "/2015-03-31/functions/"
_ROLE = "arn:aws:iam::000000000000:role/cli"
_FOLLOW_SECONDS = 0.5
_PYTHON = f"python3.{sys.version_info[1]}"
_STARTER = """def handler(event, context):
    print("called with", event)
    return {"hello": event.get("name", "world")}
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `lambda` takes."""
    verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    made = {
        "new": "write a function to begin with",
        "deploy": "create a function, or give it new code",
        "invoke": "call a function and print its answer",
        "logs": "print a function's log",
        "list": "list functions",
        "delete": "delete a function",
    }
    parsers = {name: verbs.add_parser(name, help=line, description=line) for name, line in made.items()}
    for name, each in parsers.items():
        if name != "list":
            each.add_argument("name", metavar="NAME")
        if name != "new":
            add_target(each)
    deploy = parsers["deploy"]
    deploy.add_argument("path", metavar="PATH", help="a directory, a zip or a source file")
    deploy.add_argument("--handler", metavar="MODULE.FUNCTION")
    deploy.add_argument("--runtime", default=_PYTHON, help=f"default {_PYTHON}")
    deploy.add_argument("--timeout", type=int, default=3, help="seconds (default 3)")
    deploy.add_argument("--memory", type=int, default=128, help="MB (default 128)")
    deploy.add_argument("--env", action="append", default=[], metavar="NAME=VALUE")
    invoke = parsers["invoke"]
    invoke.add_argument("--event", default="null", metavar="JSON|@FILE|-", help="default null")
    invoke.add_argument("--async", dest="later", action="store_true", help="do not wait for it")
    invoke.add_argument("--log", action="store_true", help="print the call's log lines to standard error")
    parsers["logs"].add_argument("--follow", "-f", action="store_true", help="go on with what comes")


def run(options: argparse.Namespace) -> int:
    """0; 1 when the function itself failed."""
    if options.action == "new":
        return _new(options)
    with connect(options, make=options.action == "deploy") as connection:
        status: int = _ACTIONS[options.action](connection, options)
        return status


def deploy(connection: Connection, name: str, path: str, settings: dict[str, Any]) -> None:
    """Create the function, or bring its code and settings to what is asked."""
    code = b64encode(package(path)).decode()
    try:
        connection.post(_PATH, {"FunctionName": name, "Role": _ROLE, "Code": {"ZipFile": code}, **settings})
        return
    except ApiError as error:
        if error.code != "ResourceConflictException":
            raise
    connection.post(_PATH + quote(name) + "/configuration", settings, "PUT")
    connection.post(_PATH + quote(name) + "/code", {"ZipFile": code}, "PUT")


def _new(options: argparse.Namespace) -> int:
    if os.path.exists(options.name):
        raise Refusal(f"{options.name} exists already")
    os.makedirs(options.name)
    for name, text in (("lambda_function.py", _STARTER), ("event.json", '{"name": "ann"}\n')):
        with open(os.path.join(options.name, name), "w", encoding="utf-8") as file:
            file.write(text)
    print(f"cloudcore lambda deploy {options.name} {options.name}")
    return 0


def _deploy(connection: Connection, options: argparse.Namespace) -> int:
    variables = {}
    for pair in options.env:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Refusal(f"--env takes NAME=VALUE, not {pair!r}")
        variables[key] = value
    settings = {
        "Handler": options.handler or default_handler(options.path, options.runtime),
        "Runtime": options.runtime,
        "Timeout": options.timeout,
        "MemorySize": options.memory,
        "Environment": {"Variables": variables},
    }
    deploy(connection, options.name, options.path, settings)
    found = connection.get(_PATH + quote(options.name) + "/configuration")
    print(json.dumps(found) if options.json else f"{options.name} is deployed ({found['CodeSize']} bytes)")
    return 0


def _invoke(connection: Connection, options: argparse.Namespace) -> int:
    headers = {"x-amz-invocation-type": "Event" if options.later else "RequestResponse"}
    if options.log:
        headers["x-amz-log-type"] = "Tail"
    target = _PATH + quote(options.name) + "/invocations"
    status, told, body = connection.request("POST", target, headers, _event(options.event))
    if status >= 400 and "x-amz-function-error" not in told:
        found = json.loads(body or b"{}")
        raise ApiError(
            told.get("x-amzn-errortype", str(status)),
            found.get("message") or found.get("Message", ""),
            status,
        )
    if "x-amz-log-result" in told:
        sys.stderr.write(b64decode(told["x-amz-log-result"]).decode("utf-8", "replace"))
    if not options.later:
        print(body.decode("utf-8", "replace"))
    return 1 if "x-amz-function-error" in told else 0


def _event(given: str) -> bytes:
    text = sys.stdin.read() if given == "-" else given
    if given.startswith("@"):
        with open(given[1:], encoding="utf-8") as file:
            text = file.read()
    try:
        return json.dumps(json.loads(text)).encode()
    except ValueError as error:
        raise Refusal(f"the event is no JSON: {error}", "--event @FILE reads a file") from None


def _logs(connection: Connection, options: argparse.Namespace) -> int:
    shown = b""
    while True:
        target = f"/_cloudcore/log/{quote(options.name, safe='')}?{connection.place}"
        status, _, text = connection.request("GET", target)
        if status != 200:
            raise Refusal(json.loads(text)["message"])
        new = text[len(shown) :] if text.startswith(shown) else text  # the log is cut to its last megabyte
        sys.stdout.write(new.decode("utf-8", "replace"))
        sys.stdout.flush()
        shown = text
        if not options.follow:
            return 0
        time.sleep(_FOLLOW_SECONDS)


def _list(connection: Connection, options: argparse.Namespace) -> int:
    found = [entry["FunctionName"] for entry in functions(connection)]
    print(json.dumps(found) if options.json else "\n".join(found))
    return 0


def _delete(connection: Connection, options: argparse.Namespace) -> int:
    connection.delete(_PATH + quote(options.name))
    return 0


_ACTIONS = {"deploy": _deploy, "invoke": _invoke, "logs": _logs, "list": _list, "delete": _delete}
