"""Secrets: what SecretsManagerConfiguration names, read when a sender opens and again when it is refused.

The endpoint and the credentials are those that boto3 would use (AWS_ENDPOINT_URL_SECRETS_MANAGER, ...);
the region is the secret's.
"""

from __future__ import annotations

import json
import threading
from typing import Any

from cloudcore.firehose.checks import failed, invalid, only
from cloudcore.firehose.destinations.sending import Later

_MEMBERS = {"SecretARN", "RoleARN", "Enabled"}


def secret_arn(raw: dict[str, Any]) -> str | None:
    """The secret that a configuration uses, if it does. Raises ApiError."""
    block = raw.get("SecretsManagerConfiguration")
    if block is None:
        return None
    only(block, _MEMBERS, "SecretsManagerConfiguration")
    if not block["Enabled"]:
        return None
    if not block.get("SecretARN"):
        raise failed(None, "secretARN", "Member must not be null")
    try:
        import botocore  # noqa: F401
    except ImportError:
        raise invalid("SecretsManagerConfiguration needs botocore: pip install 'cloudcore[s3]'") from None
    arn: str = block["SecretARN"]
    return arn


class Secret:
    """A secret that is a JSON object of texts. Any thread."""

    def __init__(self, arn: str):
        self._arn = arn
        self._found: dict[str, str] | None = None
        self._lock = threading.Lock()

    def get(self, name: str) -> str:
        """A member of the secret. Raises Later when it cannot be read now."""
        with self._lock:
            if self._found is None:
                self._found = self._read()
            value = self._found.get(name)
        if not isinstance(value, str):
            raise Later("SecretsManager.InvalidSecret", f"The secret {self._arn} has no text {name}")
        return value

    def forget(self) -> None:
        """It was refused: the next get() reads it anew."""
        with self._lock:
            self._found = None

    def _read(self) -> dict[str, str]:
        import botocore.session
        from botocore.exceptions import BotoCoreError, ClientError

        client = botocore.session.Session().create_client(
            "secretsmanager", region_name=self._arn.split(":")[3]
        )
        try:
            found = json.loads(client.get_secret_value(SecretId=self._arn)["SecretString"])
        except (BotoCoreError, ClientError, KeyError, ValueError) as error:
            raise Later("SecretsManager.AccessFailed", f"{self._arn} cannot be read: {error}") from None
        if not isinstance(found, dict):
            raise Later("SecretsManager.InvalidSecret", f"The secret {self._arn} is no JSON object")
        return found
