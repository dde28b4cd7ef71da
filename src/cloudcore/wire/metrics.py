"""Metrics as Prometheus reads them: the text exposition format, version 0.0.4.

Source: Prometheus, "Exposition formats". Names end in their unit; counters end in _total.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloudcore.wire.observed import bucket_top

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_STREAM = {
    "records_in": ("records_in_total", "Records that were acknowledged"),
    "bytes_in": ("bytes_in_total", "Bytes that were acknowledged since the stream was opened"),
    "delivered": ("records_delivered_total", "Records that reached the destination"),
    "dropped": ("records_dropped_total", "Records that the transform dropped"),
    "failed": ("records_failed_total", "Records that went to the error prefix"),
    "expired": ("records_expired_total", "Records that were lost past their retention"),
    "backed_up": ("records_backed_up_total", "Source records in the backup"),
    "objects": ("objects_total", "Objects or requests that were delivered"),
    "bytes_out": ("bytes_out_total", "Bytes that were delivered"),
    "slowed": ("puts_refused_total", "Puts that were refused because the disk bound is reached"),
    "retries": ("delivery_retries_total", "Deliveries that failed and are tried again"),
    "waiting_bytes": ("waiting_bytes", "Bytes that are not delivered yet"),
    "oldest_seconds": ("oldest_record_seconds", "Age of the oldest record that is not delivered"),
    "latency_seconds": ("delivery_latency_seconds", "From put to delivery, in the newest delivery"),
}
_FUNCTION = {
    "invocations": ("invocations_total", "Calls"),
    "errors": ("errors_total", "Calls that ended in an error of the function"),
    "throttles": ("throttles_total", "Calls that were refused for want of concurrency"),
    "duration_ms": ("duration_ms_total", "Milliseconds of running"),
    "billed_ms": ("billed_ms_total", "Billed milliseconds"),
    "gb_seconds": ("gb_seconds_total", "Billed GB-seconds"),
}
_TABLE = {
    "items": ("items", "Items"),
    "bytes": ("size_bytes", "Bytes of items as DynamoDB counts them"),
    "read_units": ("read_units_total", "Read request units"),
    "write_units": ("write_units_total", "Write request units, indexes included"),
}
_STORE = {
    "used_bytes": ("used_bytes", "Memory that keys, indexes and items of tables take"),
    "budget_bytes": ("memory_budget_bytes", "Memory that they are held to; 0 when they are not"),
    "spilled_items": ("spilled_items", "Items whose value is on the disk alone"),
    "spilled_bytes": ("spilled_bytes", "Bytes of such items"),
    "disk_reads": ("disk_reads_total", "Reads of the disk for such items"),
    "disk_read_bytes": ("disk_read_bytes_total", "Bytes of such reads"),
    "disk_written_bytes": ("spill_written_bytes_total", "Bytes that left memory for the disk"),
    "spill_failures": ("spill_failures_total", "Such reads and writes that failed"),
    "page_file_bytes": ("page_file_bytes", "Size of the file of checkpoints and spilled items"),
    "page_used_bytes": ("page_used_bytes", "What of it is in use"),
    "log_bytes": ("log_to_replay_bytes", "Log that opening would replay"),
    "checkpoints": ("checkpoints_total", "Checkpoints that were taken"),
    "checkpoint_failures": ("checkpoint_failures_total", "Checkpoints that failed"),
}
_STEP = 8  # latency buckets: every second doubling is enough for a chart


def text(found: dict[str, Any]) -> bytes:
    """The page for what Cloud.metrics() gives."""
    lines = [
        *_operations(found["operations"]),
        *_family("cloudcore_stream_", "stream", found["streams"], _STREAM),
        *_family("cloudcore_function_", "function", found["functions"], _FUNCTION),
        *_family("cloudcore_table_", "table", found["tables"], _TABLE),
        *_family("cloudcore_store_", "store", found["stores"], _STORE),
        *_head("cloudcore_process_resident_memory_bytes", "gauge", "Resident memory of this process"),
        f"cloudcore_process_resident_memory_bytes {found['memory_bytes']}",
    ]
    return ("\n".join(lines) + "\n").encode()


def _operations(found: dict[str, dict[str, Any]]) -> Iterator[str]:
    name = "cloudcore_request_duration_seconds"
    yield from _head(name, "histogram", "Time inside the endpoint")
    for operation, entry in sorted(found.items()):
        label = _label(operation=operation)
        reached = 0
        for first in range(0, len(entry["buckets"]), _STEP):
            reached += sum(entry["buckets"][first : first + _STEP])
            top = bucket_top(first + _STEP - 1)
            yield f'{name}_bucket{{{label},le="{top:.6g}"}} {reached}'
            if reached == entry["count"]:
                break
        yield f'{name}_bucket{{{label},le="+Inf"}} {entry["count"]}'
        yield f"{name}_sum{{{label}}} {entry['seconds']:.9g}"
        yield f"{name}_count{{{label}}} {entry['count']}"
    yield from _head("cloudcore_requests_refused_total", "counter", "Answers with a status of 400 or above")
    for operation, entry in sorted(found.items()):
        yield f"cloudcore_requests_refused_total{{{_label(operation=operation)}}} {entry['refused']}"


def _family(
    prefix: str, kind: str, found: list[dict[str, Any]], members: dict[str, tuple[str, str]]
) -> Iterator[str]:
    for member, (name, said) in members.items():
        rows = [entry for entry in found if entry.get(member) is not None]
        if rows:
            yield from _head(prefix + name, "counter" if name.endswith("_total") else "gauge", said)
        for entry in rows:
            label = _label(account=entry["account"], region=entry["region"], **{kind: entry["name"]})
            yield f"{prefix}{name}{{{label}}} {entry[member]:.12g}"


def _head(name: str, kind: str, said: str) -> list[str]:
    return [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]


def _label(**labels: str) -> str:
    def escaped(value: str) -> str:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

    return ",".join(f'{name}="{escaped(value)}"' for name, value in labels.items())
