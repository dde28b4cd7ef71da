"""What `cloudcore bench` asks of a server: the requests, and whether each answer is the one it should be."""

from __future__ import annotations

import base64
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cloudcore.cli.bench_servers import Fault, Wire

ITEMS = 500
PAGE = 100
RECORDS = 500
_SCOPE = "Credential=000000000000/20260101/us-east-1/{}/aws4_request"
_HANDLER = "def handler(event, context):\n    return {'n': event['n'] + 1}\n"
Pair = tuple[bytes, Callable[[Any], bool]]
"""A request, and what says of its answer's JSON that it is right."""


@dataclass(frozen=True)
class Operation:
    """One row of the bench: `pairs` are asked in turn. `rooms`: which argument of the verb asks for it."""

    name: str
    what: str
    room: str
    prepare: Callable[[Wire], None]
    pairs: Callable[[], list[Pair]]


def request(target: str, body: dict[str, Any]) -> bytes:
    """A request of a JSON protocol, as an SDK sends it; the signature is one that nobody checks."""
    service = target.partition("_")[0].lower()
    return _http("POST", "/", json.dumps(body).encode(), service, [
        f"X-Amz-Target: {target}", f"Content-Type: application/x-amz-json-1.{int(service == 'firehose')}",
    ])  # fmt: skip


def _http(method: str, path: str, body: bytes, service: str, more: list[str]) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept-Encoding: identity", "User-Agent: bench",
        "X-Amz-Date: 20260101T000000Z",
        f"Authorization: AWS4-HMAC-SHA256 {_SCOPE.format(service)}, SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        f"Content-Length: {len(body)}", *more,
    ]  # fmt: skip
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def _dynamodb(operation: str, **body: Any) -> bytes:
    return request(f"DynamoDB_20120810.{operation}", body)


def item(number: int, turn: int = 0, partition: str | None = None) -> dict[str, Any]:
    """About 400 bytes in 8 attributes; different at every number and turn."""
    text = f"{number:08d}-{turn:04d}-" * 4
    return {
        "pk": {"S": partition or f"p{number:015d}"}, "sk": {"N": str(number)}, "a": {"S": text}, "b": {"S": text + text},
        "c": {"N": str(number * 7919 + turn)}, "d": {"S": text}, "e": {"BOOL": bool(number & 1)}, "f": {"S": text},
    }  # fmt: skip


def make_table(wire: Wire) -> None:
    """The table of all table rows, with its items. Raises Fault where one does not come back."""
    wire.ask(_dynamodb(
        "CreateTable", TableName="bench", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}, {"AttributeName": "sk", "AttributeType": "N"}],
    ))  # fmt: skip
    while (
        json.loads(wire.ask(_dynamodb("DescribeTable", TableName="bench")))["Table"]["TableStatus"]
        != "ACTIVE"
    ):
        pass
    for number in range(ITEMS):
        wire.ask(_dynamodb("PutItem", TableName="bench", Item=item(number)))
    for number in range(PAGE):
        wire.ask(_dynamodb("PutItem", TableName="bench", Item=item(number, partition="all")))
    for data, is_right in gets():
        if not is_right(json.loads(wire.ask(data))):
            raise Fault("an item does not come back as it was put")


def gets() -> list[Pair]:
    """Every item by its key, in an order that is not the one they were put in."""
    order = random.Random(7).sample(range(ITEMS), ITEMS)

    def pair(number: int) -> Pair:
        wanted = item(number)
        key = {name: wanted[name] for name in ("pk", "sk")}
        return _dynamodb("GetItem", TableName="bench", Key=key), lambda answer: answer.get("Item") == wanted

    return [pair(number) for number in order]


def _puts() -> list[Pair]:
    made = (item(number, 1, "written") for number in range(ITEMS))
    return [(_dynamodb("PutItem", TableName="bench", Item=one), lambda answer: answer == {}) for one in made]


def _query() -> list[Pair]:
    asked = _dynamodb(
        "Query",
        TableName="bench",
        KeyConditionExpression="pk = :p",
        ExpressionAttributeValues={":p": {"S": "all"}},
    )
    wanted = [item(number, partition="all") for number in range(PAGE)]
    return [(asked, lambda answer: answer.get("Items") == wanted)]


def _batches() -> list[Pair]:
    def batch(first: int) -> bytes:
        puts = [{"PutRequest": {"Item": item(n, 2, "batched")}} for n in range(first, first + 25)]
        return _dynamodb("BatchWriteItem", RequestItems={"bench": puts})

    return [(batch(first), lambda answer: not answer["UnprocessedItems"]) for first in range(0, ITEMS, 25)]


def _transactions() -> list[Pair]:
    def both(n: int) -> bytes:
        puts = [{"Put": {"TableName": "bench", "Item": item(m, 3, "both")}} for m in (n, n + 1)]
        return _dynamodb("TransactWriteItems", TransactItems=puts)

    return [(both(n), lambda answer: not any(answer.values())) for n in range(0, ITEMS, 2)]


def _make_stream(wire: Wire) -> None:
    s3 = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::bench-lake"}
    body = {"DeliveryStreamName": "bench", "ExtendedS3DestinationConfiguration": s3}
    wire.ask(_http("PUT", "/bench-lake", b"", "s3", []))
    wire.ask(request("Firehose_20150804.CreateDeliveryStream", body))


def _records() -> list[Pair]:
    dice = random.Random(3)

    def record(n: int) -> dict[str, str]:
        row = {
            "id": n,
            "page": f"/{dice.randrange(99)}",
            "ms": dice.random(),
            "text": "x" * dice.randrange(600),
        }
        return {"Data": base64.b64encode(json.dumps(row).encode()).decode()}

    def batch(first: int) -> bytes:
        body = {"DeliveryStreamName": "bench", "Records": [record(n) for n in range(first, first + RECORDS)]}
        return request("Firehose_20150804.PutRecordBatch", body)

    def is_right(answer: Any) -> bool:
        return answer["FailedPutCount"] == 0 and len(answer["RequestResponses"]) == RECORDS

    return [(batch(first), is_right) for first in range(0, 10 * RECORDS, RECORDS)]


def _make_function(wire: Wire) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("app.py", _HANDLER)
    body = {
        "FunctionName": "bench", "Runtime": "python3.12", "Role": "arn:aws:iam::000000000000:role/r",
        "Handler": "app.handler", "Code": {"ZipFile": base64.b64encode(made.getvalue()).decode()}, "Timeout": 30,
    }  # fmt: skip
    json_type = ["Content-Type: application/json"]
    wire.ask(_http("POST", "/2015-03-31/functions", json.dumps(body).encode(), "lambda", json_type))
    data, is_right = _invocations()[0]
    if not is_right(json.loads(wire.ask(data))):
        raise Fault("the function's answer is not its own")


def _invocations() -> list[Pair]:
    def pair(n: int) -> Pair:
        body, path = json.dumps({"n": n}).encode(), "/2015-03-31/functions/bench/invocations"
        return _http("POST", path, body, "lambda", []), lambda answer: answer == {"n": n + 1}

    return [pair(n) for n in range(100)]


def _nothing(wire: Wire) -> None:
    """The table is there."""


OPERATIONS = [
    Operation("GetItem", "a random item of about 400 bytes, by its full key", "ddb", make_table, gets),
    Operation("PutItem", "an item of about 400 bytes", "ddb", _nothing, _puts),
    Operation("Query", f"a partition of {PAGE} such items", "ddb", _nothing, _query),
    Operation("BatchWriteItem", "25 such items", "ddb", _nothing, _batches),
    Operation("TransactWriteItems", "two such items, both or none", "ddb", _nothing, _transactions),
    Operation(
        "PutRecordBatch",
        f"{RECORDS} records of about 400 bytes into a stream",
        "firehose",
        _make_stream,
        _records,
    ),
    Operation("Invoke", "a warm function that adds one", "lambda", _make_function, _invocations),
]
READY = _dynamodb("ListTables")
