"""Pages of lists: rows in the order of their keys; a marker is the key of the last row that was given."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

PAGE_MAX = 50


def page(
    rows: Iterable[tuple[str, Any]], params: dict[str, Any], member: str, most: int = PAGE_MAX
) -> dict[str, Any]:
    """The answer with the rows (key, value) after params' Marker, at most MaxItems and `most` of them."""
    marker = params.get("Marker", "")
    limit = min(params.get("MaxItems", most), most)
    left = sorted((row for row in rows if row[0] > marker), key=lambda row: row[0])
    answer: dict[str, Any] = {member: [value for _, value in left[:limit]]}
    if len(left) > limit:
        answer["NextMarker"] = left[limit - 1][0]
    return answer
