"""Destinations with nothing configured: each works, keeps every record once, and gives it back."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.firehose import to

ROLE = "arn:aws:iam::000000000000:role/r"
BUCKET = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::failed", "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}}
EVENTS = [{"event": {"n": n, "text": 'a "b"\n'}, "host": "h"} for n in range(3)]


def failed(cloud: Any) -> list[dict[str, Any]]:
    text = b"".join(cloud.objects.get("failed", key) for key in cloud.objects.list("failed"))
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("kept", [False, True])
def test_an_index_of_ones_own(tmp_path: Path, kept: bool) -> None:
    path = tmp_path if kept else ":memory:"
    options: dict[str, Any] = {"to": to.opensearch(index="logs", rotation="OneDay"), "bucket": "failed", "buffer_seconds": 0}
    with cloudcore.open(path) as cloud:
        logs = cloud.stream("logs", **options)
        assert logs.read() is None and logs.preview() is None
        logs.put_batch([b'{"n": 1, "big": 123456789012345678901234567890}', b'{"n":\n 2}\n', b"{}"])
        logs.put_batch([b"[1]", b"{broken", b'{"_id": "mine"}', b""])
        assert logs.flush(120)
        found = logs.read()
        assert sorted(found.column("n").to_pylist(), key=str) == [1, 2, None]
        assert len(set(found.column("_id").to_pylist())) == 3
        (path_of,) = {os.path.dirname(key) for key in logs.delivered_keys()}
        assert "/@opensearch/local/logs-2" in path_of
        assert b"123456789012345678901234567890" in b"".join(Path(k).read_bytes() for k in logs.delivered_keys())
        refused = failed(cloud)
        assert sorted(line["errorCode"] for line in refused) == ["400"] * 4
        assert "mapper_parsing_exception" in refused[0]["errorMessage"] and refused[0]["esIndexName"].startswith("logs-2")
        assert logs.status()["delivered"] == 3 and logs.status()["failed"] == 4
        assert logs.preview(1).num_rows == 1
    if kept:
        with cloudcore.open(path) as cloud:
            assert cloud.stream("logs", **options).read().num_rows == 3


def test_a_domain_over_the_wire() -> None:
    """DomainARN needs no address; another stream of the same index has its own rows, the index has both."""
    with cloudcore.open(":memory:") as cloud:
        client = cloud.client("firehose")
        for name, ids in (("one", "FIREHOSE_DEFAULT"), ("two", "NO_DOCUMENT_ID")):
            client.create_delivery_stream(
                DeliveryStreamName=name,
                AmazonopensearchserviceDestinationConfiguration={
                    "RoleARN": ROLE, "DomainARN": "arn:aws:es:us-east-1:000000000000:domain/search", "IndexName": "i",
                    "DocumentIdOptions": {"DefaultDocumentIdFormat": ids}, "S3Configuration": BUCKET,
                    "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}},
            )  # fmt: skip
            client.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b'{"of": "%s"}' % name.encode()}] * 2)
            stream = cloud.firehose.get(name)
            assert stream.flush(120)
            assert stream.read().column("of").to_pylist() == [name] * 2
            assert len(set(stream.read().column("_id").to_pylist())) == 2
        assert "/@opensearch/search/i-2" in stream.delivered_keys()[0]
        told = client.describe_delivery_stream(DeliveryStreamName="one")["DeliveryStreamDescription"]["Destinations"][0]
        assert told["AmazonopensearchserviceDestinationDescription"]["DomainARN"].endswith("domain/search")


@pytest.mark.parametrize("raw", [False, True])
def test_a_collector_of_ones_own(raw: bool) -> None:
    with cloudcore.open(":memory:") as cloud:
        logs = cloud.stream("logs", to=to.splunk(raw=raw), bucket="failed", buffer_seconds=0)
        records = [b"one\n", b"one\n", b"two"] if raw else [json.dumps(event).encode() for event in EVENTS]
        logs.put_batch(records)
        assert logs.flush(120)
        rows = logs.read().to_pylist()
        assert rows == ([{"_raw": line} for line in ("one", "one", "two")] if raw else EVENTS)
        logs.put_batch(records)  # the same again is not a redelivery
        assert logs.flush(120) and logs.read().num_rows == 6
        if not raw:
            for wrong in (b'{"no": "event"}', b"text", b'{"event": ""}'):
                logs.put(wrong)
                assert logs.flush(120)
            assert sorted(line["errorCode"] for line in failed(cloud)) == ["Splunk.InvalidDataFormat"] * 3
            assert logs.read().num_rows == 6


@pytest.mark.parametrize("gzip", [False, True])
def test_a_receiver_of_ones_own(gzip: bool) -> None:
    with cloudcore.open(":memory:") as cloud:
        logs = cloud.stream("logs", to=to.http_endpoint(gzip=gzip), bucket="failed", buffer_seconds=0)
        logs.put_batch([b'{"n": 1}', b'{"n":\n2}', b"text"])
        assert logs.flush(120)
        rows = logs.read().to_pylist()
        assert [row["n"] for row in rows] == [1, 2, None] and rows[2]["data"] == "text"


def test_a_destination_by_its_name() -> None:
    """As the command line and TOML say it."""
    with cloudcore.open(":memory:") as cloud:
        cloud.stream("a", to="splunk", bucket="failed")
        cloud.stream("b", to={"opensearch": {"index": "logs"}}, bucket="failed")
        for wrong in ("nowhere", {"splunk": {}, "opensearch": {}}, {"splunk": 1}, {}):
            with pytest.raises(ValueError, match="to is one of"):
                cloud.stream("c", to=wrong)
        with pytest.raises(TypeError):
            cloud.stream("c", to={"splunk": {"no_option": 1}})
        with pytest.raises(ValueError, match="delivers to HttpEndpoint, not to objects"):
            cloud.stream("c", to=to.http_endpoint("http://127.0.0.1:1/"), bucket="failed").read()


CHILD = """
    import sys, cloudcore
    from cloudcore.firehose import to
    with cloudcore.open(sys.argv[1]) as cloud:
        streams = [cloud.stream(name, to=name, bucket="failed", buffer_seconds=0)
                   for name in ("opensearch", "splunk", "http_endpoint")]
        while True:
            n = streams[-1].last_sequence
            for stream in streams:
                if stream.last_sequence == n:
                    stream.put(b'{"event": {"n": %d}}' % n)
            print(n, flush=True)
"""


def test_each_record_is_there_once_after_kill_9(tmp_path: Path) -> None:
    for life in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(CHILD), str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        for _ in range(40 + 31 * life):
            assert child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        child.communicate()
    with cloudcore.open(tmp_path) as cloud:
        for name in ("opensearch", "splunk", "http_endpoint"):
            stream = cloud.stream(name, to=name, bucket="failed", buffer_seconds=0)
            assert stream.flush(120)
            numbers = [row["n"] for row in stream.read().column("event").to_pylist()]
            assert sorted(numbers) == list(range(stream.last_sequence)), name
        assert failed(cloud) == []
