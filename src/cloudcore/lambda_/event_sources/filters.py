"""Filters: which records FilterCriteria choose.

Source: AWS, "Control which events Lambda sends to your function".
"""

from __future__ import annotations

import json
from typing import Any

from cloudcore.lambda_.event_sources import patterns
from cloudcore.lambda_.event_sources.record import Record


class Filters:
    """`member` is what holds a record's own data, into which a filter sees: "data" of Kinesis, "body" of
    queues. A filter that wants an object there passes by what is no JSON object; others see its text."""

    def __init__(self, held: dict[str, Any], member: str = ""):
        filters = held.get("FilterCriteria", {}).get("Filters", [])
        self._patterns = [json.loads(one["Pattern"]) for one in filters]
        self._member = member
        self._within = "kinesis" if member == "data" else ""

    def choose(self, record: Record) -> bool:
        return not self._patterns or any(self._matches(one, record) for one in self._patterns)

    def _matches(self, pattern: dict[str, Any], record: Record) -> bool:
        event = record.event | record.event.get(self._within, {})
        if self._member not in pattern:
            return patterns.matches(pattern, event)
        try:
            text = record.data.decode() if isinstance(record.data, bytes) else record.data
            seen = json.loads(text) if isinstance(pattern[self._member], dict) else text
        except ValueError:
            return False
        if isinstance(pattern[self._member], dict) and not isinstance(seen, dict):
            return False
        return patterns.matches(pattern, event | {self._member: seen})
