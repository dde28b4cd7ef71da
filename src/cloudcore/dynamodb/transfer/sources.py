"""Where the lines of an export come from: a snapshot, or the archive as of a moment, or between two.

Of an archive only what changed since a base image is held in memory, in tables of its own: of every key the
last thing that became of it. The base image itself passes by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore._table import Exporter, Snapshot, Tables, filter_entries, load
from cloudcore.dynamodb.recovery.archive import Archive
from cloudcore.errors import CorruptError

Lines = tuple[bytes, int, int]
"""Lines, their number, bytes of the items that were looked at."""
_CHANGED, _OLD = "changed", "old"


def live(snapshot: Snapshot, exporter: Exporter) -> Iterator[Lines]:
    """The items that a snapshot shows."""
    while True:
        entries, count = snapshot.read()
        if not count:
            return
        yield exporter.items(entries)


def at_moment(
    archive: Archive, time_ms: int, schema: dict[str, Any], exporter: Exporter, check: Callable[[], None]
) -> Iterator[Lines]:
    """The items as they were at a moment. `check` is called now and then, and may raise."""
    base = _base(archive, time_ms)
    with Tables() as scratch:
        _make(scratch, _CHANGED, schema)
        for entries in archive.entries_between(base, time_ms, stamped=True):
            check()
            load(scratch, _CHANGED, entries, stamped=True)
        for entries in archive.items_of(base):
            yield exporter.items(filter_entries(scratch, _CHANGED, entries, False)[0])
        with Snapshot(scratch, _CHANGED) as changed:
            while True:
                entries, count = changed.read()
                if not count:
                    return
                yield exporter.items(entries, True)


def between(
    archive: Archive,
    since_ms: int,
    until_ms: int,
    schema: dict[str, Any],
    exporter: Exporter,
    old: bool,
    check: Callable[[], None],
) -> Iterator[Lines]:
    """What the changes from a moment on, before another one, made of the items that they touched."""
    base = _base(archive, since_ms - 1)
    with Tables() as scratch:
        _make(scratch, _CHANGED, schema)
        _make(scratch, _OLD, schema)
        for entries in archive.entries_between(base, until_ms - 1, since_ms, stamped=True):
            check()
            load(scratch, _CHANGED, entries, stamped=True)
        for entries in archive.items_of(base):
            check()
            load(scratch, _OLD, filter_entries(scratch, _CHANGED, entries, True)[0])
        for entries in archive.entries_between(base, since_ms - 1):
            check()
            load(scratch, _OLD, filter_entries(scratch, _CHANGED, entries, True)[0])
        with Snapshot(scratch, _CHANGED) as changed:
            while True:
                entries, count = changed.read()
                if not count:
                    return
                yield exporter.changes(entries, scratch, _OLD, True, old)


def _base(archive: Archive, time_ms: int) -> dict[str, Any]:
    base = archive.base_for(time_ms)
    if base is None:
        raise CorruptError(f"the archive {archive.id} begins after the moment {time_ms}", "corrupt")
    return base


def _make(scratch: Tables, name: str, schema: dict[str, Any]) -> None:
    scratch.create(name, json.dumps({"TableName": name, **schema}).encode())
