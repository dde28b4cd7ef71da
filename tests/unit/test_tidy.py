"""The house rules that a machine can check: floors, includes, sizes."""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FLOORS = [{"base"}, {"codec", "log", "channel"}, {"store", "compress", "vector", "parquet", "orc"}, {"table", "ingest"}, {"http"}]
FLOOR = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
C_FILES = sorted(p for room in FLOOR for p in (ROOT / "csrc" / room).glob("*.[ch]"))
PY_FILES = sorted((ROOT / "src").rglob("*.py"))
SERVICES = {"dynamodb", "lambda_", "firehose", "objects", "remote"}


def test_there_is_something_to_check():
    assert len(C_FILES) > 20 and len(PY_FILES) > 10


def includes_upwards(room: str, text: str) -> list[str]:
    """The rooms that `text`, of `room`, may not include: above it, beside it, or none of ours."""
    included = re.findall(r'^\s*#\s*include\s*["<]([a-z_]+)/', text, re.MULTILINE)
    ours = [name for name in included if name in FLOOR or (ROOT / "csrc" / name).is_dir()]
    return [name for name in ours if name != room and FLOOR.get(name, len(FLOORS)) >= FLOOR[room]]


def imported_parts(module: str, text: str) -> set[str]:
    """The parts of cloudcore (`cloudcore.PART`) that a file imports, relative imports resolved.

    `module` is the file's package, to which its relative imports refer: "cloudcore.firehose".
    """
    names = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = module.split(".")[: len(module.split(".")) - node.level + 1] if node.level else []
            base += node.module.split(".") if node.module else []
            names |= {".".join([*base, alias.name]) for alias in node.names}
    parts = [name.split(".") for name in names]
    return {name[1] for name in parts if name[0] == "cloudcore" and len(name) > 1}


def imports_of(path: Path) -> set[str]:
    return imported_parts(".".join(path.relative_to(ROOT / "src").parent.parts), path.read_text())


def test_rooms_include_only_what_lies_below():
    for path in C_FILES:
        wrong = includes_upwards(path.parent.name, path.read_text())
        assert wrong == [], f"{path} includes {wrong}, which do not lie below it"


@pytest.mark.parametrize(
    ("room", "line", "wrong"),
    [
        ("store", '#include "log/log.h"', []),
        ("store", '#include "store/cell.h"', []),
        ("store", "#include <sys/mman.h>", []),
        ("store", '#include "table/table.h"', ["table"]),  # above
        ("codec", '#include "log/log.h"', ["log"]),  # beside
        ("log", '  # include "channel/channel.h"', ["channel"]),
        ("table", '#include "tests/support/check.h"', ["tests"]),  # no room
    ],
)
def test_the_check_of_includes_can_fail(room, line, wrong):
    assert includes_upwards(room, f"/* a file */\n{line}\n") == wrong


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        ("import json", set()),
        ("from cloudcore.errors import ApiError", {"errors"}),
        ("from cloudcore import firehose", {"firehose"}),
        ("import cloudcore.firehose.service as s", {"firehose"}),
        ("from . import records", {"lambda_"}),
        ("from .records import frame", {"lambda_"}),
        ("from ..firehose import records", {"firehose"}),
        ("from .. import objects", {"objects"}),
        ("def f():\n    from ..dynamodb.service import S", {"dynamodb"}),
    ],
)
def test_the_check_of_imports_can_fail(line, parts):
    assert imported_parts("cloudcore.lambda_", line) == parts


def test_no_python_in_the_core():
    assert [p for p in C_FILES if "Python.h" in p.read_text()] == []


def test_files_and_functions_stay_small():
    doors = sorted((ROOT / "csrc" / "python").glob("*.p*"))
    for path in C_FILES + PY_FILES + doors:
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
            others = imports_of(path) & (SERVICES - {service})
            assert others == set(), f"{path} imports {others}"


def test_every_c_test_can_fail():
    """Its exit code says what its checks found."""
    tests = sorted((ROOT / "csrc" / "tests").glob("test_*.c"))
    assert len(tests) > 40
    for path in tests:
        end = path.read_text().rpartition("int main(")[2]
        assert re.search(r"return (REPORT\(\)|check\.failures_here != 0);", end), path.name


def test_every_door_has_a_stub():
    doors = {p.stem for p in (ROOT / "csrc" / "python").glob("*.pyx")}
    assert doors == {p.stem for p in (ROOT / "src" / "cloudcore").glob("*.pyi")}


def test_validation_stands_on_errors_alone():
    for path in (ROOT / "src" / "cloudcore" / "validation").glob("*.py"):
        imported = imports_of(path)
        assert imported <= {"validation", "errors"}, f"{path} imports {imported}"


def test_the_page_of_deviations_is_what_its_table_makes():
    spec = importlib.util.spec_from_file_location("make", ROOT / "tools" / "make_deviations.py")
    make = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    made = make.page(make.load())
    assert make.PAGE.read_text() == made, "edit docs/deviations.toml, then run tools/make_deviations.py"


def test_make_demo_installs_what_the_demo_imports():
    imported = {
        line.split()[1].split(".")[0]
        for path in (ROOT / "examples").rglob("*.py")
        for line in map(str.strip, path.read_text().splitlines())
        if re.match(r"(import|from) [a-z]", line)
    }
    other = imported - sys.stdlib_module_names - {"cloudcore", "examples"}
    assert "pyarrow" in other, other
    promised = re.search(r"\ndependencies = \[(.*?)\n\]", (ROOT / "pyproject.toml").read_text(), re.S)[1]
    rule = re.search(r"\.demo-tools:.*?\n\n", (ROOT / "Makefile").read_text(), re.S)[0]
    assert {name for name in other if name not in promised and name not in rule} == set()
