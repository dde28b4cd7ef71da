"""Record framing and identity: how many records travel as one log batch.

    batch payload:  repeated  u32 little-endian size | that many bytes

A batch of n records stands for n consecutive sequence numbers of the stream's log. frame, split and
concat are C (csrc/ingest).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cloudcore._stream import concat, frame, split

if TYPE_CHECKING:
    from cloudcore.firehose.sources.origins import Origins

__all__ = ["Piece", "concat", "frame", "record_id", "sequence_of", "split"]


@dataclass(frozen=True)
class Piece:
    """A framed batch of records, with their source sequences and the time of arrival in ms; `origins`: where
    they came from, of a source of a cluster's stream."""

    payload: bytes | memoryview
    sequences: Sequence[int]
    arrival_ms: int
    origins: Origins | None = None


def record_id(sequence: int, part: int | None = None) -> str:
    """The recordId of a sequence number: 56 digits, the same at every delivery. `part` counts the records
    that came out of one."""
    return f"49{sequence:054d}" if part is None else f"49{sequence:048d}{part:06d}"


def sequence_of(identity: str) -> int:
    """The sequence number behind a recordId of ours; ValueError for anything else."""
    if len(identity) != 56 or not identity.startswith("49") or not identity.isascii():
        raise ValueError(identity)
    return int(identity[2:])
