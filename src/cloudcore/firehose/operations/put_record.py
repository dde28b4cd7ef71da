"""PutRecord: one record into the stream's log; durable when it is acknowledged."""

from __future__ import annotations

from typing import Any

from cloudcore.firehose.operations.put_record_batch import record_data, required
from cloudcore.firehose.records import record_id


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """Raises ResourceNotFoundException, ServiceUnavailableException."""
    name = required(params, "DeliveryStreamName", str)
    data = record_data(required(params, "Record", dict), "record")
    stream = service.puttable(name, 1, len(data))
    encrypted = stream.encrypted
    return {"RecordId": record_id(stream.put(data)), "Encrypted": encrypted}
