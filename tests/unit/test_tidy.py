"""The house rules that a machine can check: floors, includes, sizes."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = [{"base"}, {"codec", "log", "channel"}, {"store", "compress"}, {"table", "ingest"}, {"http"}]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
C_FILES = sorted(p for room in FLOOR for p in (ROOT / "csrc" / room).glob("*.[ch]"))
PY_FILES = sorted((ROOT / "src").rglob("*.py"))
SERVICES = {"dynamodb", "lambda_", "firehose", "objects"}


def test_there_is_something_to_check():
    assert len(C_FILES) > 20 and len(PY_FILES) > 10


def test_rooms_include_only_what_lies_below():
    for path in C_FILES:
        room = path.parent.name
        for included in re.findall(r'#include "(\w+)/', path.read_text()):
            assert included in FLOOR, f"{path}: {included} is no room"
            assert included == room or FLOOR[included] <= FLOOR[room], f"{path} looks up at {included}"


def test_no_python_in_the_core():
    assert [p for p in C_FILES if "Python.h" in p.read_text()] == []


def test_files_and_functions_stay_small():
    for path in C_FILES + PY_FILES:
        lines = path.read_text().splitlines()
        assert len(lines) <= 800, f"{path} has {len(lines)} lines"
        if path.suffix == ".c":
            start = None
            for number, line in enumerate(lines):
                if line == "}" and start is not None:
                    assert number - start <= 75, f"{path}:{start + 1}: a function of {number - start} lines"
                    start = None
                elif re.match(r"\w.*\)? \{$", line) and not line.startswith(
                    ("typedef", "struct", "enum", "static const", "union")
                ):
                    start = number


def test_services_do_not_import_each_other():
    for service in SERVICES:
        for path in (ROOT / "src" / "cloudcore" / service).rglob("*.py"):
            imported = set(re.findall(r"(?:from|import) cloudcore\.(\w+)", path.read_text()))
            assert imported & (SERVICES - {service}) == set(), f"{path} imports {imported & SERVICES}"


def test_every_door_has_a_stub():
    doors = {p.stem for p in (ROOT / "csrc" / "python").glob("*.pyx")}
    assert doors == {p.stem for p in (ROOT / "src" / "cloudcore").glob("*.pyi")}


def test_validation_stands_on_errors_alone():
    for path in (ROOT / "src" / "cloudcore" / "validation").glob("*.py"):
        imported = set(re.findall(r"(?:from|import) cloudcore\.(\w+)", path.read_text()))
        assert imported <= {"validation", "errors"}, f"{path} imports {imported}"
