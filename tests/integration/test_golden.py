"""Directories that builds of earlier formats left (tests/golden) open with this one; what it does not know it refuses."""

from __future__ import annotations

import json
import struct
import sys
import tarfile
from pathlib import Path

import pytest

import cloudcore
from cloudcore.cli.main import main
from cloudcore.errors import FormatError

GOLDEN = Path(__file__).parents[1] / "golden"
sys.path.insert(0, str(GOLDEN))
import make  # noqa: E402

NAMES = sorted(path.name.removesuffix(".tar.xz") for path in GOLDEN.glob("*.tar.xz"))
BLOCK = 4096


def extracted(name: str, to: Path) -> Path:
    with tarfile.open(GOLDEN / f"{name}.tar.xz") as archive:
        archive.extractall(to, filter="data")
    return to / "cloud"


def test_the_present_format_has_its_golden_file() -> None:
    assert make.NAME in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_directory_opens(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = extracted(name, tmp_path)
    assert main(["check", str(path)]) == 0, capsys.readouterr().out
    expected = json.loads((GOLDEN / f"{name}.json").read_text())
    assert make.contents(path) == expected
    with cloudcore.open(path) as cloud:  # and it can be written to
        client = cloud.client("dynamodb")
        make.put(client, 2000, 1)
        next(iter(cloud.kept())).dynamodb.tables.checkpoint()
    with cloudcore.open(path) as cloud:
        key = {"id": {"S": f"o{2000 % 11}"}, "at": {"N": "2000"}}
        assert cloud.client("dynamodb").get_item(TableName="orders", Key=key)["Item"] == make.item(2000, 1)


def crc32c(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def change_superblocks(path: Path, offset: int, form: str, value: int) -> None:
    """Another value in every superblock that was written, with a right checksum."""
    pages = path / "000000000000" / "us-east-1" / "dynamodb" / "pages"
    data = bytearray(pages.read_bytes())
    for slot in range(4):
        at = slot * BLOCK
        if data[at : at + 8] == b"ccpages1":
            struct.pack_into(form, data, at + offset, value)
            struct.pack_into("<I", data, at + BLOCK - 4, crc32c(bytes(data[at : at + BLOCK - 4])))
    pages.write_bytes(data)


@pytest.mark.parametrize(
    ("offset", "form", "value", "message"),
    [
        (8, "<I", 2, "the page file is of format version 2; this build knows 1"),
        (16, "<Q", 5, "the page file uses features that this build does not know (incompatible bits 5)"),
        (24, "<Q", 1, "the page file uses features that this build can read but not write (bits 1)"),
        (40, "<I", 0x04030201, "the page file was written by a machine of another byte order"),
    ],
)
def test_what_is_not_known_is_refused(
    offset: int, form: str, value: int, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = extracted(make.NAME, tmp_path)
    change_superblocks(path, offset, form, value)
    with pytest.raises(FormatError) as caught, cloudcore.open(path) as cloud:
        cloud.client("dynamodb").list_tables()
    assert message in str(caught.value)
    capsys.readouterr()
    if "not write" in message:  # reading alone is allowed
        assert main(["check", str(path)]) == 0
    else:
        assert main(["check", str(path)]) == 2
        assert message in capsys.readouterr().err


def test_features_that_may_be_ignored_are(tmp_path: Path) -> None:
    path = extracted(make.NAME, tmp_path)
    change_superblocks(path, 32, "<Q", 1 << 63)
    assert make.contents(path) == json.loads((GOLDEN / f"{make.NAME}.json").read_text())
