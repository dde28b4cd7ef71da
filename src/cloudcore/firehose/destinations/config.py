"""What the pipeline needs to know of any destination, whatever it speaks.

Every destination has a bucket: it is where an S3 destination's objects go, and where the others' failed
records (and, if asked for, all records) are kept. A destination that is no bucket adds its `endpoint`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

from cloudcore.firehose.prefix import Prefix
from cloudcore.firehose.processing.config import NONE, Processors

MIB = 1 << 20
PARTITIONS_MAX, PARTITIONS_BOUND = 500, 5000


@dataclass(frozen=True)
class Target:
    """Where one kind of object goes and when: the data, or the backup."""

    bucket: str
    prefix: Prefix
    buffer_bytes: int
    buffer_seconds: float
    compression: str
    extension: str
    kms_key: str | None = None


@dataclass(frozen=True)
class Retry:
    """For how long a plan that fails is tried again before its records go to the error prefix.

    `counts`: "pauses", the time between attempts alone; "attempts", from the beginning of the first one;
    "failures", since the first one failed. `jitter`: how far a pause may lie from its length, as a share.
    """

    seconds: float
    counts: str
    jitter: float = 0.0


@dataclass(frozen=True)
class Config:
    """A destination. `data` has the hints of the data and the bucket of everything that fails; `endpoint` is
    an Endpoint (sending.py), None when the data itself goes to the bucket; `retry` None: as long as it
    takes, up to the stream's retention."""

    data: Target
    errors: Prefix
    zone: tzinfo = UTC
    processors: Processors = NONE
    backup: Target | None = None
    conversion: Any = None
    validate_json: bool = False
    partitioned: bool = False
    partitions_max: int = PARTITIONS_MAX
    retry: Retry | None = None
    endpoint: Any = None

    @property
    def needs_encryption(self) -> bool:
        """Whether the store has to encrypt by a KMS key."""
        return any(target is not None and target.kms_key for target in (self.data, self.backup))

    @property
    def processed(self) -> bool:
        """Whether records go through processors before they are buffered; a delimiter alone is put behind
        each record when it leaves."""
        return self.processors != Processors(delimiter=self.processors.delimiter)

    @property
    def delimiter(self) -> bytes:
        """What still has to be put behind each record when it leaves."""
        return b"" if self.processed else self.processors.delimiter
