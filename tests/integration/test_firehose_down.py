"""Each destination is down for an hour (the clock is moved): within its retry duration every record arrives there
once; past it every record is in the bucket, once, and nothing is tried any more. Backups are written meanwhile."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest

from cloudcore.firehose import to
from cloudcore.firehose.destinations.iceberg.deliver import local_catalog

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from firehose_world import ROLE, World
from http_receiver import HecReceiver, HttpReceiver

HOUR, STEP, RECORDS = 3600, 20, 120


def ids(data: bytes) -> list[int]:
    return [int(n) for n in re.findall(rb'"id":(\d+)', data)]


class Http:
    """An endpoint that answers 503; `backup` are the members that ask for all records in the bucket, too."""

    backup: ClassVar[dict[str, Any]] = {"S3BackupMode": "AllData"}
    failed = "http-endpoint-failed/"

    def __init__(self, home: Path):
        self.server: Any = HttpReceiver()
        self.asked = 0

    def destination(self, seconds: int) -> to.Destination:
        return to.http_endpoint(self.server.url, retry_seconds=seconds)

    def refuse(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        self.asked += 1
        return 503, {}, b"down"

    def down(self) -> None:
        self.server.script = [self.refuse] * 100_000

    def up(self) -> None:
        self.server.script = []

    def found(self) -> list[int]:
        assert self.server.wrong == []
        return [n for record in self.server.data() for n in ids(record)]

    def close(self) -> None:
        self.server.close()


class Splunk(Http):
    """The strict double of HEC."""

    backup: ClassVar[dict[str, Any]] = {"S3BackupMode": "AllEvents"}
    failed = "splunk-failed/"

    def __init__(self, home: Path):
        self.server = HecReceiver(raw=True)
        self.asked = 0

    def destination(self, seconds: int) -> to.Destination:
        found = to.splunk(self.server.url, "t-1", raw=True, retry_seconds=seconds)
        return to.Destination(found.kind, found.members, {**found.ours, "poll_seconds": 0.005, "timeout_seconds": 30})

    def found(self) -> list[int]:
        assert self.server.wrong == []
        return [n for body in self.server.indexed for n in ids(body)]


class Redshift:
    """A DuckDB file in whose directory's place a file stands."""

    backup: ClassVar[dict[str, Any]] = {
        "S3BackupMode": "Enabled", "S3BackupConfiguration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::backup"},
    }  # fmt: skip
    failed = "errors/manifests/"
    asked: int | None = None  # it cannot count

    def __init__(self, home: Path):
        self.path = home / "mounted" / "w.duckdb"
        self.mount = self.path.parent

    def destination(self, seconds: int) -> to.Destination:
        return to.redshift("t", url=f"duckdb:{self.path}", retry_seconds=seconds)

    def down(self) -> None:
        self.mount.write_text("not mounted")

    def up(self) -> None:
        self.mount.unlink()
        self.mount.mkdir()
        with duckdb.connect(str(self.path)) as connection:
            connection.execute("create table t (id bigint)")

    def found(self) -> list[int]:
        with duckdb.connect(str(self.path)) as connection:
            return [row[0] for row in connection.execute("select id from t").fetchall()]

    def close(self) -> None:
        pass


class Iceberg(Redshift):
    """A catalog in whose directory's place a file stands."""

    backup: ClassVar[dict[str, Any]] = {}  # FailedDataOnly is all there is
    failed = "iceberg-failed/"

    def __init__(self, home: Path):
        self.home = home / "service"
        self.home.mkdir()
        self.mount = self.home / "@iceberg"

    def destination(self, seconds: int) -> to.Destination:
        return to.iceberg("shop.orders", retry_seconds=seconds)

    def up(self) -> None:
        self.mount.unlink()
        catalog = local_catalog(str(self.home))
        catalog.create_namespace("shop")
        catalog.create_table("shop.orders", pa.schema([pa.field("id", pa.int64())]))

    def found(self) -> list[int]:
        return local_catalog(str(self.home)).load_table("shop.orders").scan().to_arrow()["id"].to_pylist()


def an_hour(world: World, stream: Any) -> int:
    """Records come in for ten minutes of the hour; how many there are."""
    size = RECORDS // 10
    for second in range(0, HOUR, STEP):
        if second < 600 and second % 60 == 0:
            first = second // 60 * size
            stream.put_batch([b'{"id":%d}' % n for n in range(first, first + size)])
        world.turn(stream, STEP)
    return RECORDS


@pytest.mark.parametrize("seconds", [7200, 600])
@pytest.mark.parametrize("kind", [Http, Splunk, Redshift, Iceberg])
def test_an_endpoint_that_is_down_for_an_hour(kind: Any, seconds: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, place = World(monkeypatch), kind(tmp_path)
    try:
        target = place.destination(seconds)
        stream = world.to(
            tmp_path / "s", target.kind, {"RoleARN": ROLE, **target.members, **kind.backup}, embedded=str(tmp_path / "service"),
            **{"small_buffers": True, **target.ours},
        )  # fmt: skip
        place.down()
        count = an_hour(world, stream)
        backed_up = Counter(n for (bucket, key), data in world.objects.objects.items()
                            if key.startswith("2023/") and (kind is not Redshift or bucket == "backup") for n in ids(data))  # fmt: skip
        if kind.backup:
            assert backed_up == Counter(range(count)), "the backup waits for nothing, and holds each once"
        asked = place.asked
        for _ in range(10):
            world.turn(stream, 1)
        place.up()
        for _ in range(4):
            world.turn(stream, 130)
        world.drain(stream)
        status = stream.status()
        if seconds > HOUR:
            assert Counter(place.found()) == Counter(range(count))
            assert (status["delivered"], status["failed"], world.names(kind.failed)) == (count, 0, [])
        else:
            assert place.found() == [] and asked == place.asked  # it was given up, and not tried in between
            assert (status["delivered"], status["failed"]) == (0, count)
            assert Counter(given_up(world, kind, seconds)) == Counter(range(count))
        assert status["expired"] == 0
    finally:
        place.close()


def given_up(world: World, kind: Any, seconds: int) -> list[int]:
    """The records of the error objects; of Redshift those of the objects that its manifests name."""
    if kind is Redshift:
        entries = [entry["url"] for key in world.names(kind.failed) for entry in json.loads(world.objects.objects["b", key])["entries"]]
        return [n for url in entries for n in ids(world.objects.objects["b", url.removeprefix("s3://b/")])]
    lines = [json.loads(line) for line in world.joined(kind.failed).splitlines()]
    for line in lines:
        waited = (line["attemptEndingTimestamp"] - line["arrivalTimestamp"]) / 1000
        assert seconds <= waited <= seconds + 60 + 10 * STEP  # after its buffer; the clock goes in steps
        assert line["attemptsMade"] >= 5
    return [n for line in lines for n in ids(base64.b64decode(line["rawData"]))]


@pytest.mark.parametrize("hours", [1, 25])
def test_a_bucket_that_is_down_for_hours(hours: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 has no retry duration: objects wait for 24 hours, with what is backed up, and are then lost, counted."""
    world = World(monkeypatch)
    stream = world.open(tmp_path, buffer_bytes=1 << 20, buffer_seconds=60, backup_prefix="raw/", transform="t")
    world.function.one = lambda record: {**record, "result": "Ok"}  # type: ignore[method-assign]
    world.objects.down = True
    count = an_hour(world, stream)
    keys = {plan.key for plan in stream._pipeline.journal.open.values()}
    for _ in range(hours - 1):
        world.turn(stream, HOUR)
    world.objects.down = False
    for _ in range(3):
        world.turn(stream, 130)
    world.drain(stream)
    status = stream.status()
    data = [n for name in world.names() if not name.startswith("raw/") for n in ids(world.objects.objects["b", name])]
    if hours == 1:
        assert Counter(data) == Counter(ids(world.joined("raw/"))) == Counter(range(count))
        assert keys <= set(world.names())  # under the names that were planned when it was down
        assert (status["delivered"], status["expired"]) == (count, 0)
    else:
        assert data == [] and status["delivered"] == 0 and status["expired"] >= count


def test_partitions_whose_bucket_is_down_for_an_hour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With dynamic partitioning RetryOptions count (300 s): what waited longer is under the error prefix, once."""
    world = World(monkeypatch)
    stream = world.open(
        tmp_path, buffer_bytes=1 << 20, buffer_seconds=60, query="{k: .id}", prefix="p/!{partitionKeyFromQuery:k}/",
        error_prefix="e/!{firehose:error-output-type}/",
    )  # fmt: skip
    world.objects.down = True
    count = an_hour(world, stream)
    world.objects.down = False
    stream.put(b'{"id":%d}' % count)
    for _ in range(3):
        world.turn(stream, 130)
    world.drain(stream)
    assert ids(world.joined("p/")) == [count]
    assert Counter(ids(world.joined("e/processing-failed/"))) == Counter(range(count))
    assert len(world.names()) == world.objects.puts  # no object was written twice
