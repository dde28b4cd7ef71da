"""Read and write tables: items are JSON, one a line.

cloudcore ddb create orders customer ts:N --index by-total=state,total:N
cloudcore ddb put orders '{"customer": "ann", "ts": 1}'
cloudcore ddb get orders ann 1
cloudcore ddb query orders ann --ge 1 --limit 10
cloudcore ddb scan orders --filter 'ts > :t' --values '{":t": 5}'
cloudcore ddb sql "SELECT ts FROM orders WHERE customer = ?" '"ann"'
cloudcore ddb load orders orders.parquet --types tags=SS
cloudcore ddb dump orders orders.jsonl.gz
cloudcore ddb copy shop.cc:orders https://dynamodb.eu-west-1.amazonaws.com
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.cli import ddb_tables
from cloudcore.cli.connection import Connection, Refusal, add_target, connect
from cloudcore.cli.ddb_tables import described
from cloudcore.cli.ddb_values import item_of, key_value, parameter, plain, typed

COPY = """Copy tables to another cloud, endpoint or AWS, with their keys, indexes and time to live.

    cloudcore ddb copy shop.cc:orders http://127.0.0.1:4566/orders
    cloudcore ddb copy https://dynamodb.eu-west-1.amazonaws.com shop.cc
    cloudcore ddb copy shop.cc nats://10.0.0.1,10.0.0.2,10.0.0.3
    cloudcore ddb copy shop.cc:orders 'http://127.0.0.1:4566/copies?region=eu-west-1&account=123456789012'

A directory may be served by another process meanwhile. Without a table's name every table is copied. The same
command again goes on where it was interrupted. At the end the destination is read, and its count and checksum
are compared with those of what was copied: exit 1 if they differ. Keys for AWS are found as SDKs find them
(profiles and roles where botocore is installed)."""
Act = Callable[[argparse.Namespace, Connection], int]
RANGES = {"eq": "= {}", "lt": "< {}", "le": "<= {}", "gt": "> {}", "ge": ">= {}"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `ddb` takes: a verb of its own."""
    verbs = parser.add_subparsers(dest="action", metavar="VERB", required=True)

    def add(name: str, line: str, run: Act, *aliases: str, table: bool = True) -> Any:
        verb = verbs.add_parser(name, help=line, description=line, aliases=aliases)
        add_target(verb)
        verb.set_defaults(act=run, makes=name == "create")
        if table:
            verb.add_argument("table")
        return verb

    add("list", "list the tables", ddb_tables.list_tables, "tables", table=False)
    add("describe", "say what a table is", ddb_tables.describe)
    ddb_tables.create_arguments(add("create", "make a table, paid by request", ddb_tables.create))
    add("drop", "remove tables and all that is in them", ddb_tables.drop).add_argument("more", nargs="*")
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
    count = add("count", "count the items, or those that a filter keeps", _count)
    _filtering(count)
    count.set_defaults(projection=None, limit=None, count=True)
    sql = add("sql", "run a PartiQL statement; print what it finds", _sql, table=False)
    sql.add_argument("statement", help="the question marks in it stand for parameters")
    sql.add_argument("parameter", nargs="*", help="JSON values; what is none is text")
    _typed(sql)
    load = add("load", "store the items of files", _load)
    load.add_argument("file", nargs="+", help="Parquet, Arrow, CSV, TSV or JSON lines, the latter also .gz")
    load.add_argument("--format", help="json, dynamodb-json, dynamodb-export, csv, tsv, parquet or arrow")
    load.add_argument("--types", help="types of columns: NAME=TYPE,NAME=TYPE (N, B, BOOL, S, SS, NS, BS)")
    load.add_argument("--nulls", choices=("omit", "keep"), default="omit")
    load.add_argument("--skip", action="store_true", help="report what is refused and go on; exit 1")
    dump = add("dump", "write every item to a file", _dump, "export")
    dump.add_argument("file", help="by its name .jsonl .csv .parquet or .arrow, lines also .gz; - for lines")
    _typed(dump)
    text = "copy tables to another cloud, endpoint or AWS, resumable and verified"
    copy = verbs.add_parser(
        "copy", help=text, description=COPY, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    copy.add_argument("source", help="DIR[:TABLE] or URL[/TABLE]")
    copy.add_argument("destination", help="likewise; made if absent")
    copy.add_argument("--merge", action="store_true", help="put the items among those that are there already")
    copy.add_argument("--no-stream", action="store_true", help="a table that is made gets no stream")
    copy.add_argument("--rate", type=float, metavar="N", help="items a second at most")
    copy.add_argument(
        "--segments", type=int, metavar="N", help="parallel scans (default: 4 over HTTP, else 1)"
    )
    copy.add_argument("--restart", action="store_true", help="forget how far an earlier copy came")
    copy.add_argument("--no-verify", action="store_true", help="do not read back and compare")
    copy.add_argument(
        "--state", metavar="DIR", help="where it notes how far it is (default: ~/.local/state/cloudcore)"
    )
    copy.add_argument("--json", action="store_true", help="print JSON, a document a table")
    copy.set_defaults(act=None)


def _typed(verb: Any) -> None:
    verb.add_argument("--typed", action="store_true", help='items as {"name": {"S": "text"}}')


def _filtering(verb: Any) -> None:
    verb.add_argument("--index", help="a secondary index")
    verb.add_argument("--filter", help="a filter expression")
    verb.add_argument("--names", type=json.loads, help='names of expressions: {"#n": "name"}')
    verb.add_argument("--values", type=json.loads, help='values of expressions: {":v": 5}')


def _reading(verb: Any) -> None:
    _filtering(verb)
    verb.add_argument("--projection", help="a projection expression")
    verb.add_argument("--limit", type=int, help="at most so many items")
    verb.add_argument("--count", action="store_true", help="print their number alone")
    _typed(verb)


def run(options: argparse.Namespace) -> int:
    """What the verb returns; 2 when there is no such cloud or table."""
    if options.act is None:
        from cloudcore.cli.ddb_copy import copy

        return copy(options)
    with connect(options, make=options.makes) as connection:
        status: int = options.act(options, connection)
        return status


# ---- items ----


def _key(options: argparse.Namespace, connection: Connection) -> dict[str, Any]:
    table = described(connection, options.table)
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
    table = described(connection, options.table)
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


def _read(options: argparse.Namespace, connection: Connection, operation: str, params: dict[str, Any]) -> int:
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
    if options.count:
        count = _counted(connection, operation, params, options.limit)
        print(json.dumps({"count": count}) if options.json else count)
        return 0
    _print(_items(connection, operation, params, options.limit), options)
    return 0


def _print(items: Iterator[dict[str, Any]], options: argparse.Namespace) -> None:
    """One a line as they come, or one JSON array."""
    if options.json:
        print(f"[{', '.join(_show(item, options) for item in items)}]")
        return
    for item in items:
        print(_show(item, options))


def _pages(
    connection: Connection, operation: str, params: dict[str, Any], limit: int | None
) -> Iterator[tuple[dict[str, Any], int]]:
    """(a page, how many of its items are wanted) until there are `limit`."""
    left = sys.maxsize if limit is None else limit
    while left > 0:
        if limit is not None and "FilterExpression" not in params:
            params["Limit"] = left
        page = connection.call("dynamodb", operation, params)
        yield page, min(left, page["Count"])
        left -= page["Count"]
        if "LastEvaluatedKey" not in page:
            return
        params["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _items(
    connection: Connection, operation: str, params: dict[str, Any], limit: int | None
) -> Iterator[dict[str, Any]]:
    for page, wanted in _pages(connection, operation, params, limit):
        yield from page["Items"][:wanted]


def _counted(connection: Connection, operation: str, params: dict[str, Any], limit: int | None) -> int:
    params = {name: value for name, value in params.items() if name != "ProjectionExpression"}
    return sum(wanted for _, wanted in _pages(connection, operation, params | {"Select": "COUNT"}, limit))


def _count(options: argparse.Namespace, connection: Connection) -> int:
    return _read(options, connection, "Scan", {})


def _sql(options: argparse.Namespace, connection: Connection) -> int:
    params: dict[str, Any] = {"Statement": options.statement}
    if options.parameter:
        params["Parameters"] = [parameter(text, options.typed) for text in options.parameter]

    def items() -> Iterator[dict[str, Any]]:
        while True:
            page = connection.call("dynamodb", "ExecuteStatement", params)
            yield from page.get("Items", [])
            if "NextToken" not in page:
                return
            params["NextToken"] = page["NextToken"]

    _print(items(), options)
    return 0


def _load(options: argparse.Namespace, connection: Connection) -> int:
    from cloudcore.cli.ddb_bulk import load

    return load(options, connection, described(connection, options.table))


def _dump(options: argparse.Namespace, connection: Connection) -> int:
    from cloudcore.cli.ddb_bulk import dump

    return dump(options, connection, described(connection, options.table))
