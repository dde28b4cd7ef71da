"""What imports and bulk puts read: the objects under a prefix, unpacked as they are read."""

from __future__ import annotations

import contextlib
import gzip
import io
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from cloudcore.dynamodb.transfer import failures
from cloudcore.errors import ApiError

opener: Callable[..., Any] = gzip.GzipFile
_BROKEN: tuple[Any, ...] = (EOFError, gzip.BadGzipFile, zlib.error)
with contextlib.suppress(ImportError):  # no wheel for this machine
    from isal import igzip, igzip_lib

    opener, _BROKEN = igzip.IGzipFile, (*_BROKEN, igzip_lib.IsalError)
BUFFER = 1 << 20


class Malformed(Exception):
    """The rest of an object cannot be read; the message says why."""


class Input(io.RawIOBase):
    """An object's content, unpacked, from its beginning; `count` bytes of it were read, made of
    `packed` bytes of the object.

    Raises Malformed for content that is not packed as `compression` says, ApiError and OSError of the store.
    """

    def __init__(self, store: Any, bucket: str, key: str, compression: str):
        self._raw = _open(store, bucket, key)
        self._file, self.count, self.packed = _unpacked(self._raw, compression), 0, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See io.RawIOBase."""
        try:
            data = self._file.read(len(buffer))
        except _BROKEN as error:
            raise Malformed(str(error)) from error
        except OSError as error:
            if error.errno is not None:  # the disk's, not the decoder's
                raise
            raise Malformed(str(error)) from error
        buffer[: len(data)] = data
        self.count += len(data)
        self.packed = self._raw.tell()
        return len(data)

    def close(self) -> None:
        """Close the file below. Idempotent."""
        self._file.close()
        self._raw.close()
        super().close()


def _open(store: Any, bucket: str, key: str) -> BinaryIO:
    if not hasattr(store, "path_of"):
        return io.BytesIO(store.get(bucket, key))
    try:  # a local object may be larger than memory
        return open(store.path_of(bucket, key), "rb")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise ApiError("NoSuchKey", "The specified key does not exist.", 404) from None


def _unpacked(raw: BinaryIO, compression: str) -> Any:
    if compression == "GZIP":
        return opener(fileobj=raw, mode="rb")
    if compression == "ZSTD":
        import pyarrow as pa

        return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")
    return raw


def keys(store: Any, bucket: str, prefix: str) -> list[str]:
    """The objects under a prefix, in the order of their keys; those that stand for folders are left out.

    Raises ApiError NoSuchBucket, NoSuchKey when there is none.
    """
    found = [key for key in store.list(bucket, prefix) if not key.endswith("/")]
    if found:
        return found
    if hasattr(store, "has_bucket") and not store.has_bucket(bucket):
        raise failures.no_bucket()
    raise ApiError("NoSuchKey", "The specified key does not exist", 404)
