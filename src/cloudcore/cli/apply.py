"""Make tables, functions and delivery streams as a TOML file says; what is so already is left alone.

    [tables.orders]
    partition_key = "customer:S"            # name:type, S N or B
    sort_key = "ts:N"
    ttl = "ends"                            # attribute of epoch seconds
    stream = "NEW_AND_OLD_IMAGES"
    indexes.by_state = { partition_key = "state:S", sort_key = "total:N", projection = "ALL" }

    [functions.enrich]
    code = "functions/enrich"               # beside this file: a directory, a zip or a source file
    handler = "app.handler"
    timeout = 10
    memory = 256
    environment = { TABLE = "orders" }
    on = "orders"                           # a table, or the ARN of a stream or a queue; or with settings:
                                            # on = [{ source = "orders", batch = 10, window_s = 5 }]

    [streams.clicks]                        # the options of cloud.stream()
    bucket = "lake"
    prefix = "clicks/"
    format = "parquet"
    schema = "id int, page string"
    transform = "enrich"
    buffer_seconds = 60

    [streams.audit]
    source = "orders"                       # a table; or the ARN of a Kinesis stream, or kafka://HOST:PORT/TOPIC
    bucket = "lake"

The plan is printed first; --plan prints it and does nothing. Nothing is ever deleted.
"""

from __future__ import annotations

import argparse
import json
import os
import tomllib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from cloudcore.cli import lambda_
from cloudcore.cli.connection import Connection, Refusal, add_target, connect
from cloudcore.cli.packing import default_handler, package
from cloudcore.cli.status import names
from cloudcore.errors import ApiError
from cloudcore.lambda_.event_sources import connecting

_MAPPINGS = "/2015-03-31/event-source-mappings"
_KINDS = ("tables", "functions", "streams")
_TABLE = {"partition_key", "sort_key", "ttl", "stream", "indexes", "read_units", "write_units"}
_INDEX = {"partition_key", "sort_key", "projection", "attributes"}
_FUNCTION = {"code", "handler", "runtime", "timeout", "memory", "environment", "description", "on"}


@dataclass
class Step:
    """One line of the plan, and how to do it."""

    what: str
    do: Callable[[], object]


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `apply` takes."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", default="cloudcore.toml", help="default cloudcore.toml"
    )
    parser.add_argument("--plan", action="store_true", help="say what would be done, do nothing")
    add_target(parser, "print the plan as JSON")


def run(options: argparse.Namespace) -> int:
    """0 when everything is as the file says (or the plan was printed); 1 when a step failed."""
    wanted = read(options.file)
    with connect(options, make=True) as connection:
        steps = plan(connection, wanted, os.path.dirname(os.path.abspath(options.file)))
        if options.json:
            print(json.dumps([step.what for step in steps]))
        else:
            print("\n".join(f"+ {step.what}" for step in steps) or "nothing to do: everything is so already")
        for step in [] if options.plan else steps:
            try:
                step.do()
            except ApiError as error:
                raise Refusal(f"{step.what}: {error.message}") from None
    return 0


def read(path: str) -> dict[str, Any]:
    """The file, checked for words that are not known. Raises Refusal."""
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise Refusal(f"{path}: {error}") from None
    _known(found, set(_KINDS), path)
    for kind, members in (("tables", _TABLE), ("functions", _FUNCTION)):
        for name, entry in found.get(kind, {}).items():
            _known(entry, members, f"{path}: {kind}.{name}")
    for name, table in found.get("tables", {}).items():
        if "partition_key" not in table:
            raise Refusal(f"{path}: tables.{name} needs a partition_key")
        for index, entry in table.get("indexes", {}).items():
            _known(entry, _INDEX, f"{path}: tables.{name}.indexes.{index}")
    if "streams" in found:
        from cloudcore.firehose import library

        options = set(library.options())
        for name, entry in found["streams"].items():
            _known(entry, options, f"{path}: streams.{name}")
    return found


def plan(connection: Connection, wanted: dict[str, Any], directory: str) -> list[Step]:
    """What has to be done, tables first and streams last."""
    there = names(connection)
    steps: list[Step] = []
    for name, entry in wanted.get("tables", {}).items():
        steps += _table_steps(connection, name, entry, name in there["tables"])
    for name, entry in wanted.get("functions", {}).items():
        steps += _function_steps(connection, name, entry, directory, name in there["functions"])
        steps += _connections(connection, name, entry, name in there["functions"], there["tables"])
    for name, entry in wanted.get("streams", {}).items():
        target = f"/_cloudcore/stream/{quote(name, safe='')}?{connection.place}"
        make = partial(connection.post, target, entry)
        if name in there["streams"]:
            _check_stream(name, make)
        else:
            steps.append(Step(f"stream {name}", make))
    return steps


def _check_stream(name: str, make: Callable[[], object]) -> None:
    """Making a stream that is there changes nothing: it is as the file says, or that is refused."""
    try:
        make()
    except ApiError as error:
        if error.code == "ResourceInUseException":
            raise Refusal(
                f"the stream {name} has another configuration",
                "UpdateDestination changes it; or delete it, and it is made as the file says",
            ) from None
        raise Refusal(f"stream {name}: {error.message}") from None


def _table_steps(connection: Connection, name: str, entry: dict[str, Any], there: bool) -> list[Step]:
    request = _create_table(name, entry)
    steps = []
    if not there:
        steps.append(Step(f"table {name}", lambda: connection.call("dynamodb", "CreateTable", request)))
    else:
        steps += _table_changes(connection, name, request)
    if "ttl" in entry and not (there and _ttl(connection, name) == entry["ttl"]):
        on = {"Enabled": True, "AttributeName": entry["ttl"]}
        asked = {"TableName": name, "TimeToLiveSpecification": on}
        what = f"table {name}: items expire by {entry['ttl']}"
        steps.append(Step(what, lambda: connection.call("dynamodb", "UpdateTimeToLive", asked)))
    return steps


def _table_changes(connection: Connection, name: str, request: dict[str, Any]) -> list[Step]:
    """Indexes, a stream and throughput that are missing or differ; what no table can change is refused."""
    table = connection.call("dynamodb", "DescribeTable", {"TableName": name})["Table"]
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}
    asked = {entry["AttributeName"]: entry["AttributeType"] for entry in request["AttributeDefinitions"]}
    if table["KeySchema"] != request["KeySchema"] or types | asked != asked | types:
        raise Refusal(f"the table {name} has other keys", "a table's keys cannot change: make another table")
    steps = []

    def update(what: str, members: dict[str, Any]) -> None:
        do = partial(connection.call, "dynamodb", "UpdateTable", {"TableName": name, **members})
        steps.append(Step(f"table {name}: {what}", do))

    if throughput := _throughput(table, request):
        update("throughput", throughput)
    held = {index["IndexName"]: index for index in table.get("GlobalSecondaryIndexes", [])}
    for index in request.get("GlobalSecondaryIndexes", []):
        found = held.get(index["IndexName"])
        if found is None:
            defined = {"AttributeDefinitions": request["AttributeDefinitions"]}
            update(
                f"index {index['IndexName']}",
                {**defined, "GlobalSecondaryIndexUpdates": [{"Create": index}]},
            )
        elif _shape(found) != _shape(index):
            raise Refusal(
                f"the index {index['IndexName']} of table {name} has other keys or another projection",
                "an index cannot change: delete it, or give the new one another name",
            )
    if stream := request.get("StreamSpecification"):
        view = table.get("StreamSpecification", {})
        if not view.get("StreamEnabled"):
            update("a stream", {"StreamSpecification": stream})
        elif view != stream:
            raise Refusal(
                f"the stream of table {name} has {view['StreamViewType']}",
                "a stream's view cannot change: switch the stream off first",
            )
    return steps


def _shape(index: dict[str, Any]) -> tuple[Any, ...]:
    projection = index["Projection"]
    return index["KeySchema"], projection["ProjectionType"], sorted(projection.get("NonKeyAttributes", []))


def _throughput(table: dict[str, Any], request: dict[str, Any]) -> dict[str, Any]:
    """What an UpdateTable that gives a table the units asked for has to say; nothing when it has them."""
    mode = request.get("BillingMode", "PROVISIONED")
    found: dict[str, Any] = {}
    if table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED") != mode:
        found["BillingMode"] = mode
    units = request.get("ProvisionedThroughput", {})
    if any(table["ProvisionedThroughput"][member] != value for member, value in units.items()):
        found["ProvisionedThroughput"] = units
    asked = {index["IndexName"] for index in request.get("GlobalSecondaryIndexes", [])}
    changed = [
        {"Update": {"IndexName": index["IndexName"], "ProvisionedThroughput": units}}
        for index in table.get("GlobalSecondaryIndexes", [])
        if index["IndexName"] in asked
        and any(index["ProvisionedThroughput"][member] != value for member, value in units.items())
    ]
    return found | ({"GlobalSecondaryIndexUpdates": changed} if changed else {})


def _create_table(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    types: dict[str, str] = {}
    request: dict[str, Any] = {"TableName": name, "KeySchema": _keys(entry, types, f"tables.{name}")}
    units = None
    if "read_units" in entry or "write_units" in entry:
        units = {
            "ReadCapacityUnits": entry.get("read_units", 5),
            "WriteCapacityUnits": entry.get("write_units", 5),
        }
        request["ProvisionedThroughput"] = units
    else:
        request["BillingMode"] = "PAY_PER_REQUEST"
    indexes = []
    for index, found in entry.get("indexes", {}).items():
        projection: dict[str, Any] = {"ProjectionType": found.get("projection", "ALL")}
        if "attributes" in found:
            projection = {"ProjectionType": "INCLUDE", "NonKeyAttributes": found["attributes"]}
        made = {
            "IndexName": index,
            "KeySchema": _keys(found, types, f"tables.{name}.indexes.{index}"),
            "Projection": projection,
        }
        indexes.append(made | ({"ProvisionedThroughput": units} if units else {}))
    if indexes:
        request["GlobalSecondaryIndexes"] = indexes
    if "stream" in entry:
        request["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": entry["stream"]}
    request["AttributeDefinitions"] = [{"AttributeName": n, "AttributeType": t} for n, t in types.items()]
    return request


def _keys(entry: dict[str, Any], types: dict[str, str], where: str) -> list[dict[str, str]]:
    schema = []
    for member, role in (("partition_key", "HASH"), ("sort_key", "RANGE")):
        if member in entry:
            attribute, colon, kind = str(entry[member]).rpartition(":")
            if not colon or kind not in ("S", "N", "B"):
                raise Refusal(f"{where}: {member} is name:S, name:N or name:B, not {entry[member]!r}")
            if types.setdefault(attribute, kind) != kind:
                raise Refusal(f"{where}: {attribute} is of two types")
            schema.append({"AttributeName": attribute, "KeyType": role})
    return schema


def _ttl(connection: Connection, name: str) -> str | None:
    found = connection.call("dynamodb", "DescribeTimeToLive", {"TableName": name})["TimeToLiveDescription"]
    return str(found["AttributeName"]) if found["TimeToLiveStatus"] == "ENABLED" else None


def _function_steps(
    connection: Connection, name: str, entry: dict[str, Any], directory: str, there: bool
) -> list[Step]:
    path = os.path.join(directory, str(entry.get("code", name)))
    runtime = str(entry.get("runtime", lambda_._PYTHON))
    settings: dict[str, Any] = {
        "Handler": entry.get("handler") or default_handler(path, runtime),
        "Runtime": runtime,
        "Timeout": entry.get("timeout", 3),
        "MemorySize": entry.get("memory", 128),
        "Environment": {"Variables": {k: str(v) for k, v in entry.get("environment", {}).items()}},
        "Description": entry.get("description", ""),
    }
    step = Step(f"function {name}", lambda: lambda_.deploy(connection, name, path, settings))
    if not there:
        return [step]
    found = connection.get("/2015-03-31/functions/" + quote(name) + "/configuration")
    code = b64encode(sha256(package(path)).digest()).decode()
    held = {"Environment": {"Variables": {}}, "Description": "", **found}
    held["Environment"] = {"Variables": held["Environment"].get("Variables", {})}
    changed = [member for member, value in settings.items() if held.get(member) != value]
    changed += [] if found["CodeSha256"] == code else ["code"]
    step.what += f": {', '.join(member.lower() for member in changed)}"
    return [step] if changed else []


def _connections(
    connection: Connection, name: str, entry: dict[str, Any], there: bool, tables: list[str]
) -> list[Step]:
    """What a function is called with: those that are missing or have other settings."""
    on = entry.get("on", [])
    held = _connected(connection, name) if there else []
    steps = []
    for one in on if isinstance(on, list) else [on]:
        settings = {"source": one} if isinstance(one, str) else dict(one)
        _known(settings, {"source", *connecting.WORDS}, f"functions.{name}.on")
        source = str(settings.pop("source", ""))
        if not source:
            raise Refusal(f"functions.{name}.on needs a source: a table, or the ARN of a stream or a queue")
        arn = source if source.startswith("arn:") else _stream(connection, source) if source in tables else ""
        found = next((mapping for mapping in held if mapping["EventSourceArn"] == arn), None)
        if found is None:
            do = partial(_connect, connection, name, source, settings)
            steps.append(Step(f"function {name}: on {source}", do))
        elif changed := connecting.changes(found, connecting.members(arn, settings)):
            what = f"function {name}: on {source}: {', '.join(member.lower() for member in changed)}"
            steps.append(Step(what, partial(connection.post, f"{_MAPPINGS}/{found['UUID']}", changed, "PUT")))
    return steps


def _connected(connection: Connection, function: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = connection.get(f"{_MAPPINGS}/?FunctionName={quote(function)}")[
        "EventSourceMappings"
    ]
    return found


def _connect(connection: Connection, function: str, source: str, settings: dict[str, Any]) -> None:
    arn = source
    if not source.startswith("arn:"):
        arn = connecting.stream_of(partial(connection.call, "dynamodb"), source)
    asked = connecting.members(arn, settings) | {"FunctionName": function}
    if "StartingPositionTimestamp" in asked:  # a time of TOML
        asked["StartingPositionTimestamp"] = asked["StartingPositionTimestamp"].timestamp()
    connection.post(f"{_MAPPINGS}/", asked)


def _stream(connection: Connection, table: str) -> str:
    told = connection.call("dynamodb", "DescribeTable", {"TableName": table})["Table"]
    on = told.get("StreamSpecification", {}).get("StreamEnabled")
    return str(told["LatestStreamArn"]) if on else ""


def _known(found: Any, members: set[str], where: str) -> None:
    if not isinstance(found, dict):
        raise Refusal(f"{where} is a table of members")
    unknown = sorted(set(found) - members)
    if unknown:
        import difflib

        near = difflib.get_close_matches(unknown[0], members, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(members))}"
        raise Refusal(f"{where}: {unknown[0]!r} is not known", hint)
