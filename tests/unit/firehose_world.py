"""A stream in a world of doubles that a test turns by hand: disk, store, function, clock."""

from __future__ import annotations

import gzip
import json
import sys
import types
from typing import Any

import pytest
from firehose_fakes import Disk, FakeFunction, MemoryObjects

from cloudcore.clock import ManualClock

ROLE = "arn:aws:iam::000000000000:role/firehose"


class World:
    """A service's surroundings: disk, store, function, clock; `open` gives a stream that a test turns."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.disk = Disk()
        self.objects = MemoryObjects(self.disk)
        self.function = FakeFunction()
        self.clock = ManualClock()
        monkeypatch.setitem(sys.modules, "cloudcore._log", types.SimpleNamespace(Log=self.disk.log_class()))

    def service(self) -> Any:
        from cloudcore.firehose.service import Firehose

        return Firehose(None, clock=self.clock)

    def defaults(self) -> dict[str, Any]:
        return {
            "bucket": "b", "prefix": "", "error_prefix": None, "format": None,
            "schema": None, "compression": None,
            "buffer_bytes": 200, "buffer_seconds": 60, "transform": None, "transform_buffer_bytes": 1 << 20,
            "transform_buffer_seconds": 0, "transform_retries": 3, "append_delimiter": False,
            "backup_prefix": None, "backup_compression": "GZIP", "file_extension": None, "timezone": "UTC",
            "disk_bound": None, "decompress": False, "messages_only": False, "split": None, "query": None,
            "plain_prefix": False, "validate_json": False,
        }  # fmt: skip

    def open(
        self,
        tmp_path: Any,
        *,
        key_file: Any = None,
        run: bool = False,
        description: dict[str, Any] | None = None,
        budget: Any = None,
        embedded: str | None = None,
        **options: Any,
    ) -> Any:
        from cloudcore.firehose import library
        from cloudcore.firehose.stream import Stream

        service = self.service()
        if description is None:
            _, raw, ours = library.configuration(service, "s", **{**self.defaults(), **options})
            ours["backup_bytes"] = 300
            description = {
                "DeliveryStreamName": "s", "DeliveryStreamARN": service.arn("s"), "VersionId": "1",
                "Identity": "id", "Destination": raw, "Ours": ours,
            }  # fmt: skip
        return Stream(
            description,
            str(tmp_path),
            "us-east-1",
            self.objects,
            self.function,
            self.clock,
            key_file=key_file,
            budget=budget,
            embedded=embedded,
            run=run,
        )

    def to(self, tmp_path: Any, kind: str, raw: dict[str, Any], embedded: str | None = None, **ours: Any) -> Any:
        """A stream to another destination than S3, by its members; its bucket is b, with no prefix. `embedded`: the
        directory of the service, for destinations that are files."""
        self.objects.content = _content
        bucket = {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::b"}
        description = {
            "DeliveryStreamName": "s", "DeliveryStreamARN": self.service().arn("s"), "VersionId": "1",
            "Identity": "id", "Kind": kind, "Destination": {"S3Configuration": bucket, **raw},
            "Ours": {"buffer_bytes": 200, "buffer_seconds": 60, "backup_bytes": 300, **ours},
        }  # fmt: skip
        return self.open(tmp_path, description=description, embedded=embedded)

    def turn(self, stream: Any, seconds: float = 0) -> None:
        """Everything that is due now, and everything that is due `seconds` from now."""
        while stream._pipeline.turn():
            pass
        self.clock.advance(seconds)
        while stream._pipeline.turn():
            pass

    def drain(self, stream: Any) -> None:
        """Deliver everything."""
        pipeline = stream._pipeline
        pipeline._flush_to = stream.last_sequence
        for _ in range(10_000):
            if not pipeline.turn():
                break
        assert pipeline._flushed_to == stream.last_sequence
        assert not pipeline.journal.open
        assert not pipeline.buffers.open

    def names(self, prefix: str = "") -> list[str]:
        return sorted(key for _, key in self.objects.objects if key.startswith(prefix))

    def joined(self, prefix: str) -> bytes:
        out = b""
        for (_, key), data in sorted(self.objects.objects.items()):
            if key.startswith(prefix):
                out += gzip.decompress(data) if key.endswith(".gz") else data
        return out


def _content(key: str, value: bytes) -> Any:
    """What failed for good at an endpoint fails again after a kill, at another time: the records are the same."""
    return [json.loads(line)["rawData"] for line in value.splitlines()] if "-failed/" in key else value
