"""Delivery streams: make one, list the records that failed, or put those into the stream again.

    cloudcore firehose create STREAM bucket=lake prefix=clicks/ format=parquet buffer_seconds=60
    cloudcore firehose create STREAM source=orders bucket=lake        options of cloud.stream()
    cloudcore firehose errors STREAM              each record: code, attempts, message, beginning of its data
    cloudcore firehose replay STREAM [--to OTHER]     records go in again as new ones

An object whose records were all acknowledged moves to replayed/<its key>; a replay that is killed before that
puts them in again at the next one.
"""

from __future__ import annotations

import argparse
import base64
import gzip
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote_plus

from cloudcore.cli.connection import Connection, Refusal, add_target, connect

_TYPES = ("processing-failed", "format-conversion-failed", "http-endpoint-failed", "splunk-failed",
          "AmazonOpenSearchService-failed", "iceberg-failed")  # fmt: skip
_RECORDS, _BYTES = 500, 4 << 20
_MOVED = "replayed/"


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `firehose` takes."""
    parser.add_argument("action", choices=("create", "errors", "replay"))
    parser.add_argument("stream", metavar="STREAM")
    parser.add_argument("options", nargs="*", metavar="OPTION=VALUE", help="of cloud.stream()")
    parser.add_argument("--code", help="only records whose error code contains this")
    parser.add_argument("--to", metavar="OTHER", help="replay: the stream that gets them (default: the same)")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0; 1 when there are failed records that `errors` shows, or that could not be replayed."""
    given = dict(_option(text) for text in options.options)
    if given and options.action != "create":
        raise Refusal(f"{options.action} takes no OPTION=VALUE")
    with connect(options) as connection:
        if options.action == "create":
            target = f"/_cloudcore/stream/{quote(options.stream, safe='')}?{connection.place}"
            connection.post(target, given)
            return 0
        bucket, front = _bucket(connection, options.stream)
        if options.action == "errors":
            return _errors(connection, bucket, front, options)
        return _replay(connection, bucket, front, options)


def _option(text: str) -> tuple[str, Any]:
    """The name and value of OPTION=VALUE; a value that is JSON is what it says, another one is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Refusal(f"{text} is no OPTION=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _errors(connection: Connection, bucket: str, front: str, options: argparse.Namespace) -> int:
    count = 0
    for key in _keys(connection, bucket, front, options.stream):
        for line in _lines(connection, bucket, key):
            if options.code and options.code not in _code(line):
                continue
            count += 1
            data = base64.b64decode(line["rawData"])
            message = line.get("errorMessage") or line.get("lastErrorMessage")
            told = {"key": key, "code": _code(line), "attempts": line.get("attemptsMade"), "message": message,
                    "bytes": len(data)}  # fmt: skip
            if options.json:
                print(json.dumps({**told, "rawData": line["rawData"]}))
            else:
                print(f"{told['code']}  x{told['attempts']}  {told['message']}\n    {data[:100]!r}  {key}")
    if not options.json:
        print(f"{count} failed records")
    return 1 if count else 0


def _replay(connection: Connection, bucket: str, front: str, options: argparse.Namespace) -> int:
    sent = left = 0
    for key in list(_keys(connection, bucket, front, options.stream)):
        lines = list(_lines(connection, bucket, key))
        chosen = [line for line in lines if not options.code or options.code in _code(line)]
        for batch in _batches([line["rawData"] for line in chosen]):
            answer = connection.call(
                "firehose", "PutRecordBatch",
                {"DeliveryStreamName": options.to or options.stream, "Records": [{"Data": d} for d in batch]},
            )  # fmt: skip
            if answer["FailedPutCount"]:
                raise Refusal(f"records of {key} were not taken", "try again later")
            sent += len(batch)
        if len(chosen) == len(lines):
            _move(connection, bucket, key)
        elif chosen:
            rest = b"".join(json.dumps(line).encode() + b"\n" for line in lines if line not in chosen)
            _expect(connection.request("PUT", _path(bucket, key), {}, _packed(key, rest)))
        left += len(lines) - len(chosen)
    print(json.dumps({"replayed": sent, "left": left}) if options.json else
          f"{sent} records replayed, {left} left")  # fmt: skip
    return 0


def _bucket(connection: Connection, stream: str) -> tuple[str, str]:
    """The bucket of a stream's failed records, and what their keys begin with."""
    answer = connection.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": stream})
    (destination,) = answer["DeliveryStreamDescription"]["Destinations"]
    blocks = [found for found in destination.values() if isinstance(found, dict)]
    for block in [found.get("S3DestinationDescription") or found for found in blocks]:
        if "BucketARN" in block:
            front = (block.get("ErrorOutputPrefix") or "").partition("!{")[0]
            return block["BucketARN"].rpartition(":::")[2], front
    raise Refusal(f"{stream} has no bucket")


def _keys(connection: Connection, bucket: str, front: str, stream: str) -> Iterator[str]:
    """Keys of objects of failed records of a stream."""
    name = re.compile(rf"(?:.*/)?{re.escape(stream)}-\d+-\d{{4}}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9a-f-]{{36}}\S*")
    page = ""
    while True:
        status, _, body = connection.request(
            "GET", f"/{bucket}?list-type=2&prefix={quote(front, safe='')}&encoding-type=url" + page
        )
        if status == 404:
            return
        _expect((status, {}, body))
        tree = ET.fromstring(body)
        space = tree.tag.partition("}")[0] + "}" if tree.tag.startswith("{") else ""
        for entry in tree.iter(f"{space}Key"):
            key = unquote_plus(entry.text or "")
            if not key.startswith(_MOVED) and name.fullmatch(key) and any(t in key for t in _TYPES):
                yield key
        token = tree.findtext(f"{space}NextContinuationToken")
        if not token:
            return
        page = f"&continuation-token={quote(token, safe='')}"


def _lines(connection: Connection, bucket: str, key: str) -> Iterator[dict[str, Any]]:
    _, _, body = _expect(connection.request("GET", _path(bucket, key)))
    if key.endswith(".gz"):
        body = gzip.decompress(body)
    elif key.endswith((".zip", ".snappy")):
        raise Refusal(f"{key} is compressed by another format than GZIP", "unpack it by hand")
    for text in body.splitlines():
        try:
            line = json.loads(text)
        except ValueError:
            return  # a partition's object that could not be written in time: records as they were
        if isinstance(line, dict) and isinstance(line.get("rawData"), str):
            yield line


def _packed(key: str, data: bytes) -> bytes:
    return gzip.compress(data, mtime=0) if key.endswith(".gz") else data


def _batches(records: list[str]) -> Iterator[list[str]]:
    batch: list[str] = []
    size = 0
    for record in records:
        length = len(record) * 3 // 4
        if batch and (len(batch) == _RECORDS or size + length > _BYTES):
            yield batch
            batch, size = [], 0
        batch.append(record)
        size += length
    if batch:
        yield batch


def _move(connection: Connection, bucket: str, key: str) -> None:
    source = {"x-amz-copy-source": quote(f"{bucket}/{key}")}
    _expect(connection.request("PUT", _path(bucket, _MOVED + key), source))
    _expect(connection.request("DELETE", _path(bucket, key)))


def _code(line: dict[str, Any]) -> str:
    return str(line.get("errorCode") or line.get("lastErrorCode"))


def _path(bucket: str, key: str) -> str:
    return f"/{bucket}/{quote(key)}"


def _expect(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    if answer[0] >= 300:
        raise Refusal(f"the object store answered {answer[0]}: {answer[2][:200].decode(errors='replace')}")
    return answer
