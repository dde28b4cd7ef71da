"""Every cc_status of the core becomes one Python exception, in every door."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from cloudcore import errors

ROOT = Path(__file__).resolve().parents[2]
DOORS = sorted(p.stem for p in (ROOT / "csrc" / "python").glob("*.pyx") if 'include "errors.pxi"' in p.read_text())


def declared() -> list[str]:
    """The failures of the enum in csrc/base/status.h, in its order, as cc_status_name should call them."""
    body = (ROOT / "csrc" / "base" / "status.h").read_text().split("typedef enum {")[1].split("} cc_status;")[0]
    return [name.lower() for name in re.findall(r"^\s*CC_ERR_(\w+)", body, re.MULTILINE)]


@pytest.mark.parametrize("door", DOORS)
def test_the_map_is_total(door):
    module = importlib.import_module(f"cloudcore.{door}")
    assert module._status_names() == declared()  # also: this build is of this header
    assert list(module._status_map()) == declared()


@pytest.mark.parametrize("door", DOORS)
def test_every_status_has_an_exception_class_of_its_meaning(door):
    for name, kind in importlib.import_module(f"cloudcore.{door}")._status_map().items():
        assert issubclass(kind, Exception), name
        if issubclass(kind, errors.EngineError):
            made = kind("why", name, 7)
            assert str(made) == "why" and kind is not errors.EngineError, name


def test_there_are_doors_and_statuses():
    assert len(DOORS) >= 4 and len(declared()) >= 20
