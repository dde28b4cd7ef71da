"""The S3 door over HTTP, under boto3 and raw."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import urllib.request
from datetime import timedelta

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

import cloudcore

ACCESS = {"region_name": "us-east-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def endpoint():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as one:
        yield one


@pytest.fixture(scope="module")
def s3(endpoint):
    client = boto3.client("s3", endpoint_url=endpoint.url, **ACCESS)
    client.create_bucket(Bucket="data")
    return client


def code(error) -> str:
    return error.value.response["Error"]["Code"]


def test_buckets(s3):
    s3.create_bucket(Bucket="other")
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == ["data", "other"]
    assert s3.head_bucket(Bucket="other")["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket="other").get("LocationConstraint") is None
    s3.put_object(Bucket="other", Key="k", Body=b"")
    with pytest.raises(ClientError) as error:
        s3.delete_bucket(Bucket="other")
    assert code(error) == "BucketNotEmpty"
    s3.delete_object(Bucket="other", Key="k")
    s3.delete_bucket(Bucket="other")
    with pytest.raises(ClientError) as error:
        s3.head_bucket(Bucket="other")
    assert code(error) == "404"
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="other", Key="k", Body=b"")
    assert code(error) == "NoSuchBucket"


def test_an_object_comes_back_with_all_that_was_said_of_it(s3):
    said = {
        "ContentType": "text/plain", "ContentEncoding": "identity", "CacheControl": "no-store",
        "ContentDisposition": "attachment", "Metadata": {"a": "1"},
    }  # fmt: skip
    etag = f'"{hashlib.md5(b"hello world").hexdigest()}"'
    assert s3.put_object(Bucket="data", Key="a/ü +&.txt", Body=b"hello world", **said)["ETag"] == etag
    got = s3.get_object(Bucket="data", Key="a/ü +&.txt")
    assert got["Body"].read() == b"hello world" and got["ETag"] == etag
    head = s3.head_object(Bucket="data", Key="a/ü +&.txt")
    assert head["ContentLength"] == 11
    for name, value in said.items():
        assert got[name] == head[name] == value


@pytest.mark.parametrize(
    ("asked", "part", "shown"),
    [("0-3", b"0123", "0-3"), ("7-", b"789", "7-9"), ("-2", b"89", "8-9"), ("5-99", b"56789", "5-9"), ("-99", b"0123456789", "0-9")],
)
def test_ranges(s3, asked, part, shown):
    s3.put_object(Bucket="data", Key="digits", Body=b"0123456789")
    got = s3.get_object(Bucket="data", Key="digits", Range=f"bytes={asked}")
    assert got["Body"].read() == part and got["ContentRange"] == f"bytes {shown}/10"
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert s3.head_object(Bucket="data", Key="digits", Range=f"bytes={asked}")["ContentLength"] == len(part)


def test_a_range_behind_the_end_and_conditions(s3):
    etag = s3.put_object(Bucket="data", Key="digits", Body=b"0123456789")["ETag"]
    for wrong, options in {
        "InvalidRange": {"Range": "bytes=10-"}, "PreconditionFailed": {"IfMatch": '"x"'}, "304": {"IfNoneMatch": etag},
    }.items():  # fmt: skip
        with pytest.raises(ClientError) as error:
            s3.get_object(Bucket="data", Key="digits", **options)
        assert code(error) == wrong
    with pytest.raises(ClientError) as error:
        s3.put_object(Bucket="data", Key="digits", Body=b"", IfNoneMatch="*")
    assert code(error) == "PreconditionFailed"
    s3.put_object(Bucket="data", Key="digits", Body=b"1", IfMatch=etag)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket="data", Key="absent")


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_listing_in_pages_of_any_size(s3, size):
    if "keys" not in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
        s3.create_bucket(Bucket="keys")
        for key in ("a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d ü&"):
            s3.put_object(Bucket="keys", Key=key, Body=b"x")

    def rows(operation, **params):
        found, groups = [], []
        for page in s3.get_paginator(operation).paginate(Bucket="keys", PaginationConfig={"PageSize": size}, **params):
            found += [row["Key"] for row in page.get("Contents", [])]
            groups += [row["Prefix"] for row in page.get("CommonPrefixes", [])]
        return found, groups

    for operation in ("list_objects_v2", "list_objects"):
        assert rows(operation) == (["a/1", "a/2", "a/b/3", "b", "c/1", "c/2", "d ü&"], [])
        assert rows(operation, Delimiter="/") == (["b", "d ü&"], ["a/", "c/"])
        assert rows(operation, Prefix="a/", Delimiter="/") == (["a/1", "a/2"], ["a/b/"])
        assert rows(operation, Prefix="zz") == ([], [])
    after = s3.list_objects_v2(Bucket="keys", StartAfter="b")
    assert [row["Key"] for row in after["Contents"]] == ["c/1", "c/2", "d ü&"] and after["KeyCount"] == 3


def test_conditions_of_time_and_of_copies(s3):
    s3.put_object(Bucket="data", Key="dated", Body=b"1")
    head = s3.head_object(Bucket="data", Key="dated")
    changed, etag, hour = head["LastModified"], head["ETag"], timedelta(hours=1)
    for options, wrong in [
        ({"IfModifiedSince": changed}, "304"), ({"IfModifiedSince": changed - hour}, None),
        ({"IfUnmodifiedSince": changed - hour}, "PreconditionFailed"), ({"IfUnmodifiedSince": changed}, None),
        ({"IfMatch": etag, "IfUnmodifiedSince": changed - hour}, None),
        ({"IfNoneMatch": '"other"', "IfModifiedSince": changed}, None),
    ]:  # fmt: skip
        try:
            assert s3.get_object(Bucket="data", Key="dated", **options)["Body"].read() == b"1"
            found = None
        except ClientError as error:
            found = error.response["Error"]["Code"]
        assert found == wrong, options
    for options in ({"CopySourceIfMatch": '"other"'}, {"CopySourceIfNoneMatch": etag}, {"CopySourceIfModifiedSince": changed}):
        with pytest.raises(ClientError, match="PreconditionFailed"):
            s3.copy_object(Bucket="data", Key="dated2", CopySource="data/dated", **options)
    s3.copy_object(Bucket="data", Key="dated2", CopySource="data/dated", CopySourceIfMatch=etag)


def test_a_presigned_url_names_the_headers_of_its_answer(s3):
    s3.put_object(Bucket="data", Key="shown", Body=b"<p>", ContentType="text/x", CacheControl="no-store")
    url = s3.generate_presigned_url("get_object", {
        "Bucket": "data", "Key": "shown", "ResponseContentDisposition": 'attachment; filename="a.html"',
        "ResponseContentType": "text/html", "ResponseCacheControl": "max-age=60",
    })  # fmt: skip
    with urllib.request.urlopen(url) as answer:
        shown = {name.lower(): value for name, value in answer.getheaders()}
        assert answer.read() == b"<p>" and len(answer.headers.get_all("Content-Type")) == 1
    assert (shown["content-type"], shown["cache-control"]) == ("text/html", "max-age=60")
    assert shown["content-disposition"] == 'attachment; filename="a.html"'


def test_a_key_that_is_the_folder_of_another(s3):
    s3.put_object(Bucket="data", Key="folder/in/it", Body=b"1")
    s3.put_object(Bucket="data", Key="folder/", Body=b"")  # the mark of a folder is an object of its own
    with pytest.raises(ClientError) as error:
        s3.head_object(Bucket="data", Key="folder/in")
    assert code(error) == "404"
    s3.delete_object(Bucket="data", Key="folder/in")  # no object: no error, and nothing goes
    assert s3.get_object(Bucket="data", Key="folder/in/it")["Body"].read() == b"1"
    for key in ("folder/in", "folder/in/it/deeper"):
        with pytest.raises(ClientError, match="a key cannot be the folder of another"):
            s3.put_object(Bucket="data", Key=key, Body=b"2")
    rows = s3.list_objects_v2(Bucket="data", Prefix="folder")["Contents"]
    assert [row["Key"] for row in rows] == ["folder/", "folder/in/it"]


def test_uploads_that_were_begun_are_listed(s3):
    begun = {key: s3.create_multipart_upload(Bucket="data", Key=key)["UploadId"] for key in ("up/b", "up/a", "other")}
    found = s3.list_multipart_uploads(Bucket="data", Prefix="up/")["Uploads"]
    assert [(one["Key"], one["UploadId"]) for one in found] == [("up/a", begun["up/a"]), ("up/b", begun["up/b"])]
    for key, upload in begun.items():
        s3.abort_multipart_upload(Bucket="data", Key=key, UploadId=upload)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket="data", Prefix="up/")


def test_copy_and_delete_many(s3):
    s3.put_object(Bucket="data", Key="from ü", Body=b"text", ContentType="text/x", Metadata={"a": "1"})
    s3.copy_object(Bucket="data", Key="to", CopySource={"Bucket": "data", "Key": "from ü"})
    got = s3.get_object(Bucket="data", Key="to")
    assert (got["Body"].read(), got["ContentType"], got["Metadata"]) == (b"text", "text/x", {"a": "1"})
    s3.copy_object(
        Bucket="data", Key="to", CopySource="data/to", MetadataDirective="REPLACE", Metadata={"b": "2"}, ContentType="text/y"
    )
    assert s3.head_object(Bucket="data", Key="to")["Metadata"] == {"b": "2"}
    with pytest.raises(ClientError, match="copy an object to itself"):
        s3.copy_object(Bucket="data", Key="to", CopySource="data/to")
    gone = s3.delete_objects(Bucket="data", Delete={"Objects": [{"Key": "to"}, {"Key": "from ü"}, {"Key": "absent"}]})
    assert len(gone["Deleted"]) == 3 and "Errors" not in gone


def test_multipart(s3):
    upload = s3.create_multipart_upload(Bucket="data", Key="parts", ContentType="text/z")["UploadId"]
    where = {"Bucket": "data", "Key": "parts", "UploadId": upload}
    big = b"a" * (5 << 20)
    parts = [
        {"PartNumber": n, "ETag": s3.upload_part(**where, PartNumber=n, Body=body)["ETag"]}
        for n, body in ((1, big), (2, b"end"))
    ]
    assert [p["Size"] for p in s3.list_parts(**where)["Parts"]] == [len(big), 3]
    with pytest.raises(ClientError, match="InvalidPartOrder"):
        s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts[::-1]})
    with pytest.raises(ClientError, match="InvalidPart"):
        s3.complete_multipart_upload(**where, MultipartUpload={"Parts": [{"PartNumber": 7, "ETag": parts[0]["ETag"]}]})
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    digest = hashlib.md5(hashlib.md5(big).digest() + hashlib.md5(b"end").digest()).hexdigest()
    assert done["ETag"] == f'"{digest}-2"'
    got = s3.get_object(Bucket="data", Key="parts")
    assert got["Body"].read() == big + b"end" and got["ContentType"] == "text/z"
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.list_parts(**where)
    small = s3.create_multipart_upload(Bucket="data", Key="parts")["UploadId"]
    where["UploadId"] = small
    tags = [s3.upload_part(**where, PartNumber=n, Body=b"x")["ETag"] for n in (1, 2)]
    with pytest.raises(ClientError, match="EntityTooSmall"):
        s3.complete_multipart_upload(
            **where, MultipartUpload={"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in zip((1, 2), tags, strict=True)]}
        )
    s3.abort_multipart_upload(**where)
    with pytest.raises(ClientError, match="NoSuchUpload"):
        s3.abort_multipart_upload(**where)


def raw(endpoint, method, path, body=b"", headers=None):
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_chunked_uploads_and_their_trailing_checksum(endpoint, s3):
    headers = {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "content-encoding": "aws-chunked,gzip",
        "x-amz-decoded-content-length": "5", "x-amz-trailer": "x-amz-checksum-sha256",
    }  # fmt: skip
    good = base64.b64encode(hashlib.sha256(b"hello").digest()).decode()
    body = "3;chunk-signature=00\r\nhel\r\n2\r\nlo\r\n0\r\nx-amz-checksum-sha256:{}\r\n\r\n"
    assert raw(endpoint, "PUT", "/data/chunked", body.format(good).encode(), headers)[0] == 200
    got = s3.get_object(Bucket="data", Key="chunked")
    assert got["Body"].read() == b"hello" and got["ContentEncoding"] == "gzip"
    wrong = body.format(base64.b64encode(bytes(32)).decode()).encode()
    status, _, text = raw(endpoint, "PUT", "/data/chunked2", wrong, headers)
    assert status == 400 and b"<Code>BadDigest</Code>" in text
    for broken in (b"3\r\nhel", b"zz\r\n", b"", b"3\r\nhello\r\n0\r\n\r\n"):
        status, _, text = raw(endpoint, "PUT", "/data/chunked2", broken, headers)
        assert status == 400 and b"<Code>IncompleteBody</Code>" in text
    with pytest.raises(ClientError):
        s3.head_object(Bucket="data", Key="chunked2")


def test_an_object_that_is_gzip_stays_as_it_came(endpoint, s3):
    """Its encoding is said of the object; elsewhere a body that is gzip is undone, or refused where it is not taken."""
    packed = gzip.compress(b"hello" * 100)
    s3.put_object(Bucket="data", Key="a.gz", Body=packed, ContentEncoding="gzip")
    got = s3.get_object(Bucket="data", Key="a.gz")
    assert got["Body"].read() == packed and got["ContentEncoding"] == "gzip"
    headers = {"content-encoding": "gzip"}
    for body, status in ((gzip.compress(b"{}"), 200), (b"{}", 400), (gzip.compress(bytes(17 << 20)), 413)):
        for target in ("Firehose_20150804.ListDeliveryStreams", "DynamoDB_20120810.ListTables"):
            assert raw(endpoint, "POST", "/", body, headers | {"x-amz-target": target})[0] == status
    for path, body in (
        ("/2015-03-31/functions", b'{"FunctionName": "f"}'), ("/", b"Action=GetCallerIdentity"), ("/data?delete", b"<Delete/>"),
    ):  # fmt: skip
        assert raw(endpoint, "POST", path, gzip.compress(body), headers)[0] in (400, 404)


def test_head_sends_no_body_and_the_connection_goes_on(endpoint, s3):
    s3.put_object(Bucket="data", Key="kept", Body=b"12345")
    connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=60)
    for _ in range(3):
        connection.request("HEAD", "/data/kept")
        answer = connection.getresponse()
        assert (answer.status, answer.getheader("Content-Length"), answer.read()) == (200, "5", b"")
        connection.request("GET", "/data/kept")
        assert connection.getresponse().read() == b"12345"
    connection.close()


def test_a_key_never_leaves_its_bucket(endpoint):
    for path in ("/data/../../../etc/passwd", "/data/%2e%2e/%2e%2e/x", "/../data/x", "/.cloudcore/x", "/data/.cloudcore/tmp"):
        assert raw(endpoint, "GET", path)[0] in (400, 404)


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/data?acl", 501, "NotImplemented"), ("PUT", "/data/k?tagging", 501, "NotImplemented"),
        ("PATCH", "/data/k", 405, "MethodNotAllowed"), ("PUT", "/Bad_Bucket", 400, "InvalidBucketName"),
        ("GET", "/data/k?versionId=1", 404, "NoSuchVersion"), ("GET", "/data?max-keys=x", 400, "InvalidArgument"),
        ("POST", "/data?delete", 400, "MalformedXML"),
    ],
)  # fmt: skip
def test_what_is_not_served_is_refused_by_name(endpoint, method, path, status, code):
    got, headers, body = raw(endpoint, method, path)
    assert got == status and f"<Code>{code}</Code>".encode() in body
    assert headers["Content-Type"] == "application/xml" and headers["x-amz-request-id"]


def test_a_virtual_host_names_the_bucket(endpoint, s3):
    s3.put_object(Bucket="data", Key="hosted", Body=b"yes")
    for host in ("data.localhost:4566", "data.s3.localhost.localstack.cloud:4566", "data.s3.eu-west-1.localhost",
        "data.s3.eu-west-1.amazonaws.com"):
        assert raw(endpoint, "GET", "/hosted", headers={"Host": host})[2] == b"yes"


def test_health_and_who_one_is(endpoint):
    import json

    for path in ("/_localstack/health", "/_cloudcore/health"):
        with urllib.request.urlopen(endpoint.url + path) as answer:
            assert json.load(answer)["services"]["dynamodb"] == "running"
    sts = boto3.client("sts", endpoint_url=endpoint.url, config=Config(retries={"total_max_attempts": 1}), **ACCESS)
    assert sts.get_caller_identity()["Arn"] == "arn:aws:iam::000000000000:root"
    with pytest.raises(ClientError, match="InvalidAction"):
        sts.get_session_token()
