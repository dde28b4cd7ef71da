"""LocalObjects: buckets as directories, objects as plain files that any tool can read.

    <directory>/<bucket>/<key>                     the object's bytes, nothing else
    <directory>/<bucket>/.cloudcore/tmp/<name>     an object being written
    <directory>/<bucket>/.cloudcore/meta/<key>.json   content type, encoding, metadata

Invariants: an object is whole or absent: bytes go to a temporary file that is synced, renamed over
the key, and then the directory is synced. A put over an existing key replaces it. Key segments that
a file system cannot hold ("", ".", "..") are percent-escaped, so a key never leaves its bucket.

Thread rule: any call from any thread; the last of two concurrent puts to one key wins.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from stat import S_ISREG

from cloudcore.errors import ApiError
from cloudcore.objects.keys import PRIVATE, Directories, Keys, escape
from cloudcore.objects.notifications import Notifications

_OCTETS = "application/octet-stream"
_KEY_BYTES_MAX = 1024


@dataclass(frozen=True)
class ObjectHead:
    """What is known of an object without reading it. `size` in bytes, `modified` in seconds since 1970."""

    key: str
    size: int
    modified: float
    content_type: str = _OCTETS
    content_encoding: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


class LocalObjects:
    """An object store in a local directory.

    `durable=False` leaves out the syncs (an in-memory Cloud has no use for them).
    """

    def __init__(self, directory: str | os.PathLike[str], *, durable: bool = True):
        self.directory = os.path.abspath(os.fspath(directory))
        self._durable = durable
        self._serial = itertools.count()
        self._directories = Directories()
        self.notifications: Notifications | None = None

    def path_of(self, bucket: str, key: str) -> str:
        """The file of an object, there or not. Raises ApiError InvalidBucketName, KeyTooLongError."""
        return os.path.join(self._bucket(bucket), *_segments(key))

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes | memoryview | Sequence[bytes | memoryview],
        *,
        content_type: str = _OCTETS,
        content_encoding: str | None = None,
        metadata: Mapping[str, str] | None = None,
        cause: str = "Put",
    ) -> None:
        """Store an object, atomically; it is on the disk when this returns. OSError when it cannot be.

        `cause` is what notifications call it: "Put", "Copy", "CompleteMultipartUpload".
        """
        path = self.path_of(bucket, key)
        private = os.path.join(self._bucket(bucket), PRIVATE)
        temporary = os.path.join(private, "tmp", f"{os.getpid()}-{next(self._serial)}")
        self._make_directories(os.path.dirname(temporary))
        parts = [data] if isinstance(data, bytes | bytearray | memoryview) else data
        self._put_head(private, key, content_type, content_encoding, metadata or {})
        try:
            with open(temporary, "wb") as file:
                file.writelines(parts)
                file.flush()
                size = file.tell()
                if self._durable:
                    os.fsync(file.fileno())
            self._make_directories(os.path.dirname(path))
            os.replace(temporary, path)
        except BaseException:
            if os.path.exists(temporary):
                os.unlink(temporary)
            raise
        self._sync_directory(os.path.dirname(path))
        if self.notifications is not None:
            etag = (metadata or {}).get(":etag")
            self.notifications.happened(f"ObjectCreated:{cause}", bucket, key, size, etag)

    def get(self, bucket: str, key: str) -> bytes:
        """The object's bytes. Raises ApiError NoSuchKey (404)."""
        try:
            with open(self.path_of(bucket, key), "rb") as file:
                return file.read()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise _no_such_key(key) from None

    def head(self, bucket: str, key: str) -> ObjectHead:
        """Size, time and headers of an object. Raises ApiError NoSuchKey (404)."""
        try:
            stat = os.stat(self.path_of(bucket, key))
        except (FileNotFoundError, NotADirectoryError):
            raise _no_such_key(key) from None
        if not S_ISREG(stat.st_mode):  # the directory of other keys
            raise _no_such_key(key)
        try:
            with open(
                _head_path(os.path.join(self._bucket(bucket), PRIVATE), key), encoding="utf-8"
            ) as file:
                fields = json.load(file)
        except FileNotFoundError:
            fields = {}
        return ObjectHead(key, stat.st_size, stat.st_mtime, **fields)

    def has_bucket(self, bucket: str) -> bool:
        """Whether a bucket was made, by a request or by the first object in it."""
        return os.path.isdir(self._bucket(bucket))

    def list(self, bucket: str, prefix: str = "") -> Iterator[str]:
        """Keys of a bucket that start with `prefix`, in key order. An absent bucket is empty."""
        return iter(self.keys(bucket, prefix))

    def keys(self, bucket: str, prefix: str = "", after: str = "") -> Keys:
        """As list, from behind the key `after`; and groups of keys can be passed over."""
        return Keys(self._directories, self._bucket(bucket), prefix, after)

    def delete(self, bucket: str, key: str) -> None:
        """Remove an object; an absent one is no error, as on S3."""
        path = self.path_of(bucket, key)
        try:
            os.unlink(path)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return
        self._sync_directory(os.path.dirname(path))
        if self.notifications is not None:
            self.notifications.happened("ObjectRemoved:Delete", bucket, key, 0, None)

    def private(self, bucket: str) -> str:
        """The directory of what is kept about a bucket and is no object of it."""
        return os.path.join(self._bucket(bucket), PRIVATE)

    def _bucket(self, bucket: str) -> str:
        if not bucket or "/" in bucket or "\0" in bucket or bucket in (".", ".."):
            raise ApiError("InvalidBucketName", "The specified bucket is not valid.")
        return os.path.join(self.directory, bucket)

    def _put_head(
        self, private: str, key: str, kind: str, encoding: str | None, metadata: Mapping[str, str]
    ) -> None:
        path = _head_path(private, key)
        if kind == _OCTETS and encoding is None and not metadata:
            if os.path.exists(path):
                os.unlink(path)
            return
        self._make_directories(os.path.dirname(path))
        temporary = f"{path}.{os.getpid()}-{next(self._serial)}"
        with open(temporary, "w", encoding="utf-8") as file:
            json.dump({"content_type": kind, "content_encoding": encoding, "metadata": dict(metadata)}, file)
            if metadata and self._durable:  # it may hold the key that the object is encrypted by
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
        if metadata:
            self._sync_directory(os.path.dirname(path))

    def _make_directories(self, path: str) -> None:
        if os.path.isdir(path):
            return
        parent = os.path.dirname(path)
        self._make_directories(parent)
        try:
            os.mkdir(path)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return
        self._sync_directory(parent)

    def _sync_directory(self, path: str) -> None:
        if not self._durable:
            return
        handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _no_such_key(key: str) -> ApiError:
    return ApiError("NoSuchKey", "The specified key does not exist.", 404, {"Key": key})


def _head_path(private: str, key: str) -> str:
    # A digest, because "<key>.json" could itself be another object's key.
    name = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
    return os.path.join(private, "meta", name + ".json")


def _segments(key: str) -> list[str]:
    if not key or len(key.encode("utf-8", "surrogatepass")) > _KEY_BYTES_MAX:
        raise ApiError("KeyTooLongError", "Your key is too long", fields={"MaxSizeAllowed": _KEY_BYTES_MAX})
    segments = [escape(segment) for segment in key.split("/")]
    if any(len(segment.encode("utf-8", "surrogatepass")) > 255 for segment in segments):
        raise ApiError("KeyTooLongError", "Your key has a part of more than 255 bytes")
    return segments
