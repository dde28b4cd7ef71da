"""Branch coverage of the engine's rooms, from what gcov counted: files, sums, branches never taken.

    coverage.py BUILD... [--list FILE] [--least PERCENT] [--reasons DIRECTORY [--write]]

BUILD is a build directory with CC_COVERAGE after its tests ran: of the `coverage` preset for the C tests, of
the doors for the tests in Python; a branch counts when any of them took it. What CC_ASSERT asserts is
left out: the other branch ends the process. `--list` writes every other branch that was not taken, with its
line.

`--reasons` holds those against lists of reasons, a file ROOM.txt for each room:

    csrc/codec/item.c check_list
        1 forged: if (left < ITEM_HEADER)
        2 half (the caller has asked for the first part): if (left > size || size == 0)

So many branches of this line of this function, why no test takes them (of KINDS, with words of its own where
those are not enough), the line. More branches than that, or a reason not of KINDS, are an error: exit 1.
`--write` brings the lists up to date: what is new gets the reason that its line tells, or `unexplained`,
which is for a person to replace.
"""

import argparse
import collections
import gzip
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import typing

ROOMS = ("codec", "log", "store", "table")
ROOT = pathlib.Path(__file__).resolve().parent.parent

# Why no test takes a branch, and the lines that tell it.
APPENDS = r"cc_buffer_|text|put|append|cc_json_write|cc_item_(begin|name|end|put)|cc_call_copy"
KINDS = {
    "memory": (
        "memory runs out at exactly this place; what follows is CC_TRY's, or a cleanup that others share",
        rf"^CC_TRY(_GOTO)?\(({APPENDS})|[a-z]alloc\(|no_memory|NOMEM|_alloc_fails|cc_buffer_(reserve|append|grow)",
    ),
    "passed-on": (
        "the call's own failures are tested; here one would only be passed on",
        r"^CC_TRY(_GOTO)?\(",
    ),
    "machine": (
        "another processor, kernel or size of memory would take it",
        r"cc_cpu\(\)|MAP_FAILED|SIZE_MAX|getrandom",
    ),
    "size": (
        "more than 1 GiB of a partition, 4 GiB, 2^32 items or 2^56 sequences would take it",
        r"UINT(32|64)_MAX|SEQUENCE_MAX",
    ),
    "forged": ("stored bytes with right checksums that no version has written", r"\bcorrupt\("),
    "half": (
        "the condition goes both ways; a part of it, or a loop's end, one way in all that tests bring",
        r"(?!)",
    ),
    "guard": ("none of today's callers does it; it stays for those to come", r"(?!)"),
    "thread": ("another thread at exactly this moment", r"(?!)"),
    "fork": ("a child of fork(), which is not counted", r"(?!)"),
    "untested": ("it can happen, and no test does it yet", r"(?!)"),
}


def guess(line: str) -> str:
    return next((kind for kind, (_, pattern) in KINDS.items() if re.search(pattern, line)), "unexplained")


class Branches:
    """Of a source file: times taken by (line, number of the branch in it), and the function of each line."""

    def __init__(self) -> None:
        self.counts: dict[tuple[int, int], int] = {}
        self.functions: dict[int, str] = {}


def branches_of(build: pathlib.Path, found: dict[str, Branches]) -> None:
    """Adds what a build's tests took; an inline function of a header is added up over the files that include
    it."""
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
                of = found.setdefault(str(path.relative_to(ROOT)), Branches())
                for line in file["lines"]:
                    of.functions.setdefault(line["line_number"], line.get("function_name", "-"))
                    for number, branch in enumerate(line["branches"]):
                        key = line["line_number"], number
                        of.counts[key] = of.counts.get(key, 0) + branch["count"]


class Missing(typing.NamedTuple):
    file: str
    line: int
    function: str
    left: int  # branches of the line that were not taken
    of: int
    text: str


def measure(found: dict[str, Branches]) -> tuple[dict[str, tuple[int, int]], list[Missing]]:
    """Prints the files; what was taken of the rooms, and the lines with branches that were not, in order."""
    rooms = dict.fromkeys(ROOMS, (0, 0))
    rows, missing = [], []
    for name, of in sorted(found.items()):
        text = (ROOT / name).read_text().splitlines()
        kept = {key: count for key, count in of.counts.items() if "CC_ASSERT(" not in text[key[0] - 1]}
        taken = sum(count > 0 for count in kept.values())
        if kept:
            rows.append((taken / len(kept), name, taken, len(kept)))
        room = name.split("/")[1]
        rooms[room] = rooms[room][0] + taken, rooms[room][1] + len(kept)
        for line in sorted({key[0] for key, count in kept.items() if count == 0}):
            counts = [count for key, count in kept.items() if key[0] == line]
            function, count = of.functions.get(line, "-"), counts.count(0)
            missing.append(Missing(name, line, function, count, len(counts), text[line - 1].strip()))
    for share, name, taken, total in sorted(rows):
        print(f"{share:7.1%} {taken:6} of {total:6}  {name}")
    return rooms, missing


# ---- the lists of reasons ----
Place = tuple[str, str, str]  # file, function, line
Reasons = dict[Place, tuple[int, str, str]]  # branches, one of KINDS, " (words)" or ""
ENTRY = re.compile(r"    (\d+) ([a-z-]+)( \([^)]*\))?: (.*)")


def read_reasons(directory: pathlib.Path) -> Reasons:
    reasons: Reasons = {}
    file = function = ""
    for path in (directory / f"{room}.txt" for room in ROOMS):
        for line in path.read_text().splitlines() if path.exists() else []:
            if found := ENTRY.fullmatch(line):
                reasons[file, function, found[4]] = int(found[1]), found[2], found[3] or ""
            elif line:
                file, function = line.split()
    return reasons


def write_reasons(directory: pathlib.Path, left: collections.Counter[Place]) -> None:
    known = read_reasons(directory)
    texts = dict.fromkeys(ROOMS, "")
    before: tuple[str, str] = "", ""
    for place, count in left.items():
        allowed, kind, words = known.get(place, (0, "", ""))
        if count > allowed:
            kind, words = guess(place[2]), ""
        room = place[0].split("/")[1]
        if place[:2] != before:
            texts[room] += f"{place[0]} {place[1]}\n"
            before = place[:2]
        texts[room] += f"    {count} {kind}{words}: {place[2]}\n"
    for room, text in texts.items():
        (directory / f"{room}.txt").write_text(text)


def check_reasons(directory: pathlib.Path, left: collections.Counter[Place]) -> bool:
    reasons, good = read_reasons(directory), True
    sums: collections.Counter[str] = collections.Counter()
    for place, count in left.items():
        allowed, kind, _ = reasons.get(place, (0, "", ""))
        sums[kind] += count
        if count > allowed or kind not in KINDS:
            good = False
            print(f"{place[0]}: {place[1]}: {count} not taken, {allowed} '{kind}': {place[2]}")
    if stale := sum(reasons[place][0] > left[place] for place in reasons):
        print(f"{stale} entries say more than is left: --write")
    for kind, count in sums.most_common():
        print(f"{count:6} {kind}: {KINDS.get(kind, ('no reason',))[0]}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("builds", type=pathlib.Path, nargs="+", metavar="BUILD")
    parser.add_argument("--list", type=pathlib.Path, help="write the branches never taken to this file")
    parser.add_argument("--least", type=float, default=0.0, help="exit 1 when fewer percent were taken")
    parser.add_argument("--reasons", type=pathlib.Path, help="the lists; exit 1 when a branch has no reason")
    parser.add_argument("--write", action="store_true", help="bring the lists of reasons up to date")
    options = parser.parse_args()
    found: dict[str, Branches] = {}
    for build in options.builds:
        branches_of(build.resolve(), found)
    rooms, missing = measure(found)
    rooms["all four"] = sum(room[0] for room in rooms.values()), sum(room[1] for room in rooms.values())
    for room, (taken, total) in rooms.items():
        print(f"{taken / total:7.2%} {taken:6} of {total:6}  {room}")
    if options.list:
        texts = [f"{m.file}:{m.line}: {m.left} of {m.of}: {m.function}: {m.text}\n" for m in missing]
        options.list.write_text("".join(texts))
    good = True
    if options.reasons:
        left: collections.Counter[Place] = collections.Counter()
        for m in missing:
            left[m.file, m.function, m.text] += m.left
        if options.write:
            write_reasons(options.reasons, left)
        good = check_reasons(options.reasons, left)
    taken, total = rooms["all four"]
    return int(not good or 100 * taken / total < options.least)


if __name__ == "__main__":
    sys.exit(main())
