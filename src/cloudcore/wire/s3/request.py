"""One S3 request taken apart: bucket and key from host and path, the query, the body as it was meant."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from cloudcore.errors import ApiError

Reply = tuple[int, list[tuple[str, str]], bytes]
_HOSTED = re.compile(
    r"^(?P<bucket>[a-z0-9][a-z0-9.-]+?)\.(?:s3[.-](?:[a-z0-9.-]+\.)?amazonaws\.com(?:\.cn)?"
    r"|(?:s3\.(?:[a-z0-9-]+\.)?)?localhost(?:\.localstack\.cloud)?)(?::\d+)?$"
)
BUCKET = re.compile(r"(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


@dataclass
class Request:
    """`store` has put, get, head, list and delete and a directory; `query` keeps blank values."""

    store: Any
    account: str
    region: str
    method: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes

    def directory(self) -> str:
        """The directory of the bucket. Raises ApiError NoSuchBucket (404)."""
        path = os.path.join(self.store.directory, self.bucket)
        if not BUCKET.fullmatch(self.bucket) or not os.path.isdir(path):
            raise ApiError(
                "NoSuchBucket", "The specified bucket does not exist", 404, {"BucketName": self.bucket}
            )
        return path

    def put(self, data: Any, **told: Any) -> None:
        """Store the object. Raises ApiError NotImplemented where another key has its file's name."""
        try:
            self.store.put(self.bucket, self.key, data, **told)
        except (IsADirectoryError, NotADirectoryError, FileExistsError):
            raise ApiError(
                "NotImplemented", "Objects are files here: a key cannot be the folder of another key.", 501
            ) from None


def place(path: str, host: str) -> tuple[str, str]:
    """(bucket, key) of a request, virtual-hosted or path style."""
    plain = unquote(path)
    hosted = _HOSTED.match(host)
    if hosted and hosted["bucket"] != "s3":
        return hosted["bucket"], plain[1:]
    bucket, _, key = plain[1:].partition("/")
    return bucket, key


def parse_query(query: str) -> dict[str, str]:
    """Names to their last values."""
    return dict(parse_qsl(query, keep_blank_values=True))
