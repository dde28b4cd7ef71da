"""cloudcore check and cloudcore repair: on a whole cloud, on one with bits turned over, on one in use."""

from __future__ import annotations

import json
import os
import random
import struct
import time
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore._table import Snapshot, load
from cloudcore.cli.main import main
from cloudcore.errors import CorruptError

ITEMS = 400


@pytest.fixture
def cloud(tmp_path: Path) -> Path:
    """Two checkpoints, a log behind them, large values, a delivery stream with records."""
    path = tmp_path / "c"
    with cloudcore.open(path) as cloud:
        table = cloud.table("users", pk="id:S")
        for number in range(ITEMS):
            table.put({"id": f"user-{number}", "n": number, "pad": "x" * (number * 53 % 6000)})
        tables = next(iter(cloud.kept())).dynamodb.tables
        tables.checkpoint()
        for number in range(0, ITEMS, 7):
            table.put({"id": f"user-{number}", "n": number, "pad": "second"})
        tables.checkpoint()
        table.put({"id": "user-3", "n": 3, "pad": "third"})
        cloud.stream("clicks", bucket="lake")
    return path


def reports(capsys: pytest.CaptureFixture[str], *words: Any) -> tuple[int, dict[str, dict[str, Any]]]:
    status = main([*map(str, words), "--json"])
    found = json.loads(capsys.readouterr().out)
    return status, {report["directory"]: report for report in found}


def flip(path: Path, offset: int) -> None:
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 16]))


def contents(path: Path) -> dict[str, str]:
    with cloudcore.open(path) as cloud:
        return {item["id"]: item["pad"] for item in cloud.table("users").scan()}


def store_of(path: Path) -> Path:
    return path / "000000000000" / "us-east-1" / "dynamodb"


def tree(path: Path) -> dict[str, bytes]:
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def test_a_whole_cloud_is_right_and_untouched(cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree(cloud)
    status, found = reports(capsys, "check", cloud)
    assert status == 0 and not any(report["found"] for report in found.values())
    store = found["000000000000/us-east-1/dynamodb"]
    assert store["kind"] == "store" and store["items"] == ITEMS and store["generation"] == 2
    assert store["opened"] and store["pages"] > 20
    assert any(report["kind"] == "log" for report in found.values())
    assert tree(cloud) == before
    assert main(["check", str(cloud)]) == 0
    assert f"{ITEMS} items in 1 space; checkpoint 2" in capsys.readouterr().out


def test_turned_bits_are_named_and_repaired_around(cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = contents(cloud)
    pages = store_of(cloud) / "pages"
    dice = random.Random(7)
    size = os.path.getsize(pages)
    wrong = 0
    for turn in range(8):
        offset = dice.randrange(size)
        flip(pages, offset)
        status, found = reports(capsys, "check", cloud)
        store = found["000000000000/us-east-1/dynamodb"]
        assert (status == 1) == bool(store["found"]) == (not store["opened"])
        damaged = tree(cloud)
        saved, report = reports(capsys, "repair", cloud, "--to", cloud.parent / f"r{turn}")
        assert tree(cloud) == damaged
        assert reports(capsys, "check", cloud.parent / f"r{turn}")[0] == 0
        kept = contents(cloud.parent / f"r{turn}")
        assert all(whole[key] == pad for key, pad in kept.items())
        assert len(kept) >= ITEMS - 64
        complete = report["000000000000/us-east-1/dynamodb"]["complete"]
        assert (saved == 0) == complete
        assert kept == whole or not complete
        wrong += status
        flip(pages, offset)
    assert wrong >= 3


def test_the_whole_cloud_is_in_the_repaired_one(cloud: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flip(store_of(cloud) / "pages", 4096 + 70)  # the superblock of the newest checkpoint
    assert main(["check", str(cloud)]) == 1
    assert "pages at 4096: superblock 1: its checksum fails" in capsys.readouterr().out
    assert main(["repair", str(cloud), "--to", str(cloud.parent / "r")]) == 0
    assert f"{ITEMS} items in 1 space saved" in capsys.readouterr().out
    with cloudcore.open(cloud.parent / "r") as repaired:
        table = repaired.table("users")
        assert table.get("user-3")["pad"] == "third" and table.get("user-7")["pad"] == "second"
        table.put({"id": "new", "pad": "4"})
        assert repaired.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == ["clicks"]
    assert contents(cloud.parent / "r")["new"] == "4"


def test_what_cannot_begin(cloud: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (
        ["check", str(tmp_path / "none")],
        ["check", str(tmp_path / "c" / "000000000000" / "us-east-1" / "firehose" / "nothing")],
        ["repair", str(cloud), "--to", str(tmp_path)],
        ["repair", str(cloud), "--to", str(cloud / "inside")],
    ):
        assert main(words) == 2, words
        assert "cloudcore " in capsys.readouterr().err
    with cloudcore.open(cloud) as held:
        held.table("users").put({"id": "held"})
        assert main(["check", str(cloud)]) == 2
        assert "another process owns this directory" in capsys.readouterr().err
        assert main(["repair", str(cloud), "--to", str(tmp_path / "r")]) == 2
    assert not (tmp_path / "r").exists() and not (tmp_path / ".r.new").exists()


def indexed(cloud: Any) -> Any:
    """The table users, with an index by n."""
    cloud.client("dynamodb").create_table(
        TableName="users",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in (("id", "S"), ("n", "N"))],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "by-n",
                "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )
    return cloud.table("users")


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A table with an index and a backup, and one with point-in-time recovery and changes behind its base."""
    path = tmp_path / "s"
    with cloudcore.open(path) as cloud:
        db = cloud.client("dynamodb")
        table = indexed(cloud)
        for number in range(ITEMS):
            table.put({"id": f"user-{number}", **({"n": number} if number % 2 else {})})
        db.create_backup(TableName="users", BackupName="first")
        cloud.table("watched", pk="id:S").put({"id": "a"})
        db.update_continuous_backups(
            TableName="watched", PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True}
        )
    with cloudcore.open(path) as cloud:  # what was under way when it closed is done again
        db = cloud.client("dynamodb")
        for number in range(20):  # here, since a base begun again at this opening holds all that was before
            cloud.table("watched").put({"id": f"{number}"})
        wait_until(lambda: db.list_backups()["BackupSummaries"][0]["BackupStatus"] == "AVAILABLE")
        recovery = cloud.dynamodb.recovery
        (archive,) = recovery._archives.values()
        recovery.catch_up(archive)
        assert archive.record["bases"] and archive.record["files"]
    return path


def wait_until(true: Any) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_indexes_and_backups_are_checked(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, found = reports(capsys, "check", saved)
    store = found["000000000000/us-east-1/dynamodb"]
    assert status == 0 and not store["found"]
    assert (store["indexes"], store["entries"], store["backups"]) == (1, ITEMS // 2, 1)
    assert main(["check", str(saved)]) == 0
    assert ", 1 index, 1 backup; " in capsys.readouterr().out


@pytest.mark.parametrize("pattern", ["backups/*.image", "recovery/*/base-*.image", "recovery/*/changes-*.log"])
def test_files_of_backups_that_are_damaged(saved: Path, capsys: pytest.CaptureFixture[str], pattern: str) -> None:
    (file,) = store_of(saved).glob(pattern)
    name, size = str(file.relative_to(store_of(saved))), file.stat().st_size
    for offset in range(3, size, max(size // 12, 1)):
        flip(file, offset)
        status, found = reports(capsys, "check", saved)
        wrong = found["000000000000/us-east-1/dynamodb"]["found"]
        assert status == 1 and [one["file"] for one in wrong] == [name], offset
        flip(file, offset)
    os.truncate(file, size - 1)
    assert reports(capsys, "check", saved)[0] == 1
    file.rename(file.with_name("elsewhere"))
    status, found = reports(capsys, "check", saved)
    wrong, stray = found["000000000000/us-east-1/dynamodb"]["found"]
    assert status == 1 and (wrong["file"], wrong["harmless"]) == (name, False)
    assert wrong["what"] == "the catalogue names it, and it is not there"
    assert stray["harmless"] and stray["what"] == "no record of the catalogue names it"


def test_an_item_under_anothers_key_is_found(saved: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with cloudcore.open(saved) as cloud:
        tables = cloud.dynamodb.tables
        cloud.table("watched").put({"id": "a", "was": "other"})
        with Snapshot(tables, "watched") as snapshot:
            entries, _ = snapshot.read()
        at = entries.index(b"\x01a") - 8
        value, partition, sort = struct.unpack_from("<IHH", entries, at)
        body = entries[at + 8 + partition + sort : at + 8 + partition + sort + value]
        entry = struct.pack("<IHH", value, 6, 0) + b"\x01other" + body
        with pytest.raises(CorruptError, match="its key is not the one that it lies under"):
            load(tables, "watched", entry)
        (described, *_) = tables.describe("watched")
        tables.set_description("watched", described.replace(b'"id"', b'"was"'))  # as if that were its key
        load(tables, "watched", entry)
        tables.set_description("watched", described)
    status, found = reports(capsys, "check", saved)
    (wrong,) = [one for one in found["000000000000/us-east-1/dynamodb"]["found"] if one["file"] == "log"]
    assert status == 1 and wrong["what"].startswith("table 'watched': item ")
    assert wrong["what"].endswith(": its key is not the one that it lies under")


def test_within_a_memory_budget(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: Any) -> None:
    path, budget = tmp_path / "big", 4 << 20
    with cloudcore.open(path) as cloud:
        table = indexed(cloud)
        for number in range(1500):  # a log alone: 14 MB of values
            table.put({"id": f"user-{number}", "n": number, "pad": f"{number}-" * 2000})
    before = tree(path)
    status, plain = reports(capsys, "check", path)
    bounded_status, bounded = reports(capsys, "check", path, "--memory", "4MiB")
    store = "000000000000/us-east-1/dynamodb"
    assert status == bounded_status == 0
    assert plain[store].pop("memory_used") > 12 << 20
    assert bounded[store].pop("memory_used") <= budget + (budget >> 3)
    assert plain == bounded and bounded[store]["entries"] == 1500
    monkeypatch.setenv("CLOUDCORE_MEMORY", "4MiB")
    assert reports(capsys, "check", path)[1][store]["memory_used"] <= budget + (budget >> 3)
    assert tree(path) == before
    assert reports(capsys, "repair", path, "--to", tmp_path / "r")[0] == 0
    monkeypatch.delenv("CLOUDCORE_MEMORY")
    assert contents(tmp_path / "r") == contents(path)
    assert main(["check", str(path), "--memory", "1MiB"]) == 2
    assert "a memory budget is at least 4MiB" in capsys.readouterr().err
