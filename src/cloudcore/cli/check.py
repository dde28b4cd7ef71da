"""Check a cloud's files, every page and record: cloudcore check cloudcore.d

PATH is a cloud's directory, or any directory of it. Checked are the item stores (superblocks, the pages of
both checkpoints against what their parents say, free space, order, the log, and, opened, tree against hash
index, every item and its key, and every index, made as opening makes it, against its table), backups and
archives of point-in-time recovery against the catalogue, and the logs of delivery streams and functions.
Nothing of it is written to; the cloud must be at rest. With --memory (or CLOUDCORE_MEMORY) a store may be
larger than memory; what its log has over the budget goes to a file in the temporary directory.

Exit status: 0 all is right, 1 something is wrong, 2 it could not be looked at.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from cloudcore.cli.connection import Refusal, served_at
from cloudcore.sizes import memory_budget


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `check` takes."""
    parser.add_argument("path", metavar="PATH", help="a cloud's directory")
    add_memory(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_memory(parser: argparse.ArgumentParser) -> None:
    """--memory, as `serve` has it."""
    parser.add_argument("--memory", metavar="SIZE", help="a store may take: 512MiB (default: any)")


def budget_of(options: argparse.Namespace) -> int:
    """Bytes; 0: no budget. Refusal when it is no size."""
    try:
        return memory_budget(options.memory, options.path, "process")
    except ValueError as error:
        raise Refusal(str(error)) from error


def run(options: argparse.Namespace) -> int:
    """0 all is right; 1 something is wrong."""
    memory = budget_of(options)
    reports = [look_at(options.path, directory, memory) for directory in at_rest(options.path)]
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


def look_at(path: str, directory: str, memory: int = 0) -> dict[str, Any]:
    """What one directory holds, and what is wrong with it."""
    from cloudcore._check import check_log, check_store

    found: list[tuple[bool, str, int, str]] = []
    if not is_store(directory):
        return report_of(path, directory, False, check_log(directory, found), found)
    from cloudcore.dynamodb.recovery.verify import findings

    figures = check_store(directory, found, memory, tempfile.gettempdir())
    kept = figures.pop("records_kept")
    figures["backups"] = sum(kind == b"backup" for _, kind, _, _ in kept)
    if figures["opened"]:
        found += findings(directory, kept)
    return report_of(path, directory, True, figures, found)


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
    more = "".join(
        f", {report[what]:,} {one if report[what] == 1 else many}"
        for what, one, many in (("indexes", "index", "indexes"), ("backups", "backup", "backups"))
        if report[what]
    )
    return f"{items_of(report)}{more}; {pages}, {log}"
