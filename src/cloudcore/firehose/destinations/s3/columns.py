"""JSON records -> Arrow columns by a schema, the way the OpenX SerDe reads them.

Keys match without regard to case, absent and null members are null, unknown members are left out,
scalars are coerced where that loses nothing; a record that cannot be read is reported alone and
never costs its neighbours. A record may hold several concatenated objects; an array is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
import pyarrow as pa

PARSE = "DataFormatConversion.ParseError"
MALFORMED = "DataFormatConversion.MalformedData"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_decoder = json.JSONDecoder()


class BadRecord(Exception):
    """A record that cannot become a row: `code` is Firehose's, the text says why."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def objects_of(record: bytes) -> list[dict[str, Any]]:
    """The JSON objects in a record, in order; blank records have none. Raises BadRecord."""
    try:
        value = orjson.loads(record)
    except orjson.JSONDecodeError as error:
        values = _concatenated(record, error)
    else:
        values = [value]
    for value in values:
        if not isinstance(value, dict):
            raise BadRecord(PARSE, f"expected a JSON object, found {_name(value)}")
    return values


def _concatenated(record: bytes, first: Exception) -> list[Any]:
    try:
        text = record.decode()
    except UnicodeDecodeError as error:
        raise BadRecord(PARSE, f"not UTF-8 at byte {error.start}") from None
    values = []
    at = len(text) - len(text.lstrip())
    while at < len(text):
        try:
            value, at = _decoder.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            raise BadRecord(PARSE, str(first)) from None
        values.append(value)
        while at < len(text) and text[at] in " \t\r\n":
            at += 1
    return values


class Converter:
    """Collects rows for one object; `add` takes a record, `take` gives what was collected as a batch."""

    def __init__(self, schema: pa.Schema):
        self.schema = schema
        self._names = [field.name for field in schema]
        self._lower = {field.name.lower(): field.name for field in schema}
        self._readers = [(field.name, _reader(field.type)) for field in schema]
        self._columns: list[list[Any]] = [[] for _ in schema]
        self.rows = 0

    def add(self, record: bytes) -> int:
        """Add a record's objects, all or none; returns how many rows they became. Raises BadRecord."""
        rows = [self._row(found) for found in objects_of(record)]
        for row in rows:
            for column, value in zip(self._columns, row, strict=True):
                column.append(value)
        self.rows += len(rows)
        return len(rows)

    def take(self) -> pa.RecordBatch:
        """What was collected, as columns; the converter is empty afterwards."""
        arrays = [
            pa.array(column, field.type) for column, field in zip(self._columns, self.schema, strict=True)
        ]
        self._columns = [[] for _ in self.schema]
        self.rows = 0
        return pa.record_batch(arrays, schema=self.schema)

    def _row(self, found: dict[str, Any]) -> list[Any]:
        get = found.get
        row = []
        hits = 0
        for name, read in self._readers:
            value = get(name)
            if value is not None:
                try:
                    value = read(value)
                except (ValueError, TypeError, ArithmeticError) as error:
                    raise BadRecord(MALFORMED, f"column {name}: {error}") from None
            hits += name in found
            row.append(value)
        if hits < len(found) and any(key not in self._lower.values() for key in found):
            return self._row_any_case(found, row)
        return row

    def _row_any_case(self, found: dict[str, Any], row: list[Any]) -> list[Any]:
        for key, value in found.items():
            name = self._lower.get(key.lower().replace(".", "_"))
            if name is None or name == key or value is None or name in found:
                continue
            at = self._names.index(name)
            try:
                row[at] = self._readers[at][1](value)
            except (ValueError, TypeError, ArithmeticError) as error:
                raise BadRecord(MALFORMED, f"column {name}: {error}") from None
        return row


def _name(value: Any) -> str:
    kinds = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array"}
    return "null" if value is None else kinds.get(type(value), "an object")


def _reader(kind: pa.DataType) -> Callable[[Any], Any]:
    """A function from a JSON value (never None) to what pa.array takes for `kind`."""
    if pa.types.is_struct(kind):
        return _struct_reader(kind)
    if pa.types.is_map(kind):
        return _map_reader(kind)
    if pa.types.is_list(kind):
        inner = _reader(kind.value_type)

        def read_list(value: Any) -> list[Any]:
            values = value if isinstance(value, list) else [value]
            return [None if v is None else inner(v) for v in values]

        return read_list
    if pa.types.is_integer(kind):
        return _integer_reader(kind)
    if pa.types.is_floating(kind):
        return _read_float
    if pa.types.is_boolean(kind):
        return _read_bool
    if pa.types.is_decimal(kind):
        return lambda value: Decimal(str(value)).quantize(Decimal(1).scaleb(-kind.scale))
    if pa.types.is_timestamp(kind):
        return _read_timestamp
    if pa.types.is_date(kind):
        return lambda value: date.fromisoformat(value) if isinstance(value, str) else _wrong(value, "a date")
    if pa.types.is_binary(kind):
        return lambda value: value.encode() if isinstance(value, str) else orjson.dumps(value)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return lambda value: value if isinstance(value, str) else orjson.dumps(value).decode()
    raise ValueError(f"columns of type {kind} are not supported")


def _struct_reader(kind: pa.StructType) -> Callable[[Any], Any]:
    readers = {field.name.lower(): (field.name, _reader(field.type)) for field in kind}

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return _wrong(value, "an object")
        out = {}
        for key, inner in value.items():
            found = readers.get(key.lower())
            if found and inner is not None:
                out[found[0]] = found[1](inner)
        return out

    return read


def _map_reader(kind: pa.MapType) -> Callable[[Any], Any]:
    key, item = _reader(kind.key_type), _reader(kind.item_type)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            return _wrong(value, "an object")
        return [(key(k), None if v is None else item(v)) for k, v in value.items()]

    return read


def _integer_reader(kind: pa.DataType) -> Callable[[Any], int]:
    low, high = -(1 << (kind.bit_width - 1)), (1 << (kind.bit_width - 1)) - 1

    def read(value: Any) -> int:
        if type(value) is not int:
            if isinstance(value, str):
                value = int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", value) else _wrong(value, "an integer")
            elif isinstance(value, float) and value.is_integer():
                value = int(value)
            elif isinstance(value, bool):
                value = int(value)
            else:
                return _wrong(value, "an integer")
        if not low <= value <= high:
            raise ValueError(f"{value} does not fit {kind}")
        return value

    return read


def _read_float(value: Any) -> float:
    if type(value) in (float, int) or isinstance(value, str):
        return float(value)
    return _wrong(value, "a number")


def _read_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    return _wrong(value, "a boolean")


def _read_timestamp(value: Any) -> datetime:
    if isinstance(value, str):
        text = value.strip().replace(" ", "T", 1)
        if "." in text:  # nine digits are allowed, Python reads six
            text = re.sub(r"\.(\d{6})\d+", r".\1", text)
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC).replace(tzinfo=None)
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if isinstance(value, int) and abs(value) >= 100_000_000_000 else value
        return (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)
    return _wrong(value, "a timestamp")


def _wrong(value: Any, wanted: str) -> Any:
    text = str(value)
    raise ValueError(f"expected {wanted}, found {_name(value)}: {text[:40]}{'...' if len(text) > 40 else ''}")
