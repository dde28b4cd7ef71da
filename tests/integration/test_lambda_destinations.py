"""Who is told of asynchronous events, and of what: tables and buckets here, queues, topics and buses of a moto server."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto_support import moto_server, wait_for

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

ACCOUNT = "000000000000"
FN = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:fn"
CODE = b"""
def handler(event, context):
    if event.get("fail"):
        raise ValueError("on purpose " + "x" * 2000 if event["fail"] == "long" else "on purpose")
    return {"done": event["n"]}
"""
until = wait_for
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


@pytest.fixture
def elsewhere(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """boto3's clients of the moto server."""
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b")):
        monkeypatch.setenv(name, value)
    return lambda service: boto3.client(service, endpoint_url=server, **KEYS)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def cloud(server: str, clock: ManualClock) -> Iterator[cloudcore.Cloud]:
    reach = {f"arn:aws:{service}:": server for service in ("sqs", "sns", "events")}
    with cloudcore.open(":memory:", reach=reach, clock=clock) as made:
        yield made


def function(cloud: cloudcore.Cloud, **settings: Any) -> Any:
    return cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", **settings)


def queue(elsewhere: Callable[[str], Any], name: str) -> tuple[str, Callable[[], list[Any]]]:
    """A queue's ARN, and what takes all that is in it."""
    client = elsewhere("sqs")
    url = client.create_queue(QueueName=name)["QueueUrl"]
    client.purge_queue(QueueUrl=url)
    arn = client.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def take() -> list[Any]:
        told = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        return list(told.get("Messages", []))

    return arn, take


def done(cloud: cloudcore.Cloud) -> None:
    until(lambda: cloud.lambda_.asynchronous.pending == 0)


def checked(record: Any, event: Any, condition: str, request_id: str, attempts: int = 1) -> None:
    """The invocation record, whole."""
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    if condition == "Success":
        answer: Any = {"done": event["n"]}
        context = {"statusCode": 200, "executedVersion": "$LATEST"}
    else:
        assert record["responsePayload"].pop("stackTrace")
        answer = {"errorMessage": "on purpose", "errorType": "ValueError", "requestId": request_id}
        context = {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id, "functionArn": FN + ":$LATEST", "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": event,
        "responseContext": context,
        "responsePayload": answer,
    }  # fmt: skip


def test_queues_are_told_of_either_end(cloud: cloudcore.Cloud, elsewhere: Any) -> None:
    good, good_taken = queue(elsewhere, "good")
    bad, bad_taken = queue(elsewhere, "bad")
    fn = function(cloud).on(success=good, failure=bad, retries=0)
    ids = [fn.send({"n": 1}), fn.send({"n": 2, "fail": True})]
    done(cloud)
    (message,), (failure,) = good_taken(), bad_taken()
    checked(json.loads(message["Body"]), {"n": 1}, "Success", ids[0])
    checked(json.loads(failure["Body"]), {"n": 2, "fail": True}, "RetriesExhausted", ids[1])
    usage = fn.usage()
    assert (usage["async_received"], usage["async_retries"], usage["async_dropped"]) == (2, 0, 1)


def test_a_topic_is_told(cloud: cloudcore.Cloud, elsewhere: Any) -> None:
    arn, taken = queue(elsewhere, "of-the-topic")
    topic = elsewhere("sns").create_topic(Name="told")["TopicArn"]
    elsewhere("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    request_id = function(cloud).on(success=topic).send({"n": 3})
    done(cloud)
    (message,) = taken()
    checked(json.loads(json.loads(message["Body"])["Message"]), {"n": 3}, "Success", request_id)


def test_an_event_bus_is_told(cloud: cloudcore.Cloud, elsewhere: Any) -> None:
    arn, taken = queue(elsewhere, "of-the-bus")
    events = elsewhere("events")
    bus = events.create_event_bus(Name="told")["EventBusArn"]
    events.put_rule(Name="r", EventBusName="told", EventPattern=json.dumps({"source": ["lambda"]}))
    events.put_targets(Rule="r", EventBusName="told", Targets=[{"Id": "q", "Arn": arn}])
    request_id = function(cloud).on(failure=bus, retries=0).send({"n": 4, "fail": True})
    done(cloud)
    (message,) = taken()
    event = json.loads(message["Body"])
    assert event["detail-type"] == "Lambda Function Invocation Result - Failure"
    assert event["resources"] == [bus, FN + ":$LATEST"]
    checked(event["detail"], {"n": 4, "fail": True}, "RetriesExhausted", request_id)


@pytest.mark.parametrize("sort", [None, "at:S", "at:N"])
def test_a_table_is_a_queue(cloud: cloudcore.Cloud, sort: str | None) -> None:
    table = cloud.table("told", pk="id:S", sk=sort)
    arn = cloud.dynamodb.call("DescribeTable", {"TableName": "told"})["Table"]["TableArn"]
    fn = function(cloud, dead_letters=arn).on(success=arn, retries=0)
    ids = {fn.send({"n": 5}), fn.send({"n": 6, "fail": True})}
    done(cloud)
    rows = {row["id"]: row for row in table.scan()}
    assert set(rows) == ids
    (record,) = [row for row in rows.values() if "ErrorCode" not in row]
    checked(json.loads(record["body"]), {"n": 5}, "Success", record["id"])
    (letter,) = [row for row in rows.values() if "ErrorCode" in row]
    assert json.loads(letter["body"]) == {"n": 6, "fail": True}
    assert (letter["RequestID"], letter["ErrorCode"], letter["ErrorMessage"]) == (
        letter["id"],
        200,
        "on purpose",
    )
    assert letter["functionArn"] == FN + ":$LATEST"


def test_dead_letters_are_the_event_as_it_was(
    cloud: cloudcore.Cloud, elsewhere: Any, clock: ManualClock
) -> None:
    arn, taken = queue(elsewhere, "letters")
    fn = function(cloud, dead_letters=arn)
    shown = cloud.lambda_.call("GetFunctionConfiguration", {"FunctionName": "fn"})["DeadLetterConfig"]
    assert shown == {"TargetArn": arn}
    request_id = fn.send({"n": 7, "fail": "long"})
    for runs in (1, 2):
        until(lambda: fn.usage()["async_retries"] == runs)  # noqa: B023
        clock.advance(121)
    done(cloud)
    (message,) = taken()
    assert json.loads(message["Body"]) == {"n": 7, "fail": "long"}
    told = {name: (one["DataType"], one["StringValue"]) for name, one in message["MessageAttributes"].items()}
    assert told == {
        "RequestID": ("String", request_id), "ErrorCode": ("Number", "200"),
        "ErrorMessage": ("String", ("on purpose " + "x" * 2000)[:1024]),
    }  # fmt: skip
    usage = fn.usage()
    assert (usage["invocations"], usage["async_retries"], usage["async_dropped"]) == (3, 2, 1)
    assert usage["async_age_peak_ms"] >= 242_000 and usage["async_age_ms"] >= 363_000
    environment = cloud.lambda_.usage("fn")["cold_starts"]
    cloud.lambda_.call(
        "UpdateFunctionConfiguration", {"FunctionName": "fn", "DeadLetterConfig": {"TargetArn": ""}}
    )
    assert "DeadLetterConfig" not in cloud.lambda_.call("GetFunctionConfiguration", {"FunctionName": "fn"})
    assert fn.invoke({"n": 1}) == {"done": 1}  # in an environment of before
    assert cloud.lambda_.usage("fn")["cold_starts"] == environment


def test_a_bucket_has_the_record_as_an_object(cloud: cloudcore.Cloud) -> None:
    request_id = function(cloud).on(failure="arn:aws:s3:::failed", retries=0).send({"n": 8, "fail": True})
    done(cloud)
    (file,) = [p for p in Path(cloud.path).rglob("failed/aws/lambda/async/fn/*/*/*/*") if p.is_file()]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d\.\d\d\.\d\d-[0-9a-f-]{36}", file.name)
    checked(json.loads(file.read_bytes()), {"n": 8, "fail": True}, "RetriesExhausted", request_id)


def test_a_destination_that_is_down_is_told_later(
    cloud: cloudcore.Cloud, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud.table("told", pk="id:S")
    arn = cloud.dynamodb.call("DescribeTable", {"TableName": "told"})["Table"]["TableArn"]
    fn = function(cloud).on(success=arn)
    with monkeypatch.context() as patch:

        def down(operation: str, parameters: Any) -> Any:
            raise ConnectionError("it is down")

        patch.setattr(cloud.lambda_, "tables", down)
        request_id = fn.send({"n": 9})
        until(lambda: fn.usage()["destination_failures"] == 1)
    until(lambda: cloud.lambda_.asynchronous._later)  # it has its next time
    assert fn.usage()["invocations"] == 1 and cloud.lambda_.asynchronous.pending == 1
    clock.advance(1.5)
    done(cloud)
    assert [row["id"] for row in cloud.table("told").scan()] == [request_id]
    assert fn.usage()["invocations"] == 1


def test_a_record_that_is_refused_is_counted_and_dropped(cloud: cloudcore.Cloud) -> None:
    cloud.table("told", pk="id:S")
    arn = cloud.dynamodb.call("DescribeTable", {"TableName": "told"})["Table"]["TableArn"]
    fn = function(cloud).on(success=arn)
    cloud.dynamodb.call("DeleteTable", {"TableName": "told"})
    fn.send({"n": 10})
    done(cloud)
    assert fn.usage()["destination_failures"] == 1


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (f"arn:aws:sqs:us-east-1:{ACCOUNT}:none", "is invalid: "),
        (f"arn:aws:sqs:us-east-1:{ACCOUNT}:q.fifo", "FIFO queues take no records"),
        (f"arn:aws:sns:us-east-1:{ACCOUNT}:none", "is invalid: "),
        (f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/none", "is invalid: "),
        (f"arn:aws:dynamodb:us-east-1:{ACCOUNT}:table/numbers", "its hash key must be a string"),
        ("arn:aws:kinesis:us-east-1:000000000000:stream/s", "is not supported by this endpoint"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_refused(
    cloud: cloudcore.Cloud, elsewhere: Any, target: str, words: str
) -> None:
    cloud.table("numbers", pk="n:N")
    fn = function(cloud)
    for refuse in (
        lambda: fn.on(failure=target),
        lambda: cloud.lambda_.call(
            "UpdateFunctionConfiguration", {"FunctionName": "fn", "DeadLetterConfig": {"TargetArn": target}}
        ),
    ):
        with pytest.raises(ApiError, match="InvalidParameterValueException") as caught:
            refuse()
        assert words in caught.value.message


def test_without_an_endpoint_queues_are_refused() -> None:
    with cloudcore.open(":memory:") as cloud:
        with pytest.raises(ApiError, match="no endpoint for sqs is configured"):
            function(cloud, dead_letters=f"arn:aws:sqs:us-east-1:{ACCOUNT}:q")
        assert cloud.lambda_.registry.get("fn") is None
