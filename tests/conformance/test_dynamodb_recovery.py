"""Point-in-time recovery: its settings, its window, restores to a moment, what a deleted table leaves."""

import datetime
import os
import struct
import time

import pytest
from dynamodb_support import create, key, refused

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.recovery import backups, continuous, restores


def recover(db, enabled=True, table="tab", **more):
    wanted = {"PointInTimeRecoveryEnabled": enabled, **more}
    answer = db.call("UpdateContinuousBackups", {"TableName": table, "PointInTimeRecoverySpecification": wanted})
    return answer["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]


def described(db, table="tab"):
    return db.call("DescribeContinuousBackups", {"TableName": table})["ContinuousBackupsDescription"]


def restore(db, target, moment=None, source="tab", **overrides):
    when = {"UseLatestRestorableTime": True} if moment is None else {"RestoreDateTime": moment}
    answer = db.call(
        "RestoreTableToPointInTime", {"SourceTableName": source, "TargetTableName": target, **when, **overrides}
    )
    assert db.jobs.wait(restores.job_name(target), 60)
    return answer["TableDescription"]


def put(db, number, value, table="tab"):
    db.call("PutItem", {"TableName": table, "Item": key("a", number) | {"v": {"S": value}}})


def items(db, table):
    return {int(i["s"]["N"]): i["v"]["S"] for i in db.call("Scan", {"TableName": table})["Items"]}


def now():
    """A moment that no other write shares a millisecond with."""
    time.sleep(0.003)
    moment = datetime.datetime.now(datetime.UTC)
    time.sleep(0.003)
    return moment


@pytest.mark.parametrize(
    ("partition", "value", "words"),
    [
        (b"", None, "its key is empty"),
        (b"\x09k", None, "its key is not one of its table"),
        (b"\x01" + b"k" * 3000, None, "its key is not one of its table"),
        (b"\x01k", b"no item", "its value is not an item"),
    ],
)
def test_an_archive_with_a_change_of_no_item_makes_no_table(db, caplog, partition, value, words):
    create(db)
    recover(db)
    put(db, 1, "x")
    (archive,) = db.recovery._archives.values()
    db.recovery.catch_up(archive)
    size = 0xFFFFFFFF if value is None else len(value)
    entry = struct.pack("<IHH", size, len(partition), 0) + partition + (value or b"")
    time_ms = db.clock.now_ms()
    archive.append(struct.pack("<QQ", archive.last + 1, time_ms) + entry, 1, archive.last + 1, time_ms)
    restore(db, "copy")
    assert db.call("ListTables", {})["TableNames"] == ["tab"]
    assert f"entry 1 to load into table 'copy': {words}" in caplog.text
    assert items(db, "tab") == {1: "x"}


def test_settings(db):
    create(db)
    off = {"ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}}
    assert described(db) == off
    began = datetime.datetime.now(datetime.UTC)
    on = recover(db)
    assert on["PointInTimeRecoveryStatus"] == "ENABLED" and on["RecoveryPeriodInDays"] == 35
    assert began - datetime.timedelta(seconds=1) < on["EarliestRestorableDateTime"] <= on["LatestRestorableDateTime"]
    assert recover(db)["EarliestRestorableDateTime"] == on["EarliestRestorableDateTime"]
    assert recover(db, RecoveryPeriodInDays=7)["RecoveryPeriodInDays"] == 7
    assert recover(db)["RecoveryPeriodInDays"] == 7
    assert described(db)["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 7
    wrong = {"TableName": "tab", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": False, "RecoveryPeriodInDays": 7}}
    refused(
        db, "UpdateContinuousBackups", wrong,
        "Invalid Request: Cannot specify RecoveryPeriodInDays when disabling point-in-time recovery.",
    )  # fmt: skip
    wrong = {"TableName": "tab", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 36}}
    refused(
        db, "UpdateContinuousBackups", wrong,
        "1 validation error detected: Value '36' at 'pointInTimeRecoverySpecification.recoveryPeriodInDays' failed to "
        "satisfy constraint: Member must have value less than or equal to 35",
    )  # fmt: skip
    assert recover(db, enabled=False) == {"PointInTimeRecoveryStatus": "DISABLED"}
    assert described(db) == off
    assert recover(db, enabled=False) == {"PointInTimeRecoveryStatus": "DISABLED"}
    assert recover(db)["RecoveryPeriodInDays"] == 35
    for operation, more in (
        ("DescribeContinuousBackups", {}),
        ("UpdateContinuousBackups", {"PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}}),
    ):
        refused(db, operation, {"TableName": "missing", **more}, "Table not found: missing", "TableNotFoundException")


def test_moments(db):
    create(db)
    put(db, 1, "before")
    put(db, 2, "before")
    recover(db)
    first = now()
    put(db, 1, "after")
    put(db, 3, "after")
    second = now()
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 2)})
    db.call(
        "TransactWriteItems",
        {"TransactItems": [
            {"Put": {"TableName": "tab", "Item": key("a", n) | {"v": {"S": "together"}}}} for n in (4, 5)
        ]},
    )  # fmt: skip
    answer = restore(db, "first", first)
    assert answer["RestoreSummary"] == {
        "SourceTableArn": "arn:aws:dynamodb:us-east-1:000000000000:table/tab",
        "RestoreDateTime": first.replace(microsecond=first.microsecond // 1000 * 1000) if first.microsecond % 1000 < 500 else answer["RestoreSummary"]["RestoreDateTime"],
        "RestoreInProgress": True,
    }  # fmt: skip
    restore(db, "second", second)
    restore(db, "last")
    assert items(db, "first") == {1: "before", 2: "before"}
    assert items(db, "second") == {1: "after", 2: "before", 3: "after"}
    assert items(db, "last") == {1: "after", 3: "after", 4: "together", 5: "together"}
    assert described(db, "last")["PointInTimeRecoveryDescription"] == {"PointInTimeRecoveryStatus": "DISABLED"}


def test_a_restore_at_once(db):
    create(db)
    put(db, 1, "x")
    earliest = recover(db)["EarliestRestorableDateTime"]
    restore(db, "latest")
    restore(db, "earliest", earliest)
    assert items(db, "latest") == items(db, "earliest") == {1: "x"}


def test_order_of_refusals(db):
    create(db)
    create(db, "other")
    request = {"SourceTableName": "tab", "TargetTableName": "copy"}
    latest = {"UseLatestRestorableTime": True}
    moment = {"RestoreDateTime": datetime.datetime.now(datetime.UTC)}

    def wrong(message, code="ValidationException", **changes):
        params = {name: value for name, value in (request | changes).items() if value is not None}
        refused(db, "RestoreTableToPointInTime", params, message, code)

    both = (
        "Invalid Request: Both RestoreDateTime and UseLatestRestorableTime cannot be set for point-in-time restore "
        "request. Please specify only one of the parameters"
    )
    neither = "Invalid Request: Either one of RestoreDateTime or UseLatestRestorableTime must be specified, but not both"
    off = "Point in time recovery is not enabled for table 'tab'"
    wrong(both, **latest, **moment)
    wrong(neither)
    wrong(neither, UseLatestRestorableTime=False)
    wrong("Table not found: missing", "TableNotFoundException", SourceTableName="missing", TargetTableName="other", **latest)
    wrong(off, "PointInTimeRecoveryUnavailableException", TargetTableName="other", **latest)
    wrong(off, "PointInTimeRecoveryUnavailableException", RestoreDateTime=0)
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
    wrong("Must provide exactly one of: sourceTableArn, sourceTableName", SourceTableArn=arn, **latest)
    wrong("The parameter 'TableName' is required but was not present in the request", SourceTableName=None, **latest)
    wrong("One or more parameter values were invalid: sourceTableArn is not a valid ARN", SourceTableName=None, SourceTableArn="tab", **latest)
    wrong(
        "This action is only supported by accounts that match the resource owner's account",
        SourceTableName=None, SourceTableArn=arn.replace("000000000000", "111111111111"), **latest,
    )  # fmt: skip
    recover(db)
    window = described(db)["PointInTimeRecoveryDescription"]
    wrong("Table already exists: other", "TableAlreadyExistsException", TargetTableName="other", **latest)
    wrong("Table already exists: tab", "TableAlreadyExistsException", TargetTableName="tab", SourceTableName=None, SourceTableArn=arn, **latest)
    early = window["EarliestRestorableDateTime"] - datetime.timedelta(seconds=5)
    with pytest.raises(Exception) as caught:
        db.call("RestoreTableToPointInTime", request | {"TargetTableName": "other", "RestoreDateTime": early})
    assert caught.value.code == "InvalidRestoreTimeException"
    shown = "%Y-%m-%dT%H:%M:%SZ"
    assert caught.value.message.startswith(
        f"RestoreDateTime '{early.strftime(shown)}' must be within EarliestRestorableDateTime "
        f"'{window['EarliestRestorableDateTime'].strftime(shown)}' and LatestRestorableDateTime '"
    )
    late = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    with pytest.raises(Exception, match="InvalidRestoreTimeException"):
        db.call("RestoreTableToPointInTime", request | {"RestoreDateTime": late})
    assert "copy" not in db.call("ListTables", {})["TableNames"]


def test_a_deleted_table_leaves_a_system_backup(db):
    create(db)
    put(db, 1, "x")
    recover(db)
    put(db, 2, "y")
    db.call("DeleteTable", {"TableName": "tab"})
    assert db.call("ListBackups", {})["BackupSummaries"] == []
    (summary,) = db.call("ListBackups", {"TableName": "tab", "BackupType": "SYSTEM"})["BackupSummaries"]
    assert summary["BackupName"] == "tab$DeletedTableBackup" and summary["BackupArn"].endswith("-00000000")
    assert summary["BackupStatus"] == "AVAILABLE"
    lasts = summary["BackupExpiryDateTime"] - summary["BackupCreationDateTime"]
    assert abs(lasts - datetime.timedelta(days=35)) < datetime.timedelta(seconds=1)
    with pytest.raises(Exception, match="User is not allowed to delete the system backup with arn") as caught:
        db.call("DeleteBackup", {"BackupArn": summary["BackupArn"]})
    assert caught.value.code == "ValidationException"
    db.call("RestoreTableFromBackup", {"TargetTableName": "copy", "BackupArn": summary["BackupArn"]})
    db.jobs.wait(restores.job_name("copy"))
    assert items(db, "copy") == {1: "x", 2: "y"}
    assert os.listdir(os.path.join(db.files(), "recovery")) == []


def test_a_system_backup_expires(db, monkeypatch):
    create(db)
    recover(db)
    monkeypatch.setattr(backups, "SYSTEM_DAYS", 0)
    db.call("DeleteTable", {"TableName": "tab"})
    assert db.call("ListBackups", {"BackupType": "ALL"})["BackupSummaries"] == []


def test_overrides_are_those_of_backups(db):
    create(db)
    put(db, 1, "x")
    recover(db)
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 6}
    table = restore(db, "copy", BillingModeOverride="PROVISIONED", ProvisionedThroughputOverride=units)
    assert table["ProvisionedThroughput"]["WriteCapacityUnits"] == 6
    refused(
        db, "RestoreTableToPointInTime",
        {"SourceTableName": "tab", "TargetTableName": "more", "UseLatestRestorableTime": True, "ProvisionedThroughputOverride": units},
        "Cannot override ProvisionedThroughput unless BillingMode is PROVISIONED",
    )  # fmt: skip


def test_turning_it_off_forgets_the_past(db):
    create(db)
    put(db, 1, "x")
    recover(db)
    past = now()
    recover(db, enabled=False)
    assert os.listdir(os.path.join(db.files(), "recovery")) == []
    time.sleep(1.1)  # the window begins at a whole second
    recover(db)
    request = {"SourceTableName": "tab", "TargetTableName": "copy", "RestoreDateTime": past}
    with pytest.raises(Exception, match="InvalidRestoreTimeException"):
        db.call("RestoreTableToPointInTime", request)


def test_it_goes_on_after_a_restart(tmp_path):
    with DynamoDB(tmp_path) as db:
        create(db)
        put(db, 1, "one")
        recover(db, RecoveryPeriodInDays=3)
        moments = [(now(), items(db, "tab"))]
        put(db, 2, "two")
        moments.append((now(), items(db, "tab")))
    with DynamoDB(tmp_path) as db:
        put(db, 3, "three")
        moments.append((now(), items(db, "tab")))
        assert described(db)["PointInTimeRecoveryDescription"]["RecoveryPeriodInDays"] == 3
    with DynamoDB(tmp_path) as db:
        put(db, 1, "other")
        for number, (moment, expected) in enumerate(moments):
            restore(db, f"copy{number}", moment)
            assert items(db, f"copy{number}") == expected


def test_a_restore_that_is_cut_short_goes_on(tmp_path, monkeypatch):
    with DynamoDB(tmp_path) as db:
        create(db)
        put(db, 1, "one")
        recover(db)
        moment = now()
        put(db, 1, "two")
        db.recovery.run_once()
        monkeypatch.setattr(db.jobs, "start", lambda name, work: None)  # the process ends before it begins
        db.call("RestoreTableToPointInTime", {"SourceTableName": "tab", "TargetTableName": "copy", "RestoreDateTime": moment})
        recover(db, enabled=False)  # the archive stays for the restore
    with DynamoDB(tmp_path) as db:
        assert db.jobs.wait(restores.job_name("copy"), 60)
        assert items(db, "copy") == {1: "one"}
        assert os.listdir(os.path.join(db.files(), "recovery")) == []


def test_the_period_is_kept(db, monkeypatch):
    """A day is a fifth of a second here: what is older than the period goes, and no moment inside it is lost."""
    monkeypatch.setattr(continuous, "DAY_MS", 200)
    create(db)
    recover(db, RecoveryPeriodInDays=1)
    history = []
    for number in range(12):
        put(db, number % 3, f"value {number}")
        history.append((now(), items(db, "tab")))
        db.recovery.run_once()
        for archive in list(db.recovery._archives.values()):
            db.jobs.wait(continuous._job(archive))
        time.sleep(0.05)
    (archive,) = db.recovery._archives.values()
    monkeypatch.setattr(continuous, "DAY_MS", 86_400_000)
    assert archive.record["bases"][0]["sequence"] > archive.record["begun"], "nothing was ever forgotten"
    files = os.listdir(os.path.join(db.files(), "recovery", archive.id))
    assert len(files) == len(archive.record["bases"]) + len(archive.record["files"])
    first = archive.record["bases"][0]["time"]
    kept = [(moment, state) for moment, state in history if moment.timestamp() * 1000 >= first]
    assert kept
    for number, (moment, expected) in enumerate(kept):
        restore(db, f"copy{number}", moment)
        assert items(db, f"copy{number}") == expected


def test_beside_a_stream(db):
    """Streams come and go; what is archived does not depend on them."""
    create(db)
    recover(db)
    moments = []

    def note():
        moments.append((now(), items(db, "tab")))

    put(db, 1, "a")
    note()
    for number, view in enumerate(("NEW_AND_OLD_IMAGES", "KEYS_ONLY")):
        wanted = {"StreamEnabled": True, "StreamViewType": view}
        db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": wanted})
        put(db, 1, f"b{number}")
        note()
        db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": {"StreamEnabled": False}})
        put(db, 2, f"c{number}")
        note()
    for number, (moment, expected) in enumerate(moments):
        restore(db, f"copy{number}", moment)
        assert items(db, f"copy{number}") == expected


def test_the_service_s_clock_is_the_time(tmp_path):
    clock = ManualClock(1_700_000_000)
    with DynamoDB(tmp_path, clock=clock) as db:
        create(db)
        put(db, 1, "old")
        recover(db, RecoveryPeriodInDays=1)
        states = []
        for day in range(4):
            clock.advance(43_200)
            put(db, 1, f"half day {day}")
            db.recovery.run_once()
            for archive in list(db.recovery._archives.values()):
                db.jobs.wait(continuous._job(archive))
            states.append((datetime.datetime.fromtimestamp(clock.now(), datetime.UTC), items(db, "tab")))
        window = described(db)["PointInTimeRecoveryDescription"]
        assert window["LatestRestorableDateTime"].timestamp() == 1_700_000_000 + 4 * 43_200
        assert window["EarliestRestorableDateTime"].timestamp() == 1_700_000_000 + 2 * 43_200
        for number, (moment, expected) in enumerate(states[1:]):
            restore(db, f"copy{number}", moment)
            assert items(db, f"copy{number}") == expected
        with pytest.raises(Exception, match="InvalidRestoreTimeException"):
            restore(db, "early", states[0][0])
