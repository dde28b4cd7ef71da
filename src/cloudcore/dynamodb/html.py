"""Tables and rows as HTML, for notebooks. Every name and value is escaped."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore.dynamodb.rows import Rows
    from cloudcore.dynamodb.verbs import Verbs

ROWS, COLUMNS, CHARACTERS = 10, 12, 80
"""What is shown of a table or of rows, and of one value."""


def text(value: Any) -> str:
    """One value, cut and escaped."""
    shown = value if isinstance(value, str) else repr(value)
    return html.escape(shown if len(shown) <= CHARACTERS else shown[: CHARACTERS - 1] + "…")


def grid(rows: Sequence[Mapping[str, Any]], keys: Sequence[str], more: str = "") -> str:
    """Items as an HTML table: the key's attributes first, then the others by name."""
    others = sorted({name for row in rows for name in row} - set(keys))
    columns = [*keys, *others][:COLUMNS]
    left_out = len(keys) + len(others) - len(columns)
    head = "".join(f"<th>{text(name)}</th>" for name in columns)
    cells = [[text(row[name]) if name in row else "" for name in columns] for row in rows]
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in cells)
    notes = [f"{left_out} more attributes" if left_out else "", more]
    below = "; ".join(note for note in notes if note)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" + (
        f"<p>{below}</p>" if below else ""
    )


def rows_html(rows: Rows) -> str:
    """The first rows."""
    found = list(islice(iter(rows), ROWS + 1))
    if not found:
        return "<p>no items</p>"
    more = f"the first {ROWS} items" if len(found) > ROWS else ""
    return grid(found[:ROWS], rows.table.keys, more)


def table_html(table: Verbs) -> str:
    """Name, key, size, and the first rows."""
    info, kinds = table.info(), table.key_types()
    key = ", ".join(f"{name}: {kinds.get(name, '?')}" for name in table.keys)
    head = f"<p><b>{text(table.name)}</b> ({text(key)}): {info['items']:,} items, {info['bytes']:,} bytes" + (
        f", {info['memory_bytes']:,} in memory</p>" if "memory_bytes" in info else "</p>"
    )
    return head + (rows_html(table.scan()) if info["items"] else "")
