"""Encode: records -> the rows of a table, and which of its keys are replaced.

Records of a plan apply in their order: a later update or delete takes back what an earlier record of the
same key put in, so that what is left is one delete and one append.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudcore.firehose.records import frame

_TEXTS = ("string", "large_string", "string_view")


@dataclass
class Rows:
    """`table`: what is appended (an Arrow table, None: nothing); `keys`: the values of the key columns of
    rows that go first; `bad`: number in the batch -> (code, reason)."""

    table: Any = None
    keys: list[tuple[Any, ...]] = field(default_factory=list)
    bad: dict[int, tuple[str, str]] = field(default_factory=dict)


def rows_of(
    numbers: Sequence[int], records: Sequence[bytes], operations: Sequence[bytes], schema: Any,
    key_columns: Sequence[str],
) -> Rows:  # fmt: skip
    """Read records by the Arrow schema of a table. `operations`: b"i", b"u" or b"d" of each."""
    import pyarrow as pa

    from cloudcore._stream import Columns

    out = Rows()
    plain = pa.schema([field.with_type(simple(field.type)).with_nullable(True) for field in schema])
    columns = Columns(plain)
    for at, code, reason in columns.append(frame(list(records))):
        out.bad[numbers[at]] = (code.replace("DataFormatConversion", "Iceberg"), reason)
    kept = [at for at in range(len(records)) if numbers[at] not in out.bad]
    table = pa.Table.from_batches([pa.record_batch(columns.finish())]).rename_columns(schema.names)
    required = [each.name for each in schema if not each.nullable]
    empty = {at for name in required for at in _nulls(table, name)}
    for row in sorted(empty):
        if operations[kept[row]] != b"d":
            out.bad[numbers[kept[row]]] = ("Iceberg.MalformedData", "a required column has no value")
    alive = _alive(table, kept, numbers, operations, key_columns, out)
    if alive:
        out.table = table.take(alive).cast(schema)
    return out


def _alive(
    table: Any, kept: Sequence[int], numbers: Sequence[int], operations: Sequence[bytes],
    key_columns: Sequence[str], out: Rows,
) -> list[int]:  # fmt: skip
    """The rows that are left to append; the keys that go first are put into `out`."""
    good = [row for row, at in enumerate(kept) if numbers[at] not in out.bad]
    if all(operations[kept[row]] == b"i" for row in good):
        return good
    if not key_columns:
        for row in good:
            if operations[kept[row]] != b"i":
                out.bad[numbers[kept[row]]] = (
                    "Iceberg.MissingUniqueKeys", "update and delete need UniqueKeys, or identifier fields",
                )  # fmt: skip
        return [row for row in good if operations[kept[row]] == b"i"]
    values = list(zip(*(table.column(name).to_pylist() for name in key_columns), strict=True))
    alive: dict[int, None] = {}
    by_key: dict[tuple[Any, ...], list[int]] = {}
    replaced: dict[tuple[Any, ...], None] = {}
    for row in good:
        key, operation = values[row], operations[kept[row]]
        if operation != b"i":
            if any(value is None for value in key):
                out.bad[numbers[kept[row]]] = ("Iceberg.MalformedData", "a unique key has no value")
                continue
            for earlier in by_key.pop(key, ()):
                alive.pop(earlier, None)
            replaced[key] = None
        if operation != b"d":
            alive[row] = None
            by_key.setdefault(key, []).append(row)
    out.keys = list(replaced)
    return list(alive)


def _nulls(table: Any, name: str) -> list[int]:
    column = table.column(name)
    if not column.null_count:
        return []
    return [at for at, value in enumerate(column.to_pylist()) if value is None]


def simple(kind: Any) -> Any:
    """A type that the column builder makes, of one of Iceberg's Arrow types."""
    import pyarrow as pa

    if str(kind) in _TEXTS or pa.types.is_fixed_size_binary(kind):
        return pa.string()
    if pa.types.is_large_list(kind) or pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(simple(kind.value_type)).with_nullable(True))
    if pa.types.is_struct(kind):
        return pa.struct([each.with_type(simple(each.type)).with_nullable(True) for each in kind])
    if pa.types.is_map(kind):
        return pa.map_(simple(kind.key_type), simple(kind.item_type))
    if pa.types.is_large_binary(kind):
        return pa.binary()
    return kind
