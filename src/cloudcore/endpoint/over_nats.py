"""OverNats: a cluster in the place of an endpoint: operations on tables go to one of its nodes by NATS."""

from __future__ import annotations

import json
import re

_CREDENTIAL = re.compile(r"Credential=([^/]*)/[^/]*/([^/]*)/")
_TARGET = "DynamoDB_20120810."
Answer = tuple[int, dict[str, str], bytes]


class OverNats:
    """Sends what Remote sends, to the cluster nats://a,b,c. Any thread may call; close() when done."""

    def __init__(self, url: str):
        from cloudcore.cluster.asking import Asker

        self._asker = Asker(url)

    def __call__(self, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
        """One operation on tables and its answer. Raises OSError."""
        operation = headers.get("x-amz-target", "")
        if not operation.startswith(_TARGET):
            told = "only tables are reached at a cluster's address; name the endpoint of a node"
            code = "UnsupportedOperationException"
            return 400, {}, json.dumps({"__type": code, "message": told}).encode()
        found = _CREDENTIAL.search(headers.get("authorization", ""))
        account, region = found.groups() if found else ("", "us-east-1")
        named = account if account.isdigit() and len(account) == 12 else "0" * 12
        status, answer = self._asker.call(named, region, operation.removeprefix(_TARGET), body)
        return status, {}, answer

    def close(self) -> None:
        """Leave the servers."""
        self._asker.close()
