"""Say what a cloud holds: its tables, functions and delivery streams."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cloudcore.cli.connection import Connection, add_target, connect, delivery_streams
from cloudcore.errors import ApiError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `status` takes."""
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0; 2 when there is no such cloud."""
    with connect(options) as connection:
        there, refused = _functions_or_not(connection)
        found: dict[str, Any] = {
            "where": connection.where,
            "tables": [_table(connection, name) for name in _tables(connection)],
            "functions": [_function(entry) for entry in there],
            "streams": [_stream(connection, name) for name in delivery_streams(connection)],
            "refused": refused,
        }
    if options.json:
        print(json.dumps(found))
        return 0
    print(found["where"])
    for kind in ("tables", "functions", "streams"):
        print(f"{kind}: {len(found[kind])}")
        for entry in found[kind]:
            print("  " + "  ".join(str(value) for value in entry.values()))
    for told in found["refused"]:
        print(f"! {told}")
    return 0


def names(connection: Connection) -> dict[str, list[str]]:
    """The names of everything, by kind."""
    return {
        "tables": _tables(connection),
        "functions": [entry["FunctionName"] for entry in _functions_or_not(connection)[0]],
        "streams": delivery_streams(connection),
    }


def _tables(connection: Connection) -> list[str]:
    names: list[str] = []
    page: dict[str, Any] = {}
    while True:
        answer = connection.call("dynamodb", "ListTables", page)
        names += answer["TableNames"]
        if "LastEvaluatedTableName" not in answer:
            return names
        page = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}


def _table(connection: Connection, name: str) -> dict[str, Any]:
    table = connection.call("dynamodb", "DescribeTable", {"TableName": name})["Table"]
    return {
        "name": name,
        "status": table["TableStatus"],
        "items": table["ItemCount"],
        "bytes": table["TableSizeBytes"],
    }


def _functions_or_not(connection: Connection) -> tuple[list[dict[str, Any]], list[str]]:
    """The functions, and what a cloud says that has none: a node of a cluster."""
    try:
        return functions(connection), []
    except ApiError as error:
        if error.code != "UnsupportedOperationException":
            raise
        return [], [error.message]


def functions(connection: Connection) -> list[dict[str, Any]]:
    """The configurations of all functions. Raises ApiError."""
    found: list[dict[str, Any]] = []
    marker = ""
    while True:
        answer = connection.get("/2015-03-31/functions/" + (f"?Marker={marker}" if marker else ""))
        found += answer["Functions"]
        marker = answer.get("NextMarker") or ""
        if not marker:
            return found


def _function(entry: dict[str, Any]) -> dict[str, Any]:
    return {"name": entry["FunctionName"], "runtime": entry.get("Runtime"), "memory_mb": entry["MemorySize"]}


def _stream(connection: Connection, name: str) -> dict[str, Any]:
    found = connection.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": name})
    description = found["DeliveryStreamDescription"]
    return {"name": name, "status": description["DeliveryStreamStatus"]}
