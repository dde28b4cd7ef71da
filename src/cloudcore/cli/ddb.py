"""Read and write tables: items are JSON, one a line.

    cloudcore ddb create orders customer ts:N
    cloudcore ddb put orders '{"customer": "ann", "ts": 1}'
    cloudcore ddb get orders ann 1
    cloudcore ddb query orders ann --ge 1 --limit 10
    cloudcore ddb scan orders --filter 'ts > :t' --values '{":t": 5}'
    cloudcore ddb load orders orders.parquet --types tags=SS
    cloudcore ddb export orders orders.jsonl.gz
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.cli.connection import Connection, Refusal, add_target, connect
from cloudcore.cli.ddb_values import item_of, key_value, plain, typed

RANGES = {"eq": "= {}", "lt": "< {}", "le": "<= {}", "gt": "> {}", "ge": ">= {}"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `ddb` takes: a verb of its own."""
    verbs = parser.add_subparsers(dest="action", metavar="VERB", required=True)

    def add(name: str, line: str, run: Callable[[argparse.Namespace, Connection], int]) -> Any:
        verb = verbs.add_parser(name, help=line, description=line)
        add_target(verb)
        verb.set_defaults(act=run)
        if name != "tables":
            verb.add_argument("table")
        return verb

    add("tables", "list the tables", _tables)
    create = add("create", "make a table, paid by request", _create)
    create.add_argument("pk", help="partition key: NAME or NAME:TYPE, of type S, N or B")
    create.add_argument("sk", nargs="?", help="sort key, likewise")
    for name, line, run in (
        ("get", "print one item; exit 1 when there is none", _get),
        ("delete", "remove one item; print what it was", _delete),
    ):
        verb = add(name, line, run)
        verb.add_argument("key", nargs="+", help="the key's values: partition, and sort if the table has one")
        _typed(verb)
    put = add("put", "store items: JSON objects, or with none lines from standard input", _put)
    put.add_argument("item", nargs="*")
    _typed(put)
    query = add("query", "print the items of one partition", _query)
    query.add_argument("key", nargs="+", help="the partition key's value, or values of an index's")
    for operator in RANGES:
        query.add_argument(f"--{operator}", metavar="VALUE", help="of the sort key")
    query.add_argument("--between", nargs=2, metavar=("LOW", "HIGH"), help="of the sort key")
    query.add_argument("--begins-with", metavar="PREFIX", help="of the sort key")
    query.add_argument("--reverse", action="store_true", help="last first")
    _reading(query)
    _reading(add("scan", "print every item", _scan))
    load = add("load", "store the items of files", _load)
    load.add_argument("file", nargs="+", help="Parquet, Arrow, CSV, TSV or JSON lines, the latter also .gz")
    load.add_argument("--format", help="json, dynamodb-json, dynamodb-export, csv, tsv, parquet or arrow")
    load.add_argument("--types", help="types of columns: NAME=TYPE,NAME=TYPE (N, B, BOOL, S, SS, NS, BS)")
    load.add_argument("--nulls", choices=("omit", "keep"), default="omit")
    load.add_argument("--skip", action="store_true", help="report what is refused and go on; exit 1")
    export = add("export", "write every item to a file", _export)
    export.add_argument("file", help="by its name .parquet .arrow .jsonl or .jsonl.gz; - for lines")
    _typed(export)


def _typed(verb: Any) -> None:
    verb.add_argument("--typed", action="store_true", help='items as {"name": {"S": "text"}}')


def _reading(verb: Any) -> None:
    verb.add_argument("--index", help="a secondary index")
    verb.add_argument("--filter", help="a filter expression")
    verb.add_argument("--projection", help="a projection expression")
    verb.add_argument("--names", type=json.loads, help='names of expressions: {"#n": "name"}')
    verb.add_argument("--values", type=json.loads, help='values of expressions: {":v": 5}')
    verb.add_argument("--limit", type=int, help="at most so many items")
    verb.add_argument("--count", action="store_true", help="print their number alone")
    _typed(verb)


def run(options: argparse.Namespace) -> int:
    """What the verb returns; 2 when there is no such cloud or table."""
    with connect(options, make=options.action == "create") as connection:
        status: int = options.act(options, connection)
        return status


# ---- tables ----


def _describe(connection: Connection, table: str) -> dict[str, Any]:
    found: dict[str, Any] = connection.call("dynamodb", "DescribeTable", {"TableName": table})["Table"]
    return found


def _tables(options: argparse.Namespace, connection: Connection) -> int:
    names: list[str] = []
    while True:
        page = {"ExclusiveStartTableName": names[-1]} if names else {}
        answer = connection.call("dynamodb", "ListTables", page)
        names += answer["TableNames"]
        if "LastEvaluatedTableName" not in answer:
            break
    found = []
    for name in names:
        table = _describe(connection, name)
        kinds = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
        key = [f"{e['AttributeName']}:{kinds[e['AttributeName']]}" for e in table["KeySchema"]]
        found.append(
            {"name": name, "key": key, "items": table["ItemCount"], "bytes": table["TableSizeBytes"]}
        )
    if options.json:
        print(json.dumps(found))
    for one in [] if options.json else found:
        print(f"{one['name']}  ({', '.join(one['key'])})  {one['items']:,} items  {one['bytes']:,} bytes")
    return 0


def _create(options: argparse.Namespace, connection: Connection) -> int:
    parts = [(*key.rsplit(":", 1), "S")[:2] for key in (options.pk, options.sk) if key]
    params = {
        "TableName": options.table,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": name, "KeyType": kind}
            for (name, _), kind in zip(parts, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [{"AttributeName": name, "AttributeType": kind} for name, kind in parts],
    }
    table = connection.call("dynamodb", "CreateTable", params)["TableDescription"]
    print(json.dumps(table) if options.json else f"table {options.table} is there")
    return 0


# ---- items ----


def _key(options: argparse.Namespace, connection: Connection) -> dict[str, Any]:
    table = _describe(connection, options.table)
    names = [element["AttributeName"] for element in table["KeySchema"]]
    if len(options.key) != len(names):
        raise Refusal(
            f"table {options.table} has the key ({', '.join(names)})",
            f"give {len(names)} values, in this order",
        )
    return _named(table, names, options.key)


def _named(table: dict[str, Any], names: list[str], values: list[str]) -> dict[str, Any]:
    kinds = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    return {name: key_value(kinds[name], value) for name, value in zip(names, values, strict=False)}


def _show(item: dict[str, Any], options: argparse.Namespace) -> str:
    return json.dumps(item, ensure_ascii=False) if options.typed else plain(item)


def _get(options: argparse.Namespace, connection: Connection) -> int:
    params = {"TableName": options.table, "Key": _key(options, connection)}
    item = connection.call("dynamodb", "GetItem", params).get("Item")
    if item is not None or options.json:
        print("null" if item is None else _show(item, options))
    return 0 if item is not None else 1


def _delete(options: argparse.Namespace, connection: Connection) -> int:
    params = {"TableName": options.table, "Key": _key(options, connection), "ReturnValues": "ALL_OLD"}
    item = connection.call("dynamodb", "DeleteItem", params).get("Attributes")
    if item is not None or options.json:
        print("null" if item is None else _show(item, options))
    return 0


def _put(options: argparse.Namespace, connection: Connection) -> int:
    texts = options.item or (line for line in sys.stdin if line.strip())
    count = 0
    for text in texts:
        item = item_of(text, options.typed)
        connection.call("dynamodb", "PutItem", {"TableName": options.table, "Item": item})
        count += 1
    print(json.dumps({"stored": count}) if options.json else f"{count:,} stored")
    return 0


# ---- many items ----


def _query(options: argparse.Namespace, connection: Connection) -> int:
    table = _describe(connection, options.table)
    schema = table["KeySchema"]
    if options.index:
        known = table.get("GlobalSecondaryIndexes", []) + table.get("LocalSecondaryIndexes", [])
        schemas = {one["IndexName"]: one["KeySchema"] for one in known}
        if options.index not in schemas:
            listed = ", ".join(schemas) or "none"
            raise Refusal(f"table {options.table} has no index {options.index}", f"it has: {listed}")
        schema = schemas[options.index]
    names = [element["AttributeName"] for element in schema]
    key = _named(table, names, options.key)
    values = {f":k{n}": value for n, value in enumerate(key.values())}
    conditions = [f"#k{n} = :k{n}" for n in range(len(key))]
    kinds = {one["AttributeName"]: one["AttributeType"] for one in table["AttributeDefinitions"]}
    for text, given in _ranges(options):
        if len(key) >= len(names):
            raise Refusal("there is no sort key left to compare", "give the partition key's value alone")
        marks = [f":r{n}" for n in range(len(given))]
        values |= {m: key_value(kinds[names[len(key)]], v) for m, v in zip(marks, given, strict=True)}
        conditions.append(text.format(f"#k{len(key)}", *marks))
    params = {
        "KeyConditionExpression": " AND ".join(conditions),
        "ScanIndexForward": not options.reverse,
        "ExpressionAttributeNames": {f"#k{n}": names[n] for n in range(len(conditions))},
        "ExpressionAttributeValues": values,
    }
    return _read(options, connection, "Query", params)


def _ranges(options: argparse.Namespace) -> Iterator[tuple[str, list[str]]]:
    for operator, text in RANGES.items():
        value = getattr(options, operator)
        if value is not None:
            yield "{} " + text, [value]
    if options.between is not None:
        yield "{} BETWEEN {} AND {}", options.between
    if options.begins_with is not None:
        yield "begins_with({}, {})", [options.begins_with]


def _scan(options: argparse.Namespace, connection: Connection) -> int:
    return _read(options, connection, "Scan", {})


def _read(
    options: argparse.Namespace, connection: Connection, operation: str, params: dict[str, Any]
) -> int:
    params |= {"TableName": options.table}
    if options.names:
        params["ExpressionAttributeNames"] = params.get("ExpressionAttributeNames", {}) | options.names
    if options.values:
        given = {name: typed(value) for name, value in options.values.items()}
        params["ExpressionAttributeValues"] = params.get("ExpressionAttributeValues", {}) | given
    for member, value in (
        ("IndexName", options.index),
        ("FilterExpression", options.filter),
        ("ProjectionExpression", options.projection),
    ):
        if value:
            params[member] = value
    count = 0
    found: list[str] = []
    for item in _items(connection, operation, params, options.limit):
        count += 1
        if options.count:
            continue
        if options.json:
            found.append(_show(item, options))
        else:
            print(_show(item, options))
    if options.json:
        print(json.dumps({"count": count}) if options.count else f"[{', '.join(found)}]")
    elif options.count:
        print(count)
    return 0


def _items(
    connection: Connection, operation: str, params: dict[str, Any], limit: int | None
) -> Iterator[dict[str, Any]]:
    left = sys.maxsize if limit is None else limit
    while left > 0:
        if limit is not None and "FilterExpression" not in params:
            params["Limit"] = left
        page = connection.call("dynamodb", operation, params)
        yield from page["Items"][:left]
        left -= len(page["Items"])
        if "LastEvaluatedKey" not in page:
            return
        params["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _load(options: argparse.Namespace, connection: Connection) -> int:
    from cloudcore.cli.ddb_bulk import load

    return load(options, connection, _describe(connection, options.table))


def _export(options: argparse.Namespace, connection: Connection) -> int:
    from cloudcore.cli.ddb_bulk import export

    return export(options, connection, _describe(connection, options.table))
