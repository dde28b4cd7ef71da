"""PutRecord: one record into the stream's log; durable when it is acknowledged."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.checks import member
from cloudcore.firehose.operations.put_record_batch import record_data
from cloudcore.firehose.records import record_id


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ServiceUnavailableException."""
    name = member(params, "DeliveryStreamName", str, required=True)
    data = record_data(member(params, "Record", dict, required=True), "record")
    stream = service.get(name)
    encrypted = stream.encrypted
    return {"RecordId": record_id(stream.put(data)), "Encrypted": encrypted}
