"""What the leader of a cluster's tables does beside requests, on a real NATS JetStream server: backups and restores, imports,
bulk puts, the Kinesis destination; and that another leader goes on with it."""

from __future__ import annotations

import datetime
import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import BotoCoreError, ClientError
from cluster_load import leader
from cluster_producers import s3 as s3_of
from cluster_support import Nodes, Servers, stream_to, until

from cloudcore.objects import LocalObjects

KEYS = [{"AttributeName": "id", "KeyType": "HASH"}]
IDS = [{"AttributeName": "id", "AttributeType": "S"}]
TABLE: dict[str, Any] = {"KeySchema": KEYS, "AttributeDefinitions": IDS, "BillingMode": "PAY_PER_REQUEST"}


def active(client: Any, name: str) -> Any:
    def said() -> bool:
        try:
            return bool(client.describe_table(TableName=name)["Table"]["TableStatus"] == "ACTIVE")
        except (BotoCoreError, ClientError):
            return False

    return until(f"{name} is active", said)


def _nothing(node: Any, stream: str) -> bool:
    """Whether a stream holds no message of any subject."""
    return not node.link.run(node.link.js.stream_info(stream, ">")).state.subjects


def available(client: Any, arn: str) -> Any:
    def said() -> bool:
        try:
            found = client.describe_backup(BackupArn=arn)["BackupDescription"]["BackupDetails"]
        except BotoCoreError:
            return False
        return bool(found["BackupStatus"] == "AVAILABLE")

    return until("the backup is there", said)


def test_a_backup_is_every_nodes(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    table = pair[0].table("kept", pk="id:S")
    table.load([{"id": f"{n}", "n": n, "pad": "x" * 400} for n in range(2000)])
    arn = b.create_backup(TableName="kept", BackupName="one")["BackupDetails"]["BackupArn"]
    table.put({"id": "late"})
    available(a, arn)
    assert [one["BackupArn"] for one in a.list_backups()["BackupSummaries"]] == [arn]
    assert b.describe_backup(BackupArn=arn)["BackupDescription"]["SourceTableDetails"]["ItemCount"] == 2000
    a.delete_table(TableName="kept")
    b.restore_table_from_backup(TargetTableName="again", BackupArn=arn)
    for client, cloud in zip((a, b), pair, strict=True):
        active(client, "again")
        found = list(cloud.table("again").scan(consistent=True))
        assert sorted(one["n"] for one in found) == list(range(2000)) and all(one["pad"] == "x" * 400 for one in found)
    pair[1].table("again").put({"id": "0", "n": -1})
    a.delete_backup(BackupArn=arn)
    with pytest.raises(ClientError, match="BackupNotFoundException"):
        b.describe_backup(BackupArn=arn)
    until("nothing of it is left", lambda: _nothing(pair[0].node, "cc-backups"))


def test_any_moment_can_be_restored_and_exported(pair: Any, store: LocalObjects) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    table = pair[1].table("timed", pk="id:S")
    table.load([{"id": f"{n}", "n": 0} for n in range(300)])
    told = a.update_continuous_backups(
        TableName="timed", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
    )["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]  # fmt: skip
    assert told["PointInTimeRecoveryStatus"] == "ENABLED"
    for n in range(100):
        pair[n % 2].table("timed").put({"id": f"{n}", "n": 1})
    moment = datetime.datetime.now(datetime.UTC)
    time.sleep(0.01)  # what is written later has a later time
    for n in range(100):
        pair[n % 2].table("timed").delete(f"{n}")
    b.restore_table_to_point_in_time(SourceTableName="timed", TargetTableName="then", RestoreDateTime=moment)
    a.restore_table_to_point_in_time(SourceTableName="timed", TargetTableName="now", UseLatestRestorableTime=True)
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/timed"
    exports = [client.export_table_to_point_in_time(TableArn=arn, S3Bucket="out", **when)["ExportDescription"]["ExportArn"]
               for client, when in ((a, {"ExportTime": moment}), (b, {}))]  # fmt: skip
    for client in (a, b):
        active(client, "then")
        active(client, "now")
    then = {one["id"]: one["n"] for one in pair[0].table("then").scan(consistent=True)}
    assert then == {f"{n}": int(n < 100) for n in range(300)}
    assert {one["id"] for one in pair[1].table("now").scan(consistent=True)} == {f"{n}" for n in range(100, 300)}
    for export, expected in zip(exports, (then, {f"{n}": 0 for n in range(100, 300)}), strict=True):
        ask = lambda client, of=export: client.describe_export(ExportArn=of)["ExportDescription"]  # noqa: E731
        done = until("it has ended", lambda ask=ask: _ended(ask(b), "ExportStatus"))
        assert (done["ExportStatus"], done["ItemCount"]) == ("COMPLETED", len(expected)), done
        home = f"AWSDynamoDB/{export.rpartition('/')[2]}/data/"
        lines = b"".join(gzip.decompress(store.get("out", key)) for key in store.list("out", home)).splitlines()
        found = [json.loads(line)["Item"] for line in lines]
        assert {one["id"]["S"]: int(one["n"]["N"]) for one in found} == expected
    b.update_continuous_backups(TableName="timed", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False})
    until("nothing of them is left", lambda: _nothing(pair[0].node, "cc-archives"))


def test_an_import_is_ordered(pair: Any, store: LocalObjects) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    lines = [json.dumps({"Item": {"id": {"S": f"{n}"}, "n": {"N": f"{n}"}}}) for n in range(3000)]
    lines[7] = json.dumps({"Item": {"n": {"N": "7"}}})  # no key
    store.put("in", "some/data.json.gz", gzip.compress("\n".join(lines).encode()))
    arn = b.import_table(
        S3BucketSource={"S3Bucket": "in", "S3KeyPrefix": "some/"}, InputFormat="DYNAMODB_JSON", InputCompressionType="GZIP",
        TableCreationParameters={"TableName": "imported", **TABLE},
    )["ImportTableDescription"]["ImportArn"]  # fmt: skip
    told = until("it has ended", lambda: _ended(a.describe_import(ImportArn=arn)["ImportTableDescription"], "ImportStatus"))
    assert (told["ImportStatus"], told["ImportedItemCount"], told["ErrorCount"]) == ("FAILED", 2999, 1), told
    for cloud in pair:
        assert {one["id"]: one["n"] for one in cloud.table("imported").scan(consistent=True)} == {
            f"{n}": n for n in range(3000) if n != 7
        }


def test_a_bulk_put_into_a_table_with_a_stream(pair: Any, store: LocalObjects) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    table = pair[0].table("bulk", pk="id:S")
    table.put({"id": "3", "old": True})
    pair[1].table("bulk").enable_stream()
    new = {"ConditionExpression": "attribute_not_exists(id)"}
    store.put("bulk", "x.json", "".join(
        json.dumps({"Item": {"id": {"S": f"{n}"}}, **(new if n % 2 else {})}) + "\n" for n in range(20)).encode())  # fmt: skip
    arn = b.start_bulk_put_items(
        TableName="bulk", InputS3Configuration={"S3Bucket": "bulk", "S3KeyPrefix": "x", "InputFormat": "DYNAMODB_JSON"},
        OutputS3Configuration={"S3Bucket": "bulk", "S3KeyPrefix": "report", "OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"]},
    )["BulkOperationDescription"]["BulkOperationArn"]  # fmt: skip
    ask = lambda: a.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"]  # noqa: E731
    told = until("it has ended", lambda: _ended(ask(), "BulkOperationStatus"))
    assert (told["BulkOperationStatus"], told["ProcessedItemCount"], told["FailedItemCount"]) == ("COMPLETED", 20, 0), told
    assert {one["id"] for one in pair[1].table("bulk").scan(consistent=True)} == {f"{n}" for n in range(20)}
    home = f"reportAWSDynamoDB/{arn.rpartition('/')[2]}"
    (part,) = [key for key in store.list("bulk") if key.startswith("report") and "/data/" in key]
    report = [json.loads(line) for line in gzip.decompress(store.get("bulk", part)).splitlines()]
    assert [(one["outputType"], one["ExistingItem"]["old"]) for one in report] == [("CONDITION_CHECK_FAILURE", {"BOOL": True})], home
    assert sorted(one.key["id"] for one in pair[0].table("bulk").changes()) == sorted(f"{n}" for n in range(20) if n != 3)


def test_changes_go_to_a_delivery_stream(pair: Any, store: LocalObjects) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    a.create_table(TableName="sent", **TABLE)
    pair[1].client("firehose").create_delivery_stream(
        DeliveryStreamName="sent", ExtendedS3DestinationConfiguration=stream_to("sent")
    )
    arn = "arn:aws:firehose:us-east-1:000000000000:deliverystream/sent"
    b.enable_kinesis_streaming_destination(TableName="sent", StreamArn=arn)
    for n in range(30):
        pair[n % 2].table("sent").put({"id": f"{n}"})

    def sent() -> list[str]:
        text = "".join(store.get("sent", key).decode() for key in store.list("sent", "data/"))
        return [json.loads(line)["dynamodb"]["Keys"]["id"]["S"] for line in text.splitlines()]

    until("they are delivered", lambda: set(sent()) >= {f"{n}" for n in range(30)})
    assert sorted(set(sent()), key=int) == [f"{n}" for n in range(30)]
    told = lambda client: client.describe_kinesis_streaming_destination(TableName="sent")["KinesisDataStreamDestinations"]  # noqa: E731
    assert [one["DestinationStatus"] for one in told(a)] == ["ACTIVE"]
    a.disable_kinesis_streaming_destination(TableName="sent", StreamArn=arn)
    until("it has ended", lambda: [one["DestinationStatus"] for one in told(b)] == ["DISABLED"])


def _ended(told: dict[str, Any], member: str) -> dict[str, Any] | None:
    return None if told[member] == "IN_PROGRESS" else told


def test_another_leader_goes_on(tmp_path: Path) -> None:
    """The leader is killed as soon as it has begun a backup, and the next one as soon as it has begun a restore: both are finished
    by who leads then, and so does recovery to the last moment go on."""
    names = ["n0", "n1", "n2"]
    servers = Servers(tmp_path / "nats", 1)
    nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:9")
    try:
        for name in names:
            nodes.start(name)
        for name in names:
            nodes.wait(name)
        client = nodes.client("n0", "dynamodb")
        client.create_table(TableName="large", **TABLE)
        for first in range(0, 6000, 25):
            client.batch_write_item(RequestItems={"large": [
                {"PutRequest": {"Item": {"id": {"S": f"{n}"}, "pad": {"S": "x" * 1000}}}} for n in range(first, first + 25)]})  # fmt: skip
        client.update_continuous_backups(
            TableName="large", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        arn = client.create_backup(TableName="large", BackupName="one")["BackupDetails"]["BackupArn"]
        _replaced(servers, nodes, names)
        other = nodes.client(next(name for name in names if name != leader(servers)), "dynamodb")
        available(other, arn)
        other.delete_item(TableName="large", Key={"id": {"S": "0"}})
        other.restore_table_from_backup(TargetTableName="again", BackupArn=arn)
        _replaced(servers, nodes, names)
        client = nodes.client("n1", "dynamodb")
        client.delete_item(TableName="large", Key={"id": {"S": "1"}})
        client.restore_table_to_point_in_time(SourceTableName="large", TargetTableName="last", UseLatestRestorableTime=True)
        for name in names:
            client = nodes.client(name, "dynamodb")
            for table, first in (("again", 0), ("last", 2)):
                active(client, table)
                pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=True, ProjectionExpression="id")
                assert {item["id"]["S"] for page in pages for item in page["Items"]} == {f"{n}" for n in range(first, 6000)}
    except BaseException:
        for name in names:
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        nodes.stop()
        servers.stop()


def test_another_leader_goes_on_with_an_export_and_bulk_puts(weed: Any, tmp_path: Path) -> None:
    """The leader is killed as soon as it has begun an export, and the next one as soon as it has begun bulk puts."""
    names, count = ["n0", "n1", "n2"], 6000
    servers = Servers(tmp_path / "nats", 1)
    nodes = Nodes(tmp_path / "nodes", servers.url, weed.url)
    s3 = s3_of(weed.url)
    s3.create_bucket(Bucket="jobs")
    bad = [json.dumps({"Item": {"no": {"N": f"{n}"}}}) for n in range(5)]
    lines = [json.dumps({"Item": {"id": {"S": f"{n}"}, "n": {"N": f"{n}"}, "pad": {"S": "x" * 1000}}}) for n in range(count)]
    s3.put_object(Bucket="jobs", Key="in/a.json", Body="\n".join(bad + lines).encode())
    try:
        for name in names:
            nodes.start(name)
        for name in names:
            nodes.wait(name)
        client = nodes.client("n0", "dynamodb")
        client.create_table(TableName="put", **TABLE)
        arn = client.start_bulk_put_items(
            TableName="put", InputS3Configuration={"S3Bucket": "jobs", "S3KeyPrefix": "in/", "InputFormat": "DYNAMODB_JSON"},
            OutputS3Configuration={"S3Bucket": "jobs", "S3KeyPrefix": "report/", "OutputType": ["ERROR"]},
        )["BulkOperationDescription"]["BulkOperationArn"]  # fmt: skip
        _replaced(servers, nodes, names)
        told = until("it has ended", lambda: _said(nodes, servers, names, lambda client: _ended(
            client.describe_bulk_operation(BulkOperationArn=arn)["BulkOperationDescription"], "BulkOperationStatus")))  # fmt: skip
        assert (told["BulkOperationStatus"], told["ProcessedItemCount"], told["FailedItemCount"]) == ("COMPLETED_WITH_ERRORS", count + 5, 5), told
        report = [json.loads(line) for line in _lines(s3, "report/") if b"itemS3Pointer" in line]
        assert sorted(one["itemS3Pointer"]["itemIndex"] for one in report) == list(range(5)), report[:1]

        client = nodes.client(next(name for name in names if name != leader(servers)), "dynamodb")
        client.update_continuous_backups(
            TableName="put", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
        table = "arn:aws:dynamodb:us-east-1:000000000000:table/put"

        def exported(prefix: str, kill: bool) -> Any:
            arn = client.export_table_to_point_in_time(TableArn=table, S3Bucket="jobs", S3Prefix=prefix)["ExportDescription"]["ExportArn"]
            if kill:
                _replaced(servers, nodes, names)
            return until("it has ended", lambda: _said(nodes, servers, names, lambda client: _ended(
                client.describe_export(ExportArn=arn)["ExportDescription"], "ExportStatus")))  # fmt: skip

        exported("first", False)  # now the archive has its first image, without which another leader could not go on
        told = exported("out", True)
        assert (told["ExportStatus"], told.get("ItemCount")) == ("COMPLETED", count), told.get("FailureMessage")
        listed = [json.loads(line)["dataFileS3Key"] for line in _lines(s3, "out/", "manifest-files.json")]
        found = [json.loads(line)["Item"] for key in listed for line in _lines(s3, key)]
        assert sorted(int(item["n"]["N"]) for item in found) == list(range(count))
    except BaseException:
        for name in names:
            print(name, nodes.said(name)[-1500:])
        raise
    finally:
        nodes.stop()
        servers.stop()


def _said(nodes: Nodes, servers: Servers, names: list[str], ask: Any) -> Any:
    """What a node that does not lead answers; None while none does."""
    try:
        return ask(nodes.client(next(name for name in names if name != leader(servers)), "dynamodb"))
    except (BotoCoreError, ClientError):
        return None


def _lines(s3: Any, prefix: str, ending: str = "") -> list[bytes]:
    """Of all objects whose keys begin and end so."""
    found: list[bytes] = []
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket="jobs", Prefix=prefix):
        for each in page.get("Contents", ()):
            if each["Key"].endswith(ending):
                body = s3.get_object(Bucket="jobs", Key=each["Key"])["Body"].read()
                found += (gzip.decompress(body) if each["Key"].endswith(".gz") else body).splitlines()
    return found


def _replaced(servers: Servers, nodes: Nodes, names: list[str]) -> None:
    """The leader is killed, another one leads, and the first one is a node again."""
    victim = leader(servers)
    nodes.signal(victim)
    ask = nodes.client(next(name for name in names if name != victim), "dynamodb")

    def leads() -> bool:
        try:
            return bool(ask.describe_limits())
        except (BotoCoreError, ClientError):
            return False

    until("another node leads", leads)
    nodes.start(victim)
    nodes.wait(victim)
