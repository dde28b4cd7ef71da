"""Print what happens, as it happens: changes of a table with a stream, or records put into a delivery stream.

Each is a line of JSON. Ctrl-C ends it.
"""

from __future__ import annotations

import argparse
import json
import time
from base64 import b64decode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from cloudcore.cli.connection import Connection, Refusal, add_target, connect
from cloudcore.errors import ApiError

_PAUSE_SECONDS = 0.25


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `tap` takes."""
    parser.add_argument("name", metavar="NAME", help="a delivery stream or a table")
    parser.add_argument("--count", type=int, help="end after so many lines")
    parser.add_argument("--from-start", action="store_true", help="what is still held first, then what comes")
    parser.add_argument(
        "--table", action="store_true", help="a table, even if a delivery stream has the name"
    )
    add_target(parser, "lines are JSON always")


def run(options: argparse.Namespace) -> int:
    """0 after --count lines, 130 when it is interrupted."""
    with connect(options) as connection:
        taps_table = options.table or not _is_stream(connection, options.name)
        source = _changes if taps_table else _records
        for number, line in enumerate(source(connection, options.name, options.from_start), 1):
            print(json.dumps(line, ensure_ascii=False), flush=True)
            if number == options.count:
                return 0
    return 0


def _is_stream(connection: Connection, name: str) -> bool:
    try:
        connection.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": name})
    except ApiError as error:
        if error.code == "ResourceNotFoundException":
            return False
        raise
    return True


def _records(connection: Connection, name: str, from_start: bool) -> Iterator[dict[str, Any]]:
    start = 1 if from_start else None
    while True:
        query = "&".join(filter(None, [f"from={start}" if start else "", connection.place]))
        found = connection.get(f"/_cloudcore/tap/{quote(name, safe='')}?{query}")
        for record in found["records"]:
            text = b64decode(record["data"]).decode("utf-8", "replace")
            yield {"sequence": record["sequence"], "time_ms": record["time_ms"], "data": text}
        start = found["next"]
        if not found["records"]:
            time.sleep(_PAUSE_SECONDS)


def _changes(connection: Connection, table: str, from_start: bool) -> Iterator[dict[str, Any]]:
    described = connection.call("dynamodb", "DescribeTable", {"TableName": table})["Table"]
    arn = described.get("LatestStreamArn")
    if arn is None:
        raise Refusal(
            f"the table {table} has no stream",
            f"aws dynamodb update-table --table-name {table} --stream-specification "
            "StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES",
        )
    stream = connection.call("dynamodbstreams", "DescribeStream", {"StreamArn": arn})["StreamDescription"]
    kind = "TRIM_HORIZON" if from_start else "LATEST"
    shards = stream["Shards"] if from_start else stream["Shards"][-1:]
    for shard in shards:
        asked = {"StreamArn": arn, "ShardId": shard["ShardId"], "ShardIteratorType": kind}
        iterator = connection.call("dynamodbstreams", "GetShardIterator", asked)["ShardIterator"]
        while iterator:
            found = connection.call("dynamodbstreams", "GetRecords", {"ShardIterator": iterator})
            yield from ({"event": r["eventName"], **r["dynamodb"]} for r in found["Records"])
            iterator = found.get("NextShardIterator")
            if not found["Records"]:
                time.sleep(_PAUSE_SECONDS)
