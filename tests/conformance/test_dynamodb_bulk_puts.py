"""StartBulkPutItems and its three companions: what is put, what is reported, how it is told of and ended."""

import datetime
import gzip
import json
import re

import pytest
from dynamodb_support import create, key, refused

from cloudcore.cloud import Cloud
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.transfer import bulk_putting, inputs

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
START = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
INPUT = {"S3Bucket": "in", "InputFormat": "DYNAMODB_JSON"}
OUTPUT = {"S3Bucket": "out", "OutputType": ["ERROR", "CONDITION_CHECK_FAILURE"]}
NEW = {"ConditionExpression": "attribute_not_exists(p)"}


@pytest.fixture
def db(store, clock):
    with DynamoDB(clock=clock, objects=lambda: store) as service:
        create(service)
        yield service


def begin(db, source=INPUT, target=OUTPUT, **params):
    asked = {"TableName": "tab", "InputS3Configuration": source, "OutputS3Configuration": target}
    return db.call("StartBulkPutItems", asked | params)["BulkOperationDescription"]


def describe(db, arn):
    return db.call("DescribeBulkOperation", {"BulkOperationArn": arn})["BulkOperationDescription"]


def put(db, *args, **params):
    arn = begin(db, *args, **params)["BulkOperationArn"]
    assert db.jobs.wait(f"bulk-{arn.rpartition('/')[2]}", 60)
    return describe(db, arn)


def lines(*records):
    return "".join(json.dumps(record) + "\n" for record in records).encode()


def record(p, s, condition=None, **attributes):
    return {"Item": key(p, s) | attributes} | (condition or {})


def report(store, described, bucket="out", prefix=""):
    """(summary, records) of an operation's report."""
    home = f"{prefix}AWSDynamoDB/{described['BulkOperationArn'].rpartition('/')[2]}"
    summary = json.loads(store.get(bucket, f"{home}/manifest-summary.json"))
    found = []
    for entry in store.get(bucket, summary["manifestFilesS3Key"]).splitlines():
        found += gzip.decompress(store.get(bucket, json.loads(entry)["dataFileS3Key"])).splitlines()
    assert not list(store.list(bucket, f"{home}/tmp"))
    return summary, [json.loads(line) for line in found]


def scan(db):
    return {(item["p"]["S"], item["s"]["N"]): item for item in db.call("Scan", {"TableName": "tab"})["Items"]}


def test_items_are_put_into_a_table_that_is_there(db, store):
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1) | {"old": {"S": "x"}}})
    content = [lines(*(record(p, number, v={"S": "x" * 200}) for number in range(1500))) for p in "ab"]
    for name, data in zip("ab", content, strict=True):
        store.put("in", f"some/{name}.json.gz", gzip.compress(data))
    source = INPUT | {"S3KeyPrefix": "some/", "InputCompressionType": "GZIP"}
    first = begin(db, source, OUTPUT | {"S3KeyPrefix": "reports"}, ClientToken="token", TableName=ARN)
    packed = sum(len(store.get("in", key)) for key in store.list("in"))
    assert first == {
        "BulkOperationArn": first["BulkOperationArn"], "BulkOperationStatus": "IN_PROGRESS", "ClientToken": "token",
        "TableDetails": [{"TableName": "tab", "TableId": first["TableDetails"][0]["TableId"]}], "StartTime": START,
        "InputS3Configuration": source, "OutputS3Configuration": OUTPUT | {"S3KeyPrefix": "reports"},
        "ProcessedItemCount": 0, "FailedItemCount": 0, "ProcessedInputBytes": 0, "PerformanceTier": "STANDARD",
    }  # fmt: skip
    assert re.fullmatch(ARN + r"/bulk/01700000000000-[0-9a-f]{8}", first["BulkOperationArn"])
    assert db.jobs.wait(f"bulk-{first['BulkOperationArn'].rpartition('/')[2]}", 60)
    assert describe(db, first["BulkOperationArn"]) == first | {
        "BulkOperationStatus": "COMPLETED", "EndTime": START, "ProcessedItemCount": 3000, "ProcessedInputBytes": packed,
        "TotalInputBytes": packed,
    }  # fmt: skip
    found = scan(db)
    assert len(found) == 3000 and "old" not in found["a", "1"]
    summary, records = report(store, first, prefix="reports/")
    assert records == [] and summary["processedItemCount"] == 3000 and summary["failedItemCount"] == 0


def test_conditions(db, store):
    db.call("PutItem", {"TableName": "tab", "Item": key("a", 1) | {"v": {"N": "5"}, "b": {"B": b"\0\1"}}})
    newer = {
        "ConditionExpression": "#v < :v", "ExpressionAttributeNames": {"#v": "v"}, "ExpressionAttributeValues": {":v": {"N": "7"}},
    }  # fmt: skip
    store.put("in", "x", lines(
        record("a", 1, NEW, v={"N": "6"}), record("a", 2, NEW), record("a", 3), record("a", 3, NEW), record("a", 1, newer, v={"N": "7"}),
        record("a", 1, newer, v={"N": "8"}), record("a", 4, note={"S": "an Expression"}), record("a", 5),
    ))  # fmt: skip
    done = put(db)
    assert (done["BulkOperationStatus"], done["ProcessedItemCount"], done["FailedItemCount"]) == ("COMPLETED", 8, 0)
    found = scan(db)
    assert found["a", "1"] == key("a", 1) | {"v": {"N": "7"}} and len(found) == 5
    summary, records = report(store, done)
    assert summary["conditionCheckFailureCount"] == 3

    def unmet(index, item, there):
        pointer = {"bucket": "in", "key": "x", "itemIndex": index}
        return {"outputType": "CONDITION_CHECK_FAILURE", "itemS3Pointer": pointer, "Item": item, "ExistingItem": there}

    assert records == [
        unmet(0, key("a", 1) | {"v": {"N": "6"}}, key("a", 1) | {"v": {"N": "5"}, "b": {"B": "AAE="}}),
        unmet(3, key("a", 3), key("a", 3)), unmet(5, key("a", 1) | {"v": {"N": "8"}}, key("a", 1) | {"v": {"N": "7"}}),
    ]  # fmt: skip


def test_errors(db, store):
    store.put("in", "0", lines(
        record("a", 1), {"Item": {"p": {"S": "x"}}}, record("a", 2, {"ConditionExpression": "nonsense ("}), record("a", 3, {"Condition": "x", **NEW}),
        record("a", 4, {"ExpressionAttributeValues": {":v": {"N": "1"}}}), record("", 5, NEW), record("a", 6), {"no": "Expression"}, record("a", 7),
    ))  # fmt: skip
    store.put("in", "1", lines(record("b", 1), {"no": "item"}, record("b", 2)))
    done = put(db)
    assert (done["BulkOperationStatus"], done["ProcessedItemCount"], done["FailedItemCount"]) == ("COMPLETED_WITH_ERRORS", 10, 7)
    assert sorted(scan(db)) == [("a", "1"), ("a", "6"), ("b", "1")]
    records = report(store, done)[1]
    assert [(one["itemS3Pointer"]["key"], one["itemS3Pointer"]["itemIndex"]) for one in records] == [
        ("0", 1), ("0", 2), ("0", 3), ("0", 4), ("0", 5), ("0", 7), ("1", 1),
    ]  # fmt: skip
    assert all(one["outputType"] == "ERROR" for one in records)
    words = [one["errorMessages"][0] for one in records]
    assert words[0] == "One or more parameter values were invalid: Missing the key s in the item"
    assert "Invalid ConditionExpression: Syntax error" in words[1] and words[2] == "a record has no member Condition"
    assert "ExpressionAttributeValues can only be specified when using expressions" in words[3]


@pytest.mark.parametrize(("wanted", "count"), [(["ERROR"], 1), (["CONDITION_CHECK_FAILURE"], 1), (OUTPUT["OutputType"], 2)])
def test_the_report_has_what_was_asked_for(db, store, wanted, count):
    store.put("in", "0", lines(record("a", 1), record("a", 1, NEW), {"Item": {}}))
    done = put(db, INPUT, OUTPUT | {"OutputType": wanted})
    assert done["FailedItemCount"] == 1
    records = report(store, done)[1]
    assert len(records) == count and {one["outputType"] for one in records} == set(wanted)


def test_ion(db, store):
    pytest.importorskip("amazon.ion")
    store.put("in", "0", b"""
    $ion_1_0 {Item:{p:"a",s:1.,v:5.}}
    $ion_1_0 {Item:{p:"a",s:1.,v:6.,b:{{AAE=}},ns:$dynamodb_NS::[1.],l:[null,true,"x",{m:1.}]},ConditionExpression:"#v < :v",
              ExpressionAttributeNames:{'#v':"v"},ExpressionAttributeValues:{':v':6.}}
    $ion_1_0 {Item:{p:"a",s:1.},ConditionExpression:"attribute_not_exists(p)"}
    $ion_1_0 {Item:{p:"a",s:2.},Other:1}
    $ion_1_0 {Item:{p:"a",s:3.}}
    """)  # fmt: skip
    done = put(db, INPUT | {"InputFormat": "ION"})
    assert (done["ProcessedItemCount"], done["FailedItemCount"]) == (5, 1)
    item = key("a", 1) | {
        "v": {"N": "6"}, "b": {"B": b"\0\1"}, "ns": {"NS": ["1"]}, "l": {"L": [{"NULL": True}, {"BOOL": True}, {"S": "x"}, {"M": {"m": {"N": "1"}}}]},
    }  # fmt: skip
    assert scan(db) == {("a", "1"): item, ("a", "3"): key("a", 3)}
    records = report(store, done)[1]
    assert [(one["outputType"], one["itemS3Pointer"]["itemIndex"]) for one in records] == [("CONDITION_CHECK_FAILURE", 2), ("ERROR", 3)]


def test_what_fails(db, store):
    assert put(db)["FailureCode"] == "S3NoSuchBucket"
    store.put("in", "x", lines(record("a", 1)))
    missing = put(db, INPUT | {"S3KeyPrefix": "y"})
    assert (missing["BulkOperationStatus"], missing["FailureCode"]) == ("FAILED", "S3NoSuchKey")
    for side in ({"source": INPUT | {"S3BucketOwner": "1" * 12}}, {"target": OUTPUT | {"S3BucketOwner": "1" * 12}}):
        assert put(db, **side)["FailureCode"] == "S3AccessDenied"
    assert scan(db) == {}


def test_a_table_that_goes_away(db, store, monkeypatch):
    store.put("in", "x", lines(record("a", 1)))
    keys = inputs.keys

    def gone(*about):
        db.call("DeleteTable", {"TableName": "tab"})
        return keys(*about)

    monkeypatch.setattr(inputs, "keys", gone)
    done = put(db)
    assert (done["BulkOperationStatus"], done["FailureCode"]) == ("FAILED", "ResourceNotFoundException")


def test_it_can_be_cancelled(db, store, monkeypatch):
    for number in range(3):
        store.put("in", str(number), lines(record("a", number)))
    took, answers = bulk_putting.BulkPut._took, []

    def cancels(self, *about):
        took(self, *about)
        answers.append(db.call("CancelBulkOperation", {"BulkOperationArn": f"{ARN}/bulk/{self._id}"}))

    monkeypatch.setattr(bulk_putting.BulkPut, "_took", cancels)
    done = put(db)
    assert answers[0] == {"BulkOperationArn": done["BulkOperationArn"], "BulkOperationStatus": "CANCELLING"}
    assert (done["BulkOperationStatus"], done["FailureCode"]) == ("CANCELLED", "Cancelled") and done["EndTime"] == START
    assert 1 <= len(scan(db)) < 3  # what was put stays
    message = "Invalid Request: The bulk operation has ended: CANCELLED"
    refused(db, "CancelBulkOperation", {"BulkOperationArn": done["BulkOperationArn"]}, message)


def test_a_rate_is_kept(db, store, monkeypatch):
    class Time:
        now = slept = 0.0

        def monotonic(self):
            return self.now

        def sleep(self, seconds):
            self.now += seconds
            self.slept += seconds

    time = Time()
    monkeypatch.setattr(bulk_putting, "time", time)
    big = {"S": "x" * 2000}  # two units an item
    store.put("in", "x", lines(*(record("a", number, NEW if number % 2 else None, v=big) for number in range(2048))))
    done = put(db, MaxWriteRequestUnits=1024)
    assert done["MaxWriteRequestUnits"] == 1024 and done["ProcessedItemCount"] == 2048
    assert 3.9 < time.slept < 4.1  # 4096 units


def test_requests(db, store, clock):
    store.put("in", "x", lines(record("a", 1)))
    wrong = "One or more parameter values were invalid: "

    def refuse(message, code="ValidationException", **params):
        asked = {"TableName": "tab", "InputS3Configuration": INPUT, "OutputS3Configuration": OUTPUT}
        refused(db, "StartBulkPutItems", asked | params, message, code)

    refuse(wrong + "OutputS3Configuration.S3Bucket is required", OutputS3Configuration={"OutputType": ["ERROR"]})
    for kinds in ([], ["ERROR", "ERROR"]):
        words = wrong + "OutputS3Configuration.OutputType names ERROR, CONDITION_CHECK_FAILURE, or each once"
        refuse(words, OutputS3Configuration={"S3Bucket": "out", "OutputType": kinds})
    refuse("Requested resource not found: Table: none not found", "ResourceNotFoundException", TableName="none")
    refuse(
        "1 validation error detected: Value '1023' at 'maxWriteRequestUnits' failed to satisfy constraint: Member must have "
        "value greater than or equal to 1024", MaxWriteRequestUnits=1023,
    )  # fmt: skip
    first = put(db, ClientToken="one", PerformanceTier="ACCELERATED")
    assert first["PerformanceTier"] == "ACCELERATED"
    assert begin(db, ClientToken="one", PerformanceTier="ACCELERATED") == first
    words = "BulkOperation conflict: Duplicate request detected with conflicting parameters"
    refuse(words, "IdempotentParameterMismatchException", ClientToken="one")
    clock.advance(8 * 3600 + 1)
    second = put(db, ClientToken="one")
    assert second["BulkOperationArn"] != first["BulkOperationArn"]
    page = db.call("ListBulkOperations", {"MaxResults": 1})
    assert [set(one) for one in page["BulkOperationsSummaryList"]] == [{"BulkOperationArn", "BulkOperationStatus", "StartTime", "EndTime"}]
    assert re.fullmatch("([0-9a-f]{16})+", page["NextToken"])
    rest = db.call("ListBulkOperations", {"NextToken": page["NextToken"]})
    assert [one["BulkOperationArn"] for one in rest["BulkOperationsSummaryList"]] == [first["BulkOperationArn"]] and "NextToken" not in rest
    none = f"{ARN}/bulk/01700000000000-00000000"
    for operation in ("DescribeBulkOperation", "CancelBulkOperation"):
        words = f"Requested resource not found: Bulk operation: {none}"
        refused(db, operation, {"BulkOperationArn": none}, words, "ResourceNotFoundException")


def test_the_tables_stream_tells_of_it(tmp_path, store):
    store.put("in", "x", lines(record("a", 1), record("a", 2, NEW), record("a", 1, v={"S": "new"})))
    with Cloud(tmp_path, objects=store) as cloud:
        table = cloud.table("tab", "p", "s:N")
        table.enable_stream()
        assert put(cloud.dynamodb)["ProcessedItemCount"] == 3
        told = [(change.kind, change.key["s"]) for change in table.changes()]
        assert told == [("insert", 1), ("insert", 2), ("modify", 1)]


def test_a_closed_service_goes_on_at_the_next_open(tmp_path, store, monkeypatch):
    for number in range(4):
        store.put("in", str(number), lines(record("a", number), record("a", number, NEW)))
    took = bulk_putting.BulkPut._took
    with DynamoDB(tmp_path / "db", objects=lambda: store) as db:
        create(db)

        def stops(self, key, step, progress):
            took(self, key, step, progress)
            if key == "1":
                db.jobs._stopping = True

        monkeypatch.setattr(bulk_putting.BulkPut, "_took", stops)
        arn = put(db)["BulkOperationArn"]
        assert describe(db, arn)["BulkOperationStatus"] == "IN_PROGRESS"
    monkeypatch.setattr(bulk_putting.BulkPut, "_took", took)
    with DynamoDB(tmp_path / "db", objects=lambda: store) as db:
        assert db.jobs.wait(f"bulk-{arn.rpartition('/')[2]}", 60)
        done = describe(db, arn)
        assert (done["BulkOperationStatus"], done["ProcessedItemCount"]) == ("COMPLETED", 8)
        records = report(store, done)[1]
        assert [one["itemS3Pointer"]["key"] for one in records] == ["0", "1", "2", "3"]  # each is told of once
