"""Opening: the thread that runs a mapping, by the kind of its source, and where a new one begins."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from cloudcore.lambda_ import names
from cloudcore.lambda_.configuration import refused
from cloudcore.lambda_.event_sources.kinesis import KinesisSource
from cloudcore.lambda_.event_sources.poller import Poller
from cloudcore.lambda_.event_sources.queues import QueuePoller, find
from cloudcore.lambda_.event_sources.settings import kind
from cloudcore.lambda_.event_sources.tables import TableSource

_log = logging.getLogger("cloudcore.lambda")
Keep = Callable[[dict[str, Any]], None]


def begin(service: Any, held: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a mapping that has done nothing yet. Raises ApiError when its source is not there."""
    arn = held["EventSourceArn"]
    if kind(arn) == "dynamodb":
        if service.follow is None:
            raise refused(f"The event source {arn} is not supported here: there are no tables.")
        return {"shards": {"": list(service.follow(arn).first(held["StartingPosition"]))}}
    if kind(arn) == "sqs":
        check_queue(service, held)
        return {}
    try:
        service.remote(arn).describe_stream_summary(StreamName=arn.rpartition("/")[2])
    except Exception as error:  # of ours or botocore's
        raise refused(f"The event source {arn} cannot be read: {error}") from None
    # The stream's own clock is the machine's, whatever ours says.
    since = {"LATEST": time.time(), "AT_TIMESTAMP": held.get("StartingPositionTimestamp")}
    return {"shards": {}, "since": since.get(held["StartingPosition"])}


def poller(service: Any, held: dict[str, Any], kept: dict[str, Any], keep: Keep) -> Poller | QueuePoller:
    """The mapping's thread, not started."""
    if kind(held["EventSourceArn"]) == "sqs":
        return QueuePoller(service, held)
    if "place" in kept:  # of an earlier build
        kept = {"shards": {"": kept["place"]}}
    if kind(held["EventSourceArn"]) == "dynamodb":
        return Poller(service, held, lambda: TableSource(service, held), "", kept, keep)
    since = kept.get("since")
    return Poller(
        service, held, lambda: KinesisSource(service, held, since), "data", kept,
        lambda moved: keep(moved | {"since": since}),
    )  # fmt: skip


def check_queue(service: Any, held: dict[str, Any]) -> None:
    """Refuse a mapping of a queue that is not there, or whose messages come again while the function runs."""
    timeout = service.version(names.parse(held["FunctionArn"])).configuration["Timeout"]
    try:
        hidden = _hidden_s(service, held["EventSourceArn"])
    except Exception as error:  # of ours or botocore's
        raise refused(f"The event source {held['EventSourceArn']} cannot be read: {error}") from None
    _check_times(hidden, timeout)


def check_timeout(service: Any, function: str, timeout: int) -> None:
    """Refuse a function's new timeout that is longer than a queue hides what the function is called with."""
    for held in service.sources_of(service.arn(function)):
        if kind(held["EventSourceArn"]) == "sqs":
            try:
                hidden = _hidden_s(service, held["EventSourceArn"])
            except Exception:  # a queue that is away hides nothing now
                _log.warning("%s cannot be asked for its visibility timeout", held["EventSourceArn"])
                continue
            _check_times(hidden, timeout)


def _hidden_s(service: Any, arn: str) -> int:
    client, url = find(service, arn)
    asked = client.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
    return int(asked.get("Attributes", {}).get("VisibilityTimeout", 30))


def _check_times(hidden: int, timeout: int) -> None:
    if hidden < timeout:
        raise refused(
            f"Queue visibility timeout: {hidden} seconds is less than Function timeout: {timeout} seconds"
        )
