"""The Kinesis destination: its four operations, and that changes arrive, in order and as AWS writes them."""

import json
import re
import threading
import time

import pytest
from dynamodb_support import create, key, refused
from stream_support import put, read_all, streamed

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

ARN = "arn:aws:firehose:us-east-1:000000000000:deliverystream/changes"
OTHER = "arn:aws:firehose:us-east-1:000000000000:deliverystream/others"


class Sink:
    """A double of a stream: keeps what it takes, and refuses while it is down."""

    record_max = 2000

    def __init__(self):
        self.records = []
        self.down = False
        self.moved = threading.Condition()

    def put(self, records):
        with self.moved:
            if self.down:
                raise OSError("down")
            self.records += map(json.loads, records)
            self.moved.notify_all()

    def wait(self, count):
        with self.moved:
            assert self.moved.wait_for(lambda: len(self.records) >= count, 60), len(self.records)
            return self.records


@pytest.fixture
def sink():
    return Sink()


@pytest.fixture
def clock():
    return ManualClock(1_700_000_000.25)


def sinks(sink):
    def find(arn):
        if arn not in (ARN, OTHER):
            raise ApiError("ResourceNotFoundException", f"no stream {arn}")
        return sink

    return find


@pytest.fixture
def db(sink, clock):
    with DynamoDB(clock=clock, sinks=sinks(sink)) as service:
        yield service


def enable(db, arn=ARN, table="tab", precision=None):
    params = {"TableName": table, "StreamArn": arn}
    if precision:
        configuration = {"ApproximateCreationDateTimePrecision": precision}
        params["EnableKinesisStreamingConfiguration"] = configuration
    return db.call("EnableKinesisStreamingDestination", params)


def disable(db, arn=ARN, table="tab"):
    return db.call("DisableKinesisStreamingDestination", {"TableName": table, "StreamArn": arn})


def describe(db, table="tab"):
    answer = db.call("DescribeKinesisStreamingDestination", {"TableName": table})
    assert answer["TableName"] == table
    return answer["KinesisDataStreamDestinations"]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_record(db, sink):
    create(db)
    assert enable(db) == {"TableName": "tab", "StreamArn": ARN, "DestinationStatus": "ENABLING"}
    put(db, "a", 1, v={"B": b"\xff"})
    (record,) = sink.wait(1)
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", record.pop("eventID"))
    assert record == {
        "awsRegion": "us-east-1",
        "eventName": "INSERT",
        "userIdentity": None,
        "recordFormat": "application/json",
        "tableName": "tab",
        "dynamodb": {
            "ApproximateCreationDateTime": 1_700_000_000_250,
            "ApproximateCreationDateTimePrecision": "MILLISECOND",
            "Keys": key("a", 1),
            "NewImage": key("a", 1) | {"v": {"B": "/w=="}},
            "SizeBytes": 5 + 7,
        },
        "eventSource": "aws:dynamodb",
    }


def test_changes_arrive_in_order(db, sink, clock):
    create(db)
    put(db, "before", 0)
    enable(db, precision="MICROSECOND")
    for i in range(1200):
        put(db, "a", i % 7, v={"N": str(i)})
    specification = {"AttributeName": "v", "Enabled": True}
    db.call("DeleteItem", {"TableName": "tab", "Key": key("a", 0)})
    put(db, "t", 1, v={"N": str(int(clock.now()) - 1)})
    db.call("UpdateTimeToLive", {"TableName": "tab", "TimeToLiveSpecification": specification})
    db.expiry.sweep()
    records = sink.wait(1203)
    assert [r["dynamodb"]["NewImage"]["v"]["N"] for r in records[:1200]] == [str(i) for i in range(1200)]
    assert records[1200]["eventName"] == "REMOVE"
    assert records[1200]["dynamodb"]["OldImage"]["v"] == {"N": "1197"}
    identity = {"type": "Service", "principalId": "dynamodb.amazonaws.com"}
    assert [r["userIdentity"] for r in records[1200:]] == [None, None, identity]
    assert records[0]["dynamodb"]["ApproximateCreationDateTime"] == 1_700_000_000_250_000
    assert len({r["eventID"] for r in records}) == len(records)


def test_beside_a_stream_of_keys(db, sink):
    arn = streamed(db, "KEYS_ONLY")
    enable(db)
    put(db, "a", 1, v={"S": "x"})
    put(db, "a", 1, v={"S": "y"})
    assert sink.wait(2)[1]["dynamodb"]["OldImage"]["v"] == {"S": "x"}
    assert all("NewImage" not in r["dynamodb"] for r in read_all(db, arn))


def test_states(db, sink):
    create(db)
    assert describe(db) == []
    enable(db, precision="MICROSECOND")
    shown = {"StreamArn": ARN, "ApproximateCreationDateTimePrecision": "MICROSECOND"}
    assert describe(db) == [shown | {"DestinationStatus": "ACTIVE"}]
    valid = "Table is not in a valid state to enable Kinesis Streaming Destination: "
    again = (
        valid + "EnableKinesisStreamingDestination must be DISABLED or ENABLE_FAILED to perform ENABLE operation."
    )
    for arn in (ARN, OTHER):
        refused(db, "EnableKinesisStreamingDestination", {"TableName": "tab", "StreamArn": arn}, again)
    assert disable(db) == {"TableName": "tab", "StreamArn": ARN, "DestinationStatus": "DISABLING"}
    until(lambda: describe(db) == [shown | {"DestinationStatus": "DISABLED"}])
    put(db, "a", 1)
    off = valid + "KinesisStreamingDestination must be ACTIVE to perform DISABLE operation."
    for arn in (ARN, OTHER):
        refused(db, "DisableKinesisStreamingDestination", {"TableName": "tab", "StreamArn": arn}, off)
    enable(db, OTHER)
    put(db, "a", 2)
    assert [r["dynamodb"]["Keys"] for r in sink.wait(1)] == [key("a", 2)]
    assert [(d["StreamArn"], d["DestinationStatus"]) for d in describe(db)] == [
        (ARN, "DISABLED"), (OTHER, "ACTIVE"),
    ]  # fmt: skip
    db.call("DeleteTable", {"TableName": "tab"})
    until(lambda: not db.catalogue.all("kinesis"))
    create(db)
    assert describe(db) == []


def test_updating_the_precision(db, sink):
    create(db)
    change = {"TableName": "tab", "StreamArn": ARN}

    def update(precision):
        configuration = {"ApproximateCreationDateTimePrecision": precision}
        return change | {"UpdateKinesisStreamingConfiguration": configuration}

    inactive = (
        "Table is not in a valid state to enable Kinesis Streaming Destination: Kinesis streaming is not in ACTIVE "
        f"state. Updates are only allowed in ACTIVE state. TableName: tab, kdsArn: {ARN}"
    )
    refused(db, "UpdateKinesisStreamingDestination", update("MICROSECOND"), inactive)
    enable(db)
    for nothing in ({}, {"UpdateKinesisStreamingConfiguration": {}}):
        refused(
            db, "UpdateKinesisStreamingDestination", change | nothing,
            "Streaming destination cannot be updated with given parameters: UpdateKinesisStreamingConfiguration cannot "
            "be null or contain only null values",
        )  # fmt: skip
    answer = db.call("UpdateKinesisStreamingDestination", update("MICROSECOND"))
    assert answer == update("MICROSECOND") | {"DestinationStatus": "UPDATING"}
    identity = db.call("DescribeTable", {"TableName": "tab"})["Table"]["TableId"]
    refused(
        db, "UpdateKinesisStreamingDestination", update("MICROSECOND"),
        f"Invalid Request: Precision is already set to the desired value of MICROSECOND for tableId: {identity}, "
        f"kdsArn: {ARN}",
    )  # fmt: skip
    put(db, "a", 1)
    assert sink.wait(1)[0]["dynamodb"]["ApproximateCreationDateTimePrecision"] == "MICROSECOND"


def test_refusals(db):
    missing = "Requested resource not found: Table: nope not found"
    for operation in ("Enable", "Disable", "Update"):
        params = {"TableName": "nope", "StreamArn": ARN}
        if operation == "Update":
            configuration = {"ApproximateCreationDateTimePrecision": "MILLISECOND"}
            params["UpdateKinesisStreamingConfiguration"] = configuration
        refused(db, f"{operation}KinesisStreamingDestination", params, missing, "ResourceNotFoundException")
    refused(db, "DescribeKinesisStreamingDestination", {"TableName": "nope"}, missing, "ResourceNotFoundException")
    create(db)
    nowhere = ARN.replace("changes", "nowhere")
    refused(db, "EnableKinesisStreamingDestination", {"TableName": "tab", "StreamArn": nowhere},
            f"no stream {nowhere}", "ResourceNotFoundException")  # fmt: skip
    refused(
        db, "EnableKinesisStreamingDestination", {"TableName": "tab", "StreamArn": "short"},
        "1 validation error detected: Value 'short' at 'streamArn' failed to satisfy constraint: Member must have "
        "length greater than or equal to 37",
    )  # fmt: skip
    with DynamoDB() as alone:
        create(alone)
        with pytest.raises(ApiError, match="send to no stream"):
            enable(alone)


def test_a_destination_that_is_down(db, sink):
    create(db)
    enable(db)
    sink.down = True
    for i in range(20):
        put(db, "a", i)
    disable(db)
    db.call("DeleteTable", {"TableName": "tab"})
    time.sleep(0.2)
    assert sink.records == []
    sink.down = False  # what was written before still goes
    assert [r["dynamodb"]["Keys"] for r in sink.wait(20)] == [key("a", i) for i in range(20)]
    until(lambda: not db.catalogue.all("kinesis"))


def test_what_is_too_large_goes_without_images(db, sink):
    create(db)
    enable(db)
    put(db, "a", 1, v={"S": "x" * 1000})
    put(db, "a", 1, v={"S": "y" * 1000})
    put(db, "a", 1, v={"S": "z" * 3000})
    images = [sorted(name for name in r["dynamodb"] if "Image" in name) for r in sink.wait(3)]
    assert images == [["NewImage"], ["NewImage"], []]


def test_restarts(tmp_path, sink):
    with DynamoDB(tmp_path, sinks=sinks(sink)) as db:
        create(db)
        enable(db)
        for i in range(10):
            put(db, "a", i)
        sink.wait(10)
        sink.down = True
        for i in range(10, 20):
            put(db, "a", i)
    with DynamoDB(tmp_path, sinks=sinks(sink)) as db:
        put(db, "a", 20)
        sink.down = False
        sink.wait(21)
        disable(db)
    with DynamoDB(tmp_path, sinks=sinks(sink)) as db:
        until(lambda: describe(db)[0]["DestinationStatus"] == "DISABLED")
    assert [r["dynamodb"]["Keys"] for r in sink.records] == [key("a", i) for i in range(21)]


def test_into_a_delivery_stream():
    with cloudcore.open(":memory:") as cloud:
        db = cloud.dynamodb
        create(db)
        with pytest.raises(ApiError, match="changes"):
            enable(db)
        changes = cloud.stream("changes", bucket="lake", prefix="changes/")
        enable(db)
        for i in range(30):
            put(db, "a", i)
        until(lambda: changes.status()["records_in"] == 30)
        changes.flush()
        (name,) = cloud.objects.list("lake")
        lines = [json.loads(line) for line in cloud.objects.get("lake", name).splitlines()]
        assert [line["dynamodb"]["Keys"] for line in lines] == [key("a", i) for i in range(30)]
        for arn, words in (
            ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "no endpoint for kinesis is configured"),
            ("arn:aws:sqs:us-east-1:000000000000:some-queue-here", "Invalid StreamArn: arn:aws:sqs"),
        ):
            create(db, "tab2") if "kinesis" in arn else None
            with pytest.raises(ApiError, match=words):
                enable(db, arn, table="tab2")
