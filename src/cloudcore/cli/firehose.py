"""Delivery streams: list them, make one, list the records that failed, or put those into the stream again.

    cloudcore firehose list
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
import json
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, unquote_plus

from cloudcore.cli.connection import Connection, Refusal, add_target, connect, delivery_streams


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `firehose` takes."""
    parser.add_argument("action", choices=("list", "create", "errors", "replay"))
    parser.add_argument("stream", metavar="STREAM", nargs="?", help="its name; `list` takes none")
    parser.add_argument("options", nargs="*", metavar="OPTION=VALUE", help="of cloud.stream()")
    parser.add_argument("--code", help="only records whose error code contains this")
    parser.add_argument("--to", metavar="OTHER", help="replay: the stream that gets them (default: the same)")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0; 1 when there are failed records that `errors` shows, or that could not be replayed."""
    given = dict(_option(text) for text in options.options)
    if given and options.action != "create":
        raise Refusal(f"{options.action} takes no OPTION=VALUE")
    if (options.stream is None) != (options.action == "list"):
        raise Refusal("list takes no STREAM" if options.stream else f"{options.action} takes a STREAM")
    with connect(options) as connection:
        if options.action == "list":
            return _list(connection, options)
        if options.action == "create":
            target = f"/_cloudcore/stream/{quote(options.stream, safe='')}?{connection.place}"
            connection.post(target, given)
            return 0
        bucket, front = _place(connection, options.stream)
        objects = _Objects(connection)
        if connection.cloud is not None:  # opened here: with the keys of a stream whose objects are encrypted
            objects = connection.cloud.firehose.objects_of(options.stream)
        if options.action == "errors":
            return _errors(objects, bucket, front, options)
        return _replay(objects, connection, bucket, front, options)


def _list(connection: Connection, options: argparse.Namespace) -> int:
    names = delivery_streams(connection)
    print(json.dumps(names) if options.json else "\n".join(names), end="\n" if names or options.json else "")
    return 0


def _place(connection: Connection, stream: str) -> tuple[str, str]:
    from cloudcore.firehose import failed

    answer = connection.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": stream})
    found = failed.place(answer["DeliveryStreamDescription"])
    if found is None:
        raise Refusal(f"{stream} has no bucket")
    return found


def _option(text: str) -> tuple[str, Any]:
    """The name and value of OPTION=VALUE; a value that is JSON is what it says, another one is a text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise Refusal(f"{text} is no OPTION=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _errors(objects: Any, bucket: str, front: str, options: argparse.Namespace) -> int:
    from cloudcore.firehose import failed

    count = 0
    for key, lines in failed.objects_of(objects, bucket, front, options.stream):
        for line in lines:
            if options.code and options.code not in failed.code_of(line):
                continue
            count += 1
            data = base64.b64decode(line["rawData"])
            told = {"key": key, "code": failed.code_of(line), "attempts": line.get("attemptsMade"),
                    "message": failed.message_of(line), "bytes": len(data)}  # fmt: skip
            if options.json:
                print(json.dumps({**told, "rawData": line["rawData"]}))
            else:
                print(f"{told['code']}  x{told['attempts']}  {told['message']}\n    {data[:100]!r}  {key}")
    if not options.json:
        print(f"{count} failed records")
    return 1 if count else 0


def _replay(
    objects: Any, connection: Connection, bucket: str, front: str, options: argparse.Namespace
) -> int:
    from cloudcore.firehose import failed

    def put(batch: list[str]) -> int:
        body = {
            "DeliveryStreamName": options.to or options.stream,
            "Records": [{"Data": data} for data in batch],
        }
        return int(connection.call("firehose", "PutRecordBatch", body)["FailedPutCount"])

    sent, left = failed.replay(objects, put, bucket, front, options.stream, options.code or "")
    print(json.dumps({"replayed": sent, "left": left}) if options.json else
          f"{sent} records replayed, {left} left")  # fmt: skip
    return 0


class _Objects:
    """The object store of the cloud that is asked, by its S3 door."""

    def __init__(self, connection: Connection):
        self.connection = connection

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys, page by page; none where there is no bucket yet."""
        page = ""
        while True:
            status, _, body = self.connection.request(
                "GET", f"/{bucket}?list-type=2&prefix={quote(prefix, safe='')}&encoding-type=url" + page
            )
            if status == 404:
                return
            _expect((status, {}, body))
            tree = ET.fromstring(body)
            space = tree.tag.partition("}")[0] + "}" if tree.tag.startswith("{") else ""
            for entry in tree.iter(f"{space}Key"):
                yield unquote_plus(entry.text or "")
            token = tree.findtext(f"{space}NextContinuationToken")
            if not token:
                return
            page = f"&continuation-token={quote(token, safe='')}"

    def get(self, bucket: str, key: str) -> bytes:
        _, headers, body = _expect(self.connection.request("GET", _path(bucket, key)))
        if "x-amz-meta-x-amz-key-v2" in headers:
            raise Refusal(
                f"{key} is encrypted, and its key is the cloud's",
                "the console of the process that serves it shows and replays it; or end that, and use --data",
            )
        return body

    def put(self, bucket: str, key: str, data: bytes) -> None:
        _expect(self.connection.request("PUT", _path(bucket, key), {}, data))

    def delete(self, bucket: str, key: str) -> None:
        _expect(self.connection.request("DELETE", _path(bucket, key)))


def _path(bucket: str, key: str) -> str:
    return f"/{bucket}/{quote(key)}"


def _expect(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, dict[str, str], bytes]:
    if answer[0] >= 300:
        raise Refusal(f"the object store answered {answer[0]}: {answer[2][:200].decode(errors='replace')}")
    return answer
