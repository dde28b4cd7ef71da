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

def check_store(
    directory: str | PathLike[str], found: _Found, memory: int = 0, scratch: str | PathLike[str] | None = None
) -> dict[str, Any]:
    """Log, both checkpoints, and, when those are right, the opened store: items, keys, indexes made anew.

    As check_log, and generation (of the newest checkpoint, 0: none), pages, page_bytes, opened, spaces
    (tables, and the services' own), items, item_bytes, indexes, entries (of them), memory_used (bytes, in the
    end), records_kept: what the services keep of their own, as (space, partition, sort, value). Under a
    budget of `memory` bytes (0: none) values stay on the disk; what the log has over it goes to a file
    without a name in `scratch`.
    """

def repair_log(source: str | PathLike[str], target: str | PathLike[str], found: _Found) -> dict[str, Any]:
    """All batches that check, with their sequences, into a new log; as check_log.

    FileExistsError: `target` has one.
    """

def repair_store(
    source: str | PathLike[str], target: str | PathLike[str], found: _Found, memory: int = 0
) -> dict[str, Any]:
    """All items that check into a new store, within `memory` bytes (0: any).

    FileExistsError: `target` has one.

    spaces, items, item_bytes, last_sequence; regained_items (from the checkpoint before), orphan_items (from
    pages that nothing names: they may be older, or deleted since), left_out_items (whose values are no
    items), lost_sequences (of log records that are needed and do not check), stray_changes
    (of tables whose creation is lost), complete (nothing is missing).
    """

def check_entries(description: bytes | None, entries: bytes) -> tuple[int, str | None]:
    """How many entries of a backup of a table there are, and None; else which is wrong, and how.

    `description`: the table's, as JSON (ValueError when it is none); None: keys are not looked at.
    """
