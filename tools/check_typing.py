"""Check the annotations that ship: good_api.py of tests/typing passes, bad_api.py fails where it says."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from mypy import api

ROOT = Path(__file__).resolve().parents[1]
GOOD, BAD = ROOT / "tests/typing/good_api.py", ROOT / "tests/typing/bad_api.py"


def main() -> int:
    lines = enumerate(BAD.read_text().splitlines(), 1)
    wanted = {(BAD.name, n, m[1]) for n, line in lines if (m := re.search(r"# error: ([\w-]+)$", line))}
    out, problems, _ = api.run(["--config-file", str(GOOD.with_name("mypy.ini")), str(GOOD), str(BAD)])
    found = {
        (Path(match[1]).name, int(match[2]), match[3])
        for match in re.finditer(r"^(\S+?):(\d+): error: .*\[([\w-]+)\]$", out, re.MULTILINE)
    }
    for name, line, code in sorted(found - wanted):
        print(f"tests/typing/{name}:{line}: {code} is not wanted here")
    for name, line, code in sorted(wanted - found):
        print(f"tests/typing/{name}:{line}: mypy does not find the {code}")
    if problems or not wanted or not found:
        print(problems or out or "nothing was checked")
    return 1 if problems or not wanted or found != wanted else 0


if __name__ == "__main__":
    sys.exit(main())
