"""Signing: AWS's own clusters ask for Signature Version 4; botocore makes it, of the credentials that boto3
would use (the extra `cloudcore[s3]`)."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult

from cloudcore.firehose.destinations.sending import Later

_OWN = re.compile(r"\.(?P<region>[a-z0-9-]+)\.(?P<service>es|aoss)\.amazonaws\.com(\.cn)?$")


def signer(parts: SplitResult, sign: str | None, region: str) -> Signer | None:
    """A signer where one is needed: as `sign` says, else as the host's name does."""
    own = _OWN.search(parts.hostname or "")
    service = sign if sign is not None else own["service"] if own else ""
    return Signer(parts, service, own["region"] if own else region) if service else None


class Signer:
    """Signs requests to one host. Any thread."""

    def __init__(self, parts: SplitResult, service: str, region: str):
        self._base = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        self._service, self._region = service, region
        self._credentials: Any = None
        self._lock = threading.Lock()

    def headers(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> dict[str, str]:
        """The headers that a request needs besides. Raises Later when there are no credentials."""
        try:
            from botocore.auth import SigV4Auth
            from botocore.awsrequest import AWSRequest
        except ImportError:
            raise Later("403", "signing needs botocore: pip install 'cloudcore[s3]'") from None
        import hashlib

        request = AWSRequest(method, self._base + path, {"Content-Type": headers["Content-Type"]}, body)
        request.headers["X-Amz-Content-SHA256"] = hashlib.sha256(body).hexdigest()
        SigV4Auth(self._get(), self._service, self._region).add_auth(request)
        return dict(request.headers.items())

    def _get(self) -> Any:
        import botocore.session

        with self._lock:
            if self._credentials is None:
                self._credentials = botocore.session.Session().get_credentials()
            if self._credentials is None:
                raise Later("403", "there are no AWS credentials to sign by")
            return self._credentials.get_frozen_credentials()
