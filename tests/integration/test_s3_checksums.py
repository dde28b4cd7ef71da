"""Checksums of the S3 door as bytes on the wire; tests/clients has boto3 with awscrt and aws-cli."""

from __future__ import annotations

import base64
import http.client

import pytest

import cloudcore
from cloudcore import _checksum

DIGITS = b"123456789"
CHECKS = {  # of the digits, as the catalogue of CRC algorithms publishes them, and RFC 3174, FIPS 180-4
    "crc32": "cbf43926", "crc32c": "e3069283", "crc64nvme": "ae8b14860a799888",
    "sha1": "f7c3bc1d808e04732adf679965ccc34ca7ae3441",
    "sha256": "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225",
    "md5": "25f9e794323b453885f5181f1b624d0b",
}  # fmt: skip


def text(kind: str) -> str:
    return base64.b64encode(bytes.fromhex(CHECKS[kind])).decode()


@pytest.fixture(scope="module")
def ask():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=60)

        def send(method, path, body=b"", **headers):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

        assert send("PUT", "/sums")[0] == 200
        yield send
        connection.close()


def test_the_library_s_own():
    assert _checksum.crc32c(b"6789", _checksum.crc32c(b"12345")) == 0xE3069283
    assert _checksum.crc64nvme(memoryview(DIGITS)[5:], _checksum.crc64nvme(bytearray(b"12345"))) == 0xAE8B14860A799888
    assert _checksum.crc32c(b"") == _checksum.crc64nvme(b"") == 0
    with pytest.raises(TypeError):
        _checksum.crc64nvme("text")


@pytest.mark.parametrize("kind", CHECKS)
def test_in_a_header_and_behind_the_chunks(ask, kind):
    name = f"x-amz-checksum-{kind}"
    status, headers, _ = ask("PUT", "/sums/header", DIGITS, **{name: text(kind)})
    assert status == 200 and headers[name] == text(kind) and headers["x-amz-checksum-type"] == "FULL_OBJECT"
    chunked = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "content-encoding": "aws-chunked",
        "x-amz-decoded-content-length": "9", "x-amz-trailer": name,
    }  # fmt: skip
    body = f"4\r\n1234\r\n5\r\n56789\r\n0\r\n{name}:{text(kind)}\r\n\r\n".encode()
    status, headers, _ = ask("PUT", "/sums/trailer", body, **chunked)
    assert status == 200 and headers[name] == text(kind)
    for key in ("header", "trailer"):
        for method in ("GET", "HEAD"):
            assert ask(method, f"/sums/{key}", x_amz_checksum_mode="ENABLED")[1][name] == text(kind)
            assert name not in ask(method, f"/sums/{key}")[1]
    status, _, answer = ask("PUT", "/sums/wrong", body.replace(b"1234", b"4321"), **chunked)
    assert status == 400 and b"<Code>BadDigest</Code>" in answer
    status, _, answer = ask("PUT", "/sums/wrong", body.partition(b"0\r\n")[0] + b"0\r\n\r\n", **chunked)
    assert status == 400 and b"<Code>MalformedTrailerError</Code>" in answer
    assert ask("HEAD", "/sums/wrong")[0] == 404


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ({"x-amz-checksum-crc32": text("crc32"), "x-amz-checksum-sha1": text("sha1")}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": text("crc64nvme")}, "InvalidRequest"),
        ({"x-amz-checksum-crc32": "!"}, "InvalidRequest"),
        ({"x-amz-checksum-crc31": text("crc32")}, "InvalidRequest"),
        ({"x-amz-checksum-xxhash3": "AAAAAAAAAAA="}, "NotImplemented"),
        ({"x-amz-sdk-checksum-algorithm": "CRC32"}, "InvalidRequest"),
        ({"content-md5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
    ],
    ids=["two", "too-long", "no-base64", "unknown", "not-here", "none-came", "md5"],
)
def test_what_a_request_cannot_claim(ask, headers, code):
    status, _, answer = ask("PUT", "/sums/claimed", DIGITS, **headers)
    assert status in (400, 501) and f"<Code>{code}</Code>".encode() in answer
    assert ask("HEAD", "/sums/claimed")[0] == 404


@pytest.mark.parametrize(
    ("asked", "refused"),
    [
        ({"algorithm": "CRC64NVME", "type": "COMPOSITE"}, "cannot be used with the crc64nvme"),
        ({"algorithm": "SHA256", "type": "FULL_OBJECT"}, "cannot be used with the sha256"),
        ({"type": "FULL_OBJECT"}, "can only be used with the x-amz-checksum-algorithm"),
        ({"algorithm": "CRC33"}, "Checksum algorithm provided is unsupported"),
    ],
    ids=["composite-crc64nvme", "whole-sha256", "type-alone", "unknown"],
)
def test_uploads_that_cannot_be(ask, asked, refused):
    status, _, answer = ask("POST", "/sums/up?uploads", **{f"x-amz-checksum-{n}": v for n, v in asked.items()})
    assert status == 400 and refused.encode() in answer


def test_an_upload_that_says_more_than_its_parts(ask):
    begun = ask("POST", "/sums/up?uploads", x_amz_checksum_algorithm="CRC32C", x_amz_checksum_type="FULL_OBJECT")
    assert begun[1]["x-amz-checksum-type"] == "FULL_OBJECT"
    where = "/sums/up?uploadId=" + begun[2].partition(b"<UploadId>")[2].partition(b"<")[0].decode()
    etag = ask("PUT", where + "&partNumber=1", DIGITS, x_amz_checksum_crc32c=text("crc32c"))[1]["etag"]
    body = f"<C><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part></C>".encode()
    for headers, code in [
        ({"x-amz-mp-object-size": "10"}, b"InvalidRequest"), ({"x-amz-checksum-type": "COMPOSITE"}, b"InvalidRequest"),
        ({"x-amz-checksum-crc32": text("crc32")}, b"InvalidRequest"), ({"x-amz-checksum-crc32c": "AAAAAA=="}, b"BadDigest"),
        ({"if-match": '"other"'}, b"NoSuchKey"),
    ]:  # fmt: skip
        assert code in ask("POST", where, body, **headers)[2], headers
    status, _, answer = ask("POST", where, body, x_amz_checksum_crc32c=text("crc32c"), x_amz_mp_object_size="9")
    assert status == 200 and f"<ChecksumCRC32C>{text('crc32c')}</ChecksumCRC32C>".encode() in answer
