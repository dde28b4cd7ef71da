"""kill -9 of a process that delivers to Redshift's stand-in, to Iceberg tables, to Splunk: nothing is lost, and in
tables every record is once."""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from stream_kills import CYCLES, SEED, kill_and_check

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from http_receiver import HecReceiver, running

PROGRAM = str(Path(__file__).parent / "destination_child.py")
TOTAL = 600
KILLS = max(4, CYCLES // 10)


@pytest.mark.crash
@pytest.mark.parametrize(("kind", "needs"), [("redshift", "duckdb"), ("iceberg", "pyiceberg")])
def test_rows_survive_kills_and_are_there_once(tmp_path: Path, kind: str, needs: str) -> None:
    if find_spec(needs) is None:
        text = f"pip install {needs}"
        pytest.fail(text, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(text)

    def check(home: Path, status: dict[str, Any]) -> None:
        assert status["found"] == list(range(TOTAL)), f"seed {SEED}"
        assert (status["delivered"], status["failed"]) == (TOTAL, 0)

    kill_and_check(tmp_path, PROGRAM, check, cycles=KILLS, least_s=0.8, most_s=3.0, arguments=(kind, "-"))


@pytest.mark.crash
def test_events_survive_kills(tmp_path: Path) -> None:
    """At least once: what was on its way when the process was killed, or was answered by an error, comes again."""
    dice = random.Random(SEED)
    with running(HecReceiver(polls=1)) as receiver:

        def handle(*asked: Any) -> Any:
            if dice.random() < 0.05:
                return receiver.says(503, {"text": "Server is busy", "code": 9})
            answer = HecReceiver.handle(receiver, *asked)
            return receiver.says(500, {"text": "Internal server error", "code": 8}) if dice.random() < 0.05 else answer

        receiver.handle = handle
        again = 0

        def check(home: Path, status: dict[str, Any]) -> None:
            nonlocal again
            found = Counter(json.loads(line)["event"]["n"] for body in receiver.indexed for line in lines(body))
            assert sorted(found) == list(range(TOTAL)), f"seed {SEED}"
            assert (status["delivered"], status["failed"], receiver.wrong) == (TOTAL, 0, [])
            again += sum(found.values()) - TOTAL
            receiver.indexed.clear()

        kill_and_check(tmp_path, PROGRAM, check, cycles=KILLS, least_s=0.4, arguments=("splunk", receiver.url))
        print(f"{again} events were indexed again")


def lines(body: bytes) -> list[str]:
    """The event objects of a body, which stand end to end."""
    return body.decode().replace("}}{", "}}\n{").split("\n")
