"""The part that imports and bulk puts share: object by object, step by step, progress kept with every step.

A record's "progress": {"key": the object being read, "place": lines or rows of it that are done, or -1 when
all of it is, "bytes": what was read of the objects before it, "looked", "refused", "spooled": bytes of the
spool that count}. A step is stored before it is counted: a process that is killed in between does it again.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

from cloudcore.dynamodb.transfer import inputs
from cloudcore.dynamodb.transfer.formats import Step
from cloudcore.dynamodb.transfer.records import Record

BEGUN: Record = {"key": "", "place": -1, "bytes": 0, "looked": 0, "refused": 0, "spooled": 0}
END = Step(-1, 0, [])
Took = Callable[[str, Step, Record], None]


def read(
    store: Any,
    bucket: str,
    keys: list[str],
    compression: str,
    progress: Record,
    steps: Callable[[inputs.Input, int], Iterator[Step]],
    took: Took,
    packed: bool,
) -> None:
    """Read what `progress` leaves over; took(key, step, progress behind it) after every step.

    `packed`: bytes are counted as the objects have them, else unpacked. Raises ApiError, OSError.
    """
    for key in keys:
        place = progress["place"] if key == progress["key"] else 0
        if key < progress["key"] or place < 0:
            continue
        with inputs.Input(store, bucket, key, compression) as content:
            for step in itertools.chain(steps(content, place), [END]):
                progress = _behind(progress, key, step)
                if step.place < 0:
                    progress["bytes"] += content.packed if packed else content.count
                took(key, step, progress)
                if step.place < 0:
                    break


def _behind(progress: Record, key: str, step: Step) -> Record:
    return progress | {
        "key": key,
        "place": step.place,
        "looked": progress["looked"] + step.looked,
        "refused": progress["refused"] + len(step.refused),
    }
