"""Sealed: a stream's logs with their records encrypted (AES-256-GCM), for StartDeliveryStreamEncryption.

An envelope: each start makes a data key; stream.json keeps it encrypted under the service's key, which is
32 bytes in a file of its own and never in a stream's directory.

    sealed batch:  u32 number of the data key | 12 random bytes | AES-256-GCM of the payload, with its tag
                   authenticated with it: stream, log, type, number of the key

Records of a source have their origins in front of them, inside of what is sealed (sources/origins.py).
The type of a log record says which of the two it is, so a stream that starts or stops encryption changes
what it writes from then on, and reads both. Headers (sequence numbers, sizes, times) and the
journal (object names, so partition keys too) are not encrypted. Encryption is the
kept library `cryptography` (extra `cloudcore[encryption]`).
"""

from __future__ import annotations

import os
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cloudcore.errors import CorruptError
from cloudcore.firehose.checks import invalid
from cloudcore.firehose.records import frame
from cloudcore.firehose.sources.origins import Origins, parted

_SEALED, _ORIGINS = 0x100, 0x200  # in the type of a log record
_HEAD = struct.Struct("<I12s")
_BATCH_BYTES = (1 << 20) - 8192
_KEY_BYTES = 32


@dataclass(frozen=True)
class Opened:
    """A record whose payload was decrypted, or parted from its origins."""

    first: int
    count: int
    type: int
    time_ms: int
    payload: Any
    origins: Origins | None = None


class KeyFile:
    """The service's key, made at the first use. `path` None: in memory, for streams in memory."""

    def __init__(self, path: str | None):
        self.path = path
        self._memory: bytes | None = None

    def wrap(self, data_key: bytes, identity: str) -> str:
        """A data key as text for stream.json, encrypted for the stream `identity`."""
        nonce = os.urandom(12)
        return b64encode(
            nonce + _aes(self._key(make=True)).encrypt(nonce, data_key, identity.encode())
        ).decode()

    def unwrap(self, text: str, identity: str) -> bytes:
        """The inverse. Raises CorruptError when it is another key, or none."""
        from cryptography.exceptions import InvalidTag

        raw = b64decode(text)
        try:
            return _aes(self._key(make=False)).decrypt(raw[:12], raw[12:], identity.encode())
        except InvalidTag:
            raise CorruptError(f"{self.path} is not the key that the stream was encrypted by") from None

    def _key(self, make: bool) -> bytes:
        if self.path is None:
            self._memory = self._memory or os.urandom(_KEY_BYTES)
            return self._memory
        if make and not os.path.exists(self.path):
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            temporary = f"{self.path}.{os.getpid()}"
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                os.write(handle, os.urandom(_KEY_BYTES))
                os.fsync(handle)
            finally:
                os.close(handle)
            os.replace(temporary, self.path)
            directory = os.open(os.path.dirname(self.path) or ".", os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        try:
            with open(self.path, "rb") as file:
                key = file.read()
        except FileNotFoundError:
            raise CorruptError(f"the key file {self.path} is missing; the stream cannot be read") from None
        if len(key) != _KEY_BYTES:
            raise CorruptError(f"the key file {self.path} must hold {_KEY_BYTES} bytes")
        return key


class Sealer:
    """The data keys of one stream. `current` None: what is written now is not sealed."""

    def __init__(self, identity: str, keys: dict[int, bytes], current: int | None):
        self.identity = identity
        self._keys = {number: _aes(key) for number, key in keys.items()}
        self.current = current

    def seal(self, log: str, type: int, payload: Any) -> bytes:
        assert self.current is not None
        nonce = os.urandom(12)
        head = _HEAD.pack(self.current, nonce)
        return head + self._keys[self.current].encrypt(nonce, payload, self._about(log, type, self.current))

    def open(self, log: str, record: Any) -> Opened:
        """The record, decrypted. Raises CorruptError when it was changed."""
        from cryptography.exceptions import InvalidTag

        kind = record.type & ~_SEALED
        number, nonce = _HEAD.unpack_from(record.payload)
        try:
            about = self._about(log, kind, number)
            payload = self._keys[number].decrypt(nonce, memoryview(record.payload)[_HEAD.size :], about)
        except (InvalidTag, KeyError):
            raise CorruptError(f"sequence {record.first} of the {log} log does not decrypt") from None
        return Opened(record.first, record.count, kind, record.time_ms, payload)

    def _about(self, log: str, type: int, number: int) -> bytes:
        return f"{self.identity}/{log}/{type}/{number}".encode()


class SealedLog:
    """A log whose batches go through a Sealer; otherwise the log itself."""

    def __init__(self, log: Any, name: str, sealer: Sealer):
        self._log, self._name, self.sealer = log, name, sealer
        for passed in ("cursor_set", "cursor_get", "cursor_drop", "truncate", "close"):
            setattr(self, passed, getattr(log, passed))

    @property
    def last_sequence(self) -> int:
        return int(self._log.last_sequence)

    def append(self, payload: Any, *, type: int = 1, count: int = 1, time_ms: int = 0) -> tuple[int, int]:
        sealer = self.sealer
        if sealer.current is None:
            return self._log.append(payload, type=type, count=count, time_ms=time_ms)
        sealed = sealer.seal(self._name, type, payload)
        return self._log.append(sealed, type=type | _SEALED, count=count, time_ms=time_ms)

    def append_records(
        self, records: Sequence[bytes], *, type: int = 1, time_ms: int = 0, origins: Origins | None = None
    ) -> tuple[int, int]:
        if self.sealer.current is None and origins is None:
            return self._log.append_records(records, type=type, time_ms=time_ms)
        first, last, start = 0, 0, 0
        while start < len(records):
            end, size = start, 0
            while end < len(records):
                more = len(records[end]) + 4 + (origins.row_bytes(end) if origins else 0)
                if end > start and size + more > _BATCH_BYTES:
                    break
                size, end = size + more, end + 1
            payload, kind = frame(records[start:end]), type
            if origins:
                payload, kind = origins.cut(start, end).before(payload), type | _ORIGINS
            begin, last = self.append(payload, type=kind, count=end - start, time_ms=time_ms)
            first, start = first or begin, end
        return first, last

    def read(self, from_sequence: int = 1) -> Iterator[Any]:
        for record in self._log.read(from_sequence):
            if record.type & _SEALED:
                record = self.sealer.open(self._name, record)
            if record.type & _ORIGINS:
                origins, framed = parted(record.payload)
                kind = record.type & ~_ORIGINS
                record = Opened(record.first, record.count, kind, record.time_ms, framed, origins)
            yield record


class Keys(Protocol):
    """Who keeps data keys: a KeyFile, or kms.KeyRing."""

    def unwrap(self, text: Any, identity: str) -> bytes: ...


def sealer_of(description: dict[str, Any], key_file: Keys) -> Sealer:
    """The keys that a stream's description holds."""
    found = description.get("Encryption") or {}
    identity = description["Identity"]
    keys = {int(n): key_file.unwrap(text, identity) for n, text in found.get("Keys", {}).items()}
    return Sealer(identity, keys, found.get("Current"))


def with_new_key(
    description: dict[str, Any], ring: Any, given: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The description of the stream with a new data key, by which it seals from now on: of kms.KeyRing, under
    the key that DeliveryStreamEncryptionConfigurationInput names."""
    found = description.get("Encryption") or {}
    number = max(map(int, found.get("Keys", {})), default=0) + 1
    arn = (given or {}).get("KeyARN")
    wrapped = ring.new(os.urandom(_KEY_BYTES), description["Identity"], arn)
    keys = {**found.get("Keys", {}), str(number): wrapped}
    return {**description, "Encryption": {"Keys": keys, "Current": number, "KeyARN": arn}}


def without_key(description: dict[str, Any]) -> dict[str, Any]:
    """The description of the stream that no longer seals; what is sealed can still be read."""
    found = description.get("Encryption")
    if not found:
        return description
    told = {name: value for name, value in found.items() if name != "Failed"}
    return {**description, "Encryption": {**told, "Current": None}}


def with_failure(
    description: dict[str, Any], failure: dict[str, str], given: dict[str, Any] | None
) -> dict[str, Any]:
    """The description of the stream for which no key could be had: it goes on as it was, and says so."""
    found = description.get("Encryption") or {
        "Keys": {}, "Current": None, "KeyARN": (given or {}).get("KeyARN"),
    }  # fmt: skip
    return {**description, "Encryption": {**found, "Failed": failure}}


def check_input(given: dict[str, Any] | None) -> None:
    """A customer managed key has an ARN, the service's own has none. Raises ApiError."""
    kind = (given or {}).get("KeyType", "AWS_OWNED_CMK")
    arn = (given or {}).get("KeyARN")
    if kind == "CUSTOMER_MANAGED_CMK" and not arn:
        raise invalid("KeyARN must be specified for KeyType CUSTOMER_MANAGED_CMK")
    if kind == "AWS_OWNED_CMK" and arn:
        raise invalid("KeyARN cannot be specified for KeyType AWS_OWNED_CMK")


def _aes(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise invalid(
            "Encryption needs the library cryptography: pip install 'cloudcore[encryption]'"
        ) from None
    return AESGCM(key)
