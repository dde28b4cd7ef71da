"""Checkpoints through the door: taken beside threads, on request and unasked; reopened from; the log recycled."""

from __future__ import annotations

import threading
from pathlib import Path

from cloudcore._table import Tables

DESCRIPTION = (
    b'{"KeySchema":[{"AttributeName":"id","KeyType":"HASH"}],'
    b'"AttributeDefinitions":[{"AttributeName":"id","AttributeType":"S"}]}'
)


def put(tables: Tables, number: int, version: int) -> None:
    item = {"id": {"S": f"key-{number}"}, "n": {"N": str(version)}, "pad": {"S": "x" * (number * 37 % 3000)}}
    tables.put_item("t", item)


def versions(tables: Tables, count: int) -> list[int]:
    found = [tables.get_item("t", {"id": {"S": f"key-{number}"}}) for number in range(count)]
    assert all(item is not None and len(item["pad"]["S"]) == n * 37 % 3000 for n, item in enumerate(found))
    return [int(item["n"]["N"]) for item in found if item is not None]


def test_reopened_from_a_checkpoint(tmp_path: Path) -> None:
    with Tables(tmp_path) as tables:
        tables.create("t", DESCRIPTION)
        for number in range(500):
            put(tables, number, 1)
        assert not (tmp_path / "pages").exists()
        tables.checkpoint()
        info = tables.info()
        assert (info["generation"], info["checkpoints"], info["log_bytes"]) == (1, 1, 0)
        assert 0 < info["page_used_bytes"] <= info["page_file_bytes"] == (tmp_path / "pages").stat().st_size
        put(tables, 7, 2)
    with Tables(tmp_path) as tables:
        assert versions(tables, 500) == [2 if number == 7 else 1 for number in range(500)]
        assert 0 < tables.info()["log_bytes"] < 2000
        assert not tables.info()["fell_back"]


def test_unasked_beside_threads_and_the_log_stays_short(tmp_path: Path) -> None:
    with Tables(tmp_path, checkpoint_bytes=1_000_000) as tables:
        tables.create("t", DESCRIPTION)

        def write(first: int) -> None:
            for version in range(1, 61):
                for number in range(first, 100, 4):
                    put(tables, number, version)

        threads = [threading.Thread(target=write, args=(first,)) for first in range(4)]
        for thread in threads:
            thread.start()
        tables.checkpoint()
        for thread in threads:
            thread.join()
        tables.checkpoint()
        tables.checkpoint()
        info = tables.info()
        assert info["checkpoints"] >= 3
        assert info["checkpoint_failures"] == 0
        assert info["first_sequence"] > 1  # about 9 MB were written
    with Tables(tmp_path) as tables:
        assert versions(tables, 100) == [60] * 100


def test_nothing_to_checkpoint_in_memory() -> None:
    with Tables() as tables:
        tables.checkpoint()
        assert tables.info()["generation"] == 0
