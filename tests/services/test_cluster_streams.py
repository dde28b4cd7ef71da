"""Delivery streams on a real NATS JetStream server, and on three: two nodes in this process."""

from __future__ import annotations

import contextlib
import gzip
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cluster_support import Servers, stream_to, until

import cloudcore
from cloudcore.cluster import following
from cloudcore.cluster.link import is_transient
from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.objects import LocalObjects


@pytest.fixture
def nodes(server: Servers, tmp_path: Path) -> Iterator[Any]:
    """Makes nodes by name, all with the objects below tmp_path."""
    store = LocalObjects(tmp_path / "objects")
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(cloudcore.open(f"{server.url}/{name}", objects=store))
        with cloudcore.open(f"{server.url}/sweeper", objects=store) as cloud:
            for name in cloud.firehose.names():
                cloud.firehose.delete(name)


def test_any_node_makes_puts_describes_and_deletes(nodes: Any) -> None:
    a, b = nodes("a"), nodes("b")
    first, second = a.client("firehose"), b.client("firehose")
    first.create_delivery_stream(
        DeliveryStreamName=".a-b_c.", ExtendedS3DestinationConfiguration=stream_to("lake", CompressionFormat="GZIP"),
        Tags=[{"Key": "k", "Value": "v"}],
    )  # fmt: skip
    described = second.describe_delivery_stream(DeliveryStreamName=".a-b_c.")["DeliveryStreamDescription"]
    assert described["DeliveryStreamStatus"] == "ACTIVE"
    with pytest.raises(second.exceptions.ResourceInUseException):
        second.create_delivery_stream(
            DeliveryStreamName=".a-b_c.", ExtendedS3DestinationConfiguration=stream_to("lake")
        )
    ids = [
        client.put_record_batch(
            DeliveryStreamName=".a-b_c.", Records=[{"Data": b"%d\n" % n} for n in numbers]
        )
        for client, numbers in ((first, range(3)), (second, range(3, 5)))
    ]
    told = [each["RecordId"] for answer in ids for each in answer["RequestResponses"]]
    assert told == sorted(set(told))
    second.tag_delivery_stream(DeliveryStreamName=".a-b_c.", Tags=[{"Key": "more", "Value": "x"}])
    until(
        "the tag is everywhere",
        lambda: len(first.list_tags_for_delivery_stream(DeliveryStreamName=".a-b_c.")["Tags"]) == 2,
    )
    stream = b.firehose.get(".a-b_c.")
    assert stream.flush(120)
    found = b"".join(gzip.decompress(b.objects.get("lake", key)) for key in stream.delivered_keys())
    assert found == b"0\n1\n2\n3\n4\n"
    second.delete_delivery_stream(DeliveryStreamName=".a-b_c.")
    with pytest.raises(second.exceptions.ResourceNotFoundException):
        second.put_record(DeliveryStreamName=".a-b_c.", Record={"Data": b"x"})
    until("it is gone everywhere", lambda: first.list_delivery_streams()["DeliveryStreamNames"] == [])
    with pytest.raises(first.exceptions.ResourceNotFoundException):
        first.put_record(DeliveryStreamName=".a-b_c.", Record={"Data": b"x"})


def test_large_batches_parquet_and_a_new_reader(nodes: Any) -> None:
    a = nodes("a")
    stream = a.stream(
        "rows",
        bucket="lake",
        prefix="rows/",
        format="parquet",
        schema="id int, text string",
        buffer_seconds=900,
    )
    rows = [json.dumps({"id": n, "text": "x" * 5000}).encode() for n in range(900)]
    rows[7] = b"{broken"
    first, last = stream.put_batch(rows)  # several messages
    assert first < last <= stream.last_sequence
    with pytest.raises(ApiError, match="ValidationException"):
        stream.put(b"x" * 1_024_001)
    stream.put(b'{"id": 900, "text": "%s"}' % (b"y" * 1_023_000))
    assert stream.flush(120)
    table = stream.read()
    assert sorted(table["id"].to_pylist()) == [n for n in range(901) if n != 7]
    status = stream.status()
    assert (status["records_in"], status["delivered"], status["waiting_bytes"]) == (901, 901, 0)
    errors = [key for key in a.objects.list("lake") if "format-conversion-failed" in key]
    assert len(errors) == 1 and a.objects.get("lake", errors[0]).count(b"\n") == 1
    assert stream.flush(120) and len(stream.delivered_keys()) == status["objects"]


def test_an_update_holds_for_what_is_put_after_it(nodes: Any) -> None:
    a, b = nodes("a"), nodes("b")
    firehose = a.client("firehose")
    firehose.create_delivery_stream(
        DeliveryStreamName="moved", ExtendedS3DestinationConfiguration=stream_to("lake", BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900})
    )
    stream = a.firehose.get("moved")
    stream.put(b"first\n")
    assert stream.flush(120)
    update = {"Prefix": "second/", "CompressionFormat": "GZIP"}
    other = b.client("firehose")
    until("the other knows it", lambda: "moved" in other.list_delivery_streams()["DeliveryStreamNames"])
    told = {"DeliveryStreamName": "moved", "CurrentDeliveryStreamVersionId": "1", "DestinationId": "destinationId-000000000001"}
    other.update_destination(**told, ExtendedS3DestinationUpdate=update)
    with pytest.raises(other.exceptions.ConcurrentModificationException):
        other.update_destination(**told, ExtendedS3DestinationUpdate=update)

    def known(version: str) -> bool:
        place = ("000000000000", "us-east-1", "moved")
        return {cloud.node.catalogue.find(place)["VersionId"] for cloud in (a, b)} == {version}

    until("both know it", lambda: known("2"))
    stream.put(b"second\n")
    assert stream.flush(120)
    assert [a.objects.get("lake", key) for key in a.objects.list("lake", "data/")] == [b"first\n"]
    (key,) = a.objects.list("lake", "second/")
    assert gzip.decompress(a.objects.get("lake", key)) == b"second\n" and "moved-2-" in key
    backup = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::raw"}
    other.update_destination(
        **{**told, "CurrentDeliveryStreamVersionId": "2"},
        ExtendedS3DestinationUpdate={"S3BackupMode": "Enabled", "S3BackupUpdate": backup},
    )
    until("both know that too", lambda: known("3"))
    stream.put(b"third\n")
    assert stream.flush(120)
    assert [a.objects.get("raw", key) for key in a.objects.list("raw")] == [b"third\n"]


def test_records_can_be_looked_at_while_they_wait(nodes: Any) -> None:
    a = nodes("a")
    stream = a.stream("tapped", bucket="lake", buffer_seconds=900)
    first, last = stream.put_batch([b"%d" % number for number in range(10)])
    stream.put(b"more")
    found = list(stream.records(first + 3, 5))
    assert [(number, data) for number, _, data in found] == [(first + number, b"%d" % number) for number in range(3, 8)]
    assert [data for _, _, data in stream.records(last, 100)] == [b"9", b"more"]
    assert abs(found[0][1] / 1000 - time.time()) < 3600
    assert list(stream.records(stream.last_sequence + 1, 5)) == []


def test_time_cuts_without_a_flush_and_delivered_batches_leave_the_log(nodes: Any, server: Servers) -> None:
    a = nodes("a")
    stream = a.stream("clicks", bucket="lake", prefix="c/", buffer_seconds=1)
    for number in range(5):
        stream.put(b"%d\n" % number)
    until("it is delivered", lambda: stream.status()["delivered"] == 5)
    assert b"".join(a.objects.get("lake", key) for key in stream.delivered_keys()) == b"0\n1\n2\n3\n4\n"
    until(
        "its log is empty",
        lambda: a.node.link.run(a.node.link.js.stream_info(f"cc-{stream.identity}-log")).state.messages == 0,
    )
    stream.put(b"5\n")  # sequences go on behind what was dropped
    assert stream.flush(120)
    assert b"".join(a.objects.get("lake", key) for key in stream.delivered_keys()) == b"0\n1\n2\n3\n4\n5\n"


def test_a_store_that_is_down_holds_records_until_it_is_back(server: Servers, tmp_path: Path) -> None:
    class Down(LocalObjects):
        down = True
        tried = 0

        def put(self, *arguments: Any, **more: Any) -> None:
            self.tried += 1
            if self.down:
                raise OSError("the store is down")
            super().put(*arguments, **more)

    store = Down(tmp_path / "objects")
    with cloudcore.open(f"{server.url}/a", objects=store) as a:
        stream = a.stream("held", bucket="lake", prefix="h/", buffer_seconds=0.1)
        stream.put(b"kept\n")
        until("it was tried again", lambda: store.tried >= 2)
        assert stream.status()["delivered"] == 0 and stream.status()["oldest_seconds"] > 0
        store.down = False
        assert stream.flush(120)
        assert [a.objects.get("lake", key) for key in stream.delivered_keys()] == [b"kept\n"]
        a.firehose.delete("held")


def test_the_disk_bound_refuses_puts_and_loses_nothing(server: Servers, tmp_path: Path) -> None:
    with cloudcore.open(f"{server.url}/a", objects=LocalObjects(tmp_path)) as a:
        stream = a.stream(
            "small", bucket="lake", buffer_seconds=900, buffer_bytes=64 << 20, disk_bound=1 << 20
        )
        taken = 0
        with pytest.raises(ApiError, match="ServiceUnavailableException: Slow down"):
            while taken < 100:
                stream.put(b"%07d" % taken + b"x" * 100_000)
                taken += 1
        assert 5 < taken < 12 and stream.status()["slowed"] == 1
        assert stream.flush(120)
        found = b"".join(a.objects.get("lake", key) for key in stream.delivered_keys())
        assert [int(found[at : at + 7]) for at in range(0, len(found), 100_007)] == list(range(taken))
        until(
            "there is room again",
            lambda: (
                a.node.link.run(a.node.link.js.stream_info(f"cc-{stream.identity}-log")).state.messages == 0
            ),
        )
        stream.put(b"more")
        a.firehose.delete("small")


def test_a_schema_is_inferred_once_whichever_node_writes(nodes: Any) -> None:
    a, b = nodes("a"), nodes("b")
    stream = a.stream("guessed", bucket="guessed", prefix="data/", format="parquet", buffer_seconds=1)
    stream.put_batch([b"{broken"])  # of what cannot be read nothing is inferred
    assert stream.flush(120)
    rows = 0
    for turn in range(6):  # both nodes deliver, and from the second turn on a column is there that was not at first
        more = b', "later": 1' if turn else b""
        (a, b)[turn % 2].firehose.get("guessed").put_batch([b'{"id": %d, "text": "x"%s}' % (rows + n, more) for n in range(20)])
        rows += 20
        assert stream.flush(120)
    found = stream.read()
    assert found.column_names == ["id", "text"] and sorted(found["id"].to_pylist()) == list(range(rows))
    assert b.node.catalogue.find(("000000000000", "us-east-1", "guessed"))["Inferred"]
    with nodes("c") as c:  # who comes later writes by it too
        stream.put_batch([b'{"id": 1000, "text": "y", "other": true}'])
        assert c.firehose.get("guessed").flush(120) and stream.read().column_names == ["id", "text"]
    update = {"BufferingHints": {"IntervalInSeconds": 2, "SizeInMBs": 64}}
    client = a.client("firehose")
    told = client.describe_delivery_stream(DeliveryStreamName="guessed")["DeliveryStreamDescription"]
    client.update_destination(DeliveryStreamName="guessed", CurrentDeliveryStreamVersionId=told["VersionId"],
                              DestinationId="destinationId-000000000001", ExtendedS3DestinationUpdate=update)  # fmt: skip
    assert a.node.catalogue.find(("000000000000", "us-east-1", "guessed"))["Inferred"]


def test_two_nodes_that_infer_at_once_keep_one_schema(nodes: Any) -> None:
    a = nodes("a")
    stream = a.stream("raced", bucket="raced", format="parquet", buffer_seconds=900)
    place = ("000000000000", "us-east-1", "raced")
    until("it is carried", lambda: stream.identity in a.node._carriers)
    kept = a.node._carriers[stream.identity]._schemas._kept
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(kept, [json.dumps({"number": number}) for number in range(8)]))
    assert len(found) == 1 and found == {a.node.catalogue.find(place)["Inferred"]} == {kept("other")}


def test_what_does_not_work_yet_is_refused(nodes: Any, server: Servers, tmp_path: Path, monkeypatch: Any) -> None:
    a = nodes("a")
    with pytest.raises(ApiError, match=r"UnsupportedOperationException.*by a key file"):
        a.stream("no", bucket="lake", encrypt_objects=True)
    assert a.firehose.names() == []
    with pytest.raises(ValueError, match="durability does not work on a cluster"):
        cloudcore.open(f"{server.url}/z", durability="commit")
    monkeypatch.setattr("cloudcore.cluster.node.LEASE_S", -2.0)  # who is refused waits no longer for it
    monkeypatch.setattr("cloudcore.cluster.link._JOIN_S", 4.0)

    def second() -> bool:
        """Whether a second node of the name was refused; on a machine that stood still the first one's lease may be
        over, and is taken again."""
        try:
            cloudcore.open(f"{server.url}/a", objects=LocalObjects(tmp_path)).close()
        except CloudcoreError as error:
            return "a node 'a' is in the cluster already" in str(error)
        return False

    until("a second node of the name is refused", second)
    with pytest.raises(CloudcoreError, match="no NATS server with JetStream answers"):
        cloudcore.open("nats://127.0.0.1:1/a", objects=LocalObjects(tmp_path))


def test_over_http_and_what_status_prints(nodes: Any, server: Servers) -> None:
    import boto3

    a, b = nodes("a"), nodes("b")
    with a.serve() as one, b.serve() as other:

        def client(service: str, url: str) -> Any:
            return boto3.client(service, endpoint_url=url, region_name="eu-west-1", aws_access_key_id="111122223333", aws_secret_access_key="y")  # fmt: skip

        firehose = client("firehose", one.url)
        firehose.create_delivery_stream(
            DeliveryStreamName="web", ExtendedS3DestinationConfiguration=stream_to("lake")
        )
        answer = client("firehose", other.url).put_record(
            DeliveryStreamName="web", Record={"Data": b"over http\n"}
        )
        assert answer["RecordId"].startswith("49")
        assert client("dynamodb", other.url).list_global_tables()["GlobalTables"] == []
        assert client("dynamodbstreams", other.url).list_streams()["Streams"] == []
        assert a.at("eu-west-1", "111122223333").firehose.get("web").flush(120)
        until("both have said who they are", lambda: all(node["url"] for node in _report(server)["nodes"]))
        command = [sys.executable, "-m", "cloudcore.cli.main", "cluster", "status", server.url]

        def told() -> bool:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120)
            if done.returncode:  # nodes say once a second that they lead
                assert "! nobody leads the tables of 111122223333 eu-west-1" in done.stdout, done.stdout + done.stderr
                return False
            assert f"node     a  {one.url}" in done.stdout
            return "1 records in, 1 delivered in 1 objects, lag 0" in done.stdout

        def led() -> bool:
            done = subprocess.run([*command, "--json"], capture_output=True, check=True, timeout=120)
            found = json.loads(done.stdout)
            leads = {node["node"] for node in found["nodes"] if node["leads"]}
            return leads == {found["streams"][0]["leader"]} and leads <= {"a", "b"}

        until("what the nodes did is told", told)  # a node says it about once a second
        until("one leads the stream, and both say so", led)
    a.at("eu-west-1", "111122223333").firehose.delete("web")


def _report(server: Servers) -> dict[str, Any]:
    from cloudcore.cluster import status

    return status.report(server.url)


def test_two_planners_at_once_cut_nothing_twice(nodes: Any) -> None:
    """Whoever believes to lead: leases are taken away under puts, so that planners overlap."""
    a, b = nodes("a"), nodes("b")
    stream = a.stream("fenced", bucket="lake", prefix="f/", buffer_seconds=0.05)
    assert b.stream("fenced", bucket="lake", prefix="f/", buffer_seconds=0.05).identity == stream.identity
    with pytest.raises(ApiError, match="exists with another configuration"):
        b.stream("fenced", bucket="lake", prefix="f/", buffer_seconds=2)
    stop = threading.Event()

    def steal() -> None:
        while not stop.is_set():
            for cloud in (a, b):
                cloud.node.link.run(_take_away(cloud.node, stream.identity))
            time.sleep(0.1)

    thief = threading.Thread(target=steal)
    thief.start()
    try:
        for number in range(300):
            stream.put(b"%d\n" % number)
    finally:
        stop.set()
        thief.join()
    assert stream.flush(120)
    found = b"".join(a.objects.get("lake", key) for key in stream.delivered_keys())
    assert sorted(map(int, found.split())) == list(range(300))


def test_one_that_leaves_is_followed_by_another(nodes: Any, server: Servers, monkeypatch: Any) -> None:
    """Four nodes of which two follow the stream: what is put at any of them is delivered, once, while those that
    follow leave and come back one after the other."""
    monkeypatch.setattr(following, "STREAMS", 0)
    monkeypatch.setattr(following, "AT_LEAST", 2)
    names = ("a", "b", "c", "d")
    clouds = {name: nodes(name) for name in names}
    store = clouds["a"].objects
    stream = clouds["a"].stream("moving", bucket="lake", prefix="m/", buffer_seconds=0.2)

    def following_now() -> set[str]:
        return {name for name, cloud in clouds.items() if stream.identity in cloud.node._carriers}

    def settled() -> bool:
        found = following_now()
        return len(found) == 2 and found == set(following.followers(set(clouds), stream.identity, 1))

    until("two follow it", settled)
    put = 0
    for name in (*following_now(), *names):
        for cloud in clouds.values():
            cloud.firehose.get("moving").put(b"%d\n" % put)
            put += 1
        clouds.pop(name).close()
        until("two others follow it", settled)
        clouds[name] = nodes(name)
        until("who came back follows it again", settled)
    last = clouds["a"].firehose.get("moving")
    assert last.flush(120)
    found = b"".join(store.get("lake", key) for key in last.delivered_keys())
    assert sorted(map(int, found.split())) == list(range(put))


def test_both_nodes_make_the_same_stream_at_once(nodes: Any) -> None:
    clouds = [nodes("a"), nodes("b")]
    with ThreadPoolExecutor(2) as pool:
        for turn in range(5):
            one, other = pool.map(lambda cloud, name: cloud.stream(name, bucket="b"), clouds, [f"s{turn}"] * 2)
            assert one.identity == other.identity


async def _take_away(node: Any, identity: str) -> None:
    """Two planners of one stream on this node, whatever the lease says."""
    import asyncio

    from cloudcore.cluster.leading import Planner
    from cloudcore.cluster.link import end

    place = next(place for place, found in node.catalogue.all().items() if found["Identity"] == identity)
    rogue = Planner(node.link, place, lambda: node.catalogue.find(place), "rogue", node.wall)
    planning = asyncio.create_task(rogue._plan_again())
    await asyncio.sleep(0.3)
    await end(planning)


def test_what_is_asked_again() -> None:
    from nats.js import errors

    for error in (
        errors.KeyWrongLastSequenceError(description="wrong last sequence: 1"),  # has no code
        errors.APIError(code=400, err_code=10071, description="wrong last sequence: 1"),
        ValueError("no"),
    ):
        assert not is_transient(error)
    for error in (
        errors.APIError(code=400, err_code=10074, description="replicas > 1 not supported"),
        errors.ServiceUnavailableError(code=503),
        errors.NoStreamResponseError(),
        OSError(),
    ):
        assert is_transient(error)
