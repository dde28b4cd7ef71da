"""Where records of asynchronous events go, by the service that an ARN names: whether it is there, and handing
one over.

| ARN of | a record becomes |
| --- | --- |
| lambda | an event of that function |
| s3 | an object, aws/lambda/async/<function>/YYYY/MM/DD/YYYY-MM-DDTHH.MM.SS-<uuid> |
| firehose (beyond AWS) | a record of that stream, with a line's end |
| dynamodb (beyond AWS) | an item: the hash key is the request's id, a sort key the time, `body` the record |
| sqs, sns, events | a message at the endpoint that is configured for that ARN (remote/) |

Source: AWS, "Capturing records of Lambda asynchronous invocations".
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused


@dataclass(slots=True)
class Message:
    """What is handed over. `attributes` are those of a dead letter, {name: (type, value)}; `at` in epoch
    seconds."""

    function: str
    arn: str
    request_id: str
    at: float
    body: bytes
    succeeded: bool = False
    attributes: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def timestamp(self) -> str:
        return stamp(self.at)


def stamp(at: float) -> str:
    """A time as records have it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) + f".{int(at * 1000) % 1000:03d}Z"


def service_of(target: str) -> str:
    """The service that an ARN names, "" for what is none."""
    parts = target.split(":", 5)
    return parts[2] if len(parts) == 6 and parts[0] == "arn" and parts[5] else ""


def check(service: Any, target: str) -> None:
    """Refuse an ARN of nothing that is here or at a configured endpoint. Asks the endpoint: hold no lock."""
    kind = _KINDS.get(service_of(target))
    if kind is None:
        raise refused(
            f"The destination {target} is not supported by this endpoint: functions, buckets, delivery "
            "streams, tables, and queues, topics and event buses elsewhere are."
        )
    try:
        kind[0](service, target)
    except Exception as error:  # of ours or botocore's
        if isinstance(error, ApiError) and error.code == "InvalidParameterValueException":
            raise
        raise refused(f"The destination ARN {target} is invalid: {error}") from None


def send(service: Any, target: str, message: Message) -> None:
    """Hand a message over to a checked destination. Raises what the destination raises."""
    _KINDS[service_of(target)][1](service, target, message)


def is_final(error: Exception) -> bool:
    """Whether a destination will refuse the same message again."""
    if isinstance(error, ApiError):
        return error.status < 500 and error.status != 429
    answer = getattr(error, "response", None)  # of botocore's ClientError
    if isinstance(answer, dict):
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode", 500)
        return bool(
            status < 500 and status != 429 and "hrottl" not in answer.get("Error", {}).get("Code", "")
        )
    return False


# -- functions ---------------------------------------------------------------------------------------


def _check_function(service: Any, target: str) -> None:
    reference = names.parse(target)
    foreign = reference.account != service.account or reference.region != service.region
    if foreign or not service.has(target):
        raise refused(f"The destination ARN {target} is invalid.")


def _send_function(service: Any, target: str, message: Message) -> None:
    reference = names.parse(target)
    service.version(reference)
    service.asynchronous.accept(reference.name, reference.qualifier, message.body)


# -- here --------------------------------------------------------------------------------------------


def _check_bucket(service: Any, target: str) -> None:
    if service.put_object is None:
        raise CloudcoreError("there is no object store here")


def _send_bucket(service: Any, target: str, message: Message) -> None:
    when = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S", time.gmtime(message.at))
    key = f"aws/lambda/async/{message.function}/{when}-{uuid.uuid4()}"
    service.put_object(target.rpartition(":")[2], key, message.body)


def _check_stream(service: Any, target: str) -> None:
    if service.put_record is None:
        raise CloudcoreError("there are no delivery streams here")


def _send_stream(service: Any, target: str, message: Message) -> None:
    service.put_record(target.rpartition("/")[2], message.body + b"\n")


def _check_table(service: Any, target: str) -> None:
    _keys(service, target)


def _send_table(service: Any, target: str, message: Message) -> None:
    item = {"body": {"S": message.body.decode()}, "functionArn": {"S": message.arn}}
    item |= {
        name: {"N" if kind == "Number" else "S": value} for name, (kind, value) in message.attributes.items()
    }
    values = ({"S": message.request_id}, {"S": message.timestamp, "N": str(int(message.at * 1000))})
    for (name, kind), value in zip(_keys(service, target), values, strict=False):
        item[name] = {kind: value[kind]}
    service.tables("PutItem", {"TableName": target.rpartition("/")[2], "Item": item})


def _keys(service: Any, target: str) -> list[tuple[str, str]]:
    """(name, type) of a table's key attributes; CloudcoreError when records do not fit them."""
    if service.tables is None:
        raise CloudcoreError("there are no tables here")
    told = service.tables("DescribeTable", {"TableName": target.rpartition("/")[2]})["Table"]
    types = {one["AttributeName"]: one["AttributeType"] for one in told["AttributeDefinitions"]}
    keys = [(one["AttributeName"], types[one["AttributeName"]]) for one in told["KeySchema"]]
    if keys[0][1] != "S" or any(kind == "B" for _, kind in keys):
        raise CloudcoreError("its hash key must be a string, its sort key a string or a number")
    return keys


# -- elsewhere ---------------------------------------------------------------------------------------


def _check_queue(service: Any, target: str) -> None:
    if target.endswith(".fifo"):
        raise CloudcoreError("FIFO queues take no records")
    _queue(service, target)


def _queue(service: Any, target: str) -> tuple[Any, str]:
    client = service.remote(target)
    return client, client.get_queue_url(QueueName=target.rpartition(":")[2])["QueueUrl"]


def _send_queue(service: Any, target: str, message: Message) -> None:
    client, url = _queue(service, target)
    client.send_message(
        QueueUrl=url, MessageBody=message.body.decode(), MessageAttributes=_attributes(message)
    )


def _check_topic(service: Any, target: str) -> None:
    if target.endswith(".fifo"):
        raise CloudcoreError("FIFO topics take no records")
    service.remote(target).get_topic_attributes(TopicArn=target)


def _send_topic(service: Any, target: str, message: Message) -> None:
    service.remote(target).publish(
        TopicArn=target, Message=message.body.decode(), MessageAttributes=_attributes(message)
    )


def _attributes(message: Message) -> dict[str, Any]:
    return {
        name: {"DataType": kind, "StringValue": value} for name, (kind, value) in message.attributes.items()
    }


def _check_bus(service: Any, target: str) -> None:
    service.remote(target).describe_event_bus(Name=target.rpartition("/")[2])


def _send_bus(service: Any, target: str, message: Message) -> None:
    entry = {
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {'Success' if message.succeeded else 'Failure'}",
        "Detail": message.body.decode(),
        "Resources": [target, message.arn],
        "EventBusName": target.rpartition("/")[2],
    }
    answer = service.remote(target).put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        told = answer["Entries"][0]
        raise OSError(f"{told.get('ErrorCode')}: {told.get('ErrorMessage')}")


Check = Callable[[Any, str], None]
Send = Callable[[Any, str, Message], None]
_KINDS: dict[str, tuple[Check, Send]] = {
    "lambda": (_check_function, _send_function),
    "s3": (_check_bucket, _send_bucket),
    "firehose": (_check_stream, _send_stream),
    "dynamodb": (_check_table, _send_table),
    "sqs": (_check_queue, _send_queue),
    "sns": (_check_topic, _send_topic),
    "events": (_check_bus, _send_bus),
}
