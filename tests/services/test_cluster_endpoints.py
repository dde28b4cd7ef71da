"""Delivery streams of a cluster into strict doubles of endpoints and into PostgreSQL, and the backup of their records."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cluster_support import Nodes, Servers, stream_to, until

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.firehose import to

sys.path.append(str(Path(__file__).parents[1] / "unit"))
sys.path.append(str(Path(__file__).parents[1] / "integration"))
from http_receiver import BulkReceiver, HecReceiver, HttpReceiver, running
from postgres_server import PostgresTarget, postgres

ROLE = "arn:aws:iam::000000000000:role/r"


@pytest.fixture
def lake(store: Any, request: Any) -> str:
    """A bucket of the test's own."""
    return request.node.name.replace("_", "-")[:60].rstrip("-")


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A cluster without the nodes of `pair`, which would reach nothing of what is given here."""
    servers = Servers(tmp_path_factory.mktemp("apart"), 1)
    yield servers
    servers.stop()


@pytest.fixture
def reached(apart: Servers, store: Any) -> Iterator[Any]:
    """Makes two nodes from which https://NAME.example are the receivers that are given."""
    with contextlib.ExitStack() as stack:

        def nodes(**receivers: Any) -> list[Any]:
            reach = {f"https://{name}.example": receiver.url for name, receiver in receivers.items()}
            for receiver in receivers.values():
                stack.enter_context(running(receiver))
            return [
                stack.enter_context(cloudcore.open(f"{apart.url}/{name}", objects=store, reach=reach)) for name in "ab"
            ]

        yield nodes


def hook(bucket: str, **more: Any) -> dict[str, Any]:
    return {
        "EndpointConfiguration": {"Url": "https://hook.example/in"}, "RoleARN": ROLE,
        "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 900}, "S3Configuration": stream_to(bucket), **more,
    }  # fmt: skip


def made(cloud: Any, name: str, **configuration: Any) -> Any:
    cloud.client("firehose").create_delivery_stream(DeliveryStreamName=name, **configuration)
    return cloud.firehose.get(name)


def failures(store: Any, bucket: str) -> list[dict[str, Any]]:
    found = [store.get(bucket, key) for key in store.list(bucket) if "-failed/" in key]
    return [json.loads(line) for body in found for line in body.splitlines()]


class Held:
    """A step of a receiver's script that holds the first request; `by` is the node whose it is, `request` its id."""

    def __init__(self, header: str) -> None:
        self.by, self.request, self._header = "", "", header
        self.released = threading.Event()

    def __call__(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Any:
        self.request, self.by = headers[self._header], path.split("/")[1]
        self.released.wait(170)
        return 503, {}, b""


def test_an_endpoint_that_fails_and_recovers(reached: Any, store: Any, lake: str) -> None:
    receiver = HttpReceiver()
    a, b = reached(hook=receiver)
    receiver.script = [receiver.says(500)] * 3
    stream = made(a, "recovers", HttpEndpointDestinationConfiguration=hook(lake))
    until("the other knows it", lambda: "recovers" in b.firehose.names())
    records = [b"%d" % n for n in range(20)]
    a.firehose.get("recovers").put_batch(records[:10])
    b.firehose.get("recovers").put_batch(records[10:])
    assert stream.flush(120)
    assert set(receiver.data()) == set(records) and receiver.wrong == []
    assert len(receiver.seen) == 3 and set(receiver.seen) <= {request for request, _, _ in receiver.requests}
    assert failures(store, lake) == [] and stream.status()["delivered"] == 20
    a.firehose.delete("recovers")


def test_an_endpoint_that_never_takes_them(reached: Any, store: Any, lake: str) -> None:
    receiver = HttpReceiver()
    a, _ = reached(hook=receiver)
    receiver.script = [receiver.says(500)] * 100
    stream = made(
        a, "never", HttpEndpointDestinationConfiguration=hook(lake, RetryOptions={"DurationInSeconds": 2})
    )  # fmt: skip
    stream.put_batch([b"%d" % n for n in range(10)])
    assert stream.flush(120)
    found = failures(store, lake)
    assert sorted(int(base64.b64decode(line["rawData"])) for line in found) == list(range(10))
    assert {line["errorCode"] for line in found} == {"HttpEndpoint.DestinationException"}
    (attempts,) = {line["attemptsMade"] for line in found}
    assert 2 <= attempts <= len(receiver.seen) and len(set(receiver.seen)) == 1
    receiver.script = []
    stream.put(b"after")
    assert stream.flush(120)
    assert set(receiver.data()) == {b"after"} and len(failures(store, lake)) == 10
    a.firehose.delete("never")


def test_an_endpoint_that_hangs_holds_up_nobody_and_is_not_overtaken(reached: Any, store: Any, lake: str) -> None:
    receiver = HttpReceiver()
    a, b = reached(hook=receiver)
    held = Held("x-amz-firehose-request-id")
    receiver.script = [held]
    stream = made(a, "hangs", HttpEndpointDestinationConfiguration=hook(lake))
    other = a.stream("beside", bucket=lake, prefix="beside/", buffer_seconds=900)
    stream.put(b"held")
    until("it hangs", lambda: not stream.flush(0.2) and held.by)
    stream.put(b"behind")
    other.put(b"beside\n")
    assert other.flush(120)
    until("what is behind it came", lambda: not stream.flush(0.2) and b"behind" in receiver.data())
    assert stream.flush(0.5) is False and failures(store, lake) == []
    assert set(receiver.data()) == {b"behind"}
    held.released.set()
    assert stream.flush(120)
    assert set(receiver.data()) == {b"behind", b"held"} and receiver.wrong == []
    assert b.firehose.get("beside").delivered_keys() != []
    for name in ("hangs", "beside"):
        a.firehose.delete(name)


def test_documents_with_processors_and_a_backup(reached: Any, store: Any, lake: str) -> None:
    receiver = BulkReceiver()
    receiver.item = lambda action, source: (400, {"type": "t", "reason": "no"}) if b'"bad"' in source else None
    a, _ = reached(search=receiver)
    stream = made(
        a, "documents",
        AmazonopensearchserviceDestinationConfiguration={
            "RoleARN": ROLE, "ClusterEndpoint": "https://search.example", "IndexName": "i",
            "IndexRotationPeriod": "NoRotation", "S3BackupMode": "AllDocuments",
            "S3Configuration": stream_to(lake, CompressionFormat="GZIP"),
            "ProcessingConfiguration": {"Enabled": True, "Processors": [
                {"Type": "RecordDeAggregation", "Parameters": [{"ParameterName": "SubRecordType", "ParameterValue": "JSON"}]},
            ]},
        },
    )  # fmt: skip
    raw = [b'{"n":1}{"n":2}', b'{"n":3}{"n":"bad"}', b"{broken"]
    stream.put_batch(raw)
    assert stream.flush(120)
    assert sorted(json.loads(source)["n"] for source in receiver.documents.values()) == [1, 2, 3]
    assert receiver.wrong == []
    keys = [key for key in store.list(lake) if "-failed/" in key]
    lines = [json.loads(line) for key in keys for line in gzip.decompress(store.get(lake, key)).splitlines()]
    assert sorted(base64.b64decode(line["rawData"]) for line in lines) == [b'{"n":"bad"}', b"{broken"]
    (backup,) = set(store.list(lake)) - set(keys)
    assert backup.startswith("data/") and gzip.decompress(store.get(lake, backup)) == b"".join(raw)
    a.firehose.delete("documents")


def test_events_are_delivered_when_they_are_acknowledged(reached: Any, store: Any, lake: str) -> None:
    receiver = HecReceiver(polls=1)
    a, _ = reached(hec=receiver)
    stream = made(
        a, "events",
        SplunkDestinationConfiguration={
            "HECEndpoint": "https://hec.example", "HECEndpointType": "Event", "HECToken": "t-1",
            "S3BackupMode": "AllEvents", "S3Configuration": stream_to(lake),
        },
    )  # fmt: skip
    records = [b'{"event":"%d"}' % n for n in range(5)]
    stream.put_batch(records)
    assert stream.flush(120)
    assert set(receiver.indexed) == {b"".join(records)} and receiver.wrong == []
    (backup,) = store.list(lake)
    assert store.get(lake, backup) == b"".join(records)
    a.firehose.delete("events")


def test_rows_are_copied_into_a_table(pair: Any, lake: str) -> None:
    a, b = pair
    with postgres() as url:
        table = PostgresTarget(url)
        table.run("create table t (id bigint not null, name varchar(10))")
        stream = a.stream("rows", to=to.redshift("t", url=url), bucket=lake, buffer_seconds=900)
        until("the other knows it", lambda: "rows" in b.firehose.names())
        for turn, cloud in enumerate((a, b)):
            cloud.firehose.get("rows").put_batch([json.dumps({"id": n, "name": "x"}).encode() for n in range(turn * 10, turn * 10 + 10)])
            assert stream.flush(120)
        assert [row[0] for row in table.run("select id from t order by id")] == list(range(20))
        assert sorted(stream.read()["id"].to_pylist()) == list(range(20))
        a.firehose.delete("rows")


def test_source_records_are_backed_up_beside_objects(pair: Any, store: Any, lake: str) -> None:
    a, _ = pair
    parameters = [{"ParameterName": "SubRecordType", "ParameterValue": "JSON"}]
    processors = {"Enabled": True, "Processors": [{"Type": "RecordDeAggregation", "Parameters": parameters}]}
    stream = made(
        a, "kept",
        ExtendedS3DestinationConfiguration=stream_to(
            lake, S3BackupMode="Enabled", ProcessingConfiguration=processors,
            S3BackupConfiguration={"RoleARN": ROLE, "BucketARN": f"arn:aws:s3:::{lake}-raw", "Prefix": "raw/"},
        ),
    )  # fmt: skip
    raw = [b'{"n":1}{"n":2}', b"{broken"]
    stream.put_batch(raw)
    assert stream.flush(120)
    assert [store.get(lake, key) for key in store.list(lake, "data/")] == [b'{"n":1}{"n":2}']
    (key,) = store.list(f"{lake}-raw")
    assert key.startswith("raw/") and store.get(f"{lake}-raw", key) == b"".join(raw)
    assert len(failures(store, lake)) == 1
    a.firehose.delete("kept")


def test_objects_are_encrypted_by_a_key_of_kms(
    apart: Servers, store: Any, elsewhere: str, lake: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import boto3

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    key = boto3.client("kms", endpoint_url=elsewhere, region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
    reach = {"arn:aws:kms:": elsewhere}
    with (
        cloudcore.open(f"{apart.url}/a", objects=store, reach=reach) as a,
        cloudcore.open(f"{apart.url}/b", objects=store, reach=reach) as b,
    ):
        stream = a.stream("secret", bucket=lake, prefix="data/", buffer_seconds=900, encrypt_objects=key, backup_prefix="raw/")
        until("the other knows it", lambda: "secret" in b.firehose.names())
        stream.put(b"nobody may read this\n")
        assert b.firehose.get("secret").flush(120)
        keys = list(store.list(lake))
        assert len(keys) == 2 and all(b"nobody" not in store.get(lake, each) for each in keys)
        assert all(store.head(lake, each).metadata["x-amz-wrap-alg"] == "kms+context" for each in keys)
        assert [cloud.firehose.get("secret").read()["line"].to_pylist() for cloud in (a, b)] == [["nobody may read this"]] * 2
        a.firehose.delete("secret")


def test_batches_are_encrypted_in_jetstream_by_a_key_of_kms(apart: Servers, elsewhere: str, store: Any, lake: str) -> None:
    import boto3

    key = boto3.client("kms", endpoint_url=elsewhere, region_name="us-east-1").create_key()["KeyMetadata"]["Arn"]
    reach = {"arn:aws:kms:": elsewhere}
    own = {"KeyType": "AWS_OWNED_CMK"}
    by_kms = {"KeyType": "CUSTOMER_MANAGED_CMK", "KeyARN": key}
    with (
        cloudcore.open(f"{apart.url}/a", objects=store, reach=reach) as a,
        cloudcore.open(f"{apart.url}/b", objects=store, reach=reach) as b,
    ):
        one, other = a.client("firehose"), b.client("firehose")
        to_lake = stream_to(lake, BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 900})
        with pytest.raises(one.exceptions.ClientError, match=r"UnsupportedOperation.*CUSTOMER_MANAGED_CMK"):
            one.create_delivery_stream(DeliveryStreamName="sealed", ExtendedS3DestinationConfiguration=to_lake,
                                       DeliveryStreamEncryptionConfigurationInput=own)  # fmt: skip
        one.create_delivery_stream(DeliveryStreamName="sealed", ExtendedS3DestinationConfiguration=to_lake,
                                   DeliveryStreamEncryptionConfigurationInput=by_kms)  # fmt: skip
        until("the other knows it", lambda: "sealed" in b.firehose.names())
        put = 0

        def puts(sealed: bool) -> None:
            nonlocal put
            for client in (one, other):
                told = client.put_record(DeliveryStreamName="sealed", Record={"Data": b"secret %d\n" % put})
                assert told["Encrypted"] is sealed
                put += 1

        def status(client: Any) -> Any:
            told = client.describe_delivery_stream(DeliveryStreamName="sealed")["DeliveryStreamDescription"]
            return told["DeliveryStreamEncryptionConfiguration"]

        puts(True)
        assert status(other)["Status"] == "ENABLED" and status(other)["KeyARN"] == key
        one.start_delivery_stream_encryption(DeliveryStreamName="sealed", DeliveryStreamEncryptionConfigurationInput=by_kms)
        identity = a.firehose.get("sealed").identity
        place = ("000000000000", "us-east-1", "sealed")
        until("both have the second key", lambda: all(len(c.node.catalogue.find(place)["Encryption"]["Keys"]) == 2 for c in (a, b)))
        puts(True)
        log = [a.node.link.run(a.node.link.js.get_msg(f"cc-{identity}-log", number)) for number in range(1, 5)]
        assert all(b"secret" not in message.data for message in log) and [m.headers["Cc-Sealed"] for m in log] == ["1", "1", "2", "2"]
        with pytest.raises(one.exceptions.ClientError, match="UnsupportedOperation"):
            other.start_delivery_stream_encryption(DeliveryStreamName="sealed", DeliveryStreamEncryptionConfigurationInput=own)
        other.stop_delivery_stream_encryption(DeliveryStreamName="sealed")
        until("both know", lambda: not any(c.firehose.get("sealed").encrypted for c in (a, b)))
        puts(False)
        assert [data for _, _, data in a.firehose.get("sealed").records(1, 100)] == [b"secret %d\n" % number for number in range(put)]
        assert b.firehose.get("sealed").flush(120)
        (found,) = store.list(lake)
        assert store.get(lake, found) == b"".join(b"secret %d\n" % number for number in range(put))
        one.delete_delivery_stream(DeliveryStreamName="sealed")


@pytest.mark.parametrize(
    ("destination", "what"),
    [
        (to.http_endpoint(), "files of one machine"), (to.splunk(), "files of one machine"),
        (to.opensearch(), "files of one machine"), (to.redshift("t"), "files of one machine"),
        (to.iceberg("db.t"), "files of one machine"),
    ],
)  # fmt: skip
def test_what_is_of_one_machine_is_refused(pair: Any, destination: Any, what: str) -> None:
    with pytest.raises(ApiError, match=f"UnsupportedOperationException.*{what}"):
        pair[0].stream("no", to=destination, bucket="lake")
    assert "no" not in pair[0].firehose.names()


class Search(BulkReceiver):
    """Behind a path that names the node that asks."""

    def handle(self, method: str, path: str, *more: Any) -> Any:
        return super().handle(method, "/" + path.split("/", 2)[2], *more)


def test_the_node_that_delivers_is_killed(weed: Any, tmp_path: Path) -> None:
    import boto3

    s3 = boto3.client("s3", endpoint_url=weed.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
    s3.create_bucket(Bucket="endpoints")
    servers = Servers(tmp_path / "nats", 3)
    nodes = Nodes(tmp_path / "nodes", servers.url, weed.url)
    names, hook_held, search_held = ("n0", "n1", "n2"), Held("x-amz-firehose-request-id"), Held("x-opaque-id")
    try:
        with running(HttpReceiver()) as receiver, running(Search()) as search:
            search.item = lambda action, source: (400, {"type": "t", "reason": "no"}) if json.loads(source)["n"] % 7 == 0 else None
            receiver.script, search.script = [hook_held], [search_held]
            for name in names:
                reach = (("https://hook.example", receiver), ("https://search.example", search))
                nodes.options = tuple(
                    part for begin, found in reach for part in ("--reach", f"{begin}={found.url}/{name}")
                )
                nodes.start(name)
            for name in names:
                nodes.wait(name)
            client = nodes.client("n0")
            shared = {"BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1}, "S3Configuration": stream_to("endpoints")}
            client.create_delivery_stream(
                DeliveryStreamName="hook", HttpEndpointDestinationConfiguration=hook("endpoints", **shared)
            )
            client.create_delivery_stream(
                DeliveryStreamName="search",
                AmazonopensearchserviceDestinationConfiguration={
                    "RoleARN": ROLE, "ClusterEndpoint": "https://search.example", "IndexName": "i",
                    "IndexRotationPeriod": "NoRotation", **shared,
                },
            )  # fmt: skip
            put = {name: [b'{"n":%d}' % n for n in range(200)] for name in ("hook", "search")}
            for name, records in put.items():
                answer = client.put_record_batch(DeliveryStreamName=name, Records=[{"Data": each} for each in records])
                assert answer["FailedPutCount"] == 0
            until("both hold a request", lambda: hook_held.by and search_held.by)
            for victim in {hook_held.by, search_held.by}:
                nodes.signal(victim)
            until("all records are there", lambda: set(receiver.data()) >= set(put["hook"]))
            until("all documents are there", lambda: len(search.documents) == 200 - 29)
            assert {request for request, _, _ in receiver.requests} == {hook_held.request}
            assert set(receiver.data()) == set(put["hook"]) and receiver.wrong == search.wrong == []
            assert {headers["x-opaque-id"] for headers, _ in search.requests} == {search_held.request}
            assert len({number for _, number in search.documents}) == 171

            def failed() -> list[int]:
                keys = [each["Key"] for each in s3.list_objects_v2(Bucket="endpoints").get("Contents", ())]
                bodies = [s3.get_object(Bucket="endpoints", Key=key)["Body"].read() for key in keys]
                lines = [json.loads(line) for body in bodies for line in body.splitlines()]
                return sorted(json.loads(base64.b64decode(line["rawData"]))["n"] for line in lines)

            assert until("what was refused is kept", failed) == list(range(0, 200, 7))
            hook_held.released.set()
            search_held.released.set()
    finally:
        nodes.stop()
        servers.stop()
