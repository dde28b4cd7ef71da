"""Event source mappings: functions that are called with what a table's stream holds."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack
from cloudcore.lambda_.event_sources import patterns

CODE = b"""import json
def handler(event, context):
    print('SAW' + json.dumps(event))
    bad = [r for r in event['Records'] if r['dynamodb']['Keys']['id']['S'] == 'bad']
    if bad:
        raise ValueError('bad')
def partial(event, context):
    print('SAW' + json.dumps(event))
    bad = [r['dynamodb']['SequenceNumber'] for r in event['Records']
           if r['dynamodb']['Keys']['id']['S'] == 'bad']
    return {'batchItemFailures': [{'itemIdentifier': one} for one in bad]}
"""


def begin(cloud: Any, handler: str = "handler") -> tuple[Any, str]:
    table = cloud.table("orders", pk="id:S")
    table.enable_stream()
    cloud.function("fn", pack({"h.py": CODE}), handler=f"h.{handler}", timeout=20)
    described = cloud.client("dynamodb").describe_table(TableName="orders")
    return table, described["Table"]["LatestStreamArn"]


def events(cloud: Any) -> list[list[str]]:
    log = cloud.lambda_.log("fn").tail().decode()
    found = [json.loads(line[3:]) for line in log.splitlines() if line.startswith("SAW")]
    return [[one["dynamodb"]["Keys"]["id"]["S"] for one in event["Records"]] for event in found]


def ids(cloud: Any) -> list[str]:
    return [one for batch in events(cloud) for one in batch]


def wait_for(what: Any) -> Any:
    deadline = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def connect(cloud: Any, arn: str, **settings: Any) -> Any:
    return cloud.client("lambda").create_event_source_mapping(
        **{"FunctionName": "fn", "EventSourceArn": arn, "StartingPosition": "TRIM_HORIZON"} | settings
    )


def test_a_function_sees_records_and_the_mapping_its_states() -> None:
    with cloudcore.open(":memory:") as cloud:
        table, arn = begin(cloud)
        table.put({"id": "a", "n": 1})
        made = connect(cloud, arn)
        assert made["State"] == "Creating" and made["BatchSize"] == 100
        wait_for(lambda: events(cloud) == [["a"]])
        log = cloud.lambda_.log("fn").tail().decode()
        line = next(line for line in log.splitlines() if line.startswith("SAW"))
        (record,) = json.loads(line[3:])["Records"]
        assert record["eventSourceARN"] == arn and record["eventName"] == "INSERT"
        assert record["eventSource"] == "aws:dynamodb" and record["awsRegion"] == "us-east-1"
        assert record["dynamodb"]["NewImage"] == {"id": {"S": "a"}, "n": {"N": "1"}}
        client = cloud.client("lambda")
        wait_for(lambda: client.get_event_source_mapping(UUID=made["UUID"])["LastProcessingResult"] == "OK")
        with pytest.raises(ClientError) as refused:
            connect(cloud, arn)
        assert refused.value.response["Error"]["Code"] == "ResourceConflictException"
        assert client.update_event_source_mapping(UUID=made["UUID"], Enabled=False)["State"] == "Disabling"
        assert client.get_event_source_mapping(UUID=made["UUID"])["State"] == "Disabled"
        table.put({"id": "b"})
        assert client.update_event_source_mapping(UUID=made["UUID"], Enabled=True)["State"] == "Enabling"
        wait_for(lambda: events(cloud) == [["a"], ["b"]])
        assert len(client.list_event_source_mappings(FunctionName="fn")["EventSourceMappings"]) == 1
        assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
        with pytest.raises(ClientError, match="does not exist"):
            client.get_event_source_mapping(UUID=made["UUID"])


def test_filters_choose_records_and_the_place_survives_a_reopen(tmp_path: Any) -> None:
    pattern = json.dumps({"dynamodb": {"NewImage": {"n": {"N": [{"prefix": "1"}]}}}})
    with cloudcore.open(tmp_path) as cloud:
        table, arn = begin(cloud)
        connect(cloud, arn, FilterCriteria={"Filters": [{"Pattern": pattern}]})
        for number in (1, 2, 12):
            table.put({"id": str(number), "n": number})
        wait_for(lambda: ids(cloud) == ["1", "12"])
    with cloudcore.open(tmp_path) as cloud:
        cloud.table("orders").put({"id": "13", "n": 13})
        cloud.lambda_  # noqa: B018 - its mappings go on
        wait_for(lambda: ids(cloud)[-1] == "13")
        assert ids(cloud) in (["1", "12", "13"], ["1", "12", "12", "13"])  # at least once


@pytest.mark.parametrize("handler", ["handler", "partial"])
def test_what_always_fails_goes_to_the_destination(handler: str) -> None:
    with cloudcore.open(":memory:") as cloud:
        table, arn = begin(cloud, handler)
        for name in ("a", "b", "bad", "c"):
            table.put({"id": name})
        cloud.stream("dead", bucket="dead")
        target = {"OnFailure": {"Destination": cloud.firehose.arn("dead")}}
        told: list[dict[str, Any]] = []
        cloud.lambda_.put_record = lambda stream, data: told.append(json.loads(data))
        more = {"FunctionResponseTypes": ["ReportBatchItemFailures"]} if handler == "partial" else {}
        connect(
            cloud, arn, BisectBatchOnFunctionError=True, MaximumRetryAttempts=1, DestinationConfig=target, **more
        )
        wait_for(lambda: events(cloud)[-1:] == [["c"]])
        (record,) = told
        assert record["requestContext"]["condition"] == "RetryAttemptsExhausted"
        info = record["DDBStreamBatchInfo"]
        assert info["batchSize"] == 1 and info["streamArn"] == arn
        assert info["startSequenceNumber"] == info["endSequenceNumber"]
        assert info["shardId"].startswith("shardId-")
        calls = events(cloud)
        assert calls[0] == ["a", "b", "bad", "c"]
        if handler == "partial":
            assert sum(one.count("a") for one in calls) == 1  # done behind the checkpoint


def test_what_no_stream_of_a_table_takes_is_refused() -> None:
    with cloudcore.open(":memory:") as cloud:
        _, arn = begin(cloud)
        for settings in (
            {"ScalingConfig": {"MaximumConcurrency": 2}},
            {"MaximumRecordAgeInSeconds": 59},
            {"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1},
            {"StartingPositionTimestamp": 1},
            {"EventSourceArn": "arn:aws:mq:us-east-1:000000000000:broker:b"},
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/nowhere"},
            {"FilterCriteria": {"Filters": [{"Pattern": '{"a": 1}'}]}},
        ):
            with pytest.raises(ClientError) as refused:
                connect(cloud, arn, **settings)
            assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        ("x", "x", "y"),
        (1, 1.0, True),
        (None, None, ""),
        ({"prefix": "ab"}, "abc", "cab"),
        ({"suffix": {"equals-ignore-case": "C"}}, "abc", "cab"),
        ({"equals-ignore-case": "AbC"}, "aBc", "ab"),
        ({"wildcard": "a*c\\*"}, "abbc*", "abbc"),
        ({"numeric": [">", 0, "<=", 5]}, 5, 0),
        ({"anything-but": ["a", "b"]}, "c", "a"),
        ({"anything-but": {"prefix": "a"}}, "ba", "ab"),
        ({"cidr": "10.0.0.0/24"}, "10.0.0.9", "10.0.1.9"),
    ],
)
def test_patterns(rule: Any, yes: Any, no: Any) -> None:
    pattern = {"a": [rule]}
    patterns.check(pattern)
    assert patterns.matches(pattern, {"a": yes}) and patterns.matches(pattern, {"a": [no, yes]})
    assert not patterns.matches(pattern, {"a": no}) and not patterns.matches(pattern, {})


def test_patterns_of_presence_and_of_choices() -> None:
    assert patterns.matches({"a": {"b": [{"exists": False}]}}, {}) and patterns.matches(
        {"$or": [{"a": [1]}, {"b": [2]}]}, {"b": 2}
    )
    assert not patterns.matches({"a": [{"exists": True}]}, {"b": 1})
    for wrong in ({}, [], {"a": 1}, {"a": []}, {"a": [{"like": 1}]}, {"a": [{"wildcard": "a**"}]}):
        with pytest.raises(ValueError):
            patterns.check(wrong)


def test_boto3_over_http_sees_the_contract() -> None:
    import boto3

    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        _, arn = begin(cloud)
        client = boto3.client(
            "lambda", endpoint_url=endpoint.url, region_name="us-east-1",
            aws_access_key_id="000000000000", aws_secret_access_key="x",
        )  # fmt: skip
        made = client.create_event_source_mapping(
            FunctionName="fn", EventSourceArn=arn, StartingPosition="LATEST", BatchSize=7,
            FilterCriteria={"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
        )  # fmt: skip
        assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert made["FunctionArn"] == cloud.lambda_.arn("fn") and made["LastModified"].tzinfo is not None
        assert made["EventSourceMappingArn"].endswith(":event-source-mapping:" + made["UUID"])
        found = client.list_event_source_mappings(EventSourceArn=arn)["EventSourceMappings"]
        assert [(one["UUID"], one["State"], one["BatchSize"]) for one in found] == [
            (made["UUID"], "Enabled", 7)
        ]
        changed = client.update_event_source_mapping(UUID=made["UUID"], BatchSize=9, FilterCriteria={})
        assert (changed["State"], changed["BatchSize"]) == ("Updating", 9) and "FilterCriteria" not in changed
        client.delete_event_source_mapping(UUID=made["UUID"])
        with pytest.raises(client.exceptions.ResourceNotFoundException):
            client.delete_event_source_mapping(UUID=made["UUID"])


def test_records_that_are_too_old_reach_a_bucket_with_their_payload() -> None:
    clock = ManualClock()
    with cloudcore.open(":memory:", clock=clock) as cloud:
        table, arn = begin(cloud)
        table.put({"id": "old"})
        clock.advance(120)
        table.put({"id": "new"})
        target = {"OnFailure": {"Destination": "arn:aws:s3:::failed"}}
        made = connect(cloud, arn, MaximumRecordAgeInSeconds=60, DestinationConfig=target)
        wait_for(lambda: events(cloud) == [["new"]])
        (key,) = cloud.objects.list("failed")
        assert key.startswith(f"aws/lambda/{made['UUID']}/shardId-")
        told = json.loads(cloud.objects.get("failed", key))
        assert told["requestContext"]["condition"] == "RecordAgeExceeded"
        assert told["requestContext"]["approximateInvokeCount"] == 0 and "responseContext" not in told
        (record,) = json.loads(told["payload"])["Records"]
        assert record["dynamodb"]["Keys"] == {"id": {"S": "old"}}


def test_a_window_fills_a_batch_and_the_clock_ends_it() -> None:
    clock = ManualClock()
    with cloudcore.open(":memory:", clock=clock) as cloud:
        table, arn = begin(cloud)
        connect(cloud, arn, MaximumBatchingWindowInSeconds=300, BatchSize=3)
        for name in ("a", "b", "c", "d"):
            table.put({"id": name})
        wait_for(lambda: events(cloud))
        assert events(cloud) == [["a", "b", "c"]]  # and d waits for its window
        clock.advance(299)
        assert events(cloud) == [["a", "b", "c"]]
        wait_for(lambda: clock.advance(1) or events(cloud)[1:])
        assert events(cloud) == [["a", "b", "c"], ["d"]]


def test_a_function_is_connected_in_one_line_and_again_to_no_effect() -> None:
    with cloudcore.open(":memory:") as cloud:
        orders = cloud.table("orders", pk="id:S")
        fn = cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", timeout=20, on=orders)
        orders.put({"id": "a"})
        wait_for(lambda: events(cloud) == [["a"]])
        (made,) = cloud.lambda_.mappings.all()
        uuid, changed = made["UUID"], fn.connect(
            "orders", batch=7, window_s=1, parallel=2, tumbling_s=30, retries=3, max_age_s=60, bisect=True,
            partial=True, enabled=False, filters=[{"eventName": ["INSERT"]}],
        )  # fmt: skip
        assert changed["UUID"] == uuid and changed["State"] == "Disabling"
        for member, value in {
            "BatchSize": 7, "MaximumBatchingWindowInSeconds": 1, "ParallelizationFactor": 2,
            "TumblingWindowInSeconds": 30, "MaximumRetryAttempts": 3, "MaximumRecordAgeInSeconds": 60,
            "BisectBatchOnFunctionError": True, "FunctionResponseTypes": ["ReportBatchItemFailures"],
            "FilterCriteria": {"Filters": [{"Pattern": '{"eventName": ["INSERT"]}'}]},
        }.items():  # fmt: skip
            assert changed[member] == value
        modified = cloud.lambda_.mappings.get(uuid)["LastModified"]
        same = fn.connect(orders, batch=7, enabled=False)
        assert same["State"] == "Disabled" and cloud.lambda_.mappings.get(uuid)["LastModified"] == modified
        with pytest.raises(TypeError, match="no setting 'batches'"):
            fn.connect(orders, batches=1)
        with pytest.raises(TypeError, match="its own setting transform"):
            fn.connect(cloud.stream("clicks", bucket="lake"))
        with pytest.raises(ApiError, match="not found"):
            fn.connect("nothing")
