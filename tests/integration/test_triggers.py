"""What calls functions by itself: objects that are put, and times that come."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.cli.main import main
from cloudcore.clock import ManualClock
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

CODE = b"import json\ndef handler(event, context): print('SAW' + json.dumps(event))\n"


def deploy(cloud: Any, name: str = "fn") -> str:
    cloud.function(name, pack({"h.py": CODE}), handler="h.handler", timeout=20)
    arn: str = cloud.lambda_.arn(name)
    return arn


def seen(cloud: Any, count: int, name: str = "fn") -> list[Any]:
    """The events that the function had, once there are so many."""
    deadline = time.monotonic() + 60
    while True:
        log = cloud.lambda_.log(name).tail().decode()
        found = [json.loads(line[3:]) for line in log.splitlines() if line.startswith("SAW")]
        if len(found) >= count and not cloud.lambda_.asynchronous.pending:
            return found
        assert time.monotonic() < deadline, log
        time.sleep(0.02)


def rules(arn: str, *events: str, prefix: str = "", suffix: str = "", name: str = "own") -> dict[str, Any]:
    filters = [{"Name": n, "Value": v} for n, v in (("prefix", prefix), ("suffix", suffix)) if v]
    made: dict[str, Any] = {"Id": name, "LambdaFunctionArn": arn, "Events": list(events)}
    if filters:
        made["Filter"] = {"Key": {"FilterRules": filters}}
    return made


def test_objects_that_are_put_and_removed() -> None:
    with cloudcore.open(":memory:") as cloud:
        arn, s3 = deploy(cloud), cloud.boto3_session().client("s3")
        s3.create_bucket(Bucket="photos")
        assert "LambdaFunctionConfigurations" not in s3.get_bucket_notification_configuration(Bucket="photos")
        created = rules(arn, "s3:ObjectCreated:*", prefix="in/", suffix=".jpg")
        removed = rules(arn, "s3:ObjectRemoved:Delete", name="gone")
        s3.put_bucket_notification_configuration(
            Bucket="photos", NotificationConfiguration={"LambdaFunctionConfigurations": [created, removed]}
        )
        found = s3.get_bucket_notification_configuration(Bucket="photos")["LambdaFunctionConfigurations"]
        for one in found:
            for rule in one.get("Filter", {}).get("Key", {}).get("FilterRules", []):
                rule["Name"] = rule["Name"].lower()
        assert found == [created, removed]
        etag = s3.put_object(Bucket="photos", Key="in/a b+ü.jpg", Body=b"12345")["ETag"]
        s3.put_object(Bucket="photos", Key="in/no.png", Body=b"1")
        s3.put_object(Bucket="photos", Key="other/a.jpg", Body=b"1")
        s3.copy_object(Bucket="photos", Key="in/copy.jpg", CopySource="photos/in/no.png")
        s3.delete_object(Bucket="photos", Key="in/no.png")
        events = [event["Records"][0] for event in seen(cloud, 3)]
        assert sorted(e["eventName"] for e in events) == [
            "ObjectCreated:Copy", "ObjectCreated:Put", "ObjectRemoved:Delete",
        ]  # fmt: skip
        put = next(e for e in events if e["eventName"] == "ObjectCreated:Put")
        told = put["s3"]["object"]
        assert (told["key"], told["size"], told["eTag"]) == ("in/a+b%2B%C3%BC.jpg", 5, etag.strip('"'))
        assert put["s3"]["bucket"]["arn"] == "arn:aws:s3:::photos" and put["s3"]["configurationId"] == "own"
        assert (put["eventVersion"], put["eventSource"], put["awsRegion"]) == ("2.1", "aws:s3", "us-east-1")
        assert set(put) == {
            "eventVersion", "eventSource", "awsRegion", "eventTime", "eventName", "userIdentity", "requestParameters",
            "responseElements", "s3",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({"LambdaFunctionConfigurations": [rules("arn:aws:lambda:us-east-1:000000000000:function:absent", "s3:ObjectCreated:*")]}, "InvalidArgument"),
        ({"LambdaFunctionConfigurations": [rules("FN", "s3:ObjectCreated:*"), rules("FN", "s3:ObjectCreated:Put", suffix="x")]}, "InvalidArgument"),
        ({"LambdaFunctionConfigurations": [rules("FN", "s3:ObjectRestore:Post")]}, "InvalidArgument"),
        ({"QueueConfigurations": [{"QueueArn": "arn:aws:sqs:us-east-1:000000000000:q", "Events": ["s3:ObjectCreated:*"]}]}, "NotImplemented"),
        ({"EventBridgeConfiguration": {}}, "NotImplemented"),
    ],
)  # fmt: skip
def test_rules_that_are_refused(configuration: Any, code: str) -> None:
    with cloudcore.open(":memory:") as cloud:
        arn, s3 = deploy(cloud), cloud.boto3_session().client("s3")
        s3.create_bucket(Bucket="photos")
        told = json.loads(json.dumps(configuration).replace('"FN"', json.dumps(arn)))
        with pytest.raises(ClientError) as caught:
            s3.put_bucket_notification_configuration(Bucket="photos", NotificationConfiguration=told)
        assert caught.value.response["Error"]["Code"] == code


def test_rules_survive_and_delivered_objects_are_told(tmp_path: Any) -> None:
    with cloudcore.open(tmp_path) as cloud:
        arn, s3 = deploy(cloud), cloud.boto3_session().client("s3")
        s3.create_bucket(Bucket="lake")
        s3.put_bucket_notification_configuration(
            Bucket="lake",
            NotificationConfiguration={"LambdaFunctionConfigurations": [rules(arn, "s3:ObjectCreated:Put")]},
        )
    with cloudcore.open(tmp_path) as cloud:
        stream = cloud.stream("clicks", bucket="lake", prefix="clicks/")
        stream.put_batch([b'{"a": 1}\n'])
        stream.flush()
        (event,) = seen(cloud, 1)
        assert event["Records"][0]["s3"]["object"]["key"].startswith("clicks/")


def test_schedules_call_functions_at_their_times() -> None:
    clock = ManualClock(1_700_000_000.0)  # 2023-11-14 22:13:20 UTC
    with cloudcore.open(":memory:", clock=clock) as cloud:
        deploy(cloud)
        made = cloud.function("fn").schedule("rate(5 minutes)")
        assert made["next"] == 1_700_000_300.0
        clock.advance(299)
        assert cloud.lambda_.asynchronous.pending == 0
        clock.advance(1)
        (event,) = seen(cloud, 1)
        assert (event["detail-type"], event["source"], event["time"]) == ("Scheduled Event", "aws.events", "2023-11-14T22:18:20Z")
        assert event["resources"] == ["arn:aws:events:us-east-1:000000000000:rule/fn"]
        cloud.function("fn").schedule("cron(0 0 * * ? *)", timezone="Asia/Tokyo", input={"own": 1})
        clock.advance(17 * 3600)
        assert seen(cloud, 2)[1:] == [{"own": 1}]  # 00:00 in Tokyo is 15:00 UTC
        (shown,) = cloud.lambda_.schedules.all()
        assert (shown["timezone"], shown["last"]) == ("Asia/Tokyo", 1_700_060_400.0)
        cloud.lambda_.schedules.remove("fn")
        assert cloud.lambda_.schedules.all() == []
        with pytest.raises(ApiError, match="Invalid schedule expression"):
            cloud.function("fn").schedule("rate(5)")
        with pytest.raises(ApiError, match="Function not found"):
            cloud.function("absent").schedule("rate(5 minutes)")


def test_schedules_by_the_command_line(tmp_path: Any, capsys: Any) -> None:
    data = str(tmp_path / "data")
    with cloudcore.open(data) as cloud:
        deploy(cloud)
    target = ["--data", data]
    assert main(["schedule", "add", "nightly", "fn", "cron(0 3 * * ? *)", "--timezone", "Europe/Berlin", *target]) == 0
    assert capsys.readouterr().out.startswith("nightly: next at ")
    file = tmp_path / "schedules.toml"
    file.write_text('[often]\nfunction = "fn"\nexpression = "rate(5 minutes)"\ninput = {a = 1}\nenabled = false\n')
    assert main(["schedule", "load", str(file), *target]) == 0
    assert capsys.readouterr().out == "often: next at never\n"
    assert main(["schedule", "list", "--json", *target]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(one["name"], one["state"]) for one in listed] == [("nightly", "ENABLED"), ("often", "DISABLED")]
    assert main(["schedule", "remove", "often", *target]) == 0
    assert main(["schedule", "remove", "often", *target]) != 0
    assert "does not exist" in capsys.readouterr().err
    assert main(["schedule", "add", "x", "fn", "rate(5)", *target]) != 0
    with cloudcore.open(data) as cloud:  # kept
        assert [one["name"] for one in cloud.lambda_.schedules.all()] == ["nightly"]
