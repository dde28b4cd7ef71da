"""A function's log: bounded, and no reason for a call to fail."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudcore.lambda_ import function_log
from cloudcore.lambda_.function_log import FunctionLog


def test_a_log_that_cannot_be_written_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    log = FunctionLog(str(tmp_path / "none" / "fn.log"))
    log.write(b"lost\n")
    assert "are lost" in caplog.text
    (tmp_path / "none").mkdir()
    log.write(b"kept\n")
    assert log.tail() == b"kept\n"
    log.close()
    log.write(b"after\n")
    assert log.tail() == b"kept\n"


def test_a_full_log_begins_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function_log, "FILE_MAX", 10)
    log = FunctionLog(str(tmp_path / "fn.log"))
    for line in (b"first\n", b"second\n"):
        log.write(line)
    assert log.tail() == b"second\n"
    assert (tmp_path / "fn.log.1").read_bytes() == b"first\n"
    log.close()
