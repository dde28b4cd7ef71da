"""Checkpoints recycle the log, but never what streams and point-in-time recovery still need of it."""

import datetime

from dynamodb_support import create, key
from stream_support import read_all, streamed

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.recovery import continuous, restores

PAD = {"S": "x" * 20_000}
ITEMS = 20
ROUNDS = 25  # of 400 kB each: the log grows over several of its first segments


def write(db, rounds, table="tab"):
    """Overwrite every item in each round, with two checkpoints on the way."""
    for at, version in enumerate(rounds):
        for number in range(ITEMS):
            item = key("a", number) | {"v": {"N": str(version)}, "pad": PAD}
            db.call("PutItem", {"TableName": table, "Item": item})
        if at % 8 == 7:
            db.tables.checkpoint()


def versions(db, table):
    return {int(i["v"]["N"]) for i in db.call("Scan", {"TableName": table})["Items"]}


def settle(db):
    """Nothing needs the log but who has a right to it: two checkpoints stand, archives have caught up."""
    db.recovery.run_once()
    for archive in list(db.recovery._archives.values()):
        db.jobs.wait(continuous._job(archive))
    db.tables.checkpoint()
    db.tables.checkpoint()


def restored(db, moment, target):
    request = {"SourceTableName": "tab", "TargetTableName": target, "RestoreDateTime": moment}
    db.call("RestoreTableToPointInTime", request)
    assert db.jobs.wait(restores.job_name(target), 60)
    return versions(db, target)


def test_a_log_that_nobody_follows_is_recycled(tmp_path):
    with DynamoDB(tmp_path) as db:
        create(db)
        write(db, range(ROUNDS))
        settle(db)
        assert db.tables.info()["first_sequence"] > ITEMS
    with DynamoDB(tmp_path) as db:
        assert versions(db, "tab") == {ROUNDS - 1}


def test_a_stream_keeps_its_day_and_no_more(tmp_path):
    clock = ManualClock(1_700_000_000)
    with DynamoDB(tmp_path, clock=clock) as db:
        arn = streamed(db, "NEW_IMAGE")
        write(db, range(ROUNDS))
        settle(db)
        assert db.tables.info()["checkpoints"] >= 4
    with DynamoDB(tmp_path, clock=clock) as db:
        told = [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in read_all(db, arn)]
        assert told == [version for version in range(ROUNDS) for _ in range(ITEMS)]
        clock.advance(90_000)
        write(db, [ROUNDS])
        settle(db)
        assert db.tables.info()["first_sequence"] > ITEMS
        told = [int(r["dynamodb"]["NewImage"]["v"]["N"]) for r in read_all(db, arn)]
        assert told[-ITEMS:] == [ROUNDS] * ITEMS
        assert versions(db, "tab") == {ROUNDS}


def test_recovery_reaches_behind_the_recycled_log(tmp_path):
    clock = ManualClock(1_700_000_000)
    with DynamoDB(tmp_path, clock=clock) as db:
        create(db)
        on = {"PointInTimeRecoveryEnabled": True}
        db.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": on})
        moments = []
        for half in range(2):
            clock.advance(60)
            write(db, range(half * ROUNDS, (half + 1) * ROUNDS))
            moments.append(datetime.datetime.fromtimestamp(clock.now(), datetime.UTC))
        clock.advance(90_000)
        write(db, [99])
        settle(db)
        assert db.tables.info()["first_sequence"] > ITEMS
    with DynamoDB(tmp_path, clock=clock) as db:
        assert restored(db, moments[0], "first") == {ROUNDS - 1}
        assert restored(db, moments[1], "second") == {2 * ROUNDS - 1}
        assert versions(db, "tab") == {99}
