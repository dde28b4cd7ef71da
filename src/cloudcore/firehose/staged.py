"""Staged batches: what one invocation gave back, as one batch of the staged log.

    u32 header size | header JSON {"source","arrival","ok","dropped","failed","groups"} | framed records
    of the groups, one group after the other

"source" is the range of source sequences that went in: the append is the transform's commit.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import Any

from cloudcore.firehose.destinations.s3.encode import Piece
from cloudcore.firehose.records import frame

_HEADER = struct.Struct("<I")


def pack(header: dict[str, Any], groups: list[Any]) -> tuple[dict[str, Any], bytes]:
    """The header with its groups filled in, and the batch's payload. `groups` are processing Groups."""
    bodies = [frame(group.records) for group in groups]
    header["groups"] = [
        {"lane": group.lane, "keys": group.keys, "records": len(group.records), "size": len(body),
         "sequences": _runs(group.sequences)}
        for group, body in zip(groups, bodies, strict=True)
    ]  # fmt: skip
    text = json.dumps(header, separators=(",", ":")).encode()
    return header, b"".join((_HEADER.pack(len(text)), text, *bodies))


def header_of(payload: Any) -> tuple[dict[str, Any], int]:
    """A staged batch's header, and where its records begin."""
    view = memoryview(payload)
    (size,) = _HEADER.unpack_from(view)
    return json.loads(bytes(view[4 : 4 + size])), 4 + size


def pieces(payload: Any, lane: str) -> Iterator[Piece]:
    """The records of one lane in a staged batch."""
    header, at = header_of(payload)
    view = memoryview(payload)
    for group in header["groups"]:
        if group["lane"] == lane:
            sequences = [first + n * step for first, count, step in group["sequences"] for n in range(count)]
            yield Piece(view[at : at + group["size"]], sequences, header["arrival"])
        at += group["size"]


def _runs(sequences: list[int]) -> list[list[int]]:
    """Numbers as [first, count, step] runs, step 1 or 0 (records that came out of one record)."""
    out: list[list[int]] = []
    for sequence in sequences:
        if out:
            first, count, step = out[-1]
            if sequence == first + count * step and (count > 1 or step == 1):
                out[-1][1] += 1
                continue
            if count == 1 and sequence in (first, first + 1):
                out[-1] = [first, 2, sequence - first]
                continue
        out.append([sequence, 1, 1])
    return out
