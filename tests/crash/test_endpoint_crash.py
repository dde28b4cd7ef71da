"""kill -9 of a process that delivers to a search node which also fails at random: each document is there once."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import pytest
from stream_kills import CYCLES, SEED, kill_and_check

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from http_receiver import BulkReceiver, running

PROGRAM = str(Path(__file__).parent / "endpoint_child.py")


@pytest.mark.crash
def test_documents_survive_kills(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    with running(BulkReceiver()) as receiver:
        repeated = 0

        def handle(*asked: Any) -> Any:
            if dice.random() < 0.05:
                return 503, {}, b""
            answer = BulkReceiver.handle(receiver, *asked)
            return (500, {}, b"") if dice.random() < 0.05 else answer  # it was done, but nobody heard

        receiver.handle = handle

        def check(home: Path, status: dict[str, int]) -> None:
            nonlocal repeated
            found = sorted(json.loads(source)["n"] for source in receiver.documents.values())
            assert found == list(range(4000)), f"seed {SEED}"
            assert status["failed"] == 0 and receiver.wrong == []
            repeated += len(receiver.writes) - 4000
            receiver.documents.clear()
            receiver.writes.clear()

        kill_and_check(tmp_path, PROGRAM, check, cycles=max(5, CYCLES // 5), least_s=0.4, arguments=(receiver.url,))
        print(f"{repeated} documents were sent again under their ids")
