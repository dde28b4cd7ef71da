"""Functions on a real NATS JetStream server: two nodes in this process."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cluster_support import Servers, Witness, stream_to, until, zipped

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.objects import LocalObjects

ECHO = """
import os, time
def handler(event, context):
    time.sleep(event.get("sleep", 0))
    return {"event": event.get("said"), "size": len(event.get("pad", "")), "version": context.function_version,
            "pad": "x" * event.get("wants", 0)}
"""


@pytest.fixture(scope="module")
def pair(server: Servers, store: LocalObjects, elsewhere: str) -> Iterator[tuple[Any, Any]]:
    reach = {"arn:aws:sqs:": elsewhere, "arn:aws:kinesis:": elsewhere}
    with (
        cloudcore.open(f"{server.url}/a", objects=store, reach=reach) as a,
        cloudcore.open(f"{server.url}/b", objects=store, reach=reach) as b,
    ):
        until("both know of both", lambda: len(a.node.nodes) == 2 == len(b.node.nodes))
        yield a, b


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with Witness() as found:
        yield found


def create(client: Any, name: str, text: str = ECHO, **more: Any) -> dict[str, Any]:
    settings = {"Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "index.handler", "Timeout": 30}
    made: dict[str, Any] = client.create_function(FunctionName=name, Code={"ZipFile": zipped(text)}, **{**settings, **more})
    return made


def call(client: Any, name: str, event: Any, **more: Any) -> Any:
    return json.loads(client.invoke(FunctionName=name, Payload=json.dumps(event), **more)["Payload"].read())


def code_of(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


def test_a_function_made_at_one_node_is_every_nodes(pair: Any) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    made = create(a, "one", Environment={"Variables": {"stage": "1"}})
    assert b.get_function_configuration(FunctionName="one")["RevisionId"] == made["RevisionId"]
    for client in (a, b):
        assert call(client, "one", {"said": 7}) == {"event": 7, "size": 0, "version": "$LATEST", "pad": ""}
    with pytest.raises(ClientError) as refused:
        create(b, "one")
    assert code_of(refused.value) == "ResourceConflictException"
    b.update_function_code(FunctionName="one", ZipFile=zipped("def handler(event, context): return 'new'"), Publish=True)
    assert call(b, "one", {}) == "new" == call(a, "one", {}, Qualifier="1")  # a hears of the version when it is asked
    until("a has the new code", lambda: call(a, "one", {}) == "new")
    a.create_alias(FunctionName="one", Name="live", FunctionVersion="1")
    assert call(b, "one", {}, Qualifier="live") == "new"
    assert [each["Version"] for each in b.list_versions_by_function(FunctionName="one")["Versions"]] == ["$LATEST", "1"]
    assert a.get_function(FunctionName="one")["Code"]["Location"].startswith("file:")
    b.delete_function(FunctionName="one")
    assert "one" not in [each["FunctionName"] for each in a.list_functions()["Functions"]]
    with pytest.raises(ClientError) as gone:
        a.get_function(FunctionName="one")
    assert code_of(gone.value) == "ResourceNotFoundException"


def test_changes_at_both_nodes_at_once_are_all_there(pair: Any) -> None:
    clients = [cloud.client("lambda") for cloud in pair]
    create(clients[0], "busy")

    def tag(turn: int) -> None:
        for number in range(8):
            clients[turn].tag_resource(
                Resource=clients[turn].get_function_configuration(FunctionName="busy")["FunctionArn"],
                Tags={f"{turn}-{number}": "x"},
            )

    threads = [threading.Thread(target=tag, args=(turn,)) for turn in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    arn = clients[0].get_function_configuration(FunctionName="busy")["FunctionArn"]
    assert len(clients[1].list_tags(Resource=arn)["Tags"]) == 16


def test_calls_go_on_while_a_change_waits(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """JetStream takes what one node saves when the test lets it; another node has changed something by then."""
    a, b = pair
    create(a.client("lambda"), "goes-on")
    assert call(a.client("lambda"), "goes-on", {"said": 1})["event"] == 1
    asked, let = threading.Event(), threading.Event()
    append = a.node.link.append

    async def slow(subject: str, *rest: Any, **more: Any) -> int:
        if ".functions.goes-on" in subject and not let.is_set():
            asked.set()
            await asyncio.to_thread(let.wait)
        found: int = await append(subject, *rest, **more)
        return found

    monkeypatch.setattr(a.node.link, "append", slow)
    change = threading.Thread(
        target=lambda: a.lambda_.run("UpdateFunctionConfiguration", {"FunctionName": "goes-on", "Description": "changed"})
    )
    change.start()
    try:
        assert asked.wait(60)
        for said in range(3):
            assert call(a.client("lambda"), "goes-on", {"said": said})["event"] == said
        other = {"FunctionName": "goes-on", "Timeout": 17}
        b.client("lambda").update_function_configuration(**other)
        assert call(a.client("lambda"), "goes-on", {"said": 3})["event"] == 3 and change.is_alive()
    finally:
        let.set()
        change.join(60)
    found = b.client("lambda").get_function_configuration(FunctionName="goes-on")
    assert (found["Description"], found["Timeout"]) == ("changed", 17)


def test_a_call_goes_to_a_node_with_room(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    client = a.client("lambda")
    create(client, "far")
    assert call(client, "far", {"said": 1})["event"] == 1
    before = b.lambda_.usage("far")["invocations"]
    monkeypatch.setattr("cloudcore.cluster.functions.calls._PROMISED_S", 30.0)  # b is waited for, not done without
    monkeypatch.setattr(a.node.calls, "places", 0)
    a.node.calls.entered()  # it looks how full it is when a call begins
    a.node.calls.left()
    size = 5_900_000
    answer = call(client, "far", {"said": "there", "pad": "y" * size, "wants": size})
    assert answer["event"] == "there" and answer["size"] == size and answer["pad"] == "x" * size
    assert b.lambda_.usage("far")["invocations"] == before + 1
    tail = client.invoke(FunctionName="far", Payload=b"{}", LogType="Tail")
    assert tail["LogResult"] and tail["StatusCode"] == 200
    failing = client.invoke(FunctionName="far", Payload=b'{"sleep": "no"}')
    assert failing["FunctionError"] == "Unhandled" and "TypeError" in failing["Payload"].read().decode()


def test_a_reserve_is_divided_among_the_nodes(pair: Any, witness: Witness) -> None:
    clients = [cloud.client("lambda") for cloud in pair]
    create(clients[0], "few", WITNESS)
    clients[1].put_function_concurrency(FunctionName="few", ReservedConcurrentExecutions=1)
    until("both know", lambda: {cloud.lambda_.capacity.share("few").limit for cloud in pair} == {0, 1})
    for client in clients:
        assert call(client, "few", {"to": witness.url, "id": "few"}) == "few"
    go = witness.gates["held"] = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        held = pool.submit(call, clients[0], "few", {"to": witness.url, "id": "held"})
        try:
            until("it runs", lambda: "held" in witness.seen())
            for client in clients * 2:
                with pytest.raises(ClientError) as refused:
                    call(client, "few", {"to": witness.url, "id": "few"})
                assert code_of(refused.value) == "TooManyRequestsException"
        finally:
            go.set()
        assert held.result(60) == "held"
    assert witness.times("few") == 2
    peaks = [cloud.lambda_.usage("few")["concurrency_peak"] for cloud in pair]
    assert sorted(peaks) == [0, 1]


def test_a_python_program_is_a_node(pair: Any) -> None:
    a, b = pair

    @a.function("greet", timeout=5)
    def greet(event: Any, context: Any) -> Any:
        return {"hello": event["name"]}

    assert greet.invoke({"name": "ann"}) == {"hello": "ann"}
    assert b.function("greet").invoke({"name": "bob"}) == {"hello": "bob"}


def test_a_new_node_has_the_functions(pair: Any, server: Servers, store: LocalObjects) -> None:
    create(pair[0].client("lambda"), "early")
    with cloudcore.open(f"{server.url}/c", objects=store) as c:
        assert call(c.client("lambda"), "early", {"said": 2})["event"] == 2
        assert c.client("lambda").get_function(FunctionName="early")["Configuration"]["FunctionName"] == "early"


def test_provisioned_environments_are_divided_among_the_nodes(pair: Any) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "ready")
    version = b.publish_version(FunctionName="ready")["Version"]
    place = {"FunctionName": "ready", "Qualifier": version}
    a.put_provisioned_concurrency_config(**place, ProvisionedConcurrentExecutions=3)
    for client in (a, b):
        until("all are ready", lambda client=client: client.get_provisioned_concurrency_config(**place)["Status"] == "READY")
        assert client.get_provisioned_concurrency_config(**place)["AvailableProvisionedConcurrentExecutions"] == 3
    runners = [cloud.lambda_._runners["ready", version] for cloud in pair]
    assert sorted(runner.environments()[0] for runner in runners) == [1, 2]
    for cloud in pair:
        assert cloud.lambda_.invoke("ready", b"{}", qualifier=version).init_ms is None
    b.delete_provisioned_concurrency_config(**place)
    until("nobody keeps any", lambda: all(runner.provisioned == 0 for runner in runners))


@pytest.mark.parametrize("fails", [False, True])
def test_a_version_that_starts_from_a_snapshot(pair: Any, fails: bool) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    name = f"snap-{fails}"
    text = "import time\nmade = time.time_ns()\n" + ("1 / 0\n" if fails else "") + "def handler(event, context): return made"
    create(a, name, text, SnapStart={"ApplyOn": "PublishedVersions"}, Runtime="python3.12")
    place = {"FunctionName": name, "Qualifier": b.publish_version(FunctionName=name)["Version"]}
    for client in (a, b):
        until("it is settled", lambda client=client: client.get_function_configuration(**place)["State"] != "Pending")
    found = [client.get_function_configuration(**place) for client in (a, b)]
    assert [each["State"] for each in found] == ["Failed" if fails else "Active"] * 2
    assert found[0]["RevisionId"] == found[1]["RevisionId"]
    if fails:
        with pytest.raises(ClientError, match="Failed"):
            a.invoke(**place, Payload=b"{}")
        return
    for cloud in pair:
        one, other = (cloud.lambda_.invoke(name, b"{}", qualifier=place["Qualifier"]) for _ in range(2))
        assert one.payload == other.payload and one.restore_ms is not None and one.init_ms is None


WITNESS = """
import urllib.request
def handler(event, context):
    urllib.request.urlopen(event["to"] + "/" + event["id"], timeout=20).read()
    if event.get("fails"):
        raise ValueError(event["id"])
    return event["id"]
"""


def test_an_event_runs_at_either_node(pair: Any, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "later", WITNESS)
    for number in range(40):
        told = (a, b)[number % 2].invoke(FunctionName="later", InvocationType="Event",
                                         Payload=json.dumps({"to": witness.url, "id": str(number)}))  # fmt: skip
        assert told["StatusCode"] == 202
    until("all have run", lambda: witness.seen() >= {str(number) for number in range(40)})
    large = {"to": witness.url, "id": "large", "pad": "z" * 1_040_000}
    a.invoke(FunctionName="later", InvocationType="Event", Payload=json.dumps(large))
    until("the large one has run", lambda: "large" in witness.seen())
    stream = "cc-events-000000000000-us-east-1"
    link = pair[0].node.link
    until("nothing is left", lambda: link.run(link.js.stream_info(stream)).state.messages == 0)
    assert sum(cloud.lambda_.usage("later")["invocations"] for cloud in pair) == 41


def test_an_event_that_fails_is_told_of(pair: Any, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "told", "def handler(event, context):\n    import urllib.request\n"
           "    context = event['requestContext']; urllib.request.urlopen(event['requestPayload']['to'] + '/told-' + context['condition'])")  # fmt: skip
    create(b, "fails", WITNESS)
    arn = a.get_function_configuration(FunctionName="told")["FunctionArn"]
    a.put_function_event_invoke_config(
        FunctionName="fails", MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": arn}}
    )
    assert b.get_function_event_invoke_config(FunctionName="fails")["MaximumRetryAttempts"] == 0  # b has heard of it
    b.invoke(FunctionName="fails", InvocationType="Event", Payload=json.dumps({"to": witness.url, "id": "f", "fails": 1}))
    until("it is told of", lambda: {"f", "told-RetriesExhausted"} <= witness.seen())


def test_an_event_that_found_no_room_runs_later(pair: Any, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "waits", WITNESS)
    a.put_function_concurrency(FunctionName="waits", ReservedConcurrentExecutions=1)
    for number in range(6):
        b.invoke(FunctionName="waits", InvocationType="Event", Payload=json.dumps({"to": witness.url, "id": f"w{number}"}))
    until("all have run", lambda: {f"w{number}" for number in range(6)} <= witness.seen())


TRANSFORM = """
import base64
def handler(event, context):
    def fate(record):
        data = base64.b64decode(record["data"])
        if data == b"drop":
            return {"recordId": record["recordId"], "result": "Dropped"}
        if data == b"fail":
            return {"recordId": record["recordId"], "result": "ProcessingFailed"}
        return {"recordId": record["recordId"], "result": "Ok", "data": base64.b64encode(data.upper()).decode()}
    return {"records": [fate(record) for record in event["records"]]}
"""


def test_a_stream_with_a_transform(pair: Any, store: LocalObjects) -> None:
    a, b = pair
    arn = create(a.client("lambda"), "upper", TRANSFORM)["FunctionArn"]
    function = {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}]}
    delimiter = {"Type": "AppendDelimiterToRecord"}
    a.client("firehose").create_delivery_stream(
        DeliveryStreamName="upper",
        ExtendedS3DestinationConfiguration=stream_to(
            "upper", ProcessingConfiguration={"Enabled": True, "Processors": [function, delimiter]}
        ),
    )
    streams = [cloud.firehose.get("upper") for cloud in pair]
    for number in range(60):
        streams[number % 2].put_batch([b"a%d" % number, b"drop", b"b%d" % number])
    streams[0].put(b"fail")
    assert streams[0].flush(120)
    lines = [line for key in store.list("upper", "data/") for line in store.get("upper", key).splitlines()]
    assert sorted(lines) == sorted(b"%c%d" % (letter, number) for letter in b"AB" for number in range(60))
    failed = [json.loads(line) for key in store.list("upper", "errors/") for line in store.get("upper", key).splitlines()]
    assert [(one["errorCode"], one["rawData"], one["lambdaARN"]) for one in failed] == [
        ("Lambda.ProcessingFailedStatus", "ZmFpbA==", arn)
    ]
    b.client("lambda").delete_function(FunctionName="upper")
    streams[1].put(b"late")
    assert streams[1].flush(120)
    assert "Lambda.ResourceNotFound" in "".join(
        store.get("upper", key).decode() for key in store.list("upper", "errors/")
    )


PARTITIONS = """
import base64, time
def handler(event, context):
    return {"records": [
        {"recordId": one["recordId"], "result": "Ok", "data": one["data"],
         "metadata": {"partitionKeys": {"time": str(time.time_ns()), "kind": base64.b64decode(one["data"]).decode()[0]}}}
        for one in event["records"]
    ]}
"""


def test_partitions_of_a_query(pair: Any, store: LocalObjects) -> None:
    a, _ = pair
    query = [("MetadataExtractionQuery", "{customer: .customer, kind: .kind}"), ("JsonParsingEngine", "JQ-1.6")]
    extraction = {"Type": "MetadataExtraction", "Parameters": [{"ParameterName": name, "ParameterValue": value} for name, value in query]}
    a.client("firehose").create_delivery_stream(
        DeliveryStreamName="split",
        ExtendedS3DestinationConfiguration=stream_to(
            "split", ProcessingConfiguration={"Enabled": True, "Processors": [extraction, {"Type": "AppendDelimiterToRecord"}]},
            DynamicPartitioningConfiguration={"Enabled": True}, BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900},
            Prefix="data/customer=!{partitionKeyFromQuery:customer}/kind=!{partitionKeyFromQuery:kind}/!{firehose:random-string}/",
        ),
    )  # fmt: skip
    streams = [cloud.firehose.get("split") for cloud in pair]
    rows = [{"customer": f"c{number % 5}", "kind": number % 2, "n": number} for number in range(100)]
    for number, row in enumerate(rows):
        streams[number % 2].put(json.dumps(row).encode())
    streams[0].put(b'{"kind": 1}')
    assert streams[1].flush(120)
    found: dict[str, list[int]] = {}
    for key in store.list("split", "data/"):
        place = "/".join(key.split("/")[1:3])
        assert place not in found  # one object for each partition of a cut
        found[place] = [json.loads(line)["n"] for line in store.get("split", key).splitlines()]
    expected: dict[str, list[int]] = {}
    for row in rows:
        expected.setdefault(f"customer={row['customer']}/kind={row['kind']}", []).append(row["n"])
    assert {place: sorted(numbers) for place, numbers in found.items()} == expected
    (failed,) = [json.loads(line) for key in store.list("split", "errors/") for line in store.get("split", key).splitlines()]
    assert failed["errorCode"] == "DynamicPartitioning.MetadataExtractionFailed"


@pytest.mark.parametrize("seconds", [300, 0])
def test_partitions_that_a_function_names_anew_at_every_delivery(pair: Any, store: LocalObjects, monkeypatch: Any, seconds: int) -> None:
    """The store takes one partition's object and not the other's: what comes again is in the objects once, wherever; or,
    when it is not to be tried again, under the error prefix."""
    a, b = pair
    name = f"anew{seconds}"
    arn = create(a.client("lambda"), name, PARTITIONS)["FunctionArn"]
    function = {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}]}
    put, refused = LocalObjects.put, []

    def failing(self: Any, bucket: str, key: str, *rest: Any, **more: Any) -> Any:
        if "kind=b" in key and not refused:
            refused.append(key)
            raise OSError("not now")
        return put(self, bucket, key, *rest, **more)

    monkeypatch.setattr(LocalObjects, "put", failing)
    a.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=stream_to(
            name, ProcessingConfiguration={"Enabled": True, "Processors": [function]},
            DynamicPartitioningConfiguration={"Enabled": True, "RetryOptions": {"DurationInSeconds": seconds}},
            BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900},
            Prefix="data/time=!{partitionKeyFromLambda:time}/kind=!{partitionKeyFromLambda:kind}/",
        ),
    )  # fmt: skip
    stream = b.firehose.get(name)
    stream.put_batch([b"a1\n", b"b1\n", b"a2\n"])
    assert stream.flush(120)
    assert refused
    lines = {prefix: sorted(line for key in store.list(name, prefix) for line in store.get(name, key).splitlines())
             for prefix in ("data/", "errors/")}  # fmt: skip
    if seconds:
        assert lines == {"data/": [b"a1", b"a2", b"b1"], "errors/": []}
    else:
        assert lines == {"data/": [b"a1", b"a2"], "errors/": [b"b1"]}


SOURCE = """
import base64, os, urllib.request
def handler(event, context):
    for record in event["Records"]:
        said = record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()
        urllib.request.urlopen(os.environ["WITNESS"] + "/" + said, timeout=20).read()
"""


def elsewhere_client(url: str, service: str) -> Any:
    import boto3

    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )


def status_of(server: Servers) -> tuple[str, Any]:
    """What `cluster status` prints, and what it says of the functions in JSON."""
    from cloudcore.cli.main import main

    said = []
    for more in ((), ("--json",)):
        with contextlib.redirect_stdout(io.StringIO()) as out:
            main(["cluster", "status", server.url, *more])
        said.append(out.getvalue())
    return said[0], json.loads(said[1])["functions"][0]


def test_one_node_runs_a_source_and_another_goes_on(pair: Any, server: Servers, store: LocalObjects, elsewhere: str, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "source", SOURCE, Environment={"Variables": {"WITNESS": witness.url}})
    kinesis = elsewhere_client(elsewhere, "kinesis")
    kinesis.create_stream(StreamName="clicks", ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName="clicks")["StreamDescriptionSummary"]["StreamARN"]
    made = b.create_event_source_mapping(FunctionName="source", EventSourceArn=arn, StartingPosition="TRIM_HORIZON", BatchSize=2)
    put = lambda *said: kinesis.put_records(StreamName="clicks", Records=[{"Data": one.encode(), "PartitionKey": "k"} for one in said])  # noqa: E731
    put("k1", "k2", "k3")
    until("they are seen", lambda: witness.seen() >= {"k1", "k2", "k3"})
    runs = lambda: [cloud for cloud in pair if made["UUID"] in cloud.lambda_.mappings._pollers]  # noqa: E731
    (runner,) = runs()
    assert a.get_event_source_mapping(UUID=made["UUID"])["State"] == "Enabled"
    with runner.lambda_.lock:  # the loop goes on, so that who has the lock may wait for it
        renewed = runner.node.link.run(runner.node.leases.read())[f"source.{made['UUID']}"]
        time.sleep(1.5)  # longer than it takes to renew the lease
        assert runner.node.link.run(asyncio.sleep(0, "alive"), 10) == "alive"
    assert renewed["node"] == runner.node.name
    place = lambda: runner.node.link.run(runner.lambda_.mappings._places.read(made["UUID"]))  # noqa: E731
    until("its place is kept", lambda: "shardId-000000000000" in place()["shards"])
    a.update_event_source_mapping(UUID=made["UUID"], Enabled=False)
    until("nobody runs it", lambda: not runs())
    assert "nobody runs" not in status_of(server)[0]
    put("k4")
    b.update_event_source_mapping(UUID=made["UUID"], Enabled=True)
    until("it goes on", lambda: "k4" in witness.seen())
    assert witness.times("k1") == witness.times("k3") == 1  # from where it was
    (runner,) = runs()
    functions = len(a.list_functions()["Functions"])
    lines = (
        f"mapping {made['UUID']} of {arn}, Enabled, at {runner.node.name}: ", f"{runner.node.name}: ", "source 1 idle",
        f"lambda   000000000000 us-east-1  {functions} functions, 0 schedules, 0 events wait",
    )  # fmt: skip

    def told() -> bool:
        said, found = status_of(server)
        return all(line in said for line in lines) and found["functions"] == functions

    until("the status tells of it", told)  # nodes say what they have about once a second
    a.delete_event_source_mapping(UUID=made["UUID"])
    assert b.list_event_source_mappings()["EventSourceMappings"] == []


def test_a_queue_is_a_source(pair: Any, elsewhere: str, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    create(a, "queued", SOURCE, Environment={"Variables": {"WITNESS": witness.url}}, Timeout=10)
    sqs = elsewhere_client(elsewhere, "sqs")
    url = sqs.create_queue(QueueName="jobs")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    made = b.create_event_source_mapping(FunctionName="queued", EventSourceArn=arn)
    for number in range(5):
        sqs.send_message(QueueUrl=url, MessageBody=f"q{number}")
    until("they are seen", lambda: witness.seen() >= {f"q{number}" for number in range(5)})
    a.delete_event_source_mapping(UUID=made["UUID"])


def test_a_schedule_is_kept_once(pair: Any, witness: Witness) -> None:
    a, b = pair
    create(a.client("lambda"), "timed", WITNESS)
    when = time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(time.time() + 5))
    made = b.function("timed").schedule(when, name="once", input={"to": witness.url, "id": "timed"})
    assert made["name"] == "once" and [one["name"] for one in a.lambda_.schedules.all()] == ["once"]
    until("it ran", lambda: "timed" in witness.seen())
    until("both nodes know", lambda: all(cloud.lambda_.schedules.all()[0]["last"] for cloud in pair))
    link = a.node.link
    until("no event is left", lambda: link.run(link.js.stream_info("cc-events-000000000000-us-east-1")).state.messages == 0)
    assert witness.times("timed") == 1
    a.lambda_.schedules.remove("once")
    assert b.lambda_.schedules.all() == []


def test_packages_that_nobody_needs_go(pair: Any) -> None:
    a, b = pair
    create(a.client("lambda"), "kept", ECHO + "# kept\n")
    create(a.client("lambda"), "gone", ECHO + "# gone\n")
    packages = {name: a.lambda_.registry.get(name).latest.package for name in ("kept", "gone")}
    b.client("lambda").delete_function(FunctionName="gone")
    link, blobs = a.node.link, a.node.blobs
    assert link.run(blobs.sweep(b.lambda_.kept(), 3600.0)) == 0  # none is old
    assert link.run(blobs.get(packages["gone"]))
    assert link.run(blobs.sweep(b.lambda_.kept(), -3600.0)) >= 1
    assert link.run(blobs.get(packages["kept"]))
    with pytest.raises(KeyError):
        link.run(blobs.get(packages["gone"]))
    create(b.client("lambda"), "gone", ECHO + "# gone\n")
    assert call(a.client("lambda"), "gone", {"said": 1})["event"] == 1


REACHES = """
import json, os, urllib.request
def handler(event, context):
    body = json.dumps({"TableName": "reached", "Item": {"id": {"S": "x"}}}).encode()
    scope = "AWS4-HMAC-SHA256 Credential=%s/20300101/us-east-1/dynamodb/aws4_request" % os.environ["AWS_ACCESS_KEY_ID"]
    headers = {"X-Amz-Target": "DynamoDB_20120810.PutItem", "Content-Type": "application/x-amz-json-1.0", "Authorization": scope}
    request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], body, headers)
    return urllib.request.urlopen(request, timeout=30).status
"""


def test_a_function_reaches_the_tables_and_has_a_url_at_every_node(pair: Any) -> None:
    import urllib.request

    a, b = pair
    table = a.table("reached", pk="id:S")
    create(a.client("lambda"), "reaches", REACHES)
    for cloud in pair:
        table.delete("x")
        assert call(cloud.client("lambda"), "reaches", {}) == 200
        assert table.get("x", consistent=True) == {"id": "x"}
    client = a.client("lambda")
    url = client.create_function_url_config(FunctionName="reaches", AuthType="NONE")["FunctionUrl"]
    for action, more in (("InvokeFunctionUrl", {"FunctionUrlAuthType": "NONE"}), ("InvokeFunction", {"InvokedViaFunctionUrl": True})):
        client.add_permission(FunctionName="reaches", StatementId=action, Action=f"lambda:{action}", Principal="*", **more)
    host = url.partition("//")[2].strip("/").partition(":")[0]
    with b.serve() as endpoint:
        until("b has the URL", lambda: b.has_url(host.partition(".")[0]))
        request = urllib.request.Request(endpoint.url, headers={"Host": host})

        def answered() -> bool:
            return urllib.request.urlopen(request, timeout=30).read() == b"200"

        until("it answers at b", answered)


def test_messages_between_nodes_may_be_lost(pair: Any, witness: Witness, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair
    create(a.client("lambda"), "lossy", WITNESS)
    lost: list[str] = []

    def losing(cloud: Any, kind: str) -> None:
        sends = cloud.node.calls._send

        async def send(to: str, what: str, data: bytes) -> None:
            if what == kind and kind not in lost:
                lost.append(kind)
            else:
                await sends(to, what, data)

        monkeypatch.setattr(cloud.node.calls, "_send", send)

    losing(a, "invoke")
    losing(b, "invoked")
    head = {
        "account": "000000000000", "region": "us-east-1", "function": "lossy", "qualifier": None,
        "reached": a.lambda_._documents.reached, "more": {},
    }  # fmt: skip
    result = a.node.calls.call(b.node.link.instance, head, json.dumps({"to": witness.url, "id": "lossy"}).encode())
    assert json.loads(result.payload) == "lossy" and sorted(lost) == ["invoke", "invoked"]
    assert witness.times("lossy") == 1
    with pytest.raises(ApiError) as gone:
        a.node.calls.call("nobody", head, b"{}")
    assert gone.value.code == "ServiceException" and gone.value.status == 500
