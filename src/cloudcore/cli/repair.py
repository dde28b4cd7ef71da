"""Save what still checks of a damaged cloud into a new directory: cloudcore repair cloudcore.d --to new.d

PATH is a cloud's directory, or any directory of it; it is only read. NEW must not exist, and is there whole
or not at all. Item stores are built anew: from the newest checkpoint, where its pages are damaged from the
one before it, then from every log record that checks. Logs of delivery streams and functions keep every
record that checks, with its sequence number. Every other file is copied as it is. What is lost is said,
place by place.

A repaired store goes on behind the last sequence number, without the records before it: table streams and
point-in-time recovery have no past in it. --memory (or CLOUDCORE_MEMORY) bounds what the new store takes.

Exit status: 0 nothing is missing in NEW, 1 something is lost, 2 it could not begin.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from typing import Any

from cloudcore.cli import check
from cloudcore.cli.connection import ADDRESS, Refusal

_OF_A_LOG = ("state", "spare", "pages")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `repair` takes."""
    parser.add_argument("path", metavar="PATH", help="a cloud's directory")
    parser.add_argument("--to", metavar="NEW", required=True, help="the directory to make")
    check.add_memory(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """0 nothing is missing; 1 something is lost."""
    source, target = os.path.abspath(options.path), os.path.abspath(options.to)
    memory = check.budget_of(options)
    logs = check.at_rest(options.path)
    if os.path.exists(target):
        raise Refusal(f"there is something at {options.to} already", "name a directory that does not exist")
    if target.startswith(source + os.sep):
        raise Refusal(f"{options.to} lies in {options.path}", "name a directory outside")
    parent, name = os.path.split(target)
    os.makedirs(parent, exist_ok=True)
    made = os.path.join(parent, f".{name}.new")
    shutil.rmtree(made, ignore_errors=True)
    try:
        reports = [_save(source, os.path.abspath(directory), made, memory) for directory in logs]
        _copy_others(source, made)
        os.rename(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    if options.json:
        print(json.dumps(reports))
    else:
        for report in reports:
            check.print_report(report, _summary(report))
    return 0 if all(report["complete"] for report in reports) else 1


def _save(source: str, directory: str, made: str, memory: int) -> dict[str, Any]:
    from cloudcore._check import repair_log, repair_store

    found: list[tuple[bool, str, int, str]] = []
    store = check.is_store(directory)
    to = os.path.normpath(os.path.join(made, os.path.relpath(directory, source)))
    os.makedirs(to, exist_ok=True)
    if store:
        figures = repair_store(directory, to, found, memory)
    else:
        figures = repair_log(directory, to, found)
        figures["complete"] = figures["lost_sequences"] == 0
    return check.report_of(source, directory, store, figures, found)


def _copy_others(source: str, made: str) -> None:
    """All files but those of logs."""
    for directory, _, names in os.walk(source):
        to = os.path.normpath(os.path.join(made, os.path.relpath(directory, source)))
        os.makedirs(to, exist_ok=True)
        log = check.holds_log(names)
        for name in names:
            if name in ("lock", ADDRESS) or (log and (name in _OF_A_LOG or name.endswith(".seg"))):
                continue
            shutil.copy2(os.path.join(directory, name), os.path.join(to, name))


def _summary(report: dict[str, Any]) -> str:
    if report["kind"] == "log":
        return f"{report['records']:,} records saved" + _lost(report)
    saved = f"{check.items_of(report)} saved"
    if report["regained_items"]:
        saved += f", {report['regained_items']:,} of them from the checkpoint before"
    if report["orphan_items"]:
        saved += f", {report['orphan_items']:,} from pages that nothing names (maybe older, or deleted since)"
    if report["left_out_items"]:
        saved += f"; {report['left_out_items']:,} are left out: they are no items"
    if report["stray_changes"]:
        saved += f"; {report['stray_changes']:,} changes of tables whose creation is lost"
    if report["complete"]:
        return saved + "; nothing is missing"
    return saved + _lost(report)


def _lost(report: dict[str, Any]) -> str:
    lost = report["lost_sequences"]
    return f"; {lost:,} log records are lost" if lost else ""
