"""Delivery to a real S3 server (SeaweedFS): small and large objects, restarts, a server that dies or hangs."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose
from cloudcore.objects.s3 import MIB, S3Objects, StoreError


def store(weed: Any, **options: Any) -> S3Objects:
    return S3Objects(weed.url, region="us-east-1", access_key="any", secret_key="any", **options)


@pytest.fixture
def bucket(weed: Any) -> str:
    name = f"b{uuid.uuid4().hex[:12]}"
    client = store(weed)._client()
    client.create_bucket(Bucket=name)
    return name


def test_objects(weed: Any, bucket: str) -> None:
    objects = store(weed)
    objects.put(
        bucket, "a/one", [b"ab", memoryview(b"cd")], content_encoding="gzip", metadata={"k": "v"},
        content_type="text/plain",
    )  # fmt: skip
    head = objects.head(bucket, "a/one")
    assert (head.size, head.content_encoding, head.content_type, head.metadata) == (
        4, "gzip", "text/plain", {"k": "v"},
    )  # fmt: skip
    assert abs(head.modified - time.time()) < 60
    assert objects.get(bucket, "a/one") == b"abcd"
    objects.put(bucket, "a/one", b"")
    assert objects.get(bucket, "a/one") == b""
    objects.put(bucket, "b", b"x")
    assert list(objects.list(bucket)) == ["a/one", "b"]
    assert list(objects.list(bucket, "a/")) == ["a/one"]
    objects.delete(bucket, "b")
    objects.delete(bucket, "b")
    for call in (objects.get, objects.head):
        with pytest.raises(ApiError) as missing:
            call(bucket, "b")
        assert (missing.value.code, missing.value.status) == ("NoSuchKey", 404)


def test_large_objects_go_up_in_parts(weed: Any, bucket: str) -> None:
    objects = store(weed, multipart_bytes=6 * MIB, part_bytes=5 * MIB)
    parts = [os.urandom(700_001) for _ in range(30)]  # 21 MB: five parts, cut across the buffers
    client = objects._client()
    left = client.create_multipart_upload(Bucket=bucket, Key="large")[
        "UploadId"
    ]  # of an attempt that was killed
    client.upload_part(Bucket=bucket, Key="large", UploadId=left, PartNumber=1, Body=b"half")
    objects.put(bucket, "large", parts, content_encoding="zip", metadata={"k": "v"})
    assert objects.get(bucket, "large") == b"".join(parts)
    head = objects.head(bucket, "large")
    assert (head.size, head.content_encoding, head.metadata) == (21_000_030, "zip", {"k": "v"})
    assert not client.list_multipart_uploads(Bucket=bucket).get("Uploads")
    assert objects.get(bucket, "large") == b"".join(parts)


def test_a_bucket_that_is_not_there_and_a_server_that_is_not(weed: Any) -> None:
    with pytest.raises(StoreError):
        store(weed, attempts=1).put("never-made-" + uuid.uuid4().hex, "k" * 5, b"x")
    closed = S3Objects("http://127.0.0.1:9", region="us-east-1", access_key="a", secret_key="b", attempts=1)
    for call in (
        lambda: closed.put("b", "k", b"x"),
        lambda: closed.get("b", "k"),
        lambda: list(closed.list("b")),
    ):
        with pytest.raises(OSError):
            call()


def test_a_stream_as_a_user_sets_it_up(
    weed: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Endpoint from the shared configuration, credentials from the environment, Parquet, GZIP backup."""
    import pyarrow.parquet as pq

    config = tmp_path / "aws-config"
    config.write_text(f"[profile lake]\nregion = us-east-1\nendpoint_url = {weed.url}\n")
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {
        "AWS_CONFIG_FILE": str(config), "AWS_PROFILE": "lake",
        "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    with cloudcore.open(str(tmp_path / "cloud"), objects="s3") as cloud:
        stream = cloud.stream(
            "s", bucket=bucket, prefix="data/", backup_prefix="raw/", format="parquet", schema="n int"
        )
        stream.put_batch([b'{"n":%d}' % n for n in range(1000)] + [b"bad"])
        assert stream.flush(120)
        (data,) = cloud.objects.list(bucket, "data/")
        (raw,) = cloud.objects.list(bucket, "raw/")
        assert pq.read_table(io.BytesIO(cloud.objects.get(bucket, data)))["n"].to_pylist() == list(
            range(1000)
        )
        assert gzip.decompress(cloud.objects.get(bucket, raw)).endswith(b"bad")
        (failed,) = cloud.objects.list(bucket, "format-conversion-failed/")
        assert (
            json.loads(cloud.objects.get(bucket, failed))["lastErrorCode"]
            == "DataFormatConversion.ParseError"
        )


def numbers(objects: S3Objects, bucket: str, prefix: str = "") -> list[int]:
    data = b"".join(objects.get(bucket, key) for key in objects.list(bucket, prefix))
    return sorted(int(n) for n in re.findall(rb'"n":(\d+)', data))


def open_stream(weed: Any, home: Path, bucket: str, **options: Any) -> tuple[Firehose, Any]:
    objects = store(weed, timeout_seconds=2, attempts=1)
    service = Firehose(home / "firehose", objects=objects)
    return service, service.stream("s", bucket=bucket, buffer_seconds=0.05, plain_prefix=True, **options)


def test_a_server_that_dies_and_one_that_hangs(
    weed: Any, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloudcore.firehose.turning._RETRY_MAX_S", 1.0)
    service, stream = open_stream(weed, tmp_path, bucket)
    put = 0

    def put_some() -> None:
        nonlocal put
        for _ in range(20):
            stream.put_batch([b'{"n":%d}' % (put + n) for n in range(50)])
            put += 50
            time.sleep(0.01)

    put_some()
    weed.signal(signal.SIGSTOP)
    put_some()
    time.sleep(2.5)
    assert not stream.flush(0.5)
    weed.signal(signal.SIGCONT)
    put_some()
    weed.stop()
    put_some()
    time.sleep(1)
    assert stream.status()["delivered"] < put
    weed.start()
    put_some()
    assert stream.flush(120)
    assert numbers(service.objects, bucket) == list(range(put))
    service.close()


def child(url: str, home: Path, bucket: str) -> None:
    """Put what is missing, deliver, exit 0."""

    class Server:
        pass

    server = Server()
    server.url = url  # type: ignore[attr-defined]
    service, stream = open_stream(server, home, bucket, buffer_bytes=1 << 16)
    print("up", flush=True)
    for n in range(stream.last_sequence, 30_000, 100):
        stream.put_batch([b'{"n":%d}' % i for i in range(n, n + 100)])
        time.sleep(0.02)  # six seconds, so that kills meet it on its way
    assert stream.flush(120)
    service.close()


def test_killed_while_it_delivers(weed: Any, bucket: str, tmp_path: Path) -> None:
    program = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); from pathlib import Path; " \
        f"import test_s3; test_s3.child({weed.url!r}, Path({str(tmp_path)!r}), {bucket!r})"  # fmt: skip
    kills = 0
    while True:
        process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        try:
            code = process.wait(0.3 + 0.05 * kills if kills < 8 else 120)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            process.stdout.close()
            continue
        process.stdout.close()
        assert code == 0
        break
    assert kills >= 3
    assert numbers(store(weed), bucket) == list(range(30_000))
