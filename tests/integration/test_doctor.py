"""cloudcore doctor: every finding says what and why, and its exit status whether something is off."""

from __future__ import annotations

import json

from cloudcore.cli.main import main


def test_findings(capsys, monkeypatch) -> None:
    status = main(["doctor", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert status == (0 if all(one["on"] for one in found) else 1)
    assert {"python3.x", "process limit", "ephemeral storage has a size"} <= {one["what"] for one in found}
    assert all(one["told"] for one in found)
    monkeypatch.setenv("CLOUDCORE_NODE", "/absent/node")
    assert main(["doctor"]) == 1
    assert "OFF  nodejs*.x: no node on PATH" in capsys.readouterr().out
