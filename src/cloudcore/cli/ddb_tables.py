"""ddb list, describe, create, drop: tables themselves."""

from __future__ import annotations

import argparse
import json
from typing import Any

from cloudcore.cli.connection import Connection, Refusal


def described(connection: Connection, table: str) -> dict[str, Any]:
    """DescribeTable's answer."""
    found: dict[str, Any] = connection.call("dynamodb", "DescribeTable", {"TableName": table})["Table"]
    return found


def names(connection: Connection) -> list[str]:
    """Of every table."""
    found: list[str] = []
    while True:
        page = {"ExclusiveStartTableName": found[-1]} if found else {}
        answer = connection.call("dynamodb", "ListTables", page)
        found += answer["TableNames"]
        if "LastEvaluatedTableName" not in answer:
            return found


def key_of(schema: list[dict[str, Any]], table: dict[str, Any]) -> list[str]:
    """["customer:S", "ts:N"] of a KeySchema."""
    kinds = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    return [f"{e['AttributeName']}:{kinds[e['AttributeName']]}" for e in schema]


def list_tables(options: argparse.Namespace, connection: Connection) -> int:
    """A line a table."""
    found = []
    for name in names(connection):
        table = described(connection, name)
        key = key_of(table["KeySchema"], table)
        found.append(
            {"name": name, "key": key, "items": table["ItemCount"], "bytes": table["TableSizeBytes"]}
        )
    if options.json:
        print(json.dumps(found))
    for one in [] if options.json else found:
        print(f"{one['name']}  ({', '.join(one['key'])})  {one['items']:,} items  {one['bytes']:,} bytes")
    return 0


def describe(options: argparse.Namespace, connection: Connection) -> int:
    """Its key, indexes and settings; --json: DescribeTable's answer."""
    table = described(connection, options.table)
    if options.json:
        print(json.dumps(table))
        return 0
    billing = table.get("BillingModeSummary", {}).get("BillingMode", "PROVISIONED")
    rows = [
        ("key", ", ".join(key_of(table["KeySchema"], table))),
        ("items", f"{table['ItemCount']:,}, {table['TableSizeBytes']:,} bytes"),
        ("status", table["TableStatus"]),
        ("billing", billing),
    ]
    for member, word in (("GlobalSecondaryIndexes", "index"), ("LocalSecondaryIndexes", "local index")):
        for index in table.get(member, []):
            key = ", ".join(key_of(index["KeySchema"], table))
            shown = f"{index['IndexName']} ({key}), {index['Projection']['ProjectionType']}"
            rows.append((word, f"{shown}, {index.get('ItemCount', 0):,} items"))
    for index in table.get("VectorIndexes", []):
        attribute, distance = index["VectorAttribute"]["AttributeName"], index["DistanceFunction"]
        shown = f"{index['IndexName']} ({attribute}), {index['Dimensions']:,} dimensions, {distance}"
        rows.append(("vectors", f"{shown}, {index.get('ItemCount', 0):,} items"))
    if table.get("StreamSpecification", {}).get("StreamEnabled"):
        rows.append(("stream", table["StreamSpecification"]["StreamViewType"]))
    ttl = connection.call("dynamodb", "DescribeTimeToLive", {"TableName": options.table})
    if "AttributeName" in ttl["TimeToLiveDescription"]:
        rows.append(("time to live", ttl["TimeToLiveDescription"]["AttributeName"]))
    rows.append(("arn", table["TableArn"]))
    print(f"table {options.table}")
    for name, value in rows:
        print(f"  {name:<13} {value}")
    return 0


def create_arguments(verb: Any) -> None:
    """What `ddb create` takes beside the table."""
    verb.add_argument("pk", help="partition key: NAME or NAME:TYPE, of type S, N or B")
    verb.add_argument("sk", nargs="?", help="sort key, likewise")
    verb.add_argument(
        "--index",
        action="append",
        default=[],
        metavar="INDEX=PK[,SK]",
        help="a global secondary index of every attribute; may be given again",
    )
    verb.add_argument("--ttl", metavar="NAME", help="the attribute that says when an item expires")
    verb.add_argument("--stream", action="store_true", help="with a stream of its changes, old and new")


def create(options: argparse.Namespace, connection: Connection) -> int:
    """Make it, and see it active."""
    kinds: dict[str, str] = {}
    params: dict[str, Any] = {
        "TableName": options.table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _schema([options.pk, options.sk] if options.sk else [options.pk], kinds),
    }
    indexes = []
    for text in options.index:
        name, equals, key = text.partition("=")
        if not equals or not key:
            raise Refusal(
                f"--index {text!r} has no key", "write INDEX=PK or INDEX=PK,SK: by-total=state,total:N"
            )
        schema = _schema(key.split(","), kinds)
        indexes.append({"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}})
    if indexes:
        params["GlobalSecondaryIndexes"] = indexes
    params["AttributeDefinitions"] = [
        {"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()
    ]
    if options.stream:
        params["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    table = connection.call("dynamodb", "CreateTable", params)["TableDescription"]
    if options.ttl:
        wanted = {"Enabled": True, "AttributeName": options.ttl}
        connection.call(
            "dynamodb", "UpdateTimeToLive", {"TableName": options.table, "TimeToLiveSpecification": wanted}
        )
    print(json.dumps(table) if options.json else f"table {options.table} is there")
    return 0


def _schema(key: list[str], kinds: dict[str, str]) -> list[dict[str, str]]:
    """KeySchema of NAME:TYPE texts; each one's type into `kinds`, where one without goes by what is known."""
    if len(key) > 2:
        raise Refusal(f"a key has two attributes at most, not {', '.join(key)}")
    schema = []
    for text, role in zip(key, ("HASH", "RANGE"), strict=False):
        name, colon, kind = text.rpartition(":")
        if not colon:
            name, kind = text, kinds.get(text, "S")
        if kind != kinds.setdefault(name, kind):
            raise Refusal(f"{name} is of type {kinds[name]} and of type {kind}", "an attribute has one type")
        schema.append({"AttributeName": name, "KeyType": role})
    return schema


def drop(options: argparse.Namespace, connection: Connection) -> int:
    """Remove them; the first that cannot be ends it."""
    for name in (options.table, *options.more):
        connection.call("dynamodb", "DeleteTable", {"TableName": name})
        print(json.dumps({"dropped": name}) if options.json else f"table {name} is gone")
    return 0
