"""Buckets: a directory each."""

from __future__ import annotations

import os
import shutil

from cloudcore.errors import ApiError
from cloudcore.wire.s3 import xml
from cloudcore.wire.s3.request import BUCKET, Reply, Request


def list_buckets(request: Request) -> Reply:
    """All buckets, in order of their names."""
    root = request.store.directory
    found = []
    if os.path.isdir(root):
        found = sorted(
            (entry.name, entry.stat().st_ctime)
            for entry in os.scandir(root)
            if entry.is_dir() and BUCKET.fullmatch(entry.name)
        )
    buckets = [("Bucket", [("Name", name), ("CreationDate", xml.moment(made))]) for name, made in found]
    owner = [("ID", request.account), ("DisplayName", request.account)]
    return (
        200,
        list(xml.HEADERS),
        xml.document("ListAllMyBucketsResult", [("Owner", owner), ("Buckets", buckets)]),
    )


def create_bucket(request: Request) -> Reply:
    """Make a bucket; one that is there is no error in us-east-1, as on S3."""
    if not BUCKET.fullmatch(request.bucket):
        raise ApiError(
            "InvalidBucketName", "The specified bucket is not valid.", 400, {"BucketName": request.bucket}
        )
    path = os.path.join(request.store.directory, request.bucket)
    if os.path.isdir(path) and request.region != "us-east-1":
        raise ApiError(
            "BucketAlreadyOwnedByYou",
            "Your previous request to create the named bucket succeeded and you already own it.",
            409,
            {"BucketName": request.bucket},
        )
    os.makedirs(path, exist_ok=True)
    return 200, [("Location", "/" + request.bucket)], b""


def head_bucket(request: Request) -> Reply:
    """Whether a bucket is there."""
    request.directory()
    return 200, [("x-amz-bucket-region", request.region), ("Content-Length", "0")], b""


def delete_bucket(request: Request) -> Reply:
    """Remove an empty bucket."""
    path = request.directory()
    if next(iter(request.store.list(request.bucket)), None) is not None:
        raise ApiError(
            "BucketNotEmpty", "The bucket you tried to delete is not empty", 409,
            {"BucketName": request.bucket},
        )  # fmt: skip
    shutil.rmtree(path)
    if getattr(request.store, "notifications", None) is not None:
        request.store.notifications.forget(request.bucket)
    return 204, [], b""


def get_location(request: Request) -> Reply:
    """The region of a bucket; empty for us-east-1."""
    request.directory()
    region = "" if request.region == "us-east-1" else request.region
    body = xml.document("LocationConstraint", []).replace(
        b"></LocationConstraint>", f">{region}</LocationConstraint>".encode()
    )
    return 200, list(xml.HEADERS), body


def get_versioning(request: Request) -> Reply:
    """No bucket keeps versions."""
    request.directory()
    return 200, list(xml.HEADERS), xml.document("VersioningConfiguration", [])
