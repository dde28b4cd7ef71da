"""Keys in order, whatever directories they are in; pages of a listing against sorting all keys."""

from __future__ import annotations

import contextlib
import os
import random

import pytest

from cloudcore.objects import LocalObjects
from cloudcore.objects.keys import Directories, escape, unescape

PARTS = ["a", "b", "a!", "a0", "", ".", "..", ".cloudcore", "ü", "%", "%2E", "z z", "\0"]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = LocalObjects(tmp_path_factory.mktemp("objects"), durable=False)
    chance = random.Random(7)
    for _ in range(300):
        key = "/".join(chance.choice(PARTS) for _ in range(chance.randint(1, 4)))
        with contextlib.suppress(IsADirectoryError, NotADirectoryError, FileExistsError):  # a folder of keys
            store.put("keys", key or "k", b"")
    store.put("keys", "gone/deep/er", b"")
    store.delete("keys", "gone/deep/er")
    return store


def test_in_order_from_any_key_with_any_prefix(store):
    everything = list(store.list("keys"))
    assert len(everything) > 100 and everything == sorted(set(everything))
    chance = random.Random(8)
    bounds = ["", "a", "a/", "b/a", "zz", *(chance.choice(everything)[: chance.randint(0, 6)] for _ in range(12))]
    for prefix in bounds:
        for after in bounds:
            expected = [key for key in everything if key.startswith(prefix) and key > after]
            assert list(store.keys("keys", prefix, after)) == expected, (prefix, after)


@pytest.mark.parametrize("delimiter", ["/", "a", "%2"])
def test_a_group_that_is_passed_over_is_left_out_whole(store, delimiter):
    everything = list(store.list("keys"))
    groups = [key.partition(delimiter)[0] + delimiter if delimiter in key else None for key in everything]
    rows, keys = [], store.keys("keys")
    for key in keys:
        group = groups[everything.index(key)]
        if group is not None:
            keys.pass_over(group)
        rows.append(group or key)
    assert rows == list(dict.fromkeys(group or key for group, key in zip(groups, everything, strict=True)))


def test_a_walk_reads_the_directories_it_shows(tmp_path, monkeypatch):
    store = LocalObjects(tmp_path, durable=False)
    for group in range(30):
        for n in range(3):
            store.put("keys", f"year/{group:02}/{n}", b"")
    read, names = [], Directories.names
    monkeypatch.setattr(Directories, "names", lambda self, path: read.append(path) or names(self, path))
    assert next(iter(store.keys("keys", "year/17/", "year/17/0"))) == "year/17/1"
    assert [os.path.relpath(path, tmp_path) for path in read] == ["keys", "keys/year", "keys/year/17"]


def test_a_big_directory_is_kept_until_it_changes(tmp_path, monkeypatch):
    store = LocalObjects(tmp_path, durable=False)
    for n in range(1000):
        (tmp_path / "keys").mkdir(exist_ok=True)
        (tmp_path / "keys" / f"{n:04}").touch()
    scans, scandir = [], os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: scans.append(path) or scandir(path))
    assert len(list(store.list("keys"))) == len(list(store.list("keys"))) == 1000
    assert len(scans) == 2  # it has just changed: it may change again within the same tick of its time
    os.utime(tmp_path / "keys", (1, 1))
    assert len(list(store.list("keys"))) == len(list(store.list("keys"))) == 1000
    assert len(scans) == 3
    store.put("keys", "new", b"")
    store.delete("keys", "0000")
    assert list(store.list("keys"))[0::999] == ["0001", "new"]


@pytest.mark.parametrize("part", PARTS)
def test_parts_of_keys_as_names(part):
    assert unescape(escape(part)) == part and escape(part) not in ("", ".", "..", ".cloudcore")
