"""Schemas of converted output: given, or inferred once from the first records and then kept for good."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.journal import Journal, Plan
from cloudcore.firehose.records import Piece, split

_SAMPLE_RECORDS = 4_000


class Schemas:
    """The schema of each plan. Thread rule: the pipeline's thread."""

    def __init__(self, journal: Journal, pieces: Callable[[Plan], Iterator[Piece]]):
        self._journal, self._pieces = journal, pieces
        self._known: dict[str, Any] = {}

    def for_plan(self, plan: Plan, config: Config) -> Any:
        """The Arrow schema of a plan's object, None where nothing is converted. An inferred schema is in the
        journal before it is used."""
        if config.conversion is None or not plan.lane.startswith("data"):
            return None
        from cloudcore.firehose import schema

        text: str | None = config.conversion.schema
        if text == "infer":
            text = self._journal.schema
            if text is None:
                found = inferred(self._pieces(plan))
                if not found:
                    return found  # no record of the plan can be read: the next plan may know better
                text = schema.dump(found)
                self._journal.set_schema(text)
        assert text is not None
        if text not in self._known:
            self._known[text] = schema.load(text)
        return self._known[text]


def inferred(pieces: Iterable[Piece]) -> Any:
    """The Arrow schema that some first records have; an empty one when none can be read."""
    import pyarrow as pa

    from cloudcore.firehose import schema
    from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of

    rows: list[dict[str, Any]] = []
    for piece in pieces:
        for record in split(piece.payload):
            try:
                rows += objects_of(record)
            except BadRecord:
                continue
        if len(rows) >= _SAMPLE_RECORDS:
            break
    return schema.infer(rows[:_SAMPLE_RECORDS]) if any(rows) else pa.schema([])
