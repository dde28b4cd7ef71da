"""PutBucketNotificationConfiguration and GetBucketNotificationConfiguration: functions, by event and key."""

from __future__ import annotations

import uuid
from typing import Any
from xml.etree.ElementTree import Element

from cloudcore.errors import ApiError
from cloudcore.objects.notifications import Rule
from cloudcore.wire.s3 import body as bodies
from cloudcore.wire.s3 import xml
from cloudcore.wire.s3.request import Reply, Request

_OTHER = ("TopicConfiguration", "QueueConfiguration", "EventBridgeConfiguration")
_FUNCTION = "CloudFunctionConfiguration"


def get_notification(request: Request) -> Reply:
    """The rules of a bucket."""
    request.directory()
    rules = _notifications(request).rules(request.bucket)
    body = xml.document("NotificationConfiguration", [(_FUNCTION, _shown(rule)) for rule in rules])
    return 200, list(xml.HEADERS), body


def put_notification(request: Request) -> Reply:
    """Replace the rules of a bucket."""
    request.directory()
    body, _ = bodies.read(request.headers, request.body)
    root = xml.parse(body)
    for other in _OTHER:
        if root.find(other) is not None:
            raise ApiError("NotImplemented", f"{other} is not implemented: functions can be told.", 501)
    _notifications(request).put(request.bucket, [_rule(found) for found in root.findall(_FUNCTION)])
    return 200, [], b""


def _notifications(request: Request) -> Any:
    found = getattr(request.store, "notifications", None)
    if found is None:
        raise ApiError("NotImplemented", "This endpoint tells nobody of objects.", 501)
    return found


def _rule(found: Element) -> Rule:
    made = Rule(
        found.findtext("Id") or str(uuid.uuid4()),
        found.findtext("CloudFunction") or found.findtext("LambdaFunctionArn") or "",
        [event.text or "" for event in found.findall("Event")],
    )
    for rule in found.findall("Filter/S3Key/FilterRule"):
        name, value = (rule.findtext("Name") or "").lower(), rule.findtext("Value") or ""
        if name not in ("prefix", "suffix"):
            raise ApiError("InvalidArgument", "filter rule name must be either prefix or suffix")
        setattr(made, name, value)
    return made


def _shown(rule: Rule) -> list[tuple[str, Any]]:
    told: list[tuple[str, Any]] = [("Id", rule.id), ("CloudFunction", rule.function)]
    told += [("Event", event) for event in rule.events]
    filters = [
        ("FilterRule", [("Name", name), ("Value", value)])
        for name, value in (("Prefix", rule.prefix), ("Suffix", rule.suffix))
        if value
    ]
    return told + ([("Filter", [("S3Key", filters)])] if filters else [])
