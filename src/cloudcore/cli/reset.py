"""Delete every table, function and delivery stream of an account and region. What was delivered stays."""

from __future__ import annotations

import argparse
import json
import sys

from cloudcore.cli import status
from cloudcore.cli.connection import Connection, Refusal, add_target, connect


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `reset` takes."""
    parser.add_argument("--yes", action="store_true", help="do not ask")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0; 2 when it was not confirmed."""
    with connect(options) as connection:
        found = status.names(connection)
        count = sum(map(len, found.values()))
        if count and not options.yes:
            _confirm(connection.where, found)
        _delete(connection, found)
    if options.json:
        print(json.dumps(found))
    else:
        print(f"{count} deleted")
    return 0


def _confirm(where: str, found: dict[str, list[str]]) -> None:
    if not sys.stdin.isatty():
        raise Refusal("it deletes everything, and there is nobody to ask", "say --yes if that is meant")
    for kind, names in found.items():
        print(f"{kind}: {', '.join(names) or 'none'}")
    if input(f"Delete all of this in {where}? Type yes: ") != "yes":
        raise Refusal("nothing was deleted")


def _delete(connection: Connection, found: dict[str, list[str]]) -> None:
    for name in found[
        "streams"
    ]:  # they call functions, and functions read tables: in this order nobody misses any
        connection.call("firehose", "DeleteDeliveryStream", {"DeliveryStreamName": name})
    for name in found["functions"]:
        connection.delete(f"/2015-03-31/functions/{name}")
    for name in found["tables"]:
        connection.call("dynamodb", "DeleteTable", {"TableName": name})
