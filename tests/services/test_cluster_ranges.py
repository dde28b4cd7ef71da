"""Ranges of keys on a real NATS JetStream server: two nodes in this process, tables that are split under them."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cluster_support import Servers, until

import cloudcore
from cloudcore._table import Tables
from cloudcore.objects import LocalObjects

COUNT = 300
MIDDLE = 1 << 63


def _filled(client: Any) -> None:
    kinds = {"id": "S", "n": "N", "kind": "S", "at": "N"}
    client.create_table(
        TableName="items", BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
        GlobalSecondaryIndexes=[{
            "IndexName": "by-kind", "Projection": {"ProjectionType": "ALL"},
            "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}, {"AttributeName": "at", "KeyType": "RANGE"}]}],
        VectorIndexes=[{
            "IndexName": distance.lower(), "VectorAttribute": {"AttributeName": "vector"}, "Dimensions": 4,
            "DistanceFunction": distance, "Projection": {"ProjectionType": "ALL"},
            "SearchSchema": [{"AttributeName": "kind", "SearchSchemaElementType": "INLINE_FILTER"}]}
            for distance in ("COSINE", "EUCLIDEAN", "DOT_PRODUCT")],
    )  # fmt: skip
    for first in range(0, COUNT, 25):
        puts = [{"PutRequest": {"Item": _item(number)}} for number in range(first, first + 25)]
        assert client.batch_write_item(RequestItems={"items": puts})["UnprocessedItems"] == {}


def _item(number: int) -> dict[str, Any]:
    return {**_key(number), "kind": {"S": f"k{number % 3}"}, "at": {"N": str(number % 50)}, "x": {"N": str(number)},
            "vector": {"L": _vector(number)}}  # fmt: skip


def _vector(seed: int) -> list[dict[str, str]]:
    dice = random.Random(seed)
    return [{"N": f"{dice.uniform(-1, 1):.6f}"} for _ in range(4)]


def _key(number: int) -> dict[str, Any]:
    return {"id": {"S": f"i{number // 2}"}, "n": {"N": str(number % 2)}}


def _ranges(cloud: Any) -> Any:
    return cloud.dynamodb.router.ranges


def _split(clouds: Any, range_: str = "all", at: int | None = None) -> str:
    """Split a range, and wait until all nodes have done it."""
    status, raw = clouds[0].dynamodb.manage(f"#split/{range_}", json.dumps({"at": at}).encode())
    assert status == 200, raw
    made: str = json.loads(raw)["range"]
    for cloud in clouds:
        until("the split is done here", lambda cloud=cloud: made in _ranges(cloud).all and _settled(cloud))
    return made


def _settled(cloud: Any) -> bool:
    return all(each.ready.is_set() and not each.replica.settling for each in _ranges(cloud).order)


def _pages(operation: Any, **request: Any) -> list[dict[str, Any]]:
    found = [operation(**request)]
    while "LastEvaluatedKey" in found[-1]:
        found.append(operation(**request, ExclusiveStartKey=found[-1]["LastEvaluatedKey"]))
        assert len(found) < 1000
    return found


def _items(pages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for page in pages for item in page["Items"]]


def test_everything_is_as_it_was_before_a_split(pair: Any) -> None:
    """The same requests to the same items in one range and in four: the same answers."""
    clients = [cloud.client("dynamodb") for cloud in pair]
    _filled(clients[0])
    until("the other node has them", lambda: clients[1].scan(TableName="items")["Count"] == COUNT)
    before = [_answers(client) for client in clients]
    assert before[0] == before[1]
    assert _split(pair) == f"{MIDDLE:016x}"
    assert _answers(clients[0]) == before[0]
    _split(pair, f"{MIDDLE:016x}", MIDDLE + (1 << 62))
    _split(pair, "all", 1 << 61)
    for cloud, client in zip(pair, clients, strict=True):
        assert [each.first for each in _ranges(cloud).order] == [0, 1 << 61, MIDDLE, MIDDLE + (1 << 62)]
        held = [Tables.describe(each.replica.tables, "items")[1] for each in _ranges(cloud).order]
        assert sum(held) == COUNT and min(held) > 0  # what went is gone where it was
        assert _answers(client) == before[0]


def _answers(client: Any) -> dict[str, Any]:
    """What a client is told of the table, by everything that reads."""
    name: Any = {"TableName": "items"}
    found: dict[str, Any] = {"count": client.describe_table(**name)["Table"]["ItemCount"]}
    found["indexed"] = client.describe_table(**name)["Table"]["GlobalSecondaryIndexes"][0]["ItemCount"]
    for strong in (False, True):
        here: Any = {**name, "ConsistentRead": strong}
        found[f"items {strong}"] = [client.get_item(**here, Key=_key(number)).get("Item") for number in range(0, COUNT, 17)]
        found[f"scan {strong}"] = _items(_pages(client.scan, **here))
        found[f"pages {strong}"] = _items(_pages(client.scan, **here, Limit=7))
        found[f"segments {strong}"] = [
            _items(_pages(client.scan, **here, Segment=segment, TotalSegments=3, Limit=11)) for segment in range(3)]  # fmt: skip
        found[f"filtered {strong}"] = _items(_pages(client.scan, **here, FilterExpression="x < :m",
                                                    ExpressionAttributeValues={":m": {"N": "100"}}))  # fmt: skip
        found[f"query {strong}"] = client.query(
            **here, KeyConditionExpression="id = :i", ExpressionAttributeValues={":i": {"S": "i7"}})["Items"]  # fmt: skip
        keys = [_key(number) for number in range(40)]
        batch = client.batch_get_item(RequestItems={"items": {"Keys": keys, "ConsistentRead": strong}})
        assert batch["UnprocessedKeys"] == {}
        found[f"batch {strong}"] = sorted(batch["Responses"]["items"], key=str)
        found[f"partiql {strong}"] = client.execute_statement(
            Statement="SELECT * FROM items WHERE id = 'i9'", ConsistentRead=strong)["Items"]  # fmt: skip
    rows, more = [], {}
    while True:
        page = client.execute_statement(Statement="SELECT x FROM items", Limit=13, **more)
        rows += page["Items"]
        if "NextToken" not in page:
            break
        more = {"NextToken": page["NextToken"]}
    found["partiql"] = rows
    of_kind: Any = {**name, "IndexName": "by-kind", "KeyConditionExpression": "kind = :k",
                    "ExpressionAttributeValues": {":k": {"S": "k1"}}}  # fmt: skip
    for forward in (True, False):
        for limit in ({}, {"Limit": 7}):
            asked = {**of_kind, **limit, "ScanIndexForward": forward}
            pages = _pages(client.query, **asked)
            assert not limit or all(page["ScannedCount"] <= 7 for page in pages)
            found[f"index {forward} {limit}"] = _items(pages)
            found[f"counted {forward} {limit}"] = sum(page["Count"] for page in _pages(client.query, **asked, Select="COUNT"))
            values = {**of_kind["ExpressionAttributeValues"], ":m": {"N": "90"}}
            asked |= {"ExpressionAttributeValues": values, "FilterExpression": "#x > :m", "ExpressionAttributeNames": {"#x": "x"}}
            found[f"index filtered {forward} {limit}"] = _items(_pages(client.query, **asked))
            pages = _pages(client.query, **asked, ProjectionExpression="#x")
            found[f"index projected {forward} {limit}"] = _items(pages)
            found[f"looked at {forward} {limit}"] = sum(page["ScannedCount"] for page in pages)
    found["index scan"] = _items(_pages(client.scan, **name, IndexName="by-kind", Limit=19))
    for distance in ("cosine", "euclidean", "dot_product"):
        for top, more in (
            (1, {}), (17, {"ProjectionExpression": "x"}), (100, {}),
            (9, {"SearchConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "k1"}}}),
        ):  # fmt: skip
            asked = {**name, "IndexName": distance, "SearchVector": _vector(-top), "TopK": top, **more}
            found[f"nearest {top} {distance}"] = client.search_vectors(**asked)["SearchResults"]
            assert len(found[f"nearest {top} {distance}"]) == top
    found["index segments"] = [_items(_pages(client.scan, **name, IndexName="by-kind", Segment=at, TotalSegments=2)) for at in (0, 1)]
    return found


def _error(call: Any) -> str:
    from botocore.exceptions import ClientError

    with pytest.raises(ClientError) as told:
        call()
    return f"{told.value.response['Error']['Code']}: {told.value.response['Error']['Message']}"


def test_writes_go_where_their_keys_are(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    name: Any = {"TableName": "items"}
    for number in range(COUNT, COUNT + 24):
        (a, b)[number % 2].put_item(**name, Item=_item(number), ConditionExpression="attribute_not_exists(id)")
    assert "ConditionalCheckFailed" in _error(
        lambda: a.put_item(**name, Item=_item(COUNT), ConditionExpression="attribute_not_exists(id)"))  # fmt: skip
    for number in range(COUNT, COUNT + 8):
        told = b.update_item(**name, Key=_key(number), UpdateExpression="ADD x :one", ReturnValues="UPDATED_NEW",
                             ExpressionAttributeValues={":one": {"N": "1"}})  # fmt: skip
        assert told["Attributes"]["x"]["N"] == str(number + 1)
        assert b.get_item(**name, Key=_key(number))["Item"]["x"]["N"] == str(number + 1)  # who writes here sees it here
    deletes = [{"DeleteRequest": {"Key": _key(number)}} for number in range(COUNT, COUNT + 12)]
    told = a.batch_write_item(RequestItems={"items": deletes}, ReturnConsumedCapacity="TOTAL")
    assert told["UnprocessedItems"] == {} and [each["TableName"] for each in told["ConsumedCapacity"]] == ["items"]
    assert "duplicates" in _error(lambda: a.batch_write_item(RequestItems={"items": [*deletes, deletes[0]]}))
    statements = [{"Statement": f"DELETE FROM items WHERE id = 'i{n // 2}' AND n = {n % 2}"} for n in range(COUNT + 12, COUNT + 24)]
    assert not any("Error" in each for each in b.batch_execute_statement(Statements=statements)["Responses"])
    assert a.scan(**name, ConsistentRead=True, Select="COUNT")["Count"] == COUNT
    b.execute_statement(Statement="INSERT INTO items VALUE {'id': 'late', 'n': 0}")
    assert a.execute_statement(Statement="DELETE FROM items WHERE id = 'late' AND n = 0 RETURNING ALL OLD *")["Items"]


def test_the_control_plane_reaches_every_range(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    ids = [{"AttributeName": "id", "AttributeType": "S"}]
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    for turn in range(2):  # the second one is another table
        b.create_table(TableName="made", KeySchema=schema, AttributeDefinitions=ids, BillingMode="PAY_PER_REQUEST")
        for number in range(40):
            (a, b)[number % 2].put_item(TableName="made", Item={"id": {"S": f"{turn}-{number}"}, "kind": {"S": "k"}})
        assert b.scan(TableName="made", ConsistentRead=True)["Count"] == 40
        kinds = [*ids, {"AttributeName": "kind", "AttributeType": "S"}]
        key = [{"AttributeName": "kind", "KeyType": "HASH"}]
        a.update_table(TableName="made", AttributeDefinitions=kinds, GlobalSecondaryIndexUpdates=[
            {"Create": {"IndexName": "by-kind", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}}])  # fmt: skip

        def found() -> bool:
            told = b.describe_table(TableName="made")["Table"]["GlobalSecondaryIndexes"][0]
            return bool(told["IndexStatus"] == "ACTIVE" and told["ItemCount"] == 40)

        until("the index is there", found)
        of_kind = {"TableName": "made", "IndexName": "by-kind", "KeyConditionExpression": "kind = :k",
                   "ExpressionAttributeValues": {":k": {"S": "k"}}}  # fmt: skip
        until("both nodes have it", lambda of=of_kind: all(each.query(**of)["Count"] == 40 for each in (a, b)))
        a.delete_table(TableName="made")
    assert "made" not in b.list_tables()["TableNames"]
    assert "ResourceNotFound" in _error(lambda: a.put_item(TableName="made", Item={"id": {"S": "x"}}))


def test_native_values(pair: Any) -> None:
    a, b = pair
    table = a.table("native", pk="id:S")
    assert table.load([{"id": f"{n}", "n": n} for n in range(200)]).stored == 200
    other = b.table("native")
    assert other.scan(consistent=True).count() == 200 and other.get("17", consistent=True) == {"id": "17", "n": 17}
    assert table.get("17") == {"id": "17", "n": 17}
    assert len([row for row in other.get_many([(f"{n}",) for n in range(50)], consistent=True) if row]) == 50
    with a.transaction() as together:
        for number in range(20):
            together.delete(table, f"{number}")
    assert other.scan(consistent=True).count() == 180


def test_a_new_node_begins_with_the_checkpoints_of_all_ranges(pair: Any, server: Servers, store: LocalObjects) -> None:
    expected = pair[0].client("dynamodb").scan(TableName="items", ConsistentRead=True)["Items"]
    with cloudcore.open(f"{server.url}/c", objects=store) as c:
        client = c.client("dynamodb")
        assert client.scan(TableName="items", ConsistentRead=True)["Items"] == expected
        until("its own replicas are whole", lambda: len(_ranges(c).order) == 4 and all(each.whole() for each in _ranges(c).order))
        assert client.scan(TableName="items")["Items"] == expected
        assert client.list_tables()["TableNames"] == pair[0].client("dynamodb").list_tables()["TableNames"]


def _cli(*words: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "cloudcore.cli.main", "cluster", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_leaders_move_by_the_command_line(pair: Any, server: Servers) -> None:
    a = pair[0].client("dynamodb")
    for name in ("a", "b", "a"):
        for range_ in ("all", f"{MIDDLE:016x}"):
            code, told = _cli("move", server.url, name, "--range", range_)
            assert code == 0 and f"{name} is to lead {range_}" in told
            at = next(cloud for cloud in pair if cloud.node.name == name)
            until("it leads", lambda at=at, range_=range_: _ranges(at).all[range_].leading)
        a.put_item(TableName="items", Item=_item(3))
    code, told = _cli("status", server.url)
    assert f"us-east-1 {MIDDLE:016x}  led by " in told
    code, told = _cli("move", server.url, "nobody")
    assert code == 1 and "no node 'nobody'" in told
    code, told = _cli("split", server.url, "--at", "0")
    assert code == 1 and "nothing of the range" in told
    code, told = _cli("split", server.url, "--range", "none")
    assert code == 1 and "there is no range" in told


def test_reads_and_writes_go_on_while_ranges_split_and_move(tmp_path: Path, store: LocalObjects) -> None:
    """No eventual read fails, none misses an item that was there before; counters are what was acknowledged."""
    servers = Servers(tmp_path / "nats", 1)
    try:
        with (
            cloudcore.open(f"{servers.url}/a", objects=store) as a,
            cloudcore.open(f"{servers.url}/b", objects=store) as b,
        ):
            _under_load((a, b))
    finally:
        servers.stop()


def _under_load(clouds: tuple[Any, Any]) -> None:
    clients = [cloud.client("dynamodb") for cloud in clouds]
    _filled(clients[0])
    for cloud, client in zip(clouds, clients, strict=True):
        until("it has them", lambda client=client: client.scan(TableName="items")["Count"] == COUNT)
        until("it is ready", lambda cloud=cloud: cloud.dynamodb.range.ready.is_set())
    stop, progress = threading.Event(), [0] * 4  # of the two that read and of the two that count

    def read(at: int) -> int:
        done = 0
        while not stop.is_set():
            client = clients[(at + done) % 2]
            number = (at * 31 + done) % COUNT
            assert client.get_item(TableName="items", Key=_key(number))["Item"]["x"] == {"N": str(number)}
            if done % 10 == 0:
                assert sum(page["Count"] for page in _pages(client.scan, TableName="items", Limit=50)) >= COUNT
                pages = _pages(client.query, TableName="items", IndexName="by-kind", KeyConditionExpression="kind = :k",
                               ExpressionAttributeValues={":k": {"S": "k2"}})  # fmt: skip
                assert sum(page["Count"] for page in pages) == COUNT // 3
                near = client.search_vectors(TableName="items", IndexName="euclidean", SearchVector=_vector(number), TopK=100)
                keys = [(each["Item"]["id"]["S"], each["Item"]["n"]["N"]) for each in near["SearchResults"]]
                assert len(set(keys)) == 100 and keys[0] == (f"i{number // 2}", str(number % 2))
            done += 1
            progress[at] += done % 10 == 1  # everything was read
        return done

    def count(at: int) -> list[int]:
        done = [0] * 20
        while not stop.is_set():
            for each in range(20):
                clients[(at + each) % 2].update_item(
                    TableName="items", Key={"id": {"S": f"counter{each}"}, "n": {"N": "0"}}, UpdateExpression="ADD x :one",
                    ExpressionAttributeValues={":one": {"N": "1"}})  # fmt: skip
                done[each] += 1
                progress[2 + at] += 1
        return done

    with ThreadPoolExecutor(5) as pool:
        reads = [pool.submit(read, at) for at in range(2)]
        counts = [pool.submit(count, at) for at in range(2)]
        try:
            for range_, at in (("all", None), (f"{MIDDLE:016x}", None), ("all", 1 << 62)):
                made = _split(clouds, range_, at)
                heir = next(cloud for cloud in clouds if not _ranges(cloud).all[made].leading)
                told = json.dumps({"to": heir.node.name}).encode()
                assert clouds[0].dynamodb.manage(f"#move/{made}", told)[0] == 200
                until("it moved", lambda heir=heir, made=made: _ranges(heir).all[made].leading)
                goals = [each + 2 for each in progress]
                until("more was done", lambda goals=goals: all(now >= goal for now, goal in zip(progress, goals, strict=True)))
        finally:
            stop.set()
        assert min(each.result(60) for each in reads) > 0
        totals = [sum(each) for each in zip(*(each.result(60) for each in counts), strict=True)]
    found = {item["id"]["S"]: int(item["x"]["N"]) for item in
             _items(_pages(clients[0].scan, TableName="items", ConsistentRead=True)) if item["id"]["S"].startswith("counter")}  # fmt: skip
    assert [found[f"counter{each}"] for each in range(20)] == totals
