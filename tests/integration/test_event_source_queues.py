"""Event source mappings of a queue, of a moto server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto_support import moto_server, wait_for

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

CODE = b"""import json, os, time, urllib.request
def ask(operation, **parameters):
    headers = {'X-Amz-Target': 'DynamoDB_20120810.' + operation, 'Content-Type': 'application/x-amz-json-1.0'}
    body = json.dumps({'TableName': 'met', **parameters}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'], body, headers)) as answer:
        return json.load(answer)
def handler(event, context):
    print('SAW' + json.dumps(event))
    failed = [one['messageId'] for one in event['Records'] if one['body'].startswith('bad')]
    if failed and event['Records'][0]['body'] == 'bad all':
        raise ValueError('bad')
    return {'batchItemFailures': [{'itemIdentifier': one} for one in failed]}
def meet(event, context):
    # Two calls wait for each other; a third one would be there too.
    ask('PutItem', Item={'id': {'S': event['Records'][0]['messageId']}})
    until = time.monotonic() + 28
    while ask('Scan')['Count'] < 2:
        if time.monotonic() > until:
            raise TimeoutError('they did not meet')
        time.sleep(0.01)
    print('SAW' + json.dumps(event))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with moto_server() as url:
        yield url


class Queue:
    """A queue of the server: `arn`, `send`, how many messages it holds."""

    def __init__(self, server: str, name: str, **attributes: str):
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b"}
        self.client = boto3.client("sqs", endpoint_url=server, region_name="us-east-1", **keys)
        attributes = {"VisibilityTimeout": "30"} | attributes
        self.url = self.client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.arn = f"arn:aws:sqs:us-east-1:123456789012:{name}"

    def send(self, *bodies: str, **more: Any) -> None:
        for body in bodies:
            self.client.send_message(QueueUrl=self.url, MessageBody=body, **more)

    @property
    def held(self) -> int:
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.client.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)["Attributes"]
        return sum(int(one) for one in found.values())


def opened(server: str, handler: str = "handler", **more: Any) -> Any:
    cloud = cloudcore.open(":memory:", reach={"arn:aws:sqs:": server}, **more)
    cloud.function("fn", pack({"h.py": CODE}), handler=f"h.{handler}", timeout=30)
    return cloud


def connect(cloud: Any, queue: Queue, **settings: Any) -> Any:
    return cloud.client("lambda").create_event_source_mapping(
        FunctionName="fn", EventSourceArn=queue.arn, **settings
    )


def seen(cloud: Any) -> list[list[dict[str, Any]]]:
    log = cloud.lambda_.log("fn").tail().decode()
    return [json.loads(line[3:])["Records"] for line in log.splitlines() if line.startswith("SAW")]


def bodies(cloud: Any) -> list[list[str]]:
    return [[one["body"] for one in batch] for batch in seen(cloud)]


def test_messages_are_seen_in_their_shape_and_deleted(server: str) -> None:
    queue = Queue(server, "plain")
    queue.send("hello", MessageAttributes={
        "kind": {"DataType": "String", "StringValue": "x"}, "raw": {"DataType": "Binary", "BinaryValue": b"\0"},
    })  # fmt: skip
    with opened(server) as cloud:
        made = connect(cloud, queue)
        assert made["BatchSize"] == 10 and made["MaximumBatchingWindowInSeconds"] == 0
        for name in ("StartingPosition", "ParallelizationFactor", "DestinationConfig", "MaximumRetryAttempts"):
            assert name not in made
        wait_for(lambda: bodies(cloud) == [["hello"]] and queue.held == 0)
        ((record,),) = seen(cloud)
        assert record["eventSource"] == "aws:sqs" and record["eventSourceARN"] == queue.arn
        assert record["attributes"]["ApproximateReceiveCount"] == "1" and record["receiptHandle"]
        assert record["messageAttributes"]["kind"] == {
            "stringValue": "x", "stringListValues": [], "binaryListValues": [], "dataType": "String",
        }  # fmt: skip
        assert record["messageAttributes"]["raw"]["binaryValue"] == "AA==" and record["md5OfBody"]
        wait_for(lambda: cloud.lambda_.mappings.result(made["UUID"]) == "OK")


def test_what_failed_comes_again_and_the_rest_is_deleted(server: str) -> None:
    queue = Queue(server, "partial")
    queue.send("good", "bad one", "fine")
    with opened(server) as cloud:
        made = connect(cloud, queue, FunctionResponseTypes=["ReportBatchItemFailures"])
        wait_for(lambda: sum(map(len, bodies(cloud))) == 3 and queue.held == 1)
        (failed,) = [one for batch in seen(cloud) for one in batch if one["body"] == "bad one"]
        queue.client.change_message_visibility(  # as if its time were over
            QueueUrl=queue.url, ReceiptHandle=failed["receiptHandle"], VisibilityTimeout=0
        )
        again = wait_for(lambda: [b for b in seen(cloud) if b[0]["attributes"]["ApproximateReceiveCount"] == "2"])
        assert [one["body"] for one in again[0]] == ["bad one"] and queue.held == 1
        cloud.client("lambda").update_event_source_mapping(UUID=made["UUID"], FunctionResponseTypes=[])
        queue.send("bad all")
        wait_for(lambda: ["bad all"] in bodies(cloud))
        wait_for(lambda: "failed" in cloud.lambda_.mappings.result(made["UUID"]))
        assert queue.held == 2


def test_filters_delete_what_they_do_not_choose(server: str) -> None:
    queue = Queue(server, "filtered")
    queue.send('{"n": 5}', '{"n": 1}', "text", '["n"]')
    with opened(server) as cloud:
        pattern = '{"body": {"n": [{"numeric": [">", 3]}]}}'
        connect(cloud, queue, FilterCriteria={"Filters": [{"Pattern": pattern}]})
        wait_for(lambda: queue.held == 0)
        assert bodies(cloud) == [['{"n": 5}']]


def test_a_window_fills_a_batch_and_the_clock_ends_it(server: str) -> None:
    clock = ManualClock()
    queue = Queue(server, "windowed")
    with opened(server, clock=clock) as cloud:
        connect(cloud, queue, BatchSize=12, MaximumBatchingWindowInSeconds=20)
        queue.send(*(str(number) for number in range(14)))
        wait_for(lambda: bodies(cloud))
        assert sorted(bodies(cloud)[0], key=int) == [str(number) for number in range(12)]
        wait_for(lambda: clock.advance(1) or len(bodies(cloud)) > 1)
        assert sorted(bodies(cloud)[1], key=int) == ["12", "13"]


def test_no_more_calls_at_once_than_are_asked_for(server: str) -> None:
    queue = Queue(server, "scaled")
    queue.send(*(str(number) for number in range(5)))
    with opened(server, "meet") as cloud:
        cloud.table("met", pk="id:S")
        made = connect(cloud, queue, BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        assert made["ScalingConfig"] == {"MaximumConcurrency": 2}
        wait_for(lambda: len(bodies(cloud)) == 5 and queue.held == 0)
        assert cloud.lambda_.usage("fn")["concurrency_peak"] == 2
        changed = cloud.client("lambda").update_event_source_mapping(UUID=made["UUID"], ScalingConfig={})
        assert "ScalingConfig" not in changed


def test_groups_of_a_fifo_queue_keep_their_order(server: str) -> None:
    queue = Queue(server, "ordered.fifo", FifoQueue="true", ContentBasedDeduplication="true")
    for number in range(12):
        queue.send(f"{number}", MessageGroupId=f"group-{number % 3}")
    with opened(server) as cloud:
        connect(cloud, queue, BatchSize=3)
        wait_for(lambda: sum(map(len, bodies(cloud))) == 12 and queue.held == 0)
        of: dict[str, list[int]] = {}
        for batch in seen(cloud):
            assert len(batch) <= 3
            for one in batch:
                of.setdefault(one["attributes"]["MessageGroupId"], []).append(int(one["body"]))
        assert of == {f"group-{n}": list(range(n, 12, 3)) for n in range(3)}


def test_what_no_queue_takes_is_refused(server: str) -> None:
    plain, fifo = Queue(server, "refused"), Queue(server, "refused.fifo", FifoQueue="true")
    short = Queue(server, "short", VisibilityTimeout="5")
    nowhere = Queue(server, "nowhere")
    nowhere.client.delete_queue(QueueUrl=nowhere.url)
    with opened(server) as cloud:
        for queue, settings in (
            (plain, {"StartingPosition": "LATEST"}),
            (plain, {"ParallelizationFactor": 2}),
            (plain, {"BisectBatchOnFunctionError": True}),
            (plain, {"BatchSize": 11}),
            (fifo, {"BatchSize": 11, "MaximumBatchingWindowInSeconds": 1}),
            (fifo, {"MaximumBatchingWindowInSeconds": 1}),
            (short, {}),
            (nowhere, {}),
        ):
            with pytest.raises(ClientError) as refused:
                connect(cloud, queue, **settings)
            assert refused.value.response["Error"]["Code"] == "InvalidParameterValueException"
    with opened(server) as cloud:  # and as little when it is changed
        client = cloud.client("lambda")
        cloud.function("slow", pack({"h.py": CODE}), handler="h.handler", timeout=60)
        made = connect(cloud, plain)["UUID"]
        said = "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds"
        with pytest.raises(ClientError, match=said):
            client.update_event_source_mapping(UUID=made, FunctionName="slow")
        assert client.get_event_source_mapping(UUID=made)["FunctionArn"].endswith(":fn")
        with pytest.raises(ClientError, match=said):
            client.update_function_configuration(FunctionName="fn", Timeout=60)
        with pytest.raises(ApiError, match=said):
            cloud.function("fn", pack({"h.py": CODE}), handler="h.handler", timeout=60)
        client.update_event_source_mapping(UUID=made, Enabled=False)
        plain.client.delete_queue(QueueUrl=plain.url)
        client.update_function_configuration(FunctionName="fn", Timeout=20)  # a queue that is away
        with pytest.raises(ClientError, match="cannot be read"):
            client.update_event_source_mapping(UUID=made, Enabled=True)
    with cloudcore.open(":memory:") as cloud:  # of no endpoint
        cloud.function("fn", pack({"h.py": CODE}), handler="h.handler")
        with pytest.raises(ClientError, match="AWS_ENDPOINT_URL_SQS"):
            connect(cloud, plain)
