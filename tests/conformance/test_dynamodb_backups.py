"""On-demand backups and restores from them: what they hold, what they show, what they refuse."""

import datetime
import threading
from pathlib import Path

import pytest
from dynamodb_support import create, key, refused

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.recovery import backups, images, restores

ABSENT = "arn:aws:dynamodb:us-east-1:000000000000:table/tab/backup/01489602797149-73d8d5bc"


def backup(db, name="nightly", table="tab"):
    arn = db.call("CreateBackup", {"TableName": table, "BackupName": name})["BackupDetails"]["BackupArn"]
    assert db.jobs.wait(backups.job_name(arn.rpartition("/")[2]), 60)
    return arn


def restore(db, arn, target="copy", **overrides):
    answer = db.call("RestoreTableFromBackup", {"TargetTableName": target, "BackupArn": arn, **overrides})
    assert db.jobs.wait(restores.job_name(target), 60)
    return answer["TableDescription"]


def put(db, *numbers, table="tab"):
    for number in numbers:
        db.call("PutItem", {"TableName": table, "Item": key("a", number) | {"v": {"S": f"value {number}"}}})


def numbers(db, table):
    return sorted(int(item["s"]["N"]) for item in db.call("Scan", {"TableName": table})["Items"])


def full_table(db):
    db.call(
        "CreateTable",
        {
            "TableName": "tab",
            "BillingMode": "PROVISIONED",
            "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6},
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            "AttributeDefinitions": [
                {"AttributeName": name, "AttributeType": kind} for name, kind in (("p", "S"), ("s", "N"), ("v", "S"), ("w", "S"))
            ],
            "LocalSecondaryIndexes": [
                {
                    "IndexName": "local",
                    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "v", "KeyType": "RANGE"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "wide",
                    "KeySchema": [{"AttributeName": "w", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["v"]},
                    "ProvisionedThroughput": {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4},
                }
            ],
            "Tags": [{"Key": "a", "Value": "b"}],
            "DeletionProtectionEnabled": True,
            "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        },
    )  # fmt: skip
    db.call(
        "UpdateTimeToLive",
        {"TableName": "tab", "TimeToLiveSpecification": {"AttributeName": "ttl", "Enabled": True}},
    )


def test_a_backup_is_the_table_at_that_moment(db):
    create(db)
    put(db, 1, 2, 3)
    answer = db.call("CreateBackup", {"TableName": "tab", "BackupName": "nightly"})["BackupDetails"]
    assert answer["BackupStatus"] == "CREATING" and answer["BackupType"] == "USER"
    assert "BackupExpiryDateTime" not in answer
    created, suffix = answer["BackupArn"].rpartition("/backup/")[2].split("-")
    assert len(created) == 14 and len(suffix) == 8
    assert answer["BackupCreationDateTime"] == datetime.datetime.fromtimestamp(int(created) / 1000, datetime.UTC)
    put(db, 4)
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 1)})
    db.jobs.wait(backups.job_name(answer["BackupArn"].rpartition("/")[2]))
    shown = db.call("DescribeBackup", {"BackupArn": answer["BackupArn"]})["BackupDescription"]
    assert shown["BackupDetails"] == answer | {"BackupStatus": "AVAILABLE"}
    table = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert shown["SourceTableDetails"] == {
        "TableName": "tab",
        "TableId": table["TableId"],
        "TableArn": table["TableArn"],
        "TableSizeBytes": answer["BackupSizeBytes"],
        "KeySchema": table["KeySchema"],
        "TableCreationDateTime": table["CreationDateTime"],
        "ProvisionedThroughput": {"ReadCapacityUnits": 0, "WriteCapacityUnits": 0},
        "ItemCount": 3,
        "BillingMode": "PAY_PER_REQUEST",
    }
    assert shown["SourceTableFeatureDetails"] == {}
    restore(db, answer["BackupArn"])
    assert numbers(db, "copy") == [1, 2, 3]
    assert numbers(db, "tab") == [2, 3, 4]


def test_a_restore_is_unseen_until_it_is_whole(db, monkeypatch):
    create(db)
    put(db, 1)
    arn, go = backup(db), threading.Event()
    real = restores.load_image
    monkeypatch.setattr(restores, "load_image", lambda *arguments: (go.wait(60), real(*arguments)))
    answer = db.call("RestoreTableFromBackup", {"TargetTableName": "copy", "BackupArn": arn})["TableDescription"]
    details = db.call("DescribeBackup", {"BackupArn": arn})["BackupDescription"]["BackupDetails"]
    assert answer["RestoreSummary"] == {
        "SourceBackupArn": arn,
        "SourceTableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tab",
        "RestoreDateTime": details["BackupCreationDateTime"],
        "RestoreInProgress": True,
    }
    shown = db.call("DescribeTable", {"TableName": "copy"})["Table"]
    assert shown == answer and shown["TableStatus"] == "CREATING"
    assert db.call("ListTables", {})["TableNames"] == ["copy", "tab"]
    unseen = "Requested resource not found"
    refused(db, "PutItem", {"TableName": "copy", "Item": key("a", 9)}, unseen, "ResourceNotFoundException")
    refused(db, "Scan", {"TableName": "copy"}, unseen, "ResourceNotFoundException")
    named = "Requested resource not found: Table: copy not found"
    ttl = {"TableName": "copy", "TimeToLiveSpecification": {"AttributeName": "t", "Enabled": True}}
    refused(db, "UpdateTimeToLive", ttl, named, "ResourceNotFoundException")
    protect = {"TableName": "copy", "DeletionProtectionEnabled": True}
    refused(db, "UpdateTable", protect, named, "ResourceNotFoundException")
    again = {"TableName": "copy", "BackupName": "bbb"}
    refused(db, "CreateBackup", again, "Table not found: copy", "TableNotFoundException")
    busy = "Attempt to change a resource which is still in use: Table is being created: copy"
    refused(db, "DeleteTable", {"TableName": "copy"}, busy, "ResourceInUseException")
    with pytest.raises(Exception, match="Table is being used: copy") as caught:
        create(db, "copy")
    assert caught.value.code == "ResourceInUseException"
    into = {"TargetTableName": "copy", "BackupArn": arn}
    twice = f"Table: copy is already being restored from backup: {arn}"
    refused(db, "RestoreTableFromBackup", into, twice, "TableInUseException")
    other = f"Backup is being used to restore another table: {arn}"
    refused(db, "RestoreTableFromBackup", into | {"TargetTableName": "more"}, other, "BackupInUseException")
    using = f"Backup is being used to restore table: {arn}"
    refused(db, "DeleteBackup", {"BackupArn": arn}, using, "BackupInUseException")
    go.set()
    db.jobs.wait(restores.job_name("copy"))
    shown = db.call("DescribeTable", {"TableName": "copy"})["Table"]
    assert shown["TableStatus"] == "ACTIVE" and "RestoreSummary" not in shown and shown["ItemCount"] == 1
    assert numbers(db, "copy") == [1]
    db.call("DeleteBackup", {"BackupArn": arn})


def test_what_a_backup_records_and_a_restore_keeps(db):
    full_table(db)
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1) | {"v": {"S": "x"}, "w": {"S": "y"}}})
    arn = backup(db)
    features = db.call("DescribeBackup", {"BackupArn": arn})["BackupDescription"]["SourceTableFeatureDetails"]
    assert set(features) == {
        "LocalSecondaryIndexes", "GlobalSecondaryIndexes", "TimeToLiveDescription", "StreamDescription",
    }  # fmt: skip
    assert features["StreamDescription"] == {"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"}
    assert features["TimeToLiveDescription"] == {"TimeToLiveStatus": "ENABLED", "AttributeName": "ttl"}
    assert set(features["LocalSecondaryIndexes"][0]) == {"IndexName", "KeySchema", "Projection"}
    assert features["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"] == {"ReadCapacityUnits": 3, "WriteCapacityUnits": 4}
    restore(db, arn)
    table = db.call("DescribeTable", {"TableName": "copy"})["Table"]
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 3
    assert not table["DeletionProtectionEnabled"]
    assert "StreamSpecification" not in table and "LatestStreamArn" not in table
    assert db.call("ListTagsOfResource", {"ResourceArn": table["TableArn"]})["Tags"] == []
    assert db.call("DescribeTimeToLive", {"TableName": "copy"})["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}
    for index, condition in (("wide", "w = :x"), ("local", "p = :x")):
        found = db.call(
            "Query",
            {"TableName": "copy", "IndexName": index, "KeyConditionExpression": condition,
             "ExpressionAttributeValues": {":x": {"S": "y" if index == "wide" else "a"}}},
        )  # fmt: skip
        assert found["Count"] == 1


def test_overrides(db):
    full_table(db)
    arn = backup(db)
    wide = {
        "IndexName": "renamed",
        "KeySchema": [{"AttributeName": "w", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["v"]},
    }
    table = restore(
        db, arn, "on_demand", BillingModeOverride="PAY_PER_REQUEST", LocalSecondaryIndexOverride=[],
        GlobalSecondaryIndexOverride=[wide], OnDemandThroughputOverride={"MaxReadRequestUnits": 7},
    )  # fmt: skip
    assert table["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert table["OnDemandThroughput"] == {"MaxReadRequestUnits": 7}
    assert [index["IndexName"] for index in table["GlobalSecondaryIndexes"]] == ["renamed"]
    assert "LocalSecondaryIndexes" not in table
    assert {d["AttributeName"] for d in table["AttributeDefinitions"]} == {"p", "s", "w"}
    table = restore(db, arn, "bare", LocalSecondaryIndexOverride=[], GlobalSecondaryIndexOverride=[])
    assert "GlobalSecondaryIndexes" not in table
    units = {"ReadCapacityUnits": 50, "WriteCapacityUnits": 60}
    table = restore(db, arn, "bigger", ProvisionedThroughputOverride=units)
    assert table["ProvisionedThroughput"] == units | {"NumberOfDecreasesToday": 0}
    assert table["GlobalSecondaryIndexes"][0]["ProvisionedThroughput"]["ReadCapacityUnits"] == 3

    def wrong(message, **overrides):
        refused(db, "RestoreTableFromBackup", {"TargetTableName": "wrong", "BackupArn": arn, **overrides}, message)

    stranger = wide | {"KeySchema": [{"AttributeName": "v", "KeyType": "HASH"}], "IndexName": "stranger"}
    wrong(
        "Index stranger does not match a secondary index that existed in the source table and cannot be created "
        "during the restore operation",
        GlobalSecondaryIndexOverride=[stranger],
    )
    wrong(
        "One or more parameter values were invalid: ProvisionedThroughput is not specified for index: renamed",
        GlobalSecondaryIndexOverride=[wide],
    )
    wrong(
        "Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED",
        BillingModeOverride="PAY_PER_REQUEST", ProvisionedThroughputOverride=units,
    )  # fmt: skip
    wrong(
        "One or more parameter values were invalid: MaxReadRequestUnits for OnDemandThroughput cannot be specified "
        "when the table BillingMode is PROVISIONED",
        OnDemandThroughputOverride={"MaxReadRequestUnits": 7},
    )
    wrong(
        "1 validation error detected: Value 'BOGUS' at 'billingModeOverride' failed to satisfy constraint: Member "
        "must satisfy enum value set: [PROVISIONED, PAY_PER_REQUEST]",
        BillingModeOverride="BOGUS",
    )
    assert "wrong" not in db.call("ListTables", {})["TableNames"]


def test_a_provisioned_copy_of_an_on_demand_table(db):
    create(db)
    arn = backup(db)
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    wrong = {"TargetTableName": "copy", "BackupArn": arn}
    refused(
        db, "RestoreTableFromBackup", wrong | {"BillingModeOverride": "PROVISIONED"},
        "Must override ProvisionedThroughput if BillingMode is overridden to PROVISIONED",
    )  # fmt: skip
    refused(
        db, "RestoreTableFromBackup", wrong | {"ProvisionedThroughputOverride": units},
        "Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED",
    )  # fmt: skip
    table = restore(db, arn, BillingModeOverride="PROVISIONED", ProvisionedThroughputOverride=units)
    assert "BillingModeSummary" not in table
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 6


def test_names_and_arns_that_are_not_there(db):
    create(db)
    arn = backup(db)
    missing = {"TableName": "missing", "BackupName": "bbb"}
    refused(db, "CreateBackup", missing, "Table not found: missing", "TableNotFoundException")
    for operation in ("DescribeBackup", "DeleteBackup"):
        refused(db, operation, {"BackupArn": ABSENT}, f"Backup not found: {ABSENT}", "BackupNotFoundException")
        stranger = arn.replace("000000000000", "111111111111")
        refused(db, operation, {"BackupArn": stranger}, "Access is denied", "AccessDeniedException")
        refused(db, operation, {"BackupArn": arn.replace(":aws:", ":moon:")}, "BackupArn is not valid")
        refused(db, operation, {"BackupArn": arn.replace("us-east-1", "nowhere")}, "BackupArn is not valid")
        refused(db, operation, {"BackupArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tab"}, "Invalid Backup ARN")
        refused(db, operation, {"BackupArn": "x" * 40}, "Invalid Backup ARN")
    into = {"TargetTableName": "copy", "BackupArn": ABSENT}
    refused(db, "RestoreTableFromBackup", into, f"Backup not found: {ABSENT}", "BackupNotFoundException")
    into = {"TargetTableName": "tab", "BackupArn": arn}
    refused(db, "RestoreTableFromBackup", into, "Table already exists: tab", "TableAlreadyExistsException")
    elsewhere = arn.replace("us-east-1", "eu-west-1")
    assert db.call("DescribeBackup", {"BackupArn": elsewhere})["BackupDescription"]["BackupDetails"]["BackupArn"]
    gone = db.call("DeleteBackup", {"BackupArn": arn})["BackupDescription"]["BackupDetails"]
    assert gone["BackupStatus"] == "DELETED"
    refused(db, "DescribeBackup", {"BackupArn": arn}, f"Backup not found: {arn}", "BackupNotFoundException")
    refused(db, "DeleteBackup", {"BackupArn": arn}, f"Backup not found: {arn}", "BackupNotFoundException")
    assert db.call("ListBackups", {})["BackupSummaries"] == []


def test_backups_outlive_their_table(db):
    create(db)
    put(db, 1)
    first = backup(db)
    db.call("DeleteTable", {"TableName": "tab"})
    assert db.call("DescribeBackup", {"BackupArn": first})["BackupDescription"]["BackupDetails"]["BackupStatus"] == "AVAILABLE"
    create(db)
    second = backup(db)
    found = db.call("ListBackups", {"TableName": "tab"})["BackupSummaries"]
    assert [summary["BackupArn"] for summary in found] == [first, second]
    assert len({summary["TableArn"] for summary in found}) == 1 and len({s["TableId"] for s in found}) == 2
    restore(db, first)
    assert numbers(db, "copy") == [1]


def test_a_table_goes_after_its_unfinished_backup(db, monkeypatch):
    create(db)
    put(db, 1, 2)
    go, real = threading.Event(), images.ImageWriter.finish
    monkeypatch.setattr(images.ImageWriter, "finish", lambda self: (go.wait(60), real(self)))
    answer = db.call("CreateBackup", {"TableName": "tab", "BackupName": "bbb"})["BackupDetails"]
    busy = f"Backup is being created: {answer['BackupArn']}"
    refused(db, "DeleteBackup", {"BackupArn": answer["BackupArn"]}, busy, "BackupInUseException")
    early = {"TargetTableName": "copy", "BackupArn": answer["BackupArn"]}
    refused(db, "RestoreTableFromBackup", early, busy, "BackupInUseException")
    thread = threading.Thread(target=db.call, args=("DeleteTable", {"TableName": "tab"}))
    thread.start()
    go.set()
    thread.join()
    monkeypatch.undo()
    assert db.call("ListTables", {})["TableNames"] == []
    restore(db, answer["BackupArn"])
    assert numbers(db, "copy") == [1, 2]


def test_lists():
    clock = ManualClock(1_700_000_000)
    with DynamoDB(clock=clock) as db:
        for name in ("one", "two"):
            create(db, name)
        made = []
        for table in ("one", "two", "one", "one"):
            made.append((table, backup(db, "same-name", table), clock.now()))
            clock.advance(1)

        def listed(**filters):
            answer = db.call("ListBackups", filters)
            return [summary["BackupArn"] for summary in answer["BackupSummaries"]], answer.get("LastEvaluatedBackupArn")

        every = [arn for _, arn, _ in made]
        assert listed() == (every, None)
        assert listed(TableName="one")[0] == [arn for table, arn, _ in made if table == "one"]
        assert listed(TableName="arn:aws:dynamodb:us-east-1:000000000000:table/two")[0] == [every[1]]
        assert listed(TableName="nobody") == ([], None)
        at = [datetime.datetime.fromtimestamp(when, datetime.UTC) for _, _, when in made]
        assert listed(TimeRangeLowerBound=at[1], TimeRangeUpperBound=at[3])[0] == every[1:3]
        assert listed(BackupType="ALL")[0] == every and listed(BackupType="SYSTEM")[0] == []
        assert listed(BackupType="AWS_BACKUP")[0] == []
        assert listed(Limit=4) == (every, None)
        page, last = listed(Limit=3)
        assert page == every[:3] and last == every[2]
        assert listed(Limit=3, ExclusiveStartBackupArn=last) == (every[3:], None)
        db.call("DeleteBackup", {"BackupArn": last})
        assert listed(ExclusiveStartBackupArn=last)[0] == every[3:]
        refused(
            db, "ListBackups", {"TimeRangeLowerBound": at[1], "TimeRangeUpperBound": at[0]},
            "Time range lower bound must be less than or equal to upper bound",
        )  # fmt: skip
        refused(
            db, "ListBackups", {"Limit": 101},
            "1 validation error detected: Value '101' at 'limit' failed to satisfy constraint: Member must have value "
            "less than or equal to 100",
        )  # fmt: skip
        refused(
            db, "ListBackups", {"BackupType": "user"},
            "1 validation error detected: Value 'user' at 'backupType' failed to satisfy constraint: Member must "
            "satisfy enum value set: [USER, SYSTEM, AWS_BACKUP, ALL]",
        )  # fmt: skip
        swapped = every[0].replace("us-east-1", "eu-west-1")
        with pytest.raises(Exception, match="does not match the region"):
            db.call("ListBackups", {"ExclusiveStartBackupArn": swapped})


def test_they_survive_a_restart(tmp_path):
    with DynamoDB(tmp_path) as db:
        create(db)
        put(db, 1, 2, 3)
        arn = backup(db)
        db.call("DeleteTable", {"TableName": "tab"})
    with DynamoDB(tmp_path) as db:
        restore(db, arn)
        assert numbers(db, "copy") == [1, 2, 3]
        assert db.tables.names() == ["copy"]


def test_what_a_close_cuts_short_goes_on_at_the_next_open(tmp_path, monkeypatch):
    with DynamoDB(tmp_path) as db:
        create(db)
        put(db, 1, 2, 3)
        whole = backup(db)
        monkeypatch.setattr(db.jobs, "start", lambda name, work: None)  # the process ends before they begin
        cut = db.call("CreateBackup", {"TableName": "tab", "BackupName": "cut"})["BackupDetails"]["BackupArn"]
        db.call("RestoreTableFromBackup", {"TargetTableName": "copy", "BackupArn": whole})
    with DynamoDB(tmp_path) as db:
        assert db.jobs.wait(backups.job_name(cut.rpartition("/")[2]), 60) and db.jobs.wait(restores.job_name("copy"), 60)
        assert numbers(db, "copy") == [1, 2, 3]
        assert db.call("DescribeTable", {"TableName": "copy"})["Table"]["TableStatus"] == "ACTIVE"
        restore(db, cut, "more")
        assert numbers(db, "more") == [1, 2, 3]


def test_a_damaged_image_makes_no_table(db, caplog):
    create(db)
    put(db, 1)
    arn = backup(db)
    path = Path(db.images.path(arn.rpartition("/")[2]))
    data = bytearray(path.read_bytes())
    data[-80] ^= 1
    path.write_bytes(data)
    db.call("RestoreTableFromBackup", {"TargetTableName": "copy", "BackupArn": arn})
    db.jobs.wait(restores.job_name("copy"))
    assert db.call("ListTables", {})["TableNames"] == ["tab"]
    assert "checksum" in caplog.text
    db.call("DeleteBackup", {"BackupArn": arn})
