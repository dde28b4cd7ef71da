"""The local object store: whole or absent, names that cannot leave their bucket."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudcore.errors import ApiError
from cloudcore.objects import LocalObjects
from cloudcore.objects.keys import unescape
from cloudcore.objects.local import _segments


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjects:
    return LocalObjects(tmp_path)


def test_put_get_head_delete(objects: LocalObjects) -> None:
    objects.put("b", "a/b.txt", [b"one", b"two"], content_encoding="gzip", metadata={"k": "v"})
    assert objects.get("b", "a/b.txt") == b"onetwo"
    head = objects.head("b", "a/b.txt")
    assert (head.size, head.content_encoding, head.metadata) == (6, "gzip", {"k": "v"})
    objects.put("b", "a/b.txt", b"three")
    assert objects.get("b", "a/b.txt") == b"three"
    assert objects.head("b", "a/b.txt").content_encoding is None
    objects.delete("b", "a/b.txt")
    objects.delete("b", "a/b.txt")
    with pytest.raises(ApiError) as missing:
        objects.get("b", "a/b.txt")
    assert (missing.value.code, missing.value.status) == ("NoSuchKey", 404)
    assert list(objects.list("b")) == []


def test_list_is_in_key_order(objects: LocalObjects) -> None:
    for key in ("b", "a/2", "a/1", "a-0", "c//d", ".cloudcore/x", "..", "%2E"):
        objects.put("k", key, key.encode())
    assert list(objects.list("k")) == sorted(["b", "a/2", "a/1", "a-0", "c//d", ".cloudcore/x", "..", "%2E"])
    assert list(objects.list("k", "a/")) == ["a/1", "a/2"]
    assert list(objects.list("absent")) == []
    assert objects.get("k", "..") == b".."


def test_a_failed_put_leaves_nothing(objects: LocalObjects, monkeypatch: pytest.MonkeyPatch) -> None:
    objects.put("b", "k", b"old")

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        objects.put("b", "k", b"new")
    monkeypatch.undo()
    assert objects.get("b", "k") == b"old"
    assert os.listdir(os.path.join(objects.directory, "b", ".cloudcore", "tmp")) == []


@pytest.mark.parametrize("bucket", ["", ".", "..", "a/b"])
def test_bucket_names_that_leave_the_directory(objects: LocalObjects, bucket: str) -> None:
    with pytest.raises(ApiError, match="not valid"):
        objects.put(bucket, "k", b"")


@given(st.text(min_size=1, max_size=60))
def test_every_key_comes_back_and_stays_inside(key: str) -> None:
    segments = _segments(key)
    assert "/".join(map(unescape, segments)) == key
    assert not {"", ".", ".."} & set(segments)
    assert not any("/" in segment or "\0" in segment for segment in segments)
    assert segments[0] != ".cloudcore"
