"""The table of deviations: its form, and that it speaks of what there is. test_tidy.py compares the page."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from cloudcore import validation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def make():
    spec = importlib.util.spec_from_file_location("make_deviations", ROOT / "tools" / "make_deviations.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_operation_of_the_models_is_implemented_or_listed(make):
    page = make.PAGE.read_text()
    for service, have in make.implemented().items():
        model = set(validation.load(service).operations)
        assert have <= model, f"{service} has operations that its model does not know: {have - model}"
        for name in model - have:
            assert f" {name}" in page, f"{service} {name} is neither implemented nor listed"


def test_reasons_are_given_for_what_is_missing_alone(make):
    missing = make.missing()
    for service, reasons in make.load().get("refused", {}).items():
        assert set(reasons) <= set(missing[service]), f"{service}: implemented, yet said to be missing"


def test_the_table_is_well_formed(make):
    table = make.load()
    seen = set()
    for section in table["section"]:
        for row in section["rows"]:
            assert len(row) == 3 and all(cell.strip() and "|" not in cell for cell in row), row
            assert (section["title"], row[0]) not in seen, f"{row[0]} is listed twice"
            seen.add((section["title"], row[0]))
    assert len(seen) > 40
