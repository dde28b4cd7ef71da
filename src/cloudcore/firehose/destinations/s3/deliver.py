"""Deliver: one plan -> its objects in the store. Safe to repeat: same plan, same keys, same bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cloudcore.firehose import prefix
from cloudcore.firehose.destinations.config import Config, Target
from cloudcore.firehose.destinations.s3 import encode
from cloudcore.firehose.destinations.s3.compress import FORMATS, compress
from cloudcore.firehose.journal import Plan


def object_key(config: Config, stream: str, version: int, plan_identity: str, lane: str, time_ms: int,
               keys: dict[str, str]) -> tuple[str, str]:  # fmt: skip
    """Bucket and key of a plan's object; `keys` are the lane's partition keys."""
    kind, _, rest = lane.partition(":")
    when = prefix.moment(time_ms, config.zone)
    if kind == "error":
        where, bucket = config.errors.evaluate(when, error_type=rest), config.data.bucket
        extension = FORMATS[config.data.compression].extension
    else:
        target = config.backup if kind == "backup" else config.data
        assert target is not None
        where, extension, bucket = target.prefix.evaluate(when, keys), target.extension, target.bucket
    return bucket, where + prefix.object_name(stream, version, when, plan_identity, extension)


def deliver(
    plan: Plan, pieces: Iterable[encode.Piece], config: Config, schema: Any, objects: Any,
    stream: str, on_failed: encode.OnFailed | None,
) -> dict[str, int]:  # fmt: skip
    """Write the plan's object, and next to it under the error prefix what would not convert.

    Returns what to count. Raises OSError when the store cannot take it now.
    """
    kind = plan.lane.partition(":")[0]
    target = config.backup if kind == "backup" else config.data
    assert target is not None
    if kind == "data" and config.conversion:
        from cloudcore.firehose.destinations.s3 import columnar

        found = columnar.convert(pieces, config.conversion, schema, plan.planned_ms, on_failed)
    elif kind == "data" and config.validate_json:
        found = encode.json_lines(pieces, plan.planned_ms, on_failed)
    else:
        found = encode.concatenate(pieces, config.delimiter if kind == "data" else b"")
    moved = {"objects": 0, "bytes_out": 0}
    parts = compress(found.parts, target.compression, plan.key)
    if found.records:
        _put(objects, plan.bucket, plan.key, parts, target, moved)
    if found.failures:
        key = failures_key(plan, config, stream, encode.CONVERSION_FAILED)
        put_failures(objects, config, key, found.failures, moved)
    failed = len(found.failures)
    if plan.redirected:
        moved |= {"failed": found.records, "conversion_failed": failed}
    elif kind == "data":
        moved |= {"delivered": found.records, "conversion_failed": failed}
    elif kind == "backup":
        moved["backed_up"] = found.records
    else:
        moved["errors_written"] = found.records
    return moved


def redirected_key(plan: Plan, config: Config, stream: str) -> str:
    """The key under the error prefix of a partition's object that could not be written in time."""
    when = prefix.moment(plan.time_ms, config.zone)
    name = prefix.object_name(stream, plan.version, when, f"{plan.key}:redirected", config.data.extension)
    return config.errors.evaluate(when, error_type="processing-failed") + name


def failures_key(plan: Plan, config: Config, stream: str, error_type: str) -> str:
    """The key of the object that holds what failed of a plan."""
    when = prefix.moment(plan.time_ms, config.zone)
    extension = FORMATS[config.data.compression].extension
    name = prefix.object_name(stream, plan.version, when, f"{plan.key}:{error_type}", extension)
    if config.errors.has("random"):  # fresh text at every evaluation would not overwrite itself
        return f"{plan.key}.{error_type}{extension}" if plan.bucket else f"{error_type}/{name}"
    return config.errors.evaluate(when, error_type=error_type) + name


def put_failures(objects: Any, config: Config, key: str, lines: list[bytes], moved: dict[str, int]) -> None:
    """Write the object of what failed."""
    parts = compress(lines, config.data.compression, key)
    _put(objects, config.data.bucket, key, parts, config.data, moved)


def _put(
    objects: Any, bucket: str, key: str, parts: list[Any], target: Target, moved: dict[str, int]
) -> None:
    headers: dict[str, Any] = {"content_encoding": FORMATS[target.compression].content_encoding}
    if target.kms_key:
        headers["kms_key"] = target.kms_key
    objects.put(bucket, key, parts, **headers)
    moved["objects"] += 1
    moved["bytes_out"] += sum(map(len, parts))
