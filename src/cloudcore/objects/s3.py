"""S3Objects: the buckets of any S3-compatible endpoint, through botocore (the extra `cloudcore[s3]`).

Endpoint, region and credentials come from where boto3 takes them: arguments, the environment
(AWS_ENDPOINT_URL_S3, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_PROFILE, ...), the shared configuration and
credential files, the instance. botocore is that chain, complete; a client of our own would know a part of
it. It signs, retries throttled and broken requests, and adds a checksum to every upload.

Objects of more than `multipart_bytes` go up in parts, a few at a time, straight from the buffers that
hold them. A put is atomic: an object is whole or absent. What an attempt that was killed left of a
multipart upload under the same key is removed by the next one.

Thread rule: any call from any thread.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.objects.local import ObjectHead

MIB = 1 << 20
_PARTS_MAX = 10_000
_PARTS_AT_ONCE = 4
_CHECKSUMS = ("ChecksumCRC32", "ChecksumCRC32C", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumSHA256")
_OCTETS = "application/octet-stream"
Data = bytes | memoryview


class StoreError(OSError):
    """The endpoint did not take a request: it is down, it refuses, it does not answer in time."""


class S3Objects:
    """An object store at an S3 endpoint. ImportError with the install line when botocore is missing.

    `endpoint_url`, `region`, `profile`, `access_key` and `secret_key` come before what the environment
    says. `timeout_seconds` bounds how long a connection may be silent, `attempts` how often a request is
    sent before the put fails. `part_bytes` is at least 5 MiB on AWS.
    """

    encrypts = True

    def __init__(
        self,
        endpoint_url: str | None = None,
        *,
        region: str | None = None,
        profile: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        timeout_seconds: float = 60,
        attempts: int = 3,
        multipart_bytes: int = 16 * MIB,
        part_bytes: int = 8 * MIB,
    ):
        try:
            import botocore.session
        except ImportError:
            raise ImportError("an S3 object store needs botocore: pip install 'cloudcore[s3]'") from None
        self._multipart_bytes, self._part_bytes = multipart_bytes, part_bytes
        self._session = botocore.session.Session(profile=profile)
        self._options = {
            "endpoint_url": endpoint_url, "region_name": region or self._region(),
            "aws_access_key_id": access_key, "aws_secret_access_key": secret_key,
        }  # fmt: skip
        self._limits = (timeout_seconds, attempts)
        self._made: Any = None
        self._lock = threading.Lock()

    def put(
        self,
        bucket: str,
        key: str,
        data: Data | Sequence[Data],
        *,
        content_type: str = _OCTETS,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
        kms_key: str | None = None,
    ) -> None:
        """Store an object, atomically. Raises StoreError, an OSError, when the endpoint does not take it.

        `kms_key`: the ARN of the KMS key that the endpoint encrypts the object by (SSE-KMS).
        """
        parts = [data] if isinstance(data, bytes | bytearray | memoryview) else data
        size = sum(map(len, parts))
        headers: dict[str, Any] = {"ContentType": content_type}
        if content_encoding is not None:
            headers["ContentEncoding"] = content_encoding
        if metadata:
            headers["Metadata"] = dict(metadata)
        if kms_key is not None:
            headers |= {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": kms_key}
        where = {"Bucket": bucket, "Key": key}
        if size > self._multipart_bytes:
            self._put_parts(where, parts, size, headers)
        else:
            self._call("put_object", **where, Body=b"".join(parts), **headers)

    def get(self, bucket: str, key: str) -> bytes:
        """The object's bytes. Raises ApiError NoSuchKey (404), StoreError."""
        with _told("get", bucket, key):
            data: bytes = self._client().get_object(Bucket=bucket, Key=key)["Body"].read()
            return data

    def head(self, bucket: str, key: str) -> ObjectHead:
        """Size, time and headers of an object. Raises ApiError NoSuchKey (404), StoreError."""
        found = self._call("head_object", Bucket=bucket, Key=key)
        return ObjectHead(
            key, found["ContentLength"], found["LastModified"].timestamp(), found.get("ContentType", _OCTETS),
            found.get("ContentEncoding"), found.get("Metadata", {}),
        )  # fmt: skip

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys of a bucket that start with `prefix`, in key order. Raises StoreError."""
        page: dict[str, Any] = {}
        while True:
            found = self._call("list_objects_v2", Bucket=bucket, Prefix=prefix, **page)
            yield from (entry["Key"] for entry in found.get("Contents", ()))
            if not found.get("IsTruncated"):
                return
            page = {"ContinuationToken": found["NextContinuationToken"]}

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; an absent one is no error."""
        self._call("delete_object", Bucket=bucket, Key=key)

    def _put_parts(self, where: dict[str, str], parts: Sequence[Data], size: int, headers: Any) -> None:
        self._abort_earlier(where)
        upload = self._call("create_multipart_upload", **where, **headers)["UploadId"]
        each = max(self._part_bytes, -(-size // _PARTS_MAX))

        def send(numbered: tuple[int, bytes]) -> dict[str, Any]:
            number, body = numbered
            sent = self._call("upload_part", **where, UploadId=upload, PartNumber=number, Body=body)
            sums = {name: value for name, value in sent.items() if name in _CHECKSUMS}
            return {"PartNumber": number, "ETag": sent["ETag"], **sums}

        try:
            with ThreadPoolExecutor(_PARTS_AT_ONCE, "s3-part") as pool:
                sent: list[dict[str, Any]] = []
                numbered = enumerate(_slices(parts, each), 1)
                while some := list(itertools.islice(numbered, _PARTS_AT_ONCE)):
                    sent += pool.map(send, some)
            self._call("complete_multipart_upload", **where, UploadId=upload, MultipartUpload={"Parts": sent})
        except BaseException:
            self._abort(where, upload)
            raise

    def _abort_earlier(self, where: dict[str, str]) -> None:
        """Remove what a killed attempt left. Some endpoints do not list uploads; they lose nothing by it."""
        try:
            found = self._call("list_multipart_uploads", Bucket=where["Bucket"], Prefix=where["Key"])
        except (ApiError, StoreError):
            return
        for upload in found.get("Uploads", ()):
            if upload["Key"] == where["Key"]:
                self._abort(where, upload["UploadId"])

    def _abort(self, where: dict[str, str], upload: str) -> None:
        # The next attempt tries again, and the failure that led here is the one to tell.
        with contextlib.suppress(ApiError, StoreError):
            self._call("abort_multipart_upload", **where, UploadId=upload)

    def _call(self, operation: str, **params: Any) -> Any:
        with _told(operation, params["Bucket"], params.get("Key", "")):
            return getattr(self._client(), operation)(**params)

    def _region(self) -> str:
        # botocore itself reads AWS_DEFAULT_REGION only; other SDKs, and Lambda, set AWS_REGION.
        return self._session.get_config_variable("region") or os.environ.get("AWS_REGION") or "us-east-1"

    def _client(self) -> Any:
        with self._lock:
            if self._made is None:
                self._made = self._make({})
                chosen = (self._session.get_scoped_config().get("s3") or {}).get("addressing_style")
                if chosen is None and ".amazonaws.com" not in self._made.meta.endpoint_url:
                    # A name like BUCKET.localhost seldom resolves: other endpoints get paths.
                    self._made = self._make({"s3": {"addressing_style": "path"}})
            return self._made

    def _make(self, more: dict[str, Any]) -> Any:
        from botocore.config import Config

        timeout, attempts = self._limits
        config = Config(
            connect_timeout=min(timeout, 10), read_timeout=timeout, max_pool_connections=32,
            retries={"mode": "standard", "total_max_attempts": attempts},
            user_agent_extra="cloudcore", **more,
        )  # fmt: skip
        with _told("client", "", ""):
            return self._session.create_client("s3", config=config, **self._options)


class _told:
    """Turns botocore's errors into ours."""

    def __init__(self, operation: str, bucket: str, key: str):
        self._operation, self._bucket, self._key = operation, bucket, key

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: Any, _: Any) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

        if isinstance(error, ClientError):
            code = error.response.get("Error", {}).get("Code", "")
            if code in ("NoSuchKey", "404", "NotFound") and self._operation in ("get", "head_object"):
                raise ApiError(
                    "NoSuchKey", "The specified key does not exist.", 404, {"Key": self._key}
                ) from None
            raise StoreError(f"{self._operation} s3://{self._bucket}/{self._key}: {error}") from error
        if isinstance(error, BotoCoreError | HTTPClientError):
            raise StoreError(f"{self._operation} s3://{self._bucket}/{self._key}: {error}") from error


def _slices(parts: Sequence[Data], each: int) -> Iterator[bytes]:
    """The bytes of the parts, end to end, cut into slices of `each` bytes."""
    gathered: list[memoryview] = []
    room = each
    for part in parts:
        view = memoryview(part).cast("B")
        while len(view) >= room:
            gathered.append(view[:room])
            yield b"".join(gathered)
            view, gathered, room = view[room:], [], each
        if len(view):
            gathered.append(view)
            room -= len(view)
    if gathered:
        yield b"".join(gathered)
