"""What csrc/ingest/quick.c reads in one pass is what values.c reads: a space in front of a value keeps quick.c out."""

from __future__ import annotations

import json
import math
import random
from typing import Any

import pyarrow as pa
import pytest

from cloudcore._stream import Columns, frame

DIGITS = ["0", "7", "10", "007", "12345678", "123456789", "9007199254740993", "9223372036854775807", "9223372036854775808",
          "18446744073709551615", "18446744073709551616", "99999999999999999999", "100000000000000000000000"]  # fmt: skip
FRACTIONS = ["", ".", ".0", ".5", ".25", ".12345678", ".123456789012345678", ".0000000000000000001", ".99999999999999999999"]
NUMBERS = [
    sign + whole + fraction + tail
    for sign in ("", "-", "+", "--") for whole in (*DIGITS, "") for fraction in FRACTIONS for tail in ("", "e1", "E-3", "x", ".1")
]  # fmt: skip
TEXTS = [json.dumps(text, ensure_ascii=False) for size in (0, 1, 14, 15, 16, 17, 31, 32, 255, 256, 257, 1000)
         for text in ("a" * size, "a" * size + "é", "é" + "a" * size, "a" * size + "\n", '"' + "b" * size, "\x7f" * size)]  # fmt: skip
TEXTS += ['"open', '"', '"bad \\x escape"', '"control \x01"', '"ok\\u0041"', '"lone \\ud800"', "tru", "true", "false", "falsy", "null", "{}", "[1]"]
TIMES = [f'"{day}{between}{clock}{fraction}{zone}"'
         for day in ("1970-01-01", "1969-12-31", "2024-02-28", "2024-02-29", "2023-02-29", "2026-11-31", "2200-12-28", "2201-01-01", "12xx-01-01",
                     "2026-1-1", "2026-00-10", "2026-13-10", "20x6-01-01", "2026-01-0x")
         for between in ("T", " ", "t", "") for clock in ("00:00:00", "23:59:60", "24:00:00", "1:02:03", "12:34", "12:60:00", "12:00:6x")
         for fraction in ("", ".", ".1", ".123", ".123456", ".1234567891", ".x") for zone in ("", "Z", "z", "+01:00", "Z ")]  # fmt: skip


def read(kind: pa.DataType, value: str, space: str, behind: str) -> tuple[Any, list[tuple[str, str]]]:
    columns = Columns(pa.schema([("a", kind), ("b", pa.string())]))
    bad = columns.append(frame([f'{{"a":{space}{value}{behind}}}'.encode()]))
    reasons = [(code, reason.split(" at byte ")[0]) for _, code, reason in bad]
    return pa.record_batch(columns.finish()).to_pylist(), reasons


def same(kind: pa.DataType, values: list[str]) -> int:
    """Both ways of each value, at the end of a record and far from it; how many were good."""
    good = 0
    for value in values:
        for behind in ("", ',"b":"behind it is more than one block of bytes"'):
            quick, slow = read(kind, value, "", behind), read(kind, value, " ", behind)
            assert repr(quick) == repr(slow), value
            good += not quick[1]
    return good


@pytest.mark.parametrize("kind", [pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.float64(), pa.float32()])
def test_numbers(kind: pa.DataType) -> None:
    assert same(kind, NUMBERS) > 50


@pytest.mark.parametrize("kind", [pa.string(), pa.bool_()])
def test_texts_and_booleans(kind: pa.DataType) -> None:
    assert same(kind, TEXTS) >= 4


@pytest.mark.parametrize("unit", ["s", "us"])
def test_timestamps(unit: str) -> None:
    assert same(pa.timestamp(unit), TIMES if unit == "s" else TIMES[::7]) > 50


def test_doubles_are_what_python_reads() -> None:
    rng = random.Random(7)
    given = [repr(rng.random()) for _ in range(2000)] + [f"{rng.randrange(10**17)}.{rng.randrange(100)}" for _ in range(500)]
    given += [repr(rng.uniform(-1e9, 1e9)) for _ in range(2000)] + ["-0.0", "0.0000", "9007199254740993.0", "1.7976931348623157e308"]
    columns = Columns(pa.schema([("a", pa.float64())]))
    assert columns.append(frame([f'{{"a":{text}}}'.encode() for text in given])) == []
    found = pa.record_batch(columns.finish())["a"].to_pylist()
    assert [(value, math.copysign(1, value)) for value in found] == [(float(text), math.copysign(1, float(text))) for text in given]
