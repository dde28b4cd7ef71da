"""What a leader was at when it was lost is finished by the next one: it is in the log."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cluster_replicas import IDS, KEYS, Log

from cloudcore.cluster.tables.acting import Acting, LeaderJobs
from cloudcore.cluster.tables.replica import Replica
from cloudcore.dynamodb.recovery.jobs import Jobs, Stopped
from cloudcore.objects import LocalObjects

TABLE = {"KeySchema": KEYS, "AttributeDefinitions": IDS, "BillingMode": "PAY_PER_REQUEST"}


def lost(log: Log, monkeypatch: pytest.MonkeyPatch, operation: str, **body: Any) -> dict[str, Any]:
    """The leader answers and is gone before its job does anything; another replica leads and goes on."""
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "start", lambda *_: None)
        answer = log.control(operation, **body)
    log.leader = log.catch_up(log.replica())
    log.leader.led()
    return answer


def scanned(replica: Replica, table: str) -> list[str]:
    status, body = replica.tables.call_json("Scan", json.dumps({"TableName": table}).encode())
    assert status == 200, body
    return sorted(item["id"]["S"] for item in json.loads(body)["Items"])


def test_a_backup_and_a_restore_are_finished_by_the_next_leader(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    log.control("CreateTable", TableName="kept", **TABLE)
    for number in range(50):
        log.write("PutItem", TableName="kept", Item={"id": {"S": f"{number}"}})
    arn = lost(log, monkeypatch, "CreateBackup", TableName="kept", BackupName="one")["BackupDetails"]["BackupArn"]
    assert log.leader.service.jobs.wait(f"backup-{arn.rpartition('/')[2]}", 60)
    found = log.control("DescribeBackup", BackupArn=arn)["BackupDescription"]["BackupDetails"]
    assert found["BackupStatus"] == "AVAILABLE"
    path = log.leader.service.images.path(arn.rpartition("/")[2])
    with open(path, "rb") as file:
        image = file.read()
    follower = log.catch_up(log.replica())

    def brought(replica: Replica, id_: str) -> str:  # as a cluster's images are every node's
        with open(found_path := replica.service.files() + "/image", "wb") as file:
            file.write(image)
        return found_path

    monkeypatch.setattr("cloudcore.dynamodb.recovery.images.Images.path", lambda self, id_: brought(log.leader, id_))
    assert log.control("DescribeBackup", BackupArn=arn)["BackupDescription"]["BackupDetails"]["BackupSizeBytes"] > 0
    lost(log, monkeypatch, "RestoreTableFromBackup", TargetTableName="again", BackupArn=arn)
    status, _ = follower.tables.call_json("Scan", b'{"TableName": "again"}')
    assert status == 400  # it is there for nobody yet
    assert log.leader.service.jobs.wait("restore-again", 60)
    assert scanned(log.leader, "again") == scanned(log.catch_up(follower), "again") == sorted(map(str, range(50)))
    for each in (log.leader, follower):
        each.close()


def test_an_import_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    store = LocalObjects(tmp_path)
    lines = [json.dumps({"Item": {"id": {"S": f"{n}"}}}) for n in range(40)] + ['{"Item": {}}']
    store.put("in", "a.json", "\n".join(lines).encode())
    monkeypatch.setattr("cloudcore.dynamodb.DynamoDB.objects", lambda self: store)
    monkeypatch.setattr("cloudcore.dynamodb.DynamoDB.has_objects", True)
    log = Log()
    made = lost(log, monkeypatch, "ImportTable", S3BucketSource={"S3Bucket": "in"}, InputFormat="DYNAMODB_JSON",
                ClientToken="once", TableCreationParameters={"TableName": "made", **TABLE})["ImportTableDescription"]  # fmt: skip
    assert log.leader.service.jobs.wait(f"import-{made['ImportArn'].rpartition('/')[2]}", 60)
    told = log.control("DescribeImport", ImportArn=made["ImportArn"])["ImportTableDescription"]
    assert (told["ProcessedItemCount"], told["ErrorCount"]) == (41, 1)
    follower = log.catch_up(log.replica())
    assert scanned(follower, "made") == sorted(map(str, range(40)))
    (spooled,) = [record for _, record in follower.service.catalogue.all("spool")]
    assert json.loads(spooled["lines"])["itemS3Pointer"] == {"bucket": "in", "key": "a.json", "itemIndex": 40}
    again = log.control("ImportTable", S3BucketSource={"S3Bucket": "in"}, InputFormat="DYNAMODB_JSON", ClientToken="once",
                        TableCreationParameters={"TableName": "made", **TABLE})  # fmt: skip
    assert again["ImportTableDescription"]["ImportArn"] == made["ImportArn"]


def test_a_job_ends_with_the_term_it_was_begun_in() -> None:
    term = 3
    acting = Acting(lambda: term)
    jobs = LeaderJobs(acting)
    terms: list[int] = []

    def work() -> None:
        nonlocal term
        terms.append(acting.term)
        jobs.check()
        term = 4
        with pytest.raises(Stopped):
            jobs.check()
        terms.append(4)

    acting.run(3, jobs.start, "one", work)
    assert jobs.wait("one", 60) and terms == [3, 4] and acting.term == 0
    jobs.close()
