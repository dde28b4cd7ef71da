"""PutRecordBatch: 1..500 records, at most 4 MiB, into the stream's log in one append.

The two puts check their requests themselves: the general checker would cost more than the append.
"""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose.checks import failed, invalid

RECORDS_MAX = 500
BATCH_BYTES_MAX = 4 << 20


def run(service: Any, params: dict[str, Any]) -> dict[str, Any]:
    """All records or none are stored. Raises ResourceNotFoundException, ServiceUnavailableException."""
    name = required(params, "DeliveryStreamName", str)
    given = required(params, "Records", list)
    if not given:
        raise failed("[]", "records", "Member must have length greater than or equal to 1")
    if len(given) > RECORDS_MAX:
        raise failed(
            f"[{len(given)} records]", "records", "Member must have length less than or equal to 500"
        )
    records = [record_data(record, f"records.{at}.member") for at, record in enumerate(given, 1)]
    if sum(map(len, records)) > BATCH_BYTES_MAX:
        raise invalid("Records size exceeds 4 MB limit")
    stream = service.puttable(name, len(records), sum(map(len, records)))
    encrypted = stream.encrypted
    first, last = stream.put_batch(records)
    return {
        "FailedPutCount": 0,
        "Encrypted": encrypted,
        "RequestResponses": [{"RecordId": f"49{sequence:054d}"} for sequence in range(first, last + 1)],
    }


def record_data(record: Any, where: str) -> bytes:
    """The bytes of a Record member."""
    data = record.get("Data") if isinstance(record, dict) else None
    if data is None:
        raise failed(None, f"{where}.data", "Member must not be null")
    if isinstance(data, str):
        data = data.encode()  # as boto3 does for callers that hand text over
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ApiError("SerializationException", "Data must be bytes")
    return bytes(data)


def required(params: dict[str, Any], name: str, kind: type) -> Any:
    """A required member of the Python type `kind`."""
    value = params.get(name)
    if value is None:
        raise failed(None, name[0].lower() + name[1:], "Member must not be null")
    if not isinstance(value, kind):
        raise ApiError("SerializationException", f"{name} must be of the type {kind.__name__}")
    return value
