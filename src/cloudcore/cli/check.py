"""Check a cloud's files, every page and record: cloudcore check cloudcore.d

PATH is a cloud's directory, or any directory of it. Checked are the item stores (superblocks, the pages of
both checkpoints against what their parents say, free space, order, the log, and, opened, tree against hash
index and every item), and the logs of delivery streams and functions. Nothing is written; the cloud must be
at rest.

Exit status: 0 all is right, 1 something is wrong, 2 it could not be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from typing import Any

from cloudcore.cli.connection import Refusal, served_at


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    parser.add_argument("path", metavar="PATH", help="a cloud's directory")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """0 all is right; 1 something is wrong."""
    reports = [look_at(options.path, directory) for directory in at_rest(options.path)]
    if options.json:
        print(json.dumps(reports))
    else:
        for report in reports:
            print_report(report, _summary(report))
    return 1 if any(not found["harmless"] for report in reports for found in report["found"]) else 0


def at_rest(path: str) -> list[str]:
    """The directories below `path` that hold a log; Refusal when there is none, or it is being served."""
    if not os.path.isdir(path):
        raise Refusal(f"there is no directory {path}")
    directory = os.path.abspath(path)
    for _ in range(4):  # DIR/<account>/<region>/<service>
        if served_at(directory):
            raise Refusal(f"{directory} is being served", "stop it first")
        directory = os.path.dirname(directory)
    logs = sorted(_logs(path))
    if not logs:
        raise Refusal(f"there is no store and no log in {path}")
    return logs


def _logs(path: str) -> Iterator[str]:
    for directory, _, names in os.walk(path):
        if {"lock", "state", "pages"} & set(names) and holds_log(names):
            yield directory


def holds_log(names: list[str]) -> bool:
    """Whether these are names of a log's files, some of which may be missing."""
    segments = any(name.endswith(".seg") and len(name) == 24 for name in names)
    return segments or "pages" in names or ("lock" in names and "state" in names)


def is_store(directory: str) -> bool:
    """An item store, not the log of a stream or of a function."""
    return os.path.basename(os.path.abspath(directory)) == "dynamodb" or os.path.exists(
        os.path.join(directory, "pages")
    )


def look_at(path: str, directory: str) -> dict[str, Any]:
    """What one directory holds, and what is wrong with it."""
    from cloudcore._check import check_log, check_store

    found: list[tuple[bool, str, int, str]] = []
    store = is_store(directory)
    figures = (check_store if store else check_log)(directory, found)
    return report_of(path, directory, store, figures, found)


def report_of(
    path: str, directory: str, store: bool, figures: dict[str, Any], found: list[tuple[bool, str, int, str]]
) -> dict[str, Any]:
    """One directory's report, as --json prints it."""
    return {
        "directory": os.path.relpath(directory, path),
        "kind": "store" if store else "log",
        **figures,
        "found": [
            {"harmless": harmless, "file": file, "offset": offset, "what": what}
            for harmless, file, offset, what in found
        ],
    }


def print_report(report: dict[str, Any], summary: str) -> None:
    """A line per directory, and one per finding."""
    wrong = any(not found["harmless"] for found in report["found"])
    print(f"{'WRONG' if wrong else 'ok   '}  {report['directory']}: {summary}")
    for found in report["found"]:
        note = "note: " if found["harmless"] else ""
        print(f"       {note}{found['file']} at {found['offset']}: {found['what']}")


def items_of(report: dict[str, Any]) -> str:
    """How much a store's report counts; spaces are tables and what the services keep beside them."""
    spaces = report["spaces"]
    return f"{report['items']:,} items in {spaces} space{'' if spaces == 1 else 's'}"


def _summary(report: dict[str, Any]) -> str:
    log = f"{report['records']:,} records"
    if report["kind"] == "log":
        return log
    pages = (
        f"checkpoint {report['generation']}, {report['pages']:,} pages"
        if report["generation"]
        else "no checkpoint"
    )
    if not report["opened"]:
        return f"{pages}, {log}"
    return f"{items_of(report)}; {pages}, {log}"
