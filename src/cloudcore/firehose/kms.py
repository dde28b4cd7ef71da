"""KMS: data keys of a stream under a customer managed key, and the ring of all keys a service can open.

The endpoint is what `reach` names for the key's ARN, or AWS_ENDPOINT_URL_KMS; any server that speaks KMS's
protocol does. stream.json keeps the data key as KMS encrypted it: without KMS the stream's records cannot be
read.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.firehose.sealed import KeyFile

_TYPES = {
    "AccessDeniedException": "KMS_ACCESS_DENIED", "DisabledException": "DISABLED_KMS_KEY",
    "NotFoundException": "KMS_KEY_NOT_FOUND", "OptInRequired": "KMS_OPT_IN_REQUIRED",
    "KMSInvalidStateException": "INVALID_KMS_KEY", "InvalidKeyUsageException": "INVALID_KMS_KEY",
    "InvalidArnException": "INVALID_KMS_KEY",
}  # fmt: skip


class KeyFailed(ApiError):
    """KMS was asked and gave no key. `failure`: the FailureDescription of it."""

    def __init__(self, arn: str, why: str, code: str | None = None):
        super().__init__("InvalidKMSResourceException", f"The key {arn} cannot be used: {why}", 400,
                         {"code": code} if code else {})  # fmt: skip
        self.failure = {"Type": _TYPES.get(code or "", "UNKNOWN_ERROR"), "Details": self.message}


class KeyRing:
    """Wraps and opens data keys: by the service's key file, or by a key of KMS. Any thread."""

    def __init__(self, key_file: KeyFile, remote: Callable[[str], Any] | None):
        self._file, self._remote = key_file, remote

    @property
    def in_memory(self) -> bool:
        """Whether the key file is none: its key ends with the process."""
        return self._file.path is None

    def new(self, data_key: bytes, identity: str, key_arn: str | None) -> str | dict[str, str]:
        """What stream.json keeps of a new data key; a key of KMS makes its own. Raises ApiError
        InvalidKMSResourceException, or as KeyFailed."""
        if key_arn is None:
            return self._file.wrap(data_key, identity)
        made = self.ask(key_arn, "generate_data_key_without_plaintext", _context(identity), KeyId=key_arn,
                        KeySpec="AES_256")  # fmt: skip
        return {"KeyARN": key_arn, "Key": b64encode(made["CiphertextBlob"]).decode()}

    def unwrap(self, kept: str | dict[str, str], identity: str) -> bytes:
        """The data key. Raises CorruptError, ApiError InvalidKMSResourceException."""
        if isinstance(kept, str):
            return self._file.unwrap(kept, identity)
        arn = kept["KeyARN"]
        sealed = {"KeyId": arn, "CiphertextBlob": b64decode(kept["Key"])}
        opened = self.ask(arn, "decrypt", _context(identity), **sealed)
        key: bytes = opened["Plaintext"]
        return key

    def ask(self, arn: str, operation: str, context: dict[str, str], **members: Any) -> dict[str, Any]:
        """An operation of KMS with a key's ARN, under an encryption context. Raises ApiError
        InvalidKMSResourceException, or as KeyFailed."""
        try:
            if self._remote is None:
                raise CloudcoreError("no endpoint for kms is configured")
            client = self._remote(arn)
        except CloudcoreError as error:
            words = f"The key {arn} cannot be used: {error}"
            raise ApiError("InvalidKMSResourceException", words) from None
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer: dict[str, Any] = getattr(client, operation)(EncryptionContext=context, **members)
        except ClientError as error:
            told = error.response["Error"]
            raise KeyFailed(arn, f"{told.get('Code')}: {told.get('Message')}", told.get("Code")) from None
        except BotoCoreError as error:
            raise KeyFailed(arn, str(error)) from None
        return answer


def _context(identity: str) -> dict[str, str]:
    return {"aws:firehose:stream": identity}
