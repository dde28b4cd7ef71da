"""Notifications: what happens to a bucket's objects is told to functions.

    <bucket>/.cloudcore/notification.json    the bucket's rules, as S3 keeps them

An object that was put is told before put() returns, by an event that its function's service has made
durable; so what was acknowledged was told, at least once. Source: AWS, "Amazon S3 Event Notifications";
event message structure 2.1.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import logging
import os
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import quote_plus

from cloudcore.errors import ApiError

EVENTS = (
    "s3:ObjectCreated:*", "s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy",
    "s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectRemoved:*", "s3:ObjectRemoved:Delete",
)  # fmt: skip
_log = logging.getLogger("cloudcore.objects")


@dataclass
class Rule:
    """One function that is told. `prefix` and `suffix` are of keys."""

    id: str
    function: str
    events: list[str] = field(default_factory=list)
    prefix: str = ""
    suffix: str = ""

    def wants(self, event: str, key: str) -> bool:
        """Whether it is told of "ObjectCreated:Put" of a key."""
        named = ("s3:" + event, "s3:" + event.partition(":")[0] + ":*")
        return any(name in self.events for name in named) and self.covers(key)

    def covers(self, key: str) -> bool:
        return key.startswith(self.prefix) and key.endswith(self.suffix)


class Notifications:
    """The rules of an account's buckets. `tell(function ARN, event)` makes an event durable.

    `check(function ARN)` says whether a function is there. Any call from any thread.
    """

    def __init__(
        self,
        private: Callable[[str], str],
        account: str,
        region: str,
        tell: Callable[[str, bytes], object],
        check: Callable[[str], bool],
    ):
        self._private, self._tell, self._check = private, tell, check
        self._account, self._region = account, region
        self._rules: dict[str, list[Rule]] = {}

    def rules(self, bucket: str) -> list[Rule]:
        """The rules of a bucket."""
        if bucket not in self._rules:
            try:
                with open(self._path(bucket), encoding="utf-8") as file:
                    self._rules[bucket] = [Rule(**rule) for rule in json.load(file)]
            except FileNotFoundError:
                self._rules[bucket] = []
        return self._rules[bucket]

    def put(self, bucket: str, rules: list[Rule]) -> None:
        """Make these the rules of a bucket. Raises ApiError InvalidArgument."""
        for at, rule in enumerate(rules):
            _check_rule(rule, rules[:at])
            if not self._check(rule.function):
                raise _invalid("Unable to validate the following destination configurations")
        path = self._path(bucket)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump([asdict(rule) for rule in rules], file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(path + ".new", path)
        self._rules[bucket] = rules

    def forget(self, bucket: str) -> None:
        """A bucket is gone."""
        self._rules.pop(bucket, None)

    def happened(self, event: str, bucket: str, key: str, size: int, etag: str | None) -> None:
        """Tell who wants to know of "ObjectCreated:Put" and the like."""
        for rule in self.rules(bucket):
            if not rule.wants(event, key):
                continue
            told = self._event(event, rule.id, bucket, key, size, etag)
            try:
                self._tell(rule.function, json.dumps(told).encode())
            except ApiError as error:  # a function that is gone since
                _log.warning("%s of %s/%s is not told to %s: %s", event, bucket, key, rule.function, error)

    def _path(self, bucket: str) -> str:
        return os.path.join(self._private(bucket), "notification.json")

    def _event(
        self, event: str, rule: str, bucket: str, key: str, size: int, etag: str | None
    ) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        described: dict[str, Any] = {
            "key": quote_plus(key, safe="/~*"),
            "sequencer": f"{time.time_ns():018X}",
        }
        if event.startswith("ObjectCreated"):
            described |= {"size": size, "eTag": etag or hashlib.md5(f"{now}{key}".encode()).hexdigest()}
        owner = {"principalId": self._account}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self._region,
            "eventTime": now,
            "eventName": event,
            "userIdentity": {"principalId": f"AWS:{self._account}"},
            "requestParameters": {"sourceIPAddress": "127.0.0.1"},
            "responseElements": {
                "x-amz-request-id": uuid.uuid4().hex[:16].upper(),
                "x-amz-id-2": uuid.uuid4().hex,
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": rule,
                "bucket": {"name": bucket, "ownerIdentity": owner, "arn": f"arn:aws:s3:::{bucket}"},
                "object": described,
            },
        }
        return {"Records": [record]}


def _check_rule(rule: Rule, others: list[Rule]) -> None:
    if not rule.events or any(event not in EVENTS for event in rule.events):
        raise _invalid("The event is not supported for notifications")
    for other in others:
        same = any(
            a == b or (a.rpartition(":")[0] == b.rpartition(":")[0] and "*" in a + b)
            for a in rule.events
            for b in other.events
        )
        prefixes = rule.prefix.startswith(other.prefix) or other.prefix.startswith(rule.prefix)
        suffixes = rule.suffix.endswith(other.suffix) or other.suffix.endswith(rule.suffix)
        if same and prefixes and suffixes:
            raise _invalid(
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the "
                "prefixes are overlapping for the same event type."
            )


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidArgument", message)
