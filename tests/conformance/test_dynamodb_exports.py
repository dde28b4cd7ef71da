"""ExportTableToPointInTime: what it writes, what it refuses, how it is told of."""

import base64
import datetime
import gzip
import hashlib
import json
import re

import pytest
from dynamodb_support import create, key, refused

from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
BUCKET = "bkt"
START = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)


@pytest.fixture
def db(store, clock):
    with DynamoDB(clock=clock, objects=lambda: store) as service:
        create(service)
        recover(service)
        yield service


def recover(db, enabled=True):
    specification = {"PointInTimeRecoveryEnabled": enabled}
    db.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": specification})


def put(db, number, /, **more):
    db.call("PutItem", {"TableName": "tab", "Item": key("a", number) | more})


def begin(db, **params):
    return db.call("ExportTableToPointInTime", {"TableArn": ARN, "S3Bucket": BUCKET, **params})["ExportDescription"]


def export(db, **params):
    arn = begin(db, **params)["ExportArn"]
    assert db.jobs.wait(f"export-{arn.rpartition('/')[2]}", 60)
    return db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]


def read(store, described):
    """(summary, data records) of an export; every checksum is looked at."""

    def summed(key):
        content = store.get(BUCKET, key)
        digest = base64.b64encode(hashlib.md5(content).digest())
        assert store.get(BUCKET, key.replace(".json", ".md5")) == digest
        return content

    summary = json.loads(summed(described["ExportManifest"]))
    records = []
    for line in summed(summary["manifestFilesS3Key"]).splitlines():
        entry = json.loads(line)
        assert list(entry) == ["itemCount", "md5Checksum", "etag", "dataFileS3Key"]
        data = store.get(BUCKET, entry["dataFileS3Key"])
        assert base64.b64encode(hashlib.md5(data).digest()).decode() == entry["md5Checksum"]
        lines = gzip.decompress(data).decode().splitlines()
        assert len(lines) == entry["itemCount"]
        records += lines
    assert len(records) == summary["itemCount"] == described["ItemCount"]
    assert summary["billedSizeBytes"] == described["BilledSizeBytes"]
    return summary, records


def refuse(db, message, code="ValidationException", **params):
    refused(db, "ExportTableToPointInTime", {"TableArn": ARN, "S3Bucket": BUCKET, **params}, message, code)


def at(seconds):
    return START + datetime.timedelta(seconds=seconds)


# ---- full exports ----


def test_a_full_export(db, store):
    everything = {
        "text": {"S": 'é "x"\n'}, "number": {"N": "-12.50"}, "bytes": {"B": b"\0\xff"}, "yes": {"BOOL": True},
        "none": {"NULL": True}, "strings": {"SS": ["b", "a"]}, "numbers": {"NS": ["2", "1"]}, "blobs": {"BS": [b"1"]},
        "list": {"L": [{"M": {"deep": {"N": "1"}}}]},
    }  # fmt: skip
    put(db, 1, **everything)
    for number in range(2, 1200):
        put(db, number, v={"S": "x" * 300})
    first = begin(db, S3Prefix="some/where", ClientToken="token")
    assert first == {
        "ExportArn": first["ExportArn"], "ExportStatus": "IN_PROGRESS", "StartTime": START, "TableArn": ARN,
        "TableId": first["TableId"], "ExportTime": START, "ClientToken": "token", "S3Bucket": BUCKET,
        "S3Prefix": "some/where", "S3SseAlgorithm": "AES256", "ExportFormat": "DYNAMODB_JSON",
    }  # fmt: skip
    id_ = first["ExportArn"].removeprefix(f"{ARN}/export/")
    assert re.fullmatch(r"01700000000000-[0-9a-f]{8}", id_)
    put(db, 5000)  # later than the export
    assert db.jobs.wait(f"export-{id_}", 60)
    done = db.call("DescribeExport", {"ExportArn": first["ExportArn"]})["ExportDescription"]
    home = f"some/where/AWSDynamoDB/{id_}"
    assert done == first | {
        "ExportStatus": "COMPLETED", "EndTime": START, "ItemCount": 1199, "BilledSizeBytes": done["BilledSizeBytes"],
        "ExportManifest": f"{home}/manifest-summary.json",
    }  # fmt: skip
    summary, lines = read(store, done)
    assert list(summary.items()) == [
        ("version", "2020-06-30"), ("exportArn", first["ExportArn"]), ("startTime", "2023-11-14T22:13:20.000Z"),
        ("endTime", "2023-11-14T22:13:20.000Z"), ("tableArn", ARN), ("tableId", first["TableId"]),
        ("exportTime", "2023-11-14T22:13:20.000Z"), ("s3Bucket", BUCKET), ("s3Prefix", "some/where"),
        ("s3SseAlgorithm", "AES256"), ("s3SseKmsKeyId", None), ("manifestFilesS3Key", f"{home}/manifest-files.json"),
        ("billedSizeBytes", done["BilledSizeBytes"]), ("itemCount", 1199), ("outputFormat", "DYNAMODB_JSON"),
    ]  # fmt: skip
    items = {int(item["s"]["N"]): item for item in (json.loads(line)["Item"] for line in lines)}
    assert sorted(items) == list(range(1, 1200))
    seen = items[1]
    assert sorted(seen.pop("strings")["SS"]) == ["a", "b"] and sorted(seen.pop("numbers")["NS"]) == ["1", "2"]
    assert seen == {
        **key("a", 1), "text": {"S": 'é "x"\n'}, "number": {"N": "-12.5"}, "bytes": {"B": "AP8="}, "yes": {"BOOL": True},
        "none": {"NULL": True}, "blobs": {"BS": ["MQ=="]}, "list": {"L": [{"M": {"deep": {"N": "1"}}}]},
    }  # fmt: skip
    names = sorted(name.removeprefix(home) for name in store.list(BUCKET))
    data = names.pop(1)
    assert names == ["/_started", "/manifest-files.json", "/manifest-files.md5", "/manifest-summary.json", "/manifest-summary.md5"]
    assert re.fullmatch(r"/data/[a-z2-7]{26}\.json\.gz", data)
    assert store.get(BUCKET, f"{home}/_started") == b""


def test_an_empty_table_without_prefix(db, store):
    done = export(db)
    summary, lines = read(store, done)
    put(db, 12, v={"S": "text"}, b={"BOOL": True})
    assert export(db)["BilledSizeBytes"] == len("pa") + len("s") + 2 + len("vtext") + len("b") + 1
    assert lines == [] and summary["s3Prefix"] is None and "S3Prefix" not in done
    assert done["ExportManifest"].startswith("AWSDynamoDB/") and done["BilledSizeBytes"] == 0


@pytest.mark.parametrize(("prefix", "begins"), [("foo/", "foo/AWSDynamoDB/"), ("/foo", "/foo/AWSDynamoDB/")])
def test_prefixes(db, store, prefix, begins):
    done = export(db, S3Prefix=prefix)
    assert done["ExportManifest"].startswith(begins) and done["S3Prefix"] == prefix
    assert read(store, done)[0]["s3Prefix"] == prefix


def test_as_of_a_moment(db, store, clock):
    for number in range(10):
        put(db, number, v={"S": "old"})
    clock.advance(10)
    put(db, 1, v={"S": "new"})
    put(db, 20, v={"S": "new"})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 2)})
    clock.advance(10)
    put(db, 3, v={"S": "newest"})

    def seen(seconds):
        done = export(db, ExportTime=at(seconds))
        assert done["ExportTime"] == at(seconds)
        lines = read(store, done)[1]
        return {int(i["s"]["N"]): i["v"]["S"] for i in (json.loads(line)["Item"] for line in lines)}

    old = dict.fromkeys(range(10), "old")
    middle = {**old, 1: "new", 20: "new"}
    del middle[2]
    assert seen(9) == old
    assert seen(10) == middle
    assert seen(20) == middle | {3: "newest"}


def test_ion(db, store):
    ion = pytest.importorskip("amazon.ion.simpleion")
    put(db, 1, n={"N": "1.50"}, b={"B": b"\0"}, t={"S": "é\n"}, u={"NULL": True}, w={"SS": ["a"]}, m={"M": {"a b": {"N": "600"}}})
    done = export(db, ExportFormat="ION")
    summary, lines = read(store, done)
    assert done["ExportFormat"] == summary["outputFormat"] == "ION" and len(lines) == 1
    assert lines[0].startswith("$ion_1_0 {Item:{")
    item = ion.loads(lines[0])["Item"]
    assert [a.text for a in item["w"].ion_annotations] == ["$dynamodb_SS"] and list(item["w"]) == ["a"]
    assert (str(item["n"]), item["b"], item["t"], item["m"]["a b"]) == ("1.5", b"\0", "é\n", 600)
    assert item["u"].ion_type.name == "NULL"
    assert next(name for name in store.list(BUCKET) if "/data/" in name).endswith(".ion.gz")


def test_many_files(db, store, monkeypatch):
    monkeypatch.setattr("cloudcore.dynamodb.transfer.files.FILE_BYTES", 1)
    for number in range(3000):
        put(db, number, v={"S": "x" * 300})
    done = export(db)
    assert len(read(store, done)[1]) == 3000
    assert len([name for name in store.list(BUCKET) if "/data/" in name]) > 1


# ---- filters ----


def test_filters(db, store):
    for number in range(20):
        put(db, number, v={"N": str(number % 4)}, b={"B": bytes([number])})
    db.call("PutItem", {"TableName": "tab", "Item": key("other", 1) | {"v": {"N": "3"}}})
    wanted = {
        "KeyConditionExpression": "p = :p AND s > :s", "FilterExpression": "#v = :v AND b <> :b",
        "ExpressionAttributeNames": {"#v": "v"}, "ProjectionExpression": "s",
        "ExpressionAttributeValues": {":p": {"S": "a"}, ":s": {"N": "4"}, ":v": {"N": "3"}, ":b": {"B": b"\x0b"}},
    }  # fmt: skip
    done = export(db, FilterSpecification=wanted)
    assert done["FilterSpecification"] == wanted
    lines = read(store, done)[1]
    assert sorted(lines) == [f'{{"Item":{{"s":{{"N":"{n}"}}}}}}' for n in (15, 19, 7)]
    done = export(db, FilterSpecification={"FilterExpression": "p = :p", "ExpressionAttributeValues": {":p": {"S": "other"}}})
    assert done["ItemCount"] == 1
    failed = "Invalid Request: Invalid FilterSpecification: "
    refuse(db, failed + "The specification can not be empty", FilterSpecification={})
    refuse(
        db, failed + "Invalid FilterExpression: An expression attribute value used in expression is not defined; "
        "attribute value: :v", FilterSpecification={"FilterExpression": "v = :v"},
    )  # fmt: skip


# ---- incremental exports ----


def test_an_incremental_export(db, store, clock):
    put(db, 1, v={"S": "one"})
    put(db, 2, v={"S": "two"})
    put(db, 3, v={"S": "three"})
    clock.advance(60)
    put(db, 1, v={"S": "first"})  # a change in the window, and another one
    put(db, 4, v={"S": "came"})
    put(db, 5, v={"S": "passed by"})
    clock.advance(60)
    put(db, 1, v={"S": "second"})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 2)})
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 5)})
    clock.advance(900)
    put(db, 3, v={"S": "behind the window"})
    clock.advance(1000)

    def seen(view, **more):
        window = {"ExportFromTime": at(60), "ExportToTime": at(1020), **more}
        done = export(db, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=window)
        assert done["IncrementalExportSpecification"] == window | {"ExportViewType": view}
        assert done["ExportType"] == "INCREMENTAL_EXPORT" and "ExportTime" not in done
        summary, lines = read(store, done)
        assert summary["version"] == "2023-08-01" and summary["outputView"] == view
        assert summary["exportFromTime"] == "2023-11-14T22:14:20.000Z" and "exportTime" not in summary
        assert list(summary)[-3:] == ["outputFormat", "outputView", "exportType"]
        assert summary["billedSizeBytes"] == 10_000_000
        data = [json.loads(line)["dataFileS3Key"] for line in store.get(BUCKET, summary["manifestFilesS3Key"]).splitlines()]
        assert re.fullmatch(r"AWSDynamoDB/data/[a-z2-7]{26}\.json\.gz", data[0])
        records = {int(r["Keys"]["s"]["N"]): r for r in map(json.loads, lines)}
        for record in records.values():
            assert list(record)[:2] == ["Metadata", "Keys"] and set(record["Keys"]) == {"p", "s"}
        return {
            number: (int(r["Metadata"]["WriteTimestampMicros"]["N"]) // 1_000_000 - 1_700_000_000,
                     *(r[i]["v"]["S"] if i in r else None for i in ("NewImage", "OldImage")))
            for number, r in records.items()
        }  # fmt: skip

    assert seen("NEW_AND_OLD_IMAGES") == {1: (120, "second", "one"), 2: (120, None, "two"), 4: (60, "came", None)}
    assert seen("NEW_IMAGE", ExportViewType="NEW_IMAGE") == {
        1: (120, "second", None), 2: (120, None, None), 4: (60, "came", None)
    }  # fmt: skip


def test_the_window(db, clock):
    clock.advance(2000)

    def wrong(message, code="InvalidExportTimeException", **window):
        refuse(db, message, code, ExportType="INCREMENTAL_EXPORT", IncrementalExportSpecification=window)

    missing = "Invalid Request: ExportFromTime must be provided in IncrementalExportSpecification"
    wrong(missing, "ValidationException")
    wrong(missing, "ValidationException", ExportViewType="NEW_IMAGE")
    between = "Difference between export period from time and export period to time is"
    wrong(f"{between} less than 15 minutes", ExportFromTime=at(1000), ExportToTime=at(1899))
    wrong(f"{between} less than 15 minutes", ExportFromTime=at(1500), ExportToTime=at(1000))
    wrong(f"{between} less than 15 minutes", ExportFromTime=at(1101))
    wrong(
        "Incremental export period from time cannot be less than the table creation time : 2023-11-14T22:13:15Z",
        ExportFromTime=at(-5),
    )
    wrong(
        "Incremental export period to time cannot be greater than the current time : 2023-11-14T22:46:41Z",
        ExportFromTime=at(1), ExportToTime=at(2001),
    )  # fmt: skip
    clock.advance(90_000)
    wrong(f"{between} greater than 24 hours", ExportFromTime=at(5000))
    recover(db, False)
    wrong(
        "Incremental export period from time cannot be less than the table creation time : 2023-11-14T23:36:40Z",
        ExportFromTime=at(5000),
    )


def test_couplings(db):
    window = {"ExportFromTime": at(0)}
    refuse(
        db, "Invalid Request: Export Type expected to be Incremental Export when incremental export specification is "
        "provided", IncrementalExportSpecification=window,
    )  # fmt: skip
    refuse(
        db, "Invalid Request: When Export Type is Full Export , Incremental Export Specification should not be "
        "provided", ExportType="FULL_EXPORT", IncrementalExportSpecification=window,
    )  # fmt: skip
    refuse(
        db, "Invalid Request: Incremental Export Specification expected when export type is set as Incremental Export",
        ExportType="INCREMENTAL_EXPORT",
    )  # fmt: skip
    for algorithm in ({}, {"S3SseAlgorithm": "AES256"}):
        refuse(
            db, "Invalid Request: KMS Key Id is not supported for this encryption type", S3SseKmsKeyId="key", **algorithm
        )


# ---- refusals ----


def test_refusals(db):
    refuse(db, "One or more parameter values were invalid: tableArn is not a valid ARN", TableArn="tab")
    refuse(db, "Invalid Request: Table ARN is invalid.", TableArn=f"{ARN}/index/i")
    refuse(db, "Access is denied", "AccessDeniedException", TableArn=ARN.replace("0" * 12, "1" * 12))
    for missing in (ARN.replace("us-east-1", "eu-west-1"), ARN + "x"):
        refuse(db, f"Table not found: {missing}", "TableNotFoundException", TableArn=missing)
    for seconds in (-1, 5):
        refuse(db, "Export Time is invalid", "InvalidExportTimeException", ExportTime=at(seconds))
    recover(db, False)
    refuse(
        db, "Point in time recovery is not enabled for table 'tab'", "PointInTimeRecoveryUnavailableException"
    )
    with DynamoDB() as alone:
        create(alone)
        refuse(alone, "these tables were opened without an object store")


def test_what_is_not_found(db):
    def describe(arn, message, code="ExportNotFoundException"):
        refused(db, "DescribeExport", {"ExportArn": arn}, message, code)

    arn = export(db)["ExportArn"]
    for missing in (f"{ARN}/export/0", arn[:-1] + "x", arn.replace("/tab/", "/other/")):
        describe(missing, f"Export not found: Export not found: {missing}")
    describe(arn.replace("us-east-1", "eu-west-1"), "Export not found: Invalid export arn")
    describe(arn.replace("0" * 12, "1" * 12), "Access is denied", "AccessDeniedException")
    for wrong in (ARN, arn.replace("/export/", "/import/"), "x" * 40):
        describe(wrong, "Invalid Export ARN", "ValidationException")


def test_what_the_store_refuses(db):
    done = export(db, S3BucketOwner="1" * 12)
    assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "S3AccessDenied")
    assert done["FailureMessage"].startswith("Access Denied (Service: Amazon S3; Status Code: 403; Error Code: AccessDenied")
    assert "ItemCount" not in done and "ExportManifest" not in done and done["EndTime"] == START
    assert export(db, S3BucketOwner="0" * 12)["ExportStatus"] == "COMPLETED"


def test_tokens(db, clock):
    first = export(db, ClientToken="one", S3Prefix="a")
    again = begin(db, ClientToken="one", S3Prefix="a")
    assert again == first
    conflict = "Export conflict: Duplicate request detected with conflicting parameters"
    for changed in ({"S3Prefix": "b"}, {"S3Prefix": "a", "ExportFormat": "ION"}):
        refuse(db, conflict, "ExportConflictException", ClientToken="one", **changed)
    assert export(db, S3Prefix="a")["ExportArn"] != export(db, S3Prefix="a")["ExportArn"]
    clock.advance(8 * 3600 + 1)
    assert begin(db, ClientToken="one", S3Prefix="b")["ExportArn"] != first["ExportArn"]


def test_lists(db, clock):
    arns = []
    for _ in range(12):
        arns.insert(0, export(db)["ExportArn"])
        clock.advance(1)

    def page(**params):
        answer = db.call("ListExports", params)
        return [entry["ExportArn"] for entry in answer["ExportSummaries"]], answer.get("NextToken")

    found, more = page()
    assert found == arns[:10]
    assert page(NextToken=more) == (arns[10:], None)
    assert page(MaxResults=25) == (arns, None)
    found, more = page(MaxResults=5, TableArn=ARN)
    assert (found, page(MaxResults=7, NextToken=more)) == (arns[:5], (arns[5:], None))
    assert page(TableArn=ARN + "x") == ([], None)
    summary = db.call("ListExports", {"MaxResults": 1})["ExportSummaries"][0]
    assert summary == {"ExportArn": arns[0], "ExportStatus": "COMPLETED", "ExportType": "FULL_EXPORT"}
    for wrong in ("x", "00", b"import 1".hex()):
        refused(db, "ListExports", {"NextToken": wrong}, f"Invalid Request: Provided nextToken is invalid: {wrong}")
    db.call("DeleteTable", {"TableName": "tab"})
    assert page(TableArn=ARN) == ([], None) and page(MaxResults=25)[0] == arns
    create(db)
    assert page(TableArn=ARN) == ([], None)
    assert db.call("DescribeExport", {"ExportArn": arns[0]})["ExportDescription"]["ExportStatus"] == "COMPLETED"
    clock.advance(91 * 86_400)
    assert page() == ([], None)


def test_the_table_may_go_while_it_is_exported(db, store):
    for number in range(100):
        put(db, number)
    arn = begin(db)["ExportArn"]
    db.call("DeleteTable", {"TableName": "tab"})
    assert db.jobs.wait(f"export-{arn.rpartition('/')[2]}", 60)
    done = db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]
    assert len(read(store, done)[1]) == 100


def test_a_process_that_ends_early(tmp_path, store, monkeypatch):
    """Before the first base image is there, neither an export nor a restore can be begun again: both fail."""
    with DynamoDB(tmp_path / "store", objects=lambda: store) as db:
        create(db)
        put(db, 1)
        monkeypatch.setattr(db.jobs, "start", lambda name, work, turn=True: None)
        recover(db)
        arn = begin(db)["ExportArn"]
        db.call(
            "RestoreTableToPointInTime",
            {"SourceTableName": "tab", "TargetTableName": "copy", "UseLatestRestorableTime": True},
        )
    with DynamoDB(tmp_path / "store", objects=lambda: store) as db:
        done = db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]
        assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", "UNKNOWN")
        assert db.call("ListTables", {})["TableNames"] == ["tab"]
        assert export(db)["ItemCount"] == 1


def test_an_open_without_an_object_store_leaves_exports_alone(tmp_path, store, monkeypatch):
    with DynamoDB(tmp_path / "store", objects=lambda: store) as db:
        create(db)
        put(db, 1)
        recover(db)
        for archive in db.recovery._archives.values():
            assert db.jobs.wait(f"base-{archive.id}", 60)
        monkeypatch.setattr(db.jobs, "start", lambda name, work, turn=True: None)
        arn = begin(db)["ExportArn"]
    with DynamoDB(tmp_path / "store") as db:
        assert db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    with DynamoDB(tmp_path / "store", objects=lambda: store) as db:
        assert db.jobs.wait(f"export-{arn.rpartition('/')[2]}", 60)
        done = db.call("DescribeExport", {"ExportArn": arn})["ExportDescription"]
        assert len(read(store, done)[1]) == 1


def test_export_costs_a_table_none_of_its_throughput(store, clock):
    with DynamoDB(clock=clock, objects=lambda: store, enforce_throughput=True) as db:
        create(db, OnDemandThroughput={"MaxReadRequestUnits": 1})
        recover(db)
        put(db, 1, x={"S": "y" * 9000})
        put(db, 2)
        with pytest.raises(ApiError) as error:
            for _ in range(2000):
                db.call("Scan", {"TableName": "tab"})
        assert error.value.code == "ThrottlingException"
        described = export(db, FilterSpecification={"FilterExpression": "attribute_exists(x)"})
        assert (described["ExportStatus"], described["ItemCount"]) == ("COMPLETED", 1)
