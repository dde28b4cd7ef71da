"""S3Objects: what it asks of an endpoint, without one."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose
from cloudcore.objects.s3 import S3Objects, StoreError, _slices

KEY = "arn:aws:kms:us-east-1:000000000000:key/"


class Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


def answered(store: S3Objects, status: int = 200, body: bytes = b"") -> list[Any]:
    """The requests that the store sends, each answered by `status` and `body`."""
    from botocore.awsrequest import AWSResponse

    seen: list[Any] = []

    def answer(request: Any, **_: Any) -> Any:
        seen.append(request)
        return AWSResponse(request.url, status, {}, Raw(body))

    store._client().meta.events.register("before-send.s3", answer)
    return seen


def store(url: str | None = "http://127.0.0.1:1", **options: Any) -> S3Objects:
    return S3Objects(url, access_key="a", secret_key="b", **options)


def header(request: Any, name: str) -> str | None:
    value = request.headers.get(name)
    return value.decode() if isinstance(value, bytes) else value


def test_a_kms_key_becomes_the_headers_of_sse_kms() -> None:
    objects = store()
    seen = answered(objects)
    key = "arn:aws:kms:us-east-1:000000000000:key/k"
    objects.put("b", "k", b"x", content_encoding="zip", kms_key=key)
    (request,) = seen
    assert header(request, "x-amz-server-side-encryption") == "aws:kms"
    assert header(request, "x-amz-server-side-encryption-aws-kms-key-id") == key
    assert header(request, "Content-Encoding") == "zip"
    assert request.url == "http://127.0.0.1:1/b/k"  # a path, not the name b.127.0.0.1


def test_a_stream_hands_its_kms_keys_over(tmp_path: Any) -> None:
    objects = store()
    seen = answered(objects)
    service = Firehose(tmp_path, objects=objects)
    where = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b"}

    def kms(key: str) -> dict[str, Any]:
        return {"EncryptionConfiguration": {"KMSEncryptionConfig": {"AWSKMSKeyARN": key}}}

    service.call("CreateDeliveryStream", {
        "DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": {
            **where, **kms(KEY + "one"), "S3BackupMode": "Enabled",
            "S3BackupConfiguration": {**where, **kms(KEY + "two"), "Prefix": "raw/"}},
    })  # fmt: skip
    service.call("PutRecord", {"DeliveryStreamName": "s", "Record": {"Data": b"x"}})
    assert service.get("s").flush(10)
    service.close()
    found = {"/raw/" in r.url: header(r, "x-amz-server-side-encryption-aws-kms-key-id") for r in seen}
    assert found == {False: KEY + "one", True: KEY + "two"}


@pytest.mark.parametrize(
    ("status", "code"), [(403, "AccessDenied"), (503, "SlowDown"), (404, "NoSuchBucket")]
)
def test_refusals_are_told_as_what_can_be_tried_again(status: int, code: str) -> None:
    objects = store(attempts=1)
    answered(objects, status, f"<Error><Code>{code}</Code><Message>m</Message></Error>".encode())
    with pytest.raises(StoreError, match=code):
        objects.put("b", "k", b"x")


def test_an_absent_object() -> None:
    objects = store(attempts=1)
    answered(objects, 404, b"<Error><Code>NoSuchKey</Code><Message>m</Message></Error>")
    with pytest.raises(ApiError) as caught:
        objects.get("b", "k")
    assert caught.value.code == "NoSuchKey"


def test_the_endpoint_and_region_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://localhost:1234")
    objects = store(None)
    seen = answered(objects)
    objects.put("b", "k", b"x")
    assert seen[0].url == "http://localhost:1234/b/k"
    assert "/eu-west-1/s3/" in (header(seen[0], "Authorization") or "")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    objects = store(None)
    seen = answered(objects)
    objects.put("lake", "k", b"x")
    assert seen[0].url == "https://lake.s3.eu-west-1.amazonaws.com/k"


def test_slices() -> None:
    parts = [b"abc", b"", b"defghij", memoryview(b"k")]
    for each in range(1, 13):
        slices = list(_slices(parts, each))
        assert b"".join(slices) == b"abcdefghijk"
        assert all(len(one) == each for one in slices[:-1]) and 0 < len(slices[-1]) <= each
