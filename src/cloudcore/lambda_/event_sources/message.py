"""Message: what ReceiveMessage gives, as a function sees it."""

from __future__ import annotations

import base64
import json
from typing import Any

from cloudcore.lambda_.event_sources.record import Record


def record(message: dict[str, Any], arn: str) -> Record:
    """Its number is the message's id, its key the group, its place the receipt."""
    attributes = message.get("Attributes", {})
    event = {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": {n: _attribute(v) for n, v in message.get("MessageAttributes", {}).items()},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }
    if "MD5OfMessageAttributes" in message:
        event["md5OfMessageAttributes"] = message["MD5OfMessageAttributes"]
    size = len(json.dumps(event, ensure_ascii=False).encode())
    sent = int(attributes.get("SentTimestamp", 0)) / 1000
    return Record(
        event, message["MessageId"], attributes.get("MessageGroupId", "") if arn.endswith(".fifo") else "",
        sent, size, message["ReceiptHandle"], message["Body"],
    )  # fmt: skip


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"stringListValues": [], "binaryListValues": [], "dataType": value["DataType"]}
    if "StringValue" in value:
        shown["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        shown["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return shown
