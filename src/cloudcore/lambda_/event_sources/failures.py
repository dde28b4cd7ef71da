"""Failures: what the destination is told of records that a mapping gives up. Source: AWS, "Configuring an
on-failure destination for stream event sources".
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from typing import Any

from cloudcore.errors import ClosedError
from cloudcore.lambda_ import delivering
from cloudcore.lambda_.delivering import Message, stamp
from cloudcore.lambda_.event_sources.record import Record

log = logging.getLogger("cloudcore.lambda")
_PAUSES = (0.2, 30.0)
Records = list[Record]


def tell(
    service: Any, held: dict[str, Any], told: dict[str, Any], part: Records, stopping: threading.Event
) -> bool:
    """Hand the record of a failure over, again and again while the destination is away; False: stopped."""
    target = held.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination")
    condition = told["requestContext"]["condition"]
    if not target:
        log.warning("%d records of %s are dropped: %s", len(part), held["EventSourceArn"], condition)
        return True
    pause = _PAUSES[0]
    while True:
        try:
            _send(service, held, target, told, part)
            return True
        except ClosedError:
            raise
        except Exception as error:
            final = delivering.is_final(error)
            log.warning("%s took no record of a failure: %s%s", target, error, "" if final else "; again")
            if final:
                return True
        if stopping.wait(pause):
            return False
        pause = min(2 * pause, _PAUSES[1])


def _send(service: Any, held: dict[str, Any], target: str, told: dict[str, Any], part: Records) -> None:
    """A bucket gets the records too; others where they are."""
    at = service.clock.now()
    if delivering.service_of(target) == "s3":
        body = json.dumps(told | {"payload": json.dumps({"Records": [one.event for one in part]})}).encode()
        when = time.strftime("%Y/%m/%d/%Y-%m-%dT%H.%M.%S", time.gmtime(at))
        shard = next(value["shardId"] for name, value in told.items() if name.endswith("BatchInfo"))
        key = f"aws/lambda/{held['UUID']}/{shard}/{when}-{uuid.uuid4()}"
        service.put_object(target.rpartition(":")[2], key, body)
        return
    name, request = held["FunctionArn"].split(":")[6], told["requestContext"]["requestId"]
    message = Message(name, held["FunctionArn"], request, at, json.dumps(told).encode())
    delivering.send(service, target, message)


def record(
    held: dict[str, Any], info: str, part: Records, condition: str, attempts: int, result: Any, shard: str,
    at: float,
) -> dict[str, Any]:  # fmt: skip
    """What a destination is told. `info`: Source.info; `at`: epoch seconds; `result`: of the last call, if
    there was one."""
    first, last = part[0], part[-1]
    told: dict[str, Any] = {
        "requestContext": {
            "requestId": str(uuid.uuid4()),
            "functionArn": held["FunctionArn"],
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
    }
    if result is not None:
        context = {"statusCode": 200, "executedVersion": result.executed_version}
        told["responseContext"] = context | {"functionError": result.function_error}
    return told | {
        "version": "1.0",
        "timestamp": stamp(at),
        info: {
            "shardId": shard,
            "startSequenceNumber": first.number,
            "endSequenceNumber": last.number,
            "approximateArrivalOfFirstRecord": stamp(first.at),
            "approximateArrivalOfLastRecord": stamp(last.at),
            "batchSize": len(part),
            "streamArn": held["EventSourceArn"],
        },
    }
