"""Encrypted logs: what is on the disk, restarts, other keys, changed bytes, kills while encryption switches."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from firehose_fakes import Faults, Killed
from test_firehose_pipeline import TRANSFORM, World, numbers, record

from cloudcore.errors import CorruptError
from cloudcore.firehose import Firehose
from cloudcore.firehose.kms import KeyRing
from cloudcore.firehose.sealed import KeyFile, with_new_key, without_key
from cloudcore.objects import LocalObjects


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    return World(monkeypatch)


def test_sealed_through_transform_backup_and_back(world: World, tmp_path: Any) -> None:
    key_file = KeyRing(KeyFile(str(tmp_path / "key")), None)
    stream = world.open(tmp_path / "s", **TRANSFORM, buffer_bytes=1 << 20, key_file=key_file)
    description = with_new_key(stream.description, key_file)
    stream.seal(description)
    stream.put_batch([record(n) for n in range(50)])
    stream._pipeline.turn()
    waiting = [
        each for name in ("source", "staged") for each in world.disk.logs[str(tmp_path / "s" / name)][0]
    ]
    assert waiting
    assert not [each for each in waiting if b'"n"' in each.payload]
    stream = world.open(tmp_path / "s", description=description, key_file=KeyRing(KeyFile(str(tmp_path / "key")), None))
    description = with_new_key(
        description, key_file
    )  # a second start: another key, the first one still reads
    stream.seal(description)
    stream.put_batch([record(n) for n in range(50, 100)])
    description = without_key(description)
    stream.seal(description)
    stream.put_batch([record(n) for n in range(100, 120)])
    world.drain(stream)
    assert sorted(numbers(world.joined("data/"))) == [n for n in range(120) if n % 10 < 8]
    assert sorted(numbers(world.joined("raw/"))) == list(range(120))


def test_large_batches_are_cut_before_they_are_sealed(tmp_path: Path) -> None:
    service = Firehose(
        tmp_path / "f", objects=LocalObjects(tmp_path / "o"), key_file=tmp_path / "elsewhere" / "key"
    )
    stream = service.stream("s", bucket="b", plain_prefix=True)
    service.call("StartDeliveryStreamEncryption", {"DeliveryStreamName": "s"})
    data = [bytes([65 + n]) * 1_024_000 for n in range(4)] + [b"x" * 1000] * 5000
    assert stream.put_batch(data) == (1, 5004)
    service.close()
    service = Firehose(
        tmp_path / "f", objects=LocalObjects(tmp_path / "o"), key_file=tmp_path / "elsewhere" / "key"
    )
    assert service.get("s").encrypted
    assert service.get("s").flush(30)
    (key,) = service.objects.list("b")
    assert service.objects.get("b", key) == b"".join(data)
    service.close()
    assert (tmp_path / "elsewhere" / "key").exists()
    assert not (tmp_path / "f" / "@key").exists()


def test_without_the_key_nothing_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
    service.stream("s", bucket="b")
    service.call("StartDeliveryStreamEncryption", {"DeliveryStreamName": "s"})
    service.close()
    key = (tmp_path / "f" / "@key").read_bytes()
    for other, words in ((None, "is missing"), (b"k" * 32, "not the key"), (b"short", "must hold 32 bytes")):
        (tmp_path / "f" / "@key").unlink(missing_ok=True)
        if other is not None:
            (tmp_path / "f" / "@key").write_bytes(other)
        service = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
        with pytest.raises(CorruptError, match=words):
            service.get("s")
        service.close()
    (tmp_path / "f" / "@key").unlink()
    (tmp_path / "kept").write_bytes(key)
    monkeypatch.setenv("CLOUDCORE_KEY_FILE", str(tmp_path / "kept"))
    service = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
    assert service.get("s").encrypted
    service.close()


def test_changed_bytes_are_told(world: World, tmp_path: Any) -> None:
    key_file = KeyRing(KeyFile(None), None)
    stream = world.open(tmp_path, prefix="data/", key_file=key_file)
    stream.seal(with_new_key(stream.description, key_file))
    stream.put(b"x")
    (one,) = world.disk.logs[str(tmp_path / "source")][0]
    one.payload = one.payload[:-1] + bytes([one.payload[-1] ^ 1])
    with pytest.raises(CorruptError, match="sequence 1 of the source log does not decrypt"):
        stream._pipeline.turn()


def test_killed_while_encryption_switches(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    at = 0
    while True:
        at += 1
        world = World(monkeypatch)
        key_file = KeyRing(KeyFile(None), None)
        description: dict[str, Any] | None = None
        world.disk.faults = Faults(at)
        finished = False
        for life in range(2):
            try:
                stream = world.open(
                    tmp_path, key_file=key_file, description=description,
                    prefix="data/", backup_prefix="raw/",
                )  # fmt: skip
                description = description or stream.description
                for n in range(stream.last_sequence, 60, 10):
                    switched = with_new_key(description, key_file) if n % 20 else without_key(description)
                    world.disk.faults.before()
                    description = json.loads(json.dumps(switched))
                    world.disk.faults.after()
                    stream.seal(description)
                    stream.put_batch([record(i) for i in range(n, n + 10)])
                    stream._pipeline.turn()
                world.drain(stream)
                finished = life == 0
                break
            except Killed:
                world.disk.faults = Faults()
        assert sorted(numbers(world.joined("data/"))) == list(range(60)), f"killed at step {at}"
        assert sorted(numbers(world.joined("raw/"))) == list(range(60)), f"killed at step {at}"
        if finished:
            break
    assert at > 20


def test_streams_go_on_when_the_cloud_is_opened_and_one_that_cannot_holds_up_no_other(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    import cloudcore

    with cloudcore.open(str(tmp_path / "c")) as cloud:
        for name in ("good", "locked"):
            cloud.stream(name, bucket="b", prefix=f"{name}/", buffer_seconds=0.2).put(b"x")
            if name == "locked":
                cloud.firehose.call("StartDeliveryStreamEncryption", {"DeliveryStreamName": name})
    (key,) = (tmp_path / "c").rglob("@key")
    key.unlink()
    for made in (tmp_path / "c").rglob("objects"):
        shutil.rmtree(made)
    with cloudcore.open(str(tmp_path / "c")) as cloud:
        cloud.firehose.call("ListDeliveryStreams", {})  # nobody asks for the stream itself
        assert "locked cannot be opened" in caplog.text
        assert "good" not in caplog.text
        with pytest.raises(CorruptError, match="is missing"):
            cloud.firehose.get("locked")
        assert cloud.firehose.get("good").flush(10)
