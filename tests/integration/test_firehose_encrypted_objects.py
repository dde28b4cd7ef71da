"""Objects encrypted before they leave (encrypt_objects), read by a reader of the published format that shares no code.

The Amazon S3 Encryption Client itself reads them in tests/clients/test_s3_encryption_client.py.
"""

from __future__ import annotations

import gzip
import io
import json
import urllib.request
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from moto_support import moto_server, wait_for

import cloudcore
from cloudcore.cli.main import main
from cloudcore.errors import ApiError, CorruptError
from cloudcore.firehose import to
from cloudcore.firehose.envelope import EncryptedObjects
from cloudcore.firehose.kms import KeyRing
from cloudcore.firehose.sealed import KeyFile

SECRET = b"nobody may read this"
KEYS = {"region_name": "us-east-1", "aws_access_key_id": "a", "aws_secret_access_key": "b"}
FIELDS = {"x-amz-key-v2", "x-amz-wrap-alg", "x-amz-matdesc", "x-amz-iv", "x-amz-cek-alg", "x-amz-tag-len"}


def opened(body: bytes, told: dict[str, str], unwrap: Callable[[bytes, dict[str, str]], bytes], wrap: str) -> bytes:
    """An object of version 2 of the published format; nothing but the algorithms of today."""
    assert set(told) == FIELDS and (told["x-amz-wrap-alg"], told["x-amz-cek-alg"], told["x-amz-tag-len"]) == (
        wrap, "AES/GCM/NoPadding", "128",
    )  # fmt: skip
    key = unwrap(b64decode(told["x-amz-key-v2"], validate=True), json.loads(told["x-amz-matdesc"]))
    nonce = b64decode(told["x-amz-iv"], validate=True)
    assert len(key) == 32 and len(nonce) == 12
    return AESGCM(key).decrypt(nonce, body, None)


def by_file(path: Path) -> Callable[[bytes, dict[str, str]], bytes]:
    def unwrap(wrapped: bytes, context: dict[str, str]) -> bytes:
        assert context == {} and len(wrapped) == 12 + 32 + 16
        return AESGCM(path.read_bytes()).decrypt(wrapped[:12], wrapped[12:], b"AES/GCM/NoPadding")

    return unwrap


def on_disk(path: Path) -> bytes:
    return b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file() and "objects" in file.parts)


def test_all_that_goes_to_the_bucket_is_encrypted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data, backup and what failed, under the key file; read again, and refused where the key is another."""
    duckdb = pytest.importorskip("duckdb", reason="pip install duckdb")
    key_file = tmp_path / "key"
    monkeypatch.setenv("CLOUDCORE_KEY_FILE", str(key_file))
    options: dict[str, Any] = {
        "bucket": "lake", "prefix": "data/", "error_prefix": "errors/!{firehose:error-output-type}/",
        "backup_prefix": "backup/", "format": "parquet", "schema": "a int, t string", "encrypt_objects": True,
    }  # fmt: skip
    records = [json.dumps({"a": n, "t": SECRET.decode()}).encode() for n in range(100)] + [b'{"a": 1' + SECRET]
    home = tmp_path / "c"
    with cloudcore.open(home) as cloud:
        stream = cloud.stream("s", **options)
        stream.put_batch(records)
        assert stream.flush(120)
        found = {key.partition("/")[0]: key for key in cloud.objects.list("lake")}
        assert sorted(found) == ["backup", "data", "errors"] and SECRET not in on_disk(home)
        plain = {}
        for name, key in found.items():
            head = cloud.objects.head("lake", key)
            plain[name] = opened(cloud.objects.get("lake", key), head.metadata, by_file(key_file), "AES/GCM")
        assert pq.read_table(io.BytesIO(plain["data"])).column("a").to_pylist() == list(range(100))
        assert gzip.decompress(plain["backup"]) == b"".join(records)
        assert cloud.objects.head("lake", found["backup"]).content_encoding == "gzip"
        assert b64decode(json.loads(plain["errors"])["rawData"]) == records[-1]
        assert stream.preview(5).column("a").to_pylist() == list(range(95, 100))
        with duckdb.connect() as database:
            found_there = database.from_arrow(stream.read()).query("rows", "select sum(a), min(t) from rows").fetchall()
        assert found_there == [(4950, SECRET.decode())]
        with pytest.raises(ApiError, match="exists with another configuration"):
            cloud.stream("s", **{**options, "encrypt_objects": False})
        data = Path(cloud.objects.path_of("lake", found["data"]))
        whole = data.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            data.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
            with pytest.raises(CorruptError, match="does not decrypt"):
                stream.read()
        data.write_bytes(whole)
        cloud.client("firehose").delete_delivery_stream(DeliveryStreamName="s")
        with pytest.raises(CorruptError, match="is encrypted"):
            cloud.stream("s", **{**options, "encrypt_objects": False}).read()
        cloud.client("firehose").delete_delivery_stream(DeliveryStreamName="s")
        key_file.write_bytes(b"x" * 32)
        with pytest.raises(CorruptError, match="is not the key"):
            cloud.stream("s", **options).preview()


@pytest.mark.parametrize("served", [False, True])
def test_failed_records_are_shown_and_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], served: bool
) -> None:
    """Where the directory is opened, with its keys; over HTTP they are refused, and the console has them."""
    home = tmp_path / "c"
    options: dict[str, Any] = {"format": "parquet", "schema": "a int", "buffer_seconds": 0, "encrypt_objects": True}
    with cloudcore.open(home) as cloud:
        stream = cloud.stream("s", **options)
        stream.put_batch([SECRET, b'{"a": "' + SECRET + b'"}'])
        cloud.stream("other", prefix="other/", buffer_seconds=0, encrypt_objects=True)
        assert stream.flush(120)
        if served:
            url = cloud.serve().url
            assert main(["firehose", "errors", "s", "--endpoint", url]) == 2
            assert "is encrypted" in capsys.readouterr().err
            assert main(["firehose", "replay", "s", "--endpoint", url]) == 2
            capsys.readouterr()
            with urllib.request.urlopen(f"{url}/_cloudcore/streams/s/failed") as page:
                assert SECRET in page.read()
    assert main(["firehose", "errors", "s", "--data", str(home)]) == 1
    assert SECRET.decode() in capsys.readouterr().out
    assert main(["firehose", "replay", "s", "--code", "ParseError", "--to", "other", "--data", str(home)]) == 0
    assert capsys.readouterr().out == "1 records replayed, 1 left\n"
    with cloudcore.open(home) as cloud:
        assert cloud.firehose.get("other").flush(120)
        assert SECRET in cloud.firehose.get("other").read().column("line").to_pylist()[0].encode()
    assert SECRET not in on_disk(home)


@pytest.fixture(scope="module")
def moto() -> Any:
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    with moto_server() as url:
        yield url


@pytest.fixture
def at_moto(moto: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """(s3, kms) of moto, which is where the environment says that S3 is."""
    for name, value in (("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "b"), ("AWS_DEFAULT_REGION", "us-east-1"),
                        ("AWS_ENDPOINT_URL_S3", moto)):  # fmt: skip
        monkeypatch.setenv(name, value)
    return tuple(boto3.client(service, endpoint_url=moto, **KEYS) for service in ("s3", "kms"))


def test_under_a_key_of_kms_at_an_s3_endpoint(moto: str, at_moto: Any) -> None:
    s3, kms = at_moto
    key = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket="lake")

    def unwrap(wrapped: bytes, context: dict[str, str]) -> bytes:
        assert context == {"aws:x-amz-cek-alg": "AES/GCM/NoPadding"}
        plain: bytes = kms.decrypt(KeyId=key, CiphertextBlob=wrapped, EncryptionContext=context)["Plaintext"]
        return plain

    with cloudcore.open(":memory:", objects="s3", reach={"arn:aws:kms:": moto}) as cloud:
        with pytest.raises(ApiError, match="CLOUDCORE_KEY_FILE"):
            cloud.stream("none", bucket="lake", encrypt_objects=True)
        stream = cloud.stream("s", bucket="lake", compression="GZIP", encrypt_objects=key)
        for turn in range(2):
            stream.put(SECRET + b"%d" % turn)
            assert stream.flush(120)
        texts, wrapped = set(), set()
        for name in stream.delivered_keys():
            found = s3.get_object(Bucket="lake", Key=name)
            wrapped.add(found["Metadata"]["x-amz-key-v2"])
            texts.add(gzip.decompress(opened(found["Body"].read(), found["Metadata"], unwrap, "kms+context")))
        assert texts == {SECRET + b"0", SECRET + b"1"} and len(wrapped) == 2
        assert set(stream.read().column("line").to_pylist()) == {text.decode() for text in texts}
        with pytest.raises(ApiError, match="cannot be used"):
            cloud.stream("other", bucket="lake", encrypt_objects=key[:-12] + "0" * 12)
        assert cloud.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == ["s"]


def test_an_object_that_goes_up_in_parts(at_moto: Any) -> None:
    from cloudcore.objects.s3 import S3Objects

    s3, _ = at_moto
    s3.create_bucket(Bucket="large")
    store = S3Objects(multipart_bytes=6 << 20, part_bytes=5 << 20)
    objects = EncryptedObjects(store, KeyRing(KeyFile(None), None), None)
    data = bytes(range(256)) * (11 << 12)
    for _ in range(2):  # an attempt that comes again, under another data key
        objects.put("large", "k", [data[:3], memoryview(data)[3:], b""], content_encoding="gzip")
    assert s3.head_object(Bucket="large", Key="k")["ContentLength"] == len(data) + 16
    assert "-" in s3.head_object(Bucket="large", Key="k")["ETag"] and objects.get("large", "k") == data


def test_while_kms_is_down_delivery_waits(moto: str, at_moto: Any, tmp_path: Path) -> None:
    _, kms = at_moto
    key = kms.create_key()["KeyMetadata"]["Arn"]
    home = tmp_path / "c"
    with cloudcore.open(home, reach={"arn:aws:kms:": moto}) as cloud:
        cloud.stream("s", buffer_seconds=900, encrypt_objects=key).put(SECRET)
    with cloudcore.open(home, reach={"arn:aws:kms:": "http://127.0.0.1:9"}) as cloud:
        stream = cloud.firehose.get("s")
        assert not stream.flush(0.1)
        wait_for(lambda: stream.status()["retries"])
        assert stream.status()["delivered"] == 0 and not list(cloud.objects.list("delivered"))
    with cloudcore.open(home, reach={"arn:aws:kms:": moto}) as cloud:
        stream = cloud.firehose.get("s")
        assert stream.flush(120) and stream.read().column("line").to_pylist() == [SECRET.decode()]


def test_what_does_not_go_together_is_refused(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        with pytest.raises(ApiError, match="does not go with Redshift"):
            cloud.stream("r", to=to.redshift("t"), encrypt_objects=True)
        with pytest.raises(ApiError, match="does not go with Iceberg"):
            cloud.stream("i", to=to.iceberg("d.t"), encrypt_objects=True)
        with pytest.raises(ValueError, match="True or the ARN of a KMS key"):
            cloud.stream("w", encrypt_objects="alias/mine")
        stream = cloud.stream("s", to=to.http_endpoint(), backup=True, bucket="kept", encrypt_objects=True)
        stream.put(SECRET)
        assert stream.flush(120) and list(cloud.objects.list("kept")) and SECRET not in on_disk(tmp_path / "c")
        assert cloud.firehose.names() == ["s"]

    class Bare:
        def put(self, bucket: str, key: str, data: Any, content_encoding: str | None = None) -> None:
            raise AssertionError("nothing is put")

    with (
        cloudcore.open(":memory:", objects=Bare()) as cloud,
        pytest.raises(ApiError, match="keeps metadata"),
    ):
        cloud.stream("s", encrypt_objects=True)
