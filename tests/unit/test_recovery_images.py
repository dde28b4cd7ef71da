"""Image files: whole, or an error that says where; the catalogue."""

from __future__ import annotations

import os

import pytest

from cloudcore._table import Tables
from cloudcore.dynamodb.recovery.catalogue import Catalogue
from cloudcore.dynamodb.recovery.images import ImageReader, ImageWriter
from cloudcore.errors import CorruptError, FormatError


def read_whole(path):
    with ImageReader(str(path)) as image:
        return image.fields, b"".join(entries for entries, _ in image.blocks())


def write(path, blocks):
    writer = ImageWriter(str(path), {"table": {"TableName": "tab"}})
    for entries, count in blocks:
        writer.add(entries, count)
    return writer.finish()


def test_every_damaged_byte_is_found(tmp_path):
    path = tmp_path / "a.image"
    size = write(path, [(b"some entries", 3), (b"and more of them", 4)])
    assert size == path.stat().st_size
    whole, data = read_whole(path), path.read_bytes()
    assert whole == ({"table": {"TableName": "tab"}}, b"some entriesand more of them")
    for at in range(len(data)):
        for bit in (1, 128):
            path.write_bytes(data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :])
            with pytest.raises((CorruptError, FormatError)) as caught:
                read_whole(path)
            assert "a.image" in str(caught.value)
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with pytest.raises((CorruptError, FormatError)):
            read_whole(path)
    path.write_bytes(data + b"x")
    with pytest.raises(CorruptError):
        read_whole(path)


def test_blocks_swapped_between_two_images_are_found(tmp_path):
    for name, blocks in (("a", [(b"one", 1), (b"two", 1)]), ("b", [(b"one", 1)])):
        write(tmp_path / name, blocks)
    long, short = (tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()
    (tmp_path / "c").write_bytes(short[:-40] + long[-40:])
    with pytest.raises(CorruptError):
        read_whole(tmp_path / "c")


def test_an_unfinished_image_has_no_name(tmp_path):
    path = tmp_path / "a.image"
    writer = ImageWriter(str(path), {})
    writer.add(b"entries", 1)
    assert not path.exists()
    writer.abort()
    assert os.listdir(tmp_path) == []


def test_the_catalogue_is_kept(tmp_path):
    with Tables(tmp_path) as tables:
        catalogue = Catalogue(tables)
        assert not catalogue and catalogue.all("backup") == []
        catalogue.remove("backup", "absent")
        catalogue.put("backup", "b", {"n": 1})
        catalogue.put("backup", "a", {"n": 2, "text": "é\0"})
        catalogue.put("export", "a", {"n": 3})
        catalogue.put("backup", "b", {"n": 4})
        catalogue.put("export", "z", {})
        catalogue.remove("export", "z")
        assert tables.names() == []
    with Tables(tmp_path) as tables:
        catalogue = Catalogue(tables)
        assert catalogue
        assert catalogue.all("backup") == [("a", {"n": 2, "text": "é\0"}), ("b", {"n": 4})]
        assert catalogue.get("export", "a") == {"n": 3} and catalogue.get("export", "z") is None
