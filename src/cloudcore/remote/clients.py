"""Remote: clients of the services elsewhere that this cloud was told of, and of no others.

An endpoint is a URL (any server that speaks the protocol), or "aws" for AWS itself. Cloud(reach=...) names it
by the beginning of the ARNs it is for, {"arn:aws:kinesis:": URL} say; or, as for any SDK, the environment
does by AWS_ENDPOINT_URL_KINESIS, AWS_ENDPOINT_URL_SQS, ... Credentials come from where boto3 takes them; an
endpoint other than AWS's is asked without any too.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from typing import Any

from cloudcore.errors import CloudcoreError

TIMEOUT_SECONDS = 10.0
_SDKS_NAMES = {"events": "eventbridge"}
"""Services that SDKs call otherwise than ARNs do."""


class NotConfigured(CloudcoreError):
    """There is no endpoint of a service, or no botocore to speak to it."""


class Remote:
    """Makes each client once. Any thread may call."""

    def __init__(self, reach: Mapping[str, str], account: str):
        self._reach, self._account = reach, account
        self._lock = threading.Lock()
        self._clients: dict[tuple[str, str, str], Any] = {}

    def client(self, arn: str) -> Any:
        """boto3's client of the service and region that an ARN names. Raises NotConfigured."""
        service, region = arn.split(":", 5)[2:4]
        beginning = max((b for b in self._reach if arn.startswith(b)), key=len, default=None)
        variable = "AWS_ENDPOINT_URL_" + _SDKS_NAMES.get(service, service).upper()
        url = os.environ.get(variable) if beginning is None else self._reach[beginning]
        if not url:
            raise NotConfigured(
                f"no endpoint for {service} is configured: reach={{'arn:aws:{service}:': URL}} or {variable} "
                "names one"
            )
        with self._lock:
            if (service, region, url) not in self._clients:
                self._clients[service, region, url] = self._make(service, region, url)
            return self._clients[service, region, url]

    def _make(self, service: str, region: str, url: str) -> Any:
        try:
            import botocore.session
            from botocore.config import Config
        except ImportError:
            raise NotConfigured(f"{service} needs botocore: pip install 'cloudcore[s3]'") from None
        session = botocore.session.Session()
        keys: dict[str, Any] = {}
        if url != "aws":
            keys["endpoint_url"] = url
            if session.get_credentials() is None:
                keys |= {"aws_access_key_id": self._account, "aws_secret_access_key": "cloudcore"}
        config = Config(
            connect_timeout=TIMEOUT_SECONDS,
            read_timeout=3 * TIMEOUT_SECONDS,
            retries={"total_max_attempts": 2},
        )
        return session.create_client(service, region_name=region, config=config, **keys)
