"""Call functions at times: rate(5 minutes), cron(0 9 ? * MON-FRI *), at(2030-01-31T09:00:00).

    cloudcore schedule add nightly report "cron(0 3 * * ? *)" --timezone Europe/Berlin
    cloudcore schedule load schedules.toml
    cloudcore schedule list
    cloudcore schedule remove nightly

A file has one table a schedule: [nightly], with function, expression, and timezone, input, enabled if wanted.
"""

from __future__ import annotations

import argparse
import datetime
import json
import tomllib
from typing import Any
from urllib.parse import quote

from cloudcore.cli.connection import Connection, Refusal, add_target, connect

_PATH = "/_cloudcore/schedules"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `schedule` takes."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="make or replace a schedule")
    add.add_argument("name")
    add.add_argument("function", help="a name or an ARN")
    add.add_argument("expression")
    add.add_argument("--timezone", default="UTC", metavar="ZONE", help="of cron and at (default: UTC)")
    add.add_argument("--input", metavar="JSON", help="the event (default: EventBridge's scheduled event)")
    add.add_argument("--disabled", action="store_true", help="keep it without running it")
    actions.add_parser("list", help="every schedule and its next time")
    actions.add_parser("remove", help="forget a schedule").add_argument("name")
    actions.add_parser("load", help="make the schedules of a TOML file").add_argument("file")
    for action in actions.choices.values():  # behind the action, as `lambda` and `ddb` have it
        add_target(action)


def run(options: argparse.Namespace) -> int:
    """0; 1 when it is refused; 2 when there is no such cloud."""
    with connect(options) as connection:
        if options.action == "list":
            return _list(connection, options.json)
        if options.action == "remove":
            _send(connection, "DELETE", options.name)
            return 0
        for name, schedule in _wanted(options).items():
            made = _send(connection, "PUT", name, schedule)
            print(json.dumps(made) if options.json else f"{name}: next at {_moment(made['next'])}")
    return 0


def _wanted(options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Names and what is sent for them."""
    if options.action == "load":
        with open(options.file, "rb") as file:
            return tomllib.load(file)
    schedule = {
        "function": options.function, "expression": options.expression, "timezone": options.timezone,
        "enabled": not options.disabled,
    }  # fmt: skip
    if options.input is not None:
        try:
            schedule["input"] = json.loads(options.input)
        except ValueError as error:
            raise Refusal(f"--input is no JSON: {error}") from None
    return {options.name: schedule}


def _list(connection: Connection, as_json: bool) -> int:
    found = connection.get(_PATH)["schedules"]
    if as_json:
        print(json.dumps(found))
        return 0
    for one in found:
        told = (
            one["name"],
            one["state"],
            one["expression"],
            one["timezone"],
            one["function"],
            _moment(one["next"]),
        )
        print("  ".join(told))
    return 0


def _send(connection: Connection, method: str, name: str, body: Any = None) -> dict[str, Any]:
    data = b"" if body is None else json.dumps(body).encode()
    status, _, answer = connection.request(method, f"{_PATH}/{quote(name, safe='')}", {}, data)
    told: dict[str, Any] = json.loads(answer) if answer else {}
    if status >= 300:
        raise Refusal(told["message"])
    return told


def _moment(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat(timespec="seconds")
