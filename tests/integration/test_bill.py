"""What would it have cost: units counted exactly, kept over runs, priced by a file that can be edited."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.billing import Ledger, Prices
from cloudcore.cli.main import main
from cloudcore.clock import ManualClock

KB = "x" * 1024


@pytest.fixture
def cloud() -> Iterator[cloudcore.Cloud]:
    with cloudcore.open(":memory:") as made:
        yield made


def units(cloud: cloudcore.Cloud, table: str = "orders") -> tuple[float, int]:
    found = cloud.dynamodb.billed()[table]
    return found["read_units"], int(found["write_units"])


def make(cloud: cloudcore.Cloud, **more: Any) -> Any:
    db = cloud.client("dynamodb")
    db.create_table(
        TableName="orders", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, *more.pop("definitions", [])], **more,
    )  # fmt: skip
    return db


@pytest.mark.parametrize(
    ("size", "write", "eventual", "strong"), [(100, 1, 0.5, 1), (1000, 1, 0.5, 1), (1100, 2, 0.5, 1), (5000, 5, 1, 2), (9000, 9, 1.5, 3)]
)
def test_units_of_an_item(cloud: cloudcore.Cloud, size: int, write: int, eventual: float, strong: float) -> None:
    db = make(cloud)
    item = {"id": {"S": "a"}, "d": {"S": "x" * (size - 4)}}
    db.put_item(TableName="orders", Item=item)
    assert units(cloud) == (0, write)
    db.get_item(TableName="orders", Key={"id": {"S": "a"}})
    assert units(cloud) == (eventual, write)
    db.get_item(TableName="orders", Key={"id": {"S": "a"}}, ConsistentRead=True)
    assert units(cloud) == (eventual + strong, write)
    # What is metered is what ReturnConsumedCapacity says.
    before = units(cloud)
    asked = {"TableName": "orders", "Key": {"id": {"S": "a"}}, "ReturnConsumedCapacity": "TOTAL"}
    said = db.get_item(**asked)["ConsumedCapacity"]["CapacityUnits"]
    said_write = db.delete_item(**asked)["ConsumedCapacity"]["CapacityUnits"]
    assert (units(cloud)[0] - before[0], units(cloud)[1] - before[1]) == (said, said_write)


def test_a_missing_item_costs_a_read(cloud: cloudcore.Cloud) -> None:
    make(cloud).get_item(TableName="orders", Key={"id": {"S": "a"}})
    assert units(cloud) == (0.5, 0)
    assert cloud.table("orders").get("a") is None
    assert units(cloud) == (1.0, 0)


def test_every_verb_is_metered_as_it_says(cloud: cloudcore.Cloud) -> None:
    db = make(
        cloud, definitions=[{"AttributeName": "day", "AttributeType": "S"}],
        GlobalSecondaryIndexes=[{
            "IndexName": "by_day", "KeySchema": [{"AttributeName": "day", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }],
    )  # fmt: skip
    key = {"id": {"S": "a"}}
    calls = [
        ("put_item", {"Item": {**key, "day": {"S": "mo"}, "d": {"S": KB}}}),
        ("update_item", {"Key": key, "UpdateExpression": "SET #d = :d", "ExpressionAttributeNames": {"#d": "day"},
                         "ExpressionAttributeValues": {":d": {"S": "tu"}}}),
        ("query", {"KeyConditionExpression": "id = :i", "ExpressionAttributeValues": {":i": {"S": "a"}}}),
        ("query", {"IndexName": "by_day", "KeyConditionExpression": "#d = :d", "ExpressionAttributeNames": {"#d": "day"},
                   "ExpressionAttributeValues": {":d": {"S": "tu"}}}),
        ("scan", {}), ("scan", {"ConsistentRead": True}), ("delete_item", {"Key": key}),
    ]  # fmt: skip
    for operation, params in calls:
        before = units(cloud)
        said = getattr(db, operation)(TableName="orders", ReturnConsumedCapacity="TOTAL", **params)
        after = units(cloud)
        metered = (after[0] - before[0]) + (after[1] - before[1])
        assert metered == said["ConsumedCapacity"]["CapacityUnits"] > 0, operation
    before = units(cloud)
    items = [{"PutRequest": {"Item": {"id": {"S": str(n)}, "d": {"S": KB * n}}}} for n in range(1, 6)]
    said = db.batch_write_item(RequestItems={"orders": items}, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert units(cloud)[1] - before[1] == said[0]["CapacityUnits"]
    before = units(cloud)
    keys = {"orders": {"Keys": [{"id": {"S": str(n)}} for n in range(1, 8)]}}
    said = db.batch_get_item(RequestItems=keys, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert units(cloud)[0] - before[0] == said[0]["CapacityUnits"]
    before = units(cloud)
    actions = [{"Put": {"TableName": "orders", "Item": {"id": {"S": "t"}, "d": {"S": KB}}}},
               {"ConditionCheck": {"TableName": "orders", "Key": {"id": {"S": "1"}}, "ConditionExpression": "attribute_exists(id)"}}]  # fmt: skip
    said = db.transact_write_items(TransactItems=actions, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert units(cloud)[1] - before[1] == said[0]["CapacityUnits"]
    before = units(cloud)
    gets = [{"Get": {"TableName": "orders", "Key": {"id": {"S": n}}}} for n in ("1", "absent")]
    said = db.transact_get_items(TransactItems=gets, ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]
    assert units(cloud)[0] - before[0] == said[0]["CapacityUnits"] == 4


def test_an_update_of_the_table_keeps_its_meter(cloud: cloudcore.Cloud) -> None:
    db = make(cloud)
    db.put_item(TableName="orders", Item={"id": {"S": "a"}})
    db.update_time_to_live(TableName="orders", TimeToLiveSpecification={"Enabled": True, "AttributeName": "ends"})
    assert units(cloud) == (0, 1)


def test_pages_are_metered_exactly_whatever_was_written_how(tmp_path: Path) -> None:
    """Sizes come from notes beside the items: set by writes, found by reads after an open, gone with a change."""
    db: Any = None

    def page(**more: Any) -> tuple[float, float]:
        before = units(cloud)[0]
        db.query(TableName="orders", Select="COUNT", KeyConditionExpression="id = :i",
                 ExpressionAttributeValues={":i": {"S": "a"}}, **more)  # fmt: skip
        said = db.scan(TableName="orders", ReturnConsumedCapacity="TOTAL")["ConsumedCapacity"]["CapacityUnits"]
        return units(cloud)[0] - before - said, said

    def item(n: int, size: int) -> dict[str, Any]:
        return {"id": {"S": "a"}, "n": {"N": str(n)}, "m": {"M": {"l": {"L": [{"NULL": True}]}}}, "d": {"S": "x" * size}}

    sizes = dict.fromkeys(range(40), 100)

    def expected() -> float:
        # names, the map of a list of a null (3 + 1 + 1 + 3 + 1 + 1), and numbers: two digits a byte, and one more
        size = sum(2 + 1 + 1 + 1 + 10 + 1 + 1 + k + (1 + (len(str(n).rstrip("0")) + 1) // 2 if n else 1) for n, k in sizes.items())
        return (size + 4095) // 4096 / 2

    with cloudcore.open(tmp_path / "c") as cloud:
        db = cloud.client("dynamodb")
        db.create_table(
            TableName="orders", BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "n", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}, {"AttributeName": "n", "AttributeType": "N"}],
        )  # fmt: skip
        for n in range(25):
            db.put_item(TableName="orders", Item=item(n, 100))
        puts = [{"PutRequest": {"Item": item(n, 100)}} for n in range(25, 40)]
        db.batch_write_item(RequestItems={"orders": puts})
        assert page() == (expected(), expected())
        for n, size in ((3, 5000), (4, 100), (5, 70_000)):
            sizes[n] = size
            db.update_item(TableName="orders", Key={"id": {"S": "a"}, "n": {"N": str(n)}}, UpdateExpression="SET d = :d",
                           ExpressionAttributeValues={":d": {"S": "x" * size}})  # fmt: skip
        assert page() == (expected(), expected())
    with cloudcore.open(tmp_path / "c") as cloud:  # recovery writes no notes
        db = cloud.client("dynamodb")
        assert page() == page() == (expected(), expected())
        assert page(ConsistentRead=True) == (2 * expected(), expected())


def test_the_library_is_metered_as_the_wire_is(cloud: cloudcore.Cloud) -> None:
    table = cloud.table("orders", pk="id:S")
    table.put({"id": "a", "d": KB})
    table.put({"id": "a"})  # what it replaces was bigger
    assert units(cloud) == (0, 4)
    table.get("a")
    table.get("a", consistent=True)
    assert units(cloud) == (1.5, 4)
    table.load([{"id": str(n), "d": KB} for n in range(10)])
    assert units(cloud) == (1.5, 24)


def test_a_refusal_and_a_repetition_cost_no_writes(cloud: cloudcore.Cloud) -> None:
    db = make(cloud)
    put = {"Put": {"TableName": "orders", "Item": {"id": {"S": "a"}}, "ConditionExpression": "attribute_not_exists(id)"}}
    for _ in range(2):
        db.transact_write_items(TransactItems=[put], ClientRequestToken="once")
    assert units(cloud) == (2, 2)  # the second time read what the first had written
    with pytest.raises(db.exceptions.TransactionCanceledException):
        db.transact_write_items(TransactItems=[put, {"Put": {"TableName": "orders", "Item": {"id": {"S": "b"}}}}])
    assert units(cloud) == (2, 2)


def test_a_condition_that_does_not_hold_costs_the_write(cloud: cloudcore.Cloud) -> None:
    db = make(cloud)
    db.put_item(TableName="orders", Item={"id": {"S": "a"}, "d": {"S": "x" * 3000}})
    key = {"id": {"S": "a"}}
    for call, cost in [
        (lambda: db.put_item(TableName="orders", Item=key, ConditionExpression="attribute_not_exists(id)"), 3),
        (lambda: db.delete_item(TableName="orders", Key=key, ConditionExpression="attribute_not_exists(id)"), 3),
        (lambda: db.update_item(TableName="orders", Key={"id": {"S": "b"}}, UpdateExpression="SET n = :n",
            ConditionExpression="attribute_exists(id)", ExpressionAttributeValues={":n": {"N": "1"}}), 1),
    ]:  # fmt: skip
        before = units(cloud)
        with pytest.raises(db.exceptions.ConditionalCheckFailedException):
            call()
        assert units(cloud) == (before[0], before[1] + cost)


def test_capacity_that_is_kept_is_billed_by_the_hour_and_covers_its_units() -> None:
    clock = ManualClock()
    with cloudcore.open(":memory:", clock=clock) as cloud:
        db = make(cloud)
        lines = lambda: {line.what: line for line in cloud.bill()}  # noqa: E731
        db.put_item(TableName="orders", Item={"id": {"S": "a"}})
        capacity = {"ReadCapacityUnits": 10, "WriteCapacityUnits": 4}
        clock.advance(3600)
        db.update_table(TableName="orders", BillingMode="PROVISIONED", ProvisionedThroughput=capacity)
        clock.advance(2 * 3600)
        for n in range(5):
            db.put_item(TableName="orders", Item={"id": {"S": str(n)}})
        found = lines()
        assert found["provisioned read capacity"].quantity == pytest.approx(20)
        assert found["provisioned write capacity"].amount == pytest.approx(8 * 0.00065)
        assert found["write request units"].quantity == 1  # the one before
        db.update_table(TableName="orders", ProvisionedThroughput={"ReadCapacityUnits": 1, "WriteCapacityUnits": 1})
        clock.advance(3600)
        assert lines()["provisioned read capacity"].quantity == pytest.approx(21)
        db.delete_table(TableName="orders")
        clock.advance(3600)
        found = lines()
        assert found["provisioned write capacity"].quantity == pytest.approx(9) and found["write request units"].quantity == 1


def test_backups_recovery_and_reads_of_streams(cloud: cloudcore.Cloud) -> None:
    db = make(cloud, StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"})
    for n in range(50):
        db.put_item(TableName="orders", Item={"id": {"S": str(n)}, "d": {"S": KB}})
    streams = cloud.client("dynamodbstreams")
    (stream,) = streams.list_streams()["Streams"]
    (shard,) = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]
    where = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    iterator = streams.get_shard_iterator(**where)["ShardIterator"]
    for _ in range(3):
        iterator = streams.get_records(ShardIterator=iterator)["NextShardIterator"]
    db.create_backup(TableName="orders", BackupName="first")
    db.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    found = {line.what: line for line in cloud.bill()}
    size = db.describe_table(TableName="orders")["Table"]["TableSizeBytes"]
    assert found["reads of its stream"].amount == pytest.approx(3 * 0.02 / 1e5)
    assert found["point-in-time recovery for a month at its present size"].amount == pytest.approx(size / (1 << 30) * 0.20)
    backup = found["backups for a month at their present size"]
    assert backup.quantity == pytest.approx(size / (1 << 30)) and backup.amount == pytest.approx(backup.quantity * 0.10)
    db.delete_table(TableName="orders")
    found = {line.what: line for line in cloud.bill()}
    assert "backups for a month at their present size" in found and "storage for a month at its present size" not in found


def test_restores_exports_and_imports(cloud: cloudcore.Cloud) -> None:
    db, jobs = make(cloud), cloud.dynamodb.jobs
    for n in range(50):
        db.put_item(TableName="orders", Item={"id": {"S": str(n)}, "d": {"S": KB}})
    size = db.describe_table(TableName="orders")["Table"]["TableSizeBytes"]
    backup = db.create_backup(TableName="orders", BackupName="first")["BackupDetails"]["BackupArn"]
    assert jobs.wait(f"backup-{backup.rpartition('/')[2]}", 60)
    db.restore_table_from_backup(TargetTableName="again", BackupArn=backup)
    assert jobs.wait("restore-again", 60)
    db.update_continuous_backups(TableName="orders", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True})
    arn = db.describe_table(TableName="orders")["Table"]["TableArn"]
    export = db.export_table_to_point_in_time(TableArn=arn, S3Bucket="lake")["ExportDescription"]["ExportArn"]
    assert jobs.wait(f"export-{export.rpartition('/')[2]}", 60)
    exported = db.describe_export(ExportArn=export)["ExportDescription"]["BilledSizeBytes"]
    line = json.dumps({"Item": {"id": {"S": "a"}}}).encode()
    cloud.objects.put("lake", "in/a.json", line)
    begun = db.import_table(
        S3BucketSource={"S3Bucket": "lake", "S3KeyPrefix": "in/"}, InputFormat="DYNAMODB_JSON",
        TableCreationParameters={
            "TableName": "read", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        },
    )["ImportTableDescription"]["ImportArn"]  # fmt: skip
    assert jobs.wait(f"import-{begun.rpartition('/')[2]}", 60)
    found = {(row.name, row.what): row for row in cloud.bill() if row.unit == "GB"}
    for key, counted, price in [
        (("again", "restored from a backup or a moment"), size, 0.15), (("orders", "exported to objects"), exported, 0.10),
        (("read", "imported from objects"), len(line), 0.15),
    ]:  # fmt: skip
        assert counted > 0 and found[key].quantity == pytest.approx(counted / (1 << 30))
        assert found[key].amount == pytest.approx(found[key].quantity * price)
    assert len(found) == 3


def test_without_a_meter_nothing_is_counted() -> None:
    with cloudcore.open(":memory:", meter=False) as cloud:
        table = cloud.table("orders", pk="id:S")
        table.put({"id": "a"})
        table.get("a")
        assert list(table.scan()) == [{"id": "a"}]
        assert units(cloud) == (0, 0)


def test_what_is_gone_stays_on_the_bill(cloud: cloudcore.Cloud) -> None:
    db = make(cloud)
    db.put_item(TableName="orders", Item={"id": {"S": "a"}})
    db.delete_table(TableName="orders")
    make(cloud).put_item(TableName="orders", Item={"id": {"S": "a"}})
    stream = cloud.stream("clicks")
    stream.put_batch([b"a"])
    cloud.firehose.delete("clicks")
    found = {(line.kind, line.what): line.quantity for line in cloud.bill()}
    assert found["table", "write request units"] == 2
    assert found["stream", "records, each up to whole 5 KB"] == 5120 / (1 << 30)


def test_records_are_billed_in_whole_five_kilobytes(cloud: cloudcore.Cloud) -> None:
    stream = cloud.stream("clicks")
    stream.put_batch([b"a", b"b" * 5120, b"c" * 5121, b"d" * 20_000])
    assert stream.billed()["billed_bytes"] == 5120 * (1 + 1 + 2 + 4)
    firehose = cloud.boto3_session().client("firehose")
    firehose.put_record_batch(DeliveryStreamName="clicks", Records=[{"Data": b"e"}, {"Data": b"f" * 6000}])
    assert stream.billed()["billed_bytes"] == 5120 * (8 + 3)
    assert stream.status()["billed_bytes"] == 5120 * 11


def test_lines_and_amounts(cloud: cloudcore.Cloud) -> None:
    db = make(cloud)
    for n in range(4):
        db.put_item(TableName="orders", Item={"id": {"S": str(n)}})
    cloud.stream("clicks", format="parquet", schema="id int").put_batch([b'{"id": 1}'] * 1000)

    @cloud.function("greet", memory=1024)
    def greet(event: Any, context: Any) -> int:
        return 1

    greet.invoke({})
    found = {(line.kind, line.name, line.what): line for line in cloud.bill()}
    writes = found["table", "orders", "write request units"]
    assert (writes.quantity, writes.amount) == (4, pytest.approx(4 * 0.625 / 1e6))
    taken = found["stream", "clicks", "records, each up to whole 5 KB"]
    assert taken.quantity == 1000 * 5120 / (1 << 30)
    assert found["stream", "clicks", "format conversion"].amount == pytest.approx(taken.quantity * 0.018)
    assert found["function", "greet", "requests"].amount == pytest.approx(0.20 / 1e6)
    billed = cloud.lambda_.usage("greet")["billed_ms"] / 1000
    assert found["function", "greet", "compute"].quantity == pytest.approx(billed)
    assert cloud.lambda_.stats("greet")["cost"]["duration"] == pytest.approx(billed * 0.0000166667)


def test_idle_costs_nothing(cloud: cloudcore.Cloud) -> None:
    cloud.stream("clicks")
    assert cloud.bill() == []


def test_kept_over_runs_and_over_a_kill(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = str(tmp_path / "c")
    with cloudcore.open(data) as cloud:
        make(cloud).put_item(TableName="orders", Item={"id": {"S": "a"}})
    with cloudcore.open(data) as cloud:
        cloud.table("orders").put({"id": "b"})
        assert cloud.used()["table/000000000000/us-east-1/orders"]["write_units"] == 2
    assert main(["bill", "--data", data, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert next(line["quantity"] for line in found["lines"] if line["what"] == "write request units") == 2
    process = subprocess.Popen(
        [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", data], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert main(["bill", "--data", data]) == 0
    assert "write request units" in capsys.readouterr().out
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert main(["bill", "--data", data, "--reset"]) == 0
    assert "write request units" in capsys.readouterr().out
    assert main(["bill", "--data", data, "--json"]) == 0
    lines = json.loads(capsys.readouterr().out)["lines"]
    assert [line["what"] for line in lines] == ["storage for a month at its present size"]


def test_a_ledger_adds_up(tmp_path: Path) -> None:
    path, now = str(tmp_path / "usage.json"), {"table/1/r/t": {"units": 5.0}}
    first = Ledger(path, lambda: now)
    first.close()
    first.close()
    second = Ledger(path, lambda: {"table/1/r/t": {"units": 2.0}, "table/1/r/u": {"units": 1.0}})
    assert second.totals() == {"table/1/r/t": {"units": 7.0}, "table/1/r/u": {"units": 1.0}}
    assert second.since == first.since
    second.reset()
    assert {key: counts["units"] for key, counts in second.totals().items()} == {"table/1/r/t": 0, "table/1/r/u": 0}
    second.close()
    (tmp_path / "usage.json").write_text("{broken")
    assert Ledger(path, dict).totals() == {}


@pytest.mark.parametrize(("text", "words"), [("date = 1", "source is missing"), ("[", "usage.toml: ")])
def test_price_files_that_are_none(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "usage.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=words):
        Prices(str(path))


def test_prices_of_ones_own(tmp_path: Path, cloud: cloudcore.Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    make(cloud).put_item(TableName="orders", Item={"id": {"S": "a"}})
    text = Path(Prices().path).read_text().replace("per_million_write_units = 0.625", "per_million_write_units = 1e6")
    (tmp_path / "mine.toml").write_text(text)
    monkeypatch.setenv("CLOUDCORE_PRICES", str(tmp_path / "mine.toml"))
    assert next(line.amount for line in cloud.bill() if line.what == "write request units") == 1.0
    (tmp_path / "mine.toml").write_text(text.replace("per_million_write_units = 1e6", ""))
    with pytest.raises(ValueError, match=r"dynamodb\.STANDARD\.per_million_write_units is missing"):
        cloud.bill()
