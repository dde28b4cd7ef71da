"""Save a cloud's directory as it is, and load it again: cloudcore snapshot save before-migration

The cloud must be at rest: a directory that is being served is refused. Copies lie beside it,
in DIR.snapshots.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import time
from typing import Any

from cloudcore.cli.connection import ADDRESS, Refusal, served_at

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `snapshot` takes."""
    parser.add_argument("verb", choices=("save", "load", "list", "delete"))
    parser.add_argument("name", nargs="?", metavar="NAME")
    parser.add_argument("--data", metavar="DIR", default=os.environ.get("CLOUDCORE_DATA", "cloudcore.d"),
                        help="the cloud's directory (default: $CLOUDCORE_DATA or cloudcore.d)")  # fmt: skip
    parser.add_argument("--force", action="store_true", help="load over what is there, save over a name")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """0; 2 when it cannot."""
    shelf = options.data.rstrip("/") + ".snapshots"
    if options.verb == "list":
        return _list(shelf, options.json)
    if not options.name or not _NAME.fullmatch(options.name) or options.name.startswith("."):
        raise Refusal("a snapshot needs a name of letters, digits, _ . -")
    kept = os.path.join(shelf, options.name)
    {"save": _save, "load": _load, "delete": _delete}[options.verb](options, kept)
    if options.json:
        print(json.dumps({"name": options.name, "path": kept}))
    else:
        done = {"save": "saved as", "load": "loaded from", "delete": "deleted"}[options.verb]
        print(f"{done} {options.name}")
    return 0


def _list(shelf: str, as_json: bool) -> int:
    found: list[dict[str, Any]] = [
        {"name": entry.name, "saved": entry.stat().st_mtime, "bytes": _size(entry.path)}
        for entry in sorted(os.scandir(shelf), key=lambda e: e.stat().st_mtime)
        if entry.is_dir() and not entry.name.startswith(".")
    ] if os.path.isdir(shelf) else []  # fmt: skip
    if as_json:
        print(json.dumps(found))
        return 0
    for entry in found:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(entry["saved"]))
        print(f"{entry['name']:<30}{when}  {entry['bytes'] / 1e6:>10.1f} MB")
    return 0


def _save(options: argparse.Namespace, kept: str) -> None:
    if not os.path.isdir(options.data):
        raise Refusal(f"there is no cloud in {options.data}")
    if os.path.exists(kept) and not options.force:
        raise Refusal(f"there is a snapshot {options.name} already", "say --force to save over it")
    _at_rest(options.data)
    _replace(options.data, kept)


def _load(options: argparse.Namespace, kept: str) -> None:
    if not os.path.isdir(kept):
        raise Refusal(f"there is no snapshot {options.name}", "cloudcore snapshot list")
    if os.path.exists(options.data):
        if not options.force:
            raise Refusal(f"{options.data} holds a cloud", "say --force to load over it")
        _at_rest(options.data)
    _replace(kept, options.data)


def _delete(options: argparse.Namespace, kept: str) -> None:
    if not os.path.isdir(kept):
        raise Refusal(f"there is no snapshot {options.name}", "cloudcore snapshot list")
    shutil.rmtree(kept)


def _replace(source: str, target: str) -> None:
    """A copy that is there whole or not at all."""
    parent, name = os.path.split(os.path.abspath(target))
    os.makedirs(parent, exist_ok=True)
    made = os.path.join(parent, f".{name}.new")
    shutil.rmtree(made, ignore_errors=True)
    shutil.copytree(source, made, symlinks=True, ignore=shutil.ignore_patterns(ADDRESS))
    shutil.rmtree(target, ignore_errors=True)
    os.rename(made, target)
    os.utime(target)


def _at_rest(directory: str) -> None:
    """Raises Refusal while a process has the directory."""
    import cloudcore

    if served_at(directory):
        raise Refusal(f"{directory} is being served", "stop it first")
    with cloudcore.open(directory) as cloud:  # BusyError says who has it; closing leaves it synced
        for place in cloud.kept():
            place.dynamodb.call("ListTables", {"Limit": 1})


def _size(path: str) -> int:
    return sum(
        os.path.getsize(os.path.join(directory, name))
        for directory, _, names in os.walk(path)
        for name in names
    )
