"""Envelope: a store whose objects are encrypted before they leave the process (client-side encryption).

Each object has a data key of its own, which its metadata keeps, wrapped, in the form that the Amazon S3
encryption clients publish as version 2: any of them reads the object with the same key.

    body             AES-256-GCM of the bytes, then its tag
    x-amz-iv         12 random bytes             x-amz-cek-alg  AES/GCM/NoPadding     x-amz-tag-len  128
    x-amz-key-v2     the data key, wrapped       x-amz-wrap-alg what wrapped it
        kms+context  by KMS; x-amz-matdesc is its encryption context
        AES/GCM      by the service's key file: 12 random bytes | key | tag, authenticated with x-amz-cek-alg

An attempt that comes again has a new data key, so that no key ever meets two texts; the object is the same
once it is opened. Names, sizes and headers are not encrypted, and Content-Encoding is that of what was.

Source: Amazon S3 Encryption Client Developer Guide; the clients' published data format.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cloudcore.errors import CloudcoreError, CorruptError
from cloudcore.firehose.checks import invalid
from cloudcore.firehose.kms import KeyRing

_CIPHER, _BY_KMS, _BY_FILE = "AES/GCM/NoPadding", "kms+context", "AES/GCM"
_CONTEXT = {"aws:x-amz-cek-alg": _CIPHER}
_KEY_BYTES, _TAG_BITS = 32, 128
_AT_ONCE = 1 << 20  # a cipher's update holds the GIL: 0.1 ms of it
WRAPPED = "x-amz-key-v2"
"""The metadata that every such object has, and no other."""


class EncryptedObjects:
    """An object store over another one. `key_arn`: the key of KMS that wraps data keys; None: the key file.

    Objects that are not encrypted are read as they are. Thread rule: any call from any thread.
    """

    def __init__(self, store: Any, ring: KeyRing, key_arn: str | None):
        self._store, self._ring, self._arn = store, ring, key_arn
        self.encrypts = bool(getattr(store, "encrypts", False))
        self.list, self.delete, self.head = store.list, store.delete, store.head

    def put(
        self,
        bucket: str,
        key: str,
        data: bytes | memoryview | Sequence[bytes | memoryview],
        *,
        metadata: Mapping[str, str] | None = None,
        **headers: Any,
    ) -> None:
        """Store an object, encrypted. OSError when the store, or KMS, cannot do it now."""
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        try:
            data_key, wrapped = self._new()
        except CloudcoreError as error:
            raise OSError(f"s3://{bucket}/{key} cannot be encrypted: {error}") from None
        nonce = os.urandom(12)
        cipher = Cipher(algorithms.AES(data_key), modes.GCM(nonce)).encryptor()
        parts = [data] if isinstance(data, bytes | bytearray | memoryview) else data
        sealed = [cipher.update(some) for part in parts for some in _slices(part)]
        sealed += [cipher.finalize(), cipher.tag]
        told = {
            **(metadata or {}), **wrapped, "x-amz-iv": b64encode(nonce).decode(), "x-amz-cek-alg": _CIPHER,
            "x-amz-tag-len": str(_TAG_BITS),
        }  # fmt: skip
        self._store.put(bucket, key, sealed, metadata=told, **headers)

    def get(self, bucket: str, key: str) -> bytes:
        """The object's bytes, decrypted. Raises ApiError NoSuchKey, InvalidKMSResourceException, CorruptError
        when it was changed, or is of another key or form; OSError."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        told = self._store.head(bucket, key).metadata
        data: bytes = self._store.get(bucket, key)
        if WRAPPED not in told:
            return data
        where = f"s3://{bucket}/{key}"
        if (told.get("x-amz-cek-alg"), told.get("x-amz-tag-len")) != (_CIPHER, str(_TAG_BITS)):
            raise CorruptError(f"{where} is encrypted by {told.get('x-amz-cek-alg')}, not by {_CIPHER}")
        data_key = self._open(told, where)
        try:
            return AESGCM(data_key).decrypt(b64decode(told["x-amz-iv"]), data, None)
        except (InvalidTag, KeyError, ValueError):
            raise CorruptError(f"{where} does not decrypt: it was changed, or is being replaced") from None

    def check(self) -> None:
        """Refuse what could not be read again. Raises ApiError."""
        if self._arn is None and self._ring.in_memory and self.encrypts:
            raise invalid("encrypt_objects needs a key file that stays: CLOUDCORE_KEY_FILE names one")
        self._new()

    def _new(self) -> tuple[bytes, dict[str, str]]:
        """A data key, and the metadata that keeps it."""
        if self._arn is None:
            data_key = os.urandom(_KEY_BYTES)
            kept, by, context = str(self._ring.new(data_key, _CIPHER, None)), _BY_FILE, dict[str, str]()
        else:
            spec = {"KeyId": self._arn, "KeySpec": "AES_256"}
            made = self._ring.ask(self._arn, "generate_data_key", _CONTEXT, **spec)
            data_key, kept = made["Plaintext"], b64encode(made["CiphertextBlob"]).decode()
            by, context = _BY_KMS, _CONTEXT
        return data_key, {WRAPPED: kept, "x-amz-wrap-alg": by, "x-amz-matdesc": json.dumps(context)}

    def _open(self, told: Mapping[str, str], where: str) -> bytes:
        by = told.get("x-amz-wrap-alg")
        if by != (_BY_FILE if self._arn is None else _BY_KMS):
            raise CorruptError(f"the key of {where} is wrapped by {by}, and the stream has no such key")
        if self._arn is None:
            return self._ring.unwrap(told[WRAPPED], _CIPHER)
        opened = self._ring.ask(
            self._arn, "decrypt", json.loads(told.get("x-amz-matdesc", "{}")), KeyId=self._arn,
            CiphertextBlob=b64decode(told[WRAPPED]),
        )  # fmt: skip
        data_key: bytes = opened["Plaintext"]
        return data_key


def read(store: Any, bucket: str, key: str) -> bytes:
    """An object as it was delivered. Raises CorruptError for one that `store` cannot decrypt, OSError."""
    found: bytes = store.get(bucket, key)
    if isinstance(store, EncryptedObjects) or not hasattr(store, "head"):
        return found
    if WRAPPED in store.head(bucket, key).metadata:
        raise CorruptError(f"s3://{bucket}/{key} is encrypted, and the stream was not opened to read it")
    return found


def of(store: Any, ring: KeyRing, ours: Mapping[str, Any] | None) -> Any:
    """The store of a stream's objects: `store`, or EncryptedObjects over it where `ours` has encrypt_objects.

    Raises ApiError InvalidArgumentException."""
    given = (ours or {}).get("encrypt_objects")
    if not given:
        return store
    if not hasattr(store, "head"):
        raise invalid("encrypt_objects needs an object store that keeps metadata, and has head()")
    return EncryptedObjects(store, ring, None if given is True else given)


def _slices(part: bytes | memoryview) -> Iterator[memoryview]:
    view = memoryview(part).cast("B")
    for at in range(0, len(view), _AT_ONCE):
        yield view[at : at + _AT_ONCE]
