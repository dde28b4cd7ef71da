"""The public API as a typed program uses it: mypy --strict must accept every line. Never run."""

from typing import Any, assert_type

import cloudcore
from cloudcore._log import Log, LogReader
from cloudcore._stream import ArrowBatch, Columns
from cloudcore._table import Item, Tables
from cloudcore.clock import ManualClock
from cloudcore.cloud import Cloud
from cloudcore.dynamodb import Rows


def tables() -> None:
    with cloudcore.open(":memory:") as cloud:
        assert_type(cloud, Cloud)
        orders = cloud.table("orders", pk="customer:S", sk="ts:N")
        orders.put({"customer": "ann", "ts": 1}, condition="attribute_not_exists(customer)")
        assert_type(orders.get("ann", 1), dict[str, Any] | None)
        assert_type(orders.update("ann", 1, update="SET total = :t", values={":t": 2}), dict[str, Any])
        assert_type(orders.scan(limit=10), Rows)
        with orders.batch() as batch:
            batch.extend({"customer": "bob", "ts": i} for i in range(3))
        assert_type(cloud.dynamodb.call("ListTables", {}), dict[str, Any])
        assert_type(cloud.dynamodb.call_json("ListTables", b"{}"), tuple[int, bytes])


def streams() -> None:
    with cloudcore.open("lake.cc", account="111122223333", clock=ManualClock()) as cloud:
        clicks = cloud.stream("clicks", bucket="lake", format="parquet", schema="id int")
        assert_type(clicks.put(b"{}"), int)
        assert_type(clicks.put_batch([b"{}"]), tuple[int, int])
        assert_type(clicks.flush(timeout=1.0), bool)
        assert_type(clicks.status(), dict[str, Any])
        with cloud.serve() as endpoint:
            assert_type(endpoint.url, str)


def engine() -> None:
    with Log("demo.log", durability="commit") as log:
        assert_type(log.append_records([b"one"]), tuple[int, int])
        assert_type(log.append(memoryview(b"two"), expected_last=1), tuple[int, int])
        assert_type(log.read(), LogReader)
        for batch in log.read():
            assert_type(batch.first, int)
            assert_type(batch.payload, bytes)
    columns = Columns(None, case_insensitive=False)
    assert_type(columns.append_lines(b"{}\n"), list[tuple[int, str, str]])
    assert_type(columns.finish(), ArrowBatch)
    with Tables(None) as store:
        assert_type(store.get_item_view("orders", {"customer": {"S": "ann"}}), Item | None)


def clients() -> None:
    cloud = cloudcore.open("shop.cc")
    db = cloud.client("dynamodb")
    assert_type(db.list_tables()["TableNames"], list[str])
    assert_type(db.describe_table(TableName="orders")["Table"]["ItemCount"], int)
    names = [name for page in db.get_paginator("list_tables").paginate() for name in page["TableNames"]]
    assert_type(names, list[str])
    assert_type(cloud.client("lambda").list_functions()["Functions"][0]["FunctionName"], str)
    assert_type(cloud.client("firehose").list_delivery_streams()["HasMoreDeliveryStreams"], bool)
    assert_type(cloud.client("dynamodbstreams").list_streams()["Streams"][0]["StreamArn"], str)
    session = cloud.boto3_session()
    assert_type(session.client("firehose").list_delivery_streams()["HasMoreDeliveryStreams"], bool)
    assert_type(session.region_name, str)
