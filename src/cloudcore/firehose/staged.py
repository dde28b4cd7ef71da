"""Staged batches: what one invocation gave back, as one batch of the staged log.

    u32 header size | header JSON {"source","arrival","ok","dropped","failed","groups"} |
    for each group: u32 each record's distance from the first source sequence | framed records

"source" is the range of source sequences that went in: the append is the transform's commit. A group is
skipped by its size alone: with partitions, every lane's object reads past all the others.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterator
from typing import Any

import orjson

from cloudcore.firehose.destinations.s3.encode import Piece
from cloudcore.firehose.records import frame

_HEADER = struct.Struct("<I")


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
    view = memoryview(payload)
    for group in header["groups"]:
        behind = at + 4 * group["records"]
        if group["lane"] == lane:
            source = header["source"][0]
            distances = array("I", bytes(view[at:behind]))
            sequences = [source + distance for distance in distances]
            yield Piece(view[behind : behind + group["size"]], sequences, header["arrival"])
        at = behind + group["size"]
