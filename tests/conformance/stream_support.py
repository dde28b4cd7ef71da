"""Helpers of the tests of DynamoDB Streams: a table with a stream, and all that its shards hold."""

from __future__ import annotations

from typing import Any

from dynamodb_support import create, key

from cloudcore.dynamodb import DynamoDB


def streamed(db: DynamoDB, view: str = "NEW_AND_OLD_IMAGES", name: str = "tab", **more: Any) -> str:
    """A table with a stream; the stream's ARN."""
    specification = {"StreamEnabled": True, "StreamViewType": view}
    return create(db, name, StreamSpecification=specification, **more)["LatestStreamArn"]


def shards(db: DynamoDB, arn: str) -> list[dict[str, Any]]:
    return db.streams.call("DescribeStream", {"StreamArn": arn})["StreamDescription"]["Shards"]


def iterator(db: DynamoDB, arn: str, kind: str = "TRIM_HORIZON", shard: int = -1, **more: Any) -> str:
    """A shard iterator of the shard `shard`, the newest if it is not said."""
    params = {"StreamArn": arn, "ShardId": shards(db, arn)[shard]["ShardId"], "ShardIteratorType": kind}
    return db.streams.call("GetShardIterator", params | more)["ShardIterator"]


def get(db: DynamoDB, at: str, **more: Any) -> dict[str, Any]:
    return db.streams.call("GetRecords", {"ShardIterator": at, **more})


def read_all(db: DynamoDB, arn: str, limit: int = 1000) -> list[dict[str, Any]]:
    """Every record of every shard, in order."""
    records: list[dict[str, Any]] = []
    for number in range(len(shards(db, arn))):
        at: str | None = iterator(db, arn, shard=number)
        while at is not None:
            page = get(db, at, Limit=limit)
            records += page["Records"]
            at = page.get("NextShardIterator") if page["Records"] else None
    return records


def put(db: DynamoDB, p: str, s: int = 1, name: str = "tab", **attributes: Any) -> None:
    db.call("PutItem", {"TableName": name, "Item": key(p, s) | attributes})


def switch(db: DynamoDB, view: str | None, name: str = "tab", **more: Any) -> dict[str, Any]:
    """UpdateTable: a stream of this view, or none."""
    specification = {"StreamEnabled": True, "StreamViewType": view} if view else {"StreamEnabled": False}
    params = {"TableName": name, "StreamSpecification": specification}
    return db.call("UpdateTable", params | more)["TableDescription"]
