"""A cloud whose tables are ten times their memory budget: every verb, indexes, streams, backups and reopening give what
they give without a budget, and memory stays within it."""

from __future__ import annotations

import contextlib
import json
import random
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore import sizes
from cloudcore.errors import CorruptError

BUDGET = 4 << 20
SLACK = 2 << 20  # one page of a scan, or the batch being written
COUNT, SIZE = 12_000, 3_400


def item(number: int, version: int = 0) -> dict[str, Any]:
    body = (f"{number:x}.{version}." * SIZE)[:SIZE]
    return {"pk": f"p{number // 100}", "sk": number, "version": version, "group": number % 40, "body": body}


def within(cloud: cloudcore.Cloud) -> dict[str, int]:
    info = cloud.dynamodb.tables.info()
    assert info["budget_bytes"] == BUDGET
    assert info["used_bytes"] <= BUDGET + SLACK
    assert info["memory_bytes"] <= BUDGET + SLACK + (4 << 20)
    assert info["spill_failures"] == 0
    return info


def test_ten_times_the_budget(tmp_path: Path) -> None:
    version = dict.fromkeys(range(COUNT), 0)
    order = list(range(COUNT))
    random.Random(5).shuffle(order)
    with cloudcore.open(tmp_path, memory="4MiB") as cloud:
        table = cloud.table("items", pk="pk:S", sk="sk:N")
        with table.batch() as batch:
            batch.extend(item(number) for number in order)
        assert within(cloud)["spilled_bytes"] > 8 * BUDGET
        for number in order[:400]:
            assert table.get(f"p{number // 100}", number) == item(number)
        within(cloud)
        # a query, forward and back, and a scan of everything
        assert list(table.query("p7")) == [item(number) for number in range(700, 800)]
        assert table.query("p9").count() == 100
        assert sorted(found["sk"] for found in table.scan()) == list(range(COUNT))
        within(cloud)
        # updates, overwrites, deletes, a transaction, PartiQL
        for number in order[:1000]:
            table.put(item(number, 1))
            version[number] = 1
        for number in order[1000:1100]:
            table.delete(f"p{number // 100}", number)
            del version[number]
        client = cloud.client("dynamodb")
        for number in order[1100:1200]:
            client.update_item(
                TableName="items", Key={"pk": {"S": f"p{number // 100}"}, "sk": {"N": str(number)}},
                UpdateExpression="SET version = :v, body = :b", ConditionExpression="version = :old",
                ExpressionAttributeValues={
                    ":v": {"N": "2"}, ":old": {"N": "0"}, ":b": {"S": item(number, 2)["body"]}},
            )  # fmt: skip
            version[number] = 2
        gone = order[1000]
        with pytest.raises(client.exceptions.ConditionalCheckFailedException):
            client.update_item(
                TableName="items", Key={"pk": {"S": f"p{gone // 100}"}, "sk": {"N": str(gone)}},
                UpdateExpression="SET version = :v", ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":v": {"N": "2"}},
            )  # fmt: skip
        client.transact_write_items(
            TransactItems=[
                {"Delete": {"TableName": "items", "Key": {"pk": {"S": f"p{n // 100}"}, "sk": {"N": str(n)}},
                            "ConditionExpression": "attribute_exists(body)"}}
                for n in order[1200:1290]
            ]
        )  # fmt: skip
        for number in order[1200:1290]:
            del version[number]
        cloud.execute("UPDATE items SET version = 0 WHERE pk = ? AND sk = ?", f"p{order[0] // 100}", order[0])
        table.put(item(order[0], 1))
        within(cloud)
        check_all(cloud, version)
        cloud.dynamodb.tables.checkpoint()
        check_all(cloud, version)
    with cloudcore.open(tmp_path, memory="4MiB") as cloud:
        within(cloud)
        check_all(cloud, version)
    with cloudcore.open(tmp_path) as cloud:  # and without a budget
        assert cloud.dynamodb.tables.info()["spilled_items"] == 0
        check_all(cloud, version)


def check_all(cloud: cloudcore.Cloud, version: dict[int, int]) -> None:
    table = cloud.table("items")
    seen = 0
    for found in table.scan():
        number = int(found["sk"])
        assert found == item(number, version[number])
        seen += 1
    assert seen == len(version) == table.info()["items"]
    if cloud.memory:
        within(cloud)


def test_indexes_streams_and_backups(tmp_path: Path) -> None:
    """What looks at old values, or at all of them."""
    count = 4_000
    with cloudcore.open(tmp_path, memory=BUDGET) as cloud:
        client = cloud.client("dynamodb")
        client.create_table(
            TableName="items", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"},
                                  {"AttributeName": "sk", "AttributeType": "N"},
                                  {"AttributeName": "group", "AttributeType": "N"}],
            GlobalSecondaryIndexes=[{"IndexName": "by_group",
                                     "KeySchema": [{"AttributeName": "group", "KeyType": "HASH"}],
                                     "Projection": {"ProjectionType": "ALL"}}],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )  # fmt: skip
        table = cloud.table("items")
        with table.batch() as batch:
            batch.extend(item(number) for number in range(count))
        assert within(cloud)["spilled_items"] > count / 2
        backup = client.create_backup(TableName="items", BackupName="backup")["BackupDetails"]["BackupArn"]
        for number in range(0, count, 7):  # of most the index key moves, and the old image is on the disk
            table.put({**item(number, 1), "group": 100 + number % 3})
        within(cloud)
        groups = client.query(
            TableName="items", IndexName="by_group", KeyConditionExpression="#g = :g", Limit=1000, Select="COUNT",
            ExpressionAttributeNames={"#g": "group"}, ExpressionAttributeValues={":g": {"N": "100"}},
        )  # fmt: skip
        expected = [n for n in range(0, count, 7) if n % 3 == 0]
        assert groups["Count"] == len(expected)
        stay = [n for n in range(count) if n % 7 and n % 40 == 11]
        found = table.query(11, index="by_group")
        assert sorted(int(each["sk"]) for each in found) == stay
        within(cloud)
        changes = [change for change in table.changes() if change.old is not None]
        assert len(changes) == len(range(0, count, 7))
        assert all(change.old["body"] == item(int(change.old["sk"]))["body"] for change in changes)
        while (
            client.describe_backup(BackupArn=backup)["BackupDescription"]["BackupDetails"]["BackupStatus"]
            == "CREATING"
        ):
            time.sleep(0.01)
        client.restore_table_from_backup(TargetTableName="back", BackupArn=backup)
        client.get_waiter("table_exists").wait(TableName="back")
        restored = {int(each["sk"]): each for each in cloud.table("back").scan()}
        assert restored == {number: item(number) for number in range(count)}
        within(cloud)
    with cloudcore.open(tmp_path, memory=BUDGET) as cloud:  # indexes are made again, within the budget
        within(cloud)
        found = cloud.table("items").query(11, index="by_group")
        assert sorted(int(each["sk"]) for each in found) == stay


def test_damaged_bytes_are_an_error_and_lose_nothing(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path, memory=BUDGET) as cloud:
        table = cloud.table("items", pk="pk:S", sk="sk:N")
        with table.batch() as batch:
            batch.extend(item(number) for number in range(3_000))
        (pages,) = tmp_path.glob("**/pages")
        kept = pages.read_bytes()
        pages.write_bytes(kept[:16384] + bytes(len(kept) - 16384))
        bad = 0
        for number in range(0, 3_000, 50):
            with contextlib.suppress(CorruptError):
                assert table.get(f"p{number // 100}", number) == item(number)
                continue
            bad += 1
            with pytest.raises(CorruptError, match="page file"):
                table.get(f"p{number // 100}", number)
            if bad < 10:
                with pytest.raises(CorruptError):  # the condition would have been false
                    cloud.client("dynamodb").put_item(
                        TableName="items", Item={"pk": {"S": f"p{number // 100}"}, "sk": {"N": str(number)}},
                        ConditionExpression="attribute_not_exists(pk)",
                    )  # fmt: skip
        assert bad > 20
        with pytest.raises(CorruptError):
            list(table.scan())
        endpoint = cloud.serve()
        request = urllib.request.Request(
            endpoint.url, b'{"TableName": "items"}',
            {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0"},
        )  # fmt: skip
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request)
        assert refused.value.code == 500
        assert json.loads(refused.value.read())["__type"].endswith("InternalServerError")
        pages.write_bytes(kept)
        assert table.get("p0", 0) == item(0)
    with cloudcore.open(tmp_path, memory=BUDGET) as cloud:
        assert sum(1 for _ in cloud.table("items").scan()) == 3_000


def test_reported(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path, memory="4MiB") as cloud:
        table = cloud.table("items", pk="pk:S", sk="sk:N")
        with table.batch() as batch:
            batch.extend(item(number) for number in range(3_000))
        endpoint = cloud.serve()
        text = urllib.request.urlopen(f"{endpoint.url}/_cloudcore/metrics").read().decode()
        assert (
            'cloudcore_store_memory_budget_bytes{account="000000000000",region="us-east-1",store="tables"} 4194304'
            in text
        )
        (line,) = [line for line in text.splitlines() if line.startswith("cloudcore_store_spilled_items{")]
        assert int(line.split()[-1]) > 1_000
        from cloudcore.cli import top

        found = json.loads(urllib.request.urlopen(f"{endpoint.url}/_cloudcore/metrics.json").read())
        assert " of 4 MB, " in top.lines(found, found, 1.0, "here")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("512MiB", 512 << 20), ("1.5 GiB", 3 << 29), ("2GB", 2_000_000_000), ("64m", 64 << 20), ("123456789", 123456789),
     (8 << 20, 8 << 20), ("7 kb", 7000), ("1TiB", 1 << 40), ("5b", 5)],
)  # fmt: skip
def test_sizes(text: str | int, expected: int) -> None:
    assert sizes.parse(text) == expected


@pytest.mark.parametrize("text", ["", "MiB", "12 parsecs", "-5", "1e9", "5MiBs", "0x10"])
def test_no_sizes(text: str) -> None:
    with pytest.raises(ValueError, match="a size is"):
        sizes.parse(text)


def test_said_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLOUDCORE_MEMORY", "5MiB")
    with cloudcore.open(tmp_path) as cloud:
        assert cloud.dynamodb.tables.info()["budget_bytes"] == 5 << 20
    with cloudcore.open(tmp_path, memory="6MiB") as cloud:
        assert cloud.dynamodb.tables.info()["budget_bytes"] == 6 << 20
    with cloudcore.open(":memory:") as cloud:
        assert cloud.dynamodb.tables.info()["budget_bytes"] == 0


def test_budgets_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least 4MiB"):
        cloudcore.open(tmp_path, memory="1MiB")
    with pytest.raises(ValueError, match="below zero"):
        cloudcore.open(tmp_path, memory=-1)
    with pytest.raises(ValueError, match="needs a directory"):
        cloudcore.open(":memory:", memory="1GiB")
    with pytest.raises(ValueError, match="needs a directory"):
        cloudcore.open(tmp_path, memory="1GiB", durability="memory")
    with pytest.raises(ValueError, match="needs a directory"):
        cloudcore.open("nats://127.0.0.1:1/a", memory="1GiB")
