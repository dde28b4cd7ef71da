"""Backups and archives held against the catalogue, and every entry in them, for `cloudcore check`."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cloudcore._check import check_entries
from cloudcore._table import entries_of
from cloudcore.dynamodb.recovery.archive import changes_in
from cloudcore.dynamodb.recovery.catalogue import SPACE
from cloudcore.dynamodb.recovery.images import ImageReader
from cloudcore.errors import EngineError

Finding = tuple[bool, str, int, str]
"""Harmless; the file, below the store's directory; the offset; a sentence."""
_FOREVER = 1 << 62


def findings(directory: str, kept: Iterable[tuple[bytes, bytes, bytes, bytes]]) -> Iterator[Finding]:
    """What is wrong with the files that a store's catalogue names; `kept`: see check_store()."""
    known: set[str] = set()
    for space, kind, id_, value in kept:
        if space.decode() != SPACE:
            continue
        name = f"record {kind.decode()}/{id_.decode()} of the catalogue"
        try:
            record = json.loads(value)
            if kind == b"backup":
                yield from _backup(directory, id_.decode(), record, known)
            elif kind == b"archive":
                yield from _archive(directory, id_.decode(), record, known)
        except (ValueError, KeyError, TypeError) as error:
            yield False, "log", 0, f"{name} cannot be read: {error!r}"
    yield from _unnamed(directory, known)


def _backup(directory: str, id_: str, record: dict[str, Any], known: set[str]) -> Iterator[Finding]:
    file = os.path.join("backups", f"{id_}.image")
    known |= {file, f"{file}.part"}
    if record["status"] == "CREATING":
        yield True, file, 0, f"backup {record['name']!r} was being written: the next open begins it again"
        return
    description = json.dumps(record["table"]).encode()
    yield from _image(directory, file, {"table": record["table"]}, record["items"], description)


def _archive(directory: str, id_: str, record: dict[str, Any], known: set[str]) -> Iterator[Finding]:
    for base in record["bases"]:
        file = os.path.join("recovery", id_, f"base-{base['sequence']:020d}.image")
        known.add(file)
        yield from _image(directory, file, {"table": record["table"]}, base["items"], None)
    for part in record["files"]:
        file = os.path.join("recovery", id_, f"changes-{part['after']:020d}.log")
        known.add(file)
        yield from _changes(directory, file, id_, part)


def _image(
    directory: str, file: str, fields: dict[str, Any], items: int, description: bytes | None
) -> Iterator[Finding]:
    """One image: its blocks, the entries in them, and what its record says of it."""
    found = 0
    try:
        with ImageReader(os.path.join(directory, file)) as image:
            if image.fields != fields:
                yield False, file, 0, "it is an image of another table"
            for entries, count in image.blocks():
                yield from _entries(file, description, entries, count, found)
                found += count
    except FileNotFoundError:
        yield False, file, 0, "the catalogue names it, and it is not there"
        return
    except (EngineError, OSError, ValueError) as error:
        yield False, file, getattr(error, "position", 0), str(error)
        return
    if found != items:
        yield False, file, 0, f"it holds {found:,} items, and the catalogue says {items:,}"


def _entries(
    file: str, description: bytes | None, entries: bytes, count: int, before: int
) -> Iterator[Finding]:
    found, wrong = check_entries(description, entries)
    if wrong is not None:
        yield False, file, 0, f"entry {before + found:,}: {wrong}"
    elif found != count:
        yield False, file, 0, f"a block says {count:,} entries and holds {found:,}"


def _changes(directory: str, file: str, id_: str, part: dict[str, Any]) -> Iterator[Finding]:
    try:
        for changes in changes_in(os.path.join(directory, file), id_, part):
            entries, count, _ = entries_of(changes, part["after"], _FOREVER)
            yield from _entries(file, None, entries, count, 0)
    except FileNotFoundError:
        yield False, file, 0, "the catalogue names it, and it is not there"
    except (EngineError, OSError, ValueError) as error:
        yield False, file, getattr(error, "position", 0), str(error)


def _unnamed(directory: str, known: set[str]) -> Iterator[Finding]:
    """What a process that was killed left behind."""
    for folder in ("backups", "recovery"):
        for where, _, names in os.walk(os.path.join(directory, folder)):
            for name in sorted(names):
                file = os.path.relpath(os.path.join(where, name), directory)
                if file not in known:
                    yield True, file, 0, "no record of the catalogue names it"
