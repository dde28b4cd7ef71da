"""Branch coverage of the engine's rooms, from what gcov counted: files, sums, branches never taken.

    coverage.py BUILD... [--list FILE] [--least PERCENT]

BUILD is a build directory with CC_COVERAGE after its tests ran: of the `coverage` preset for the C tests, of
the doors for the tests in Python; a branch counts when any of them took it. What CC_ASSERT asserts is
left out: the other branch ends the process. `--list` writes every other branch that was not taken, with its
line and what keeps tests from it.
"""

import argparse
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile

ROOMS = ("codec", "log", "store", "table")
ROOT = pathlib.Path(__file__).resolve().parent.parent


# Why no test takes a branch, by what its line says; the first pattern that matches.
REASONS = [
    (r"^CC_TRY(_GOTO)?\(cc_(store|log)_check", "a handle inherited by fork(): a child is not counted"),
    (r"^CC_TRY(_GOTO)?\((cc_buffer_|text|put|append)", "memory runs out at exactly this append"),
    (r"^CC_TRY(_GOTO)?\(|CC_TRY\(", "what is called here does not fail from here in any test"),
    (r"== NULL\)|_fails\(\)|no_memory|NOMEM", "memory runs out at exactly this place"),
]


def reason_of(line: str) -> str:
    return next((reason for pattern, reason in REASONS if re.search(pattern, line)), "no test goes there yet")


def branches_of(build: pathlib.Path, found: dict[str, dict[tuple[int, int], int]]) -> None:
    """Adds {file: {(line, number of the branch in it): times taken}} of the core; an inline function of a
    header is added up over the files that include it."""
    objects = build / "csrc/CMakeFiles/cc_core.dir"
    notes = [path for room in ROOMS for path in sorted(objects.glob(f"{room}/*.gcno"))]
    with tempfile.TemporaryDirectory() as scratch:
        command = ["gcov", "--json-format", "--branch-probabilities", "--preserve-paths", *map(str, notes)]
        subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for report in sorted(pathlib.Path(scratch).glob("*.gcov.json.gz")):
            for file in json.loads(gzip.decompress(report.read_bytes()))["files"]:
                path = pathlib.Path(build / file["file"]).resolve()
                if not any(path.is_relative_to(ROOT / "csrc" / room) for room in ROOMS):
                    continue
                counts = found.setdefault(str(path.relative_to(ROOT)), {})
                for line in file["lines"]:
                    for number, branch in enumerate(line["branches"]):
                        key = line["line_number"], number
                        counts[key] = counts.get(key, 0) + branch["count"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("builds", type=pathlib.Path, nargs="+", metavar="BUILD")
    parser.add_argument("--list", type=pathlib.Path, help="write the branches never taken to this file")
    parser.add_argument("--least", type=float, default=0.0, help="exit 1 when fewer percent were taken")
    options = parser.parse_args()
    rooms = dict.fromkeys(ROOMS, (0, 0))
    rows, missing = [], []
    found: dict[str, dict[tuple[int, int], int]] = {}
    for build in options.builds:
        branches_of(build.resolve(), found)
    for name, counts in sorted(found.items()):
        text = (ROOT / name).read_text().splitlines()
        kept = {key: count for key, count in counts.items() if "CC_ASSERT(" not in text[key[0] - 1]}
        taken = sum(count > 0 for count in kept.values())
        if kept:
            rows.append((taken / len(kept), name, taken, len(kept)))
        room = name.split("/")[1]
        rooms[room] = rooms[room][0] + taken, rooms[room][1] + len(kept)
        for line in sorted({key[0] for key, count in kept.items() if count == 0}):
            of = [count for key, count in kept.items() if key[0] == line]
            code = text[line - 1].strip()
            missing.append(f"{name}:{line}: {of.count(0)} of {len(of)}: {code}\n    {reason_of(code)}")
    for share, name, taken, total in sorted(rows):
        print(f"{share:7.1%} {taken:6} of {total:6}  {name}")
    rooms["all four"] = sum(room[0] for room in rooms.values()), sum(room[1] for room in rooms.values())
    for room, (taken, total) in rooms.items():
        print(f"{taken / total:7.2%} {taken:6} of {total:6}  {room}")
    if options.list:
        options.list.write_text("\n".join(missing) + "\n")
    taken, total = rooms["all four"]
    return int(100 * taken / total < options.least)


if __name__ == "__main__":
    sys.exit(main())
