"""tests/conformance/README.md: every behaviour is named with tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).resolve().parents[1] / "conformance"
def test_every_behaviour_has_tests_and_every_test_is_there():
    numbers = set()
    for line in (HERE / "README.md").read_text().splitlines():
        row = re.match(r"\| (\d+) \| [^|]+ \| ([^|]+) \|$", line)
        if row is None:
            continue
        numbers.add(int(row[1]))
        for group in row[2].split(";"):
            module, _, names = group.strip().partition("::")
            text = (HERE / f"{module}.py").read_text()
            for name in names.split(","):
                assert re.search(rf"^def {name.strip()}\(", text, re.M), f"{module} has no {name}"
    assert numbers == set(range(1, 61))
