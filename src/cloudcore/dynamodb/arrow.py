"""Rows as Arrow: encoded items to columns in C (csrc/ingest), without a Python object for a value.

    S string   B binary   BOOL bool   NULL null   SS NS BS L list   M struct
    N int64 when all are integers that fit, else decimal128 when 38 digits hold them all, else double

An attribute of mixed types is text that holds JSON, and so is a map with over 1,000 different names in all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cloudcore._stream import _Field
    from cloudcore._table import Page

BATCH_ROWS = 65_536
BATCH_BYTES = 64 << 20
"""A batch ends with the page that reaches either; Arrow's own limit is 2 GiB of text in a column."""
JSON = {b"cloudcore": b"json"}
"""Metadata of a text field that holds JSON."""


def infer(pages: Iterable[Page], keys: tuple[str, ...], numbers: str, nested: str) -> Any:
    """The pyarrow.Schema that takes every item: the key's attributes first, the others by name."""
    if nested not in ("struct", "json"):
        raise ValueError(f'nested is "struct" or "json", not {nested!r}')
    from cloudcore._stream import Inference

    inference = Inference()
    for page in pages:
        inference.add(page)
    return _schema(inference.fields(numbers, nested == "json"), keys)


def _schema(fields: list[_Field], keys: tuple[str, ...]) -> Any:
    import pyarrow as pa

    places = {name: place for place, name in enumerate(keys)}
    fields = sorted(fields, key=lambda field: (places.get(field[0], len(places)), field[0]))
    return pa.schema([_field(pa, field) for field in fields])


def _field(pa: Any, field: _Field) -> Any:
    name, form, _ = field
    return pa.field(name, _type(pa, field), metadata=JSON if form == "json" else None)


def _type(pa: Any, field: _Field) -> Any:
    _, form, children = field
    if form == "+s":
        return pa.struct([_field(pa, child) for child in children])
    if form == "+l":
        return pa.list_(_field(pa, ("item", *children[0][1:])))
    if form.startswith("d:"):
        return pa.decimal128(*map(int, form[2:].split(",")))
    return {"u": pa.string, "json": pa.string, "z": pa.binary, "b": pa.bool_, "l": pa.int64, "g": pa.float64}[
        form
    ]()


def batches(pages: Iterable[Page], schema: Any, every_attribute: bool) -> Iterator[Any]:
    """The items as pyarrow.RecordBatch, in the order of the pages.

    Raises ValueError for a value that does not fit its column, and with `every_attribute` for an attribute
    that has none.
    """
    import pyarrow as pa

    from cloudcore._stream import Columns

    columns = Columns(schema, every_attribute=every_attribute)
    gathered = 0
    for page in pages:
        columns.append_items(page)
        gathered += page.nbytes
        if columns.rows >= BATCH_ROWS or gathered >= BATCH_BYTES:
            yield pa.record_batch(columns.finish())
            gathered = 0
    if columns.rows:
        yield pa.record_batch(columns.finish())
