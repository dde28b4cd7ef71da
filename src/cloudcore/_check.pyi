"""Checking and repairing the files of a log or a store; `cloudcore check` and `cloudcore repair` stand on it.

`found` receives what is wrong as (harmless, file, offset, sentence); harmless is what kill -9 or a power cut
leaves behind and opening takes in its stride. Nothing here writes to the directory that is looked at. Each
raises BusyError when a process owns the directory, FormatError when a newer build wrote it, OSError when it
cannot be read.
"""

from os import PathLike
from typing import Any

_Found = list[tuple[bool, str, int, str]]

def check_log(directory: str | PathLike[str], found: _Found) -> dict[str, Any]:
    """Every record of a log.

    first_sequence, last_sequence, records, record_bytes, segments, lost_sequences.
    """

def check_store(directory: str | PathLike[str], found: _Found) -> dict[str, Any]:
    """Log, both checkpoints, and, when those are right, the opened store.

    As check_log, and generation (of the newest checkpoint, 0: none), pages, page_bytes, opened, spaces
    (tables, and the services' own), items, item_bytes.
    """

def repair_log(source: str | PathLike[str], target: str | PathLike[str], found: _Found) -> dict[str, Any]:
    """All batches that check, with their sequences, into a new log; as check_log.

    FileExistsError: `target` has one.
    """

def repair_store(source: str | PathLike[str], target: str | PathLike[str], found: _Found) -> dict[str, Any]:
    """All items that check into a new store. FileExistsError: `target` has one.

    spaces, items, item_bytes, last_sequence; regained_items (from the checkpoint before), orphan_items (from
    pages that nothing names: they may be older, or deleted since), lost_sequences (of log records that are
    needed and do not check), stray_changes (of tables whose creation is lost), complete (nothing is missing).
    """
