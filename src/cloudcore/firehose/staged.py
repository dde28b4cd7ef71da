"""Staged batches: what one invocation gave back, as one batch of the staged log.

    u32 header size | header JSON {"source","arrival","ok","dropped","failed","groups"} |
    for each group: u32 each record's distance from the first source sequence | framed records

"source" is the range of source sequences that went in: the append is the transform's commit. A group is
skipped by its size alone: with partitions, every lane's object reads past all the others.
"""

from __future__ import annotations

import mmap
import struct
from array import array
from collections.abc import Iterator
from typing import Any

import orjson

from cloudcore.errors import ClosedError
from cloudcore.firehose.journal import Plan
from cloudcore.firehose.records import Piece, frame

_HEADER = struct.Struct("<I")
_MAPPED_MIN = 1 << 20


def pack(header: dict[str, Any], groups: list[Any]) -> tuple[dict[str, Any], bytes]:
    """The header with its groups filled in, and the batch's payload. `groups` are processing Groups."""
    first = header["source"][0]
    bodies = [
        (array("I", [at - first for at in group.sequences]).tobytes(), frame(group.records))
        for group in groups
    ]
    header["groups"] = [
        {"lane": group.lane, "keys": group.keys, "records": len(group.records), "size": len(framed)}
        for group, (_, framed) in zip(groups, bodies, strict=True)
    ]
    text = orjson.dumps(header)
    return header, b"".join((_HEADER.pack(len(text)), text, *(part for body in bodies for part in body)))


def header_of(payload: Any) -> tuple[dict[str, Any], int]:
    """A staged batch's header, and where its groups begin."""
    view = memoryview(payload)
    (size,) = _HEADER.unpack_from(view)
    return orjson.loads(view[4 : 4 + size]), 4 + size


def pieces(payload: Any, lane: str) -> Iterator[Piece]:
    """The records of one lane in a staged batch."""
    header, at = header_of(payload)
    for group in header["groups"]:
        if group["lane"] == lane:
            yield _piece(memoryview(payload), at, header, group)
        at += 4 * group["records"] + group["size"]


def gather(log: Any, plans: list[Plan]) -> list[list[Piece]]:
    """The records of several plans, read in one pass over the log. Raises ClosedError when it ends early.

    They lie in one block that goes back to the system as a whole: thousands of small ones, made by one thread
    and freed by others, stay in the allocator's arenas.
    """
    out: list[list[Piece]] = [[] for _ in plans]
    block, used = _block(sum(plan.size for plan in plans)), 0
    wanted: dict[str, list[tuple[int, int, int]]] = {}  # lane -> (first, last, number of the plan)
    for number, plan in enumerate(plans):
        wanted.setdefault(plan.lane, []).extend((first, last, number) for first, last in plan.ranges)
    spans = [span for plan in plans for span in plan.ranges]
    position, end = min(first for first, _ in spans), max(last for _, last in spans)
    for record in log.read(position):
        if record.first > end:
            break
        position = record.first
        header, at = header_of(record.payload)
        view = memoryview(record.payload)
        for group in header["groups"]:
            for first, last, number in wanted.get(group["lane"], ()):
                if first <= position <= last:
                    piece = _piece(view, at, header, group)
                    # A copy: a view of the batch would keep the other lanes' bytes too.
                    begin, used = used, used + len(piece.payload)
                    block[begin:used] = piece.payload
                    out[number].append(Piece(block[begin:used], piece.sequences, piece.arrival_ms))
            at += 4 * group["records"] + group["size"]
        if position >= end:
            break
    if position < end:
        raise ClosedError(f"the staged log ends at {position}, before {end}", "closed")
    return out


def _block(size: int) -> memoryview:
    if size < _MAPPED_MIN:
        return memoryview(bytearray(size))
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def _piece(view: memoryview, at: int, header: dict[str, Any], group: dict[str, Any]) -> Piece:
    behind = at + 4 * group["records"]
    source = header["source"][0]
    sequences = array("Q", [source + distance for distance in array("I", bytes(view[at:behind]))])
    return Piece(view[behind : behind + group["size"]], sequences, header["arrival"])
