"""Schemas of converted output: an Arrow schema from DDL text, a dict, a sample of records, or itself."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

_SIMPLE = {
    "boolean": pa.bool_(), "bool": pa.bool_(),
    "tinyint": pa.int8(), "smallint": pa.int16(), "int": pa.int32(), "integer": pa.int32(),
    "bigint": pa.int64(), "long": pa.int64(), "float": pa.float32(), "real": pa.float32(),
    "double": pa.float64(), "string": pa.string(), "varchar": pa.string(), "char": pa.string(),
    "text": pa.string(), "binary": pa.binary(), "date": pa.date32(), "timestamp": pa.timestamp("ms"),
}  # fmt: skip
_TOKEN = re.compile(r"\s*([A-Za-z_][\w.$-]*|`[^`]*`|\"[^\"]*\"|\d+|[<>(),:])")


def to_arrow(schema: Any) -> pa.Schema:
    """An Arrow schema from one of: pa.Schema; DDL ("a int, b array<string>, c struct<x:double>"); a dict
    {name: type text or pa.DataType}; a list of {"name": .., "type": ..}. ValueError when it is none."""
    if isinstance(schema, pa.Schema) and len(schema):
        return schema
    if isinstance(schema, str):
        return pa.schema(_Ddl(schema).columns(end=""))
    if isinstance(schema, dict):
        schema = [{"name": name, "type": kind} for name, kind in schema.items()]
    if isinstance(schema, list) and schema and all(isinstance(c, dict) and "name" in c for c in schema):
        return pa.schema([(column["name"], _type(column.get("type", "string"))) for column in schema])
    raise ValueError("a schema is an Arrow schema, DDL text, a dict of name to type, or a list of columns")


def dump(schema: pa.Schema) -> str:
    """The schema as text for a journal or a file."""
    return base64.b64encode(schema.serialize().to_pybytes()).decode()


def load(text: str) -> pa.Schema:
    """The inverse of dump."""
    return pa.ipc.read_schema(pa.py_buffer(base64.b64decode(text)))


def _type(kind: Any) -> pa.DataType:
    if isinstance(kind, pa.DataType):
        return kind
    ddl = _Ddl(str(kind))
    found = ddl.type()
    ddl.finish()
    return found


class _Ddl:
    """A recursive-descent reader of Hive-like column lists."""

    def __init__(self, text: str):
        self.text = text
        self.tokens = []
        at = 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise ValueError(f"schema: cannot read {text[at : at + 20]!r} in {text!r}")
            self.tokens.append(match[1])
            at = match.end()
        self.tokens.append("")
        self.at = 0

    def next(self) -> str:
        token = self.tokens[self.at]
        self.at += bool(token)
        return token

    def take(self, wanted: str) -> bool:
        if self.tokens[self.at] == wanted and wanted:
            self.at += 1
            return True
        return False

    def need(self, wanted: str) -> None:
        if not self.take(wanted):
            raise ValueError(f"schema: expected {wanted!r} before {self.tokens[self.at]!r} in {self.text!r}")

    def finish(self) -> None:
        if self.tokens[self.at]:
            raise ValueError(f"schema: unexpected {self.tokens[self.at]!r} in {self.text!r}")

    def columns(self, end: str) -> list[pa.Field]:
        fields: list[pa.Field] = []
        while True:
            name = self.next().strip('`"')
            if not name or not re.match(r"[\w$]", name):
                raise ValueError(f"schema: a column name is missing in {self.text!r}")
            if any(field.name == name for field in fields):
                raise ValueError(f"schema: the column {name!r} is named twice")
            self.take(":")
            fields.append(pa.field(name, self.type()))
            if not self.take(","):
                break
        if end:
            self.need(end)
        else:
            self.finish()
        return fields

    def type(self) -> pa.DataType:
        name = self.next().lower()
        if name == "array":
            self.need("<")
            inner = self.type()
            self.need(">")
            return pa.list_(inner)
        if name == "map":
            self.need("<")
            key = self.type()
            self.need(",")
            value = self.type()
            self.need(">")
            return pa.map_(key, value)
        if name == "struct":
            self.need("<")
            return pa.struct(self.columns(end=">"))
        if name == "decimal":
            precision, scale = (int(n) for n in self._arguments() or ["10", "0"])
            return pa.decimal128(precision, scale)
        if name not in _SIMPLE:
            raise ValueError(f"schema: unknown type {name!r}")
        self._arguments()  # varchar(20): the length is no promise in Parquet
        return _SIMPLE[name]

    def _arguments(self) -> list[str]:
        out: list[str] = []
        if self.take("("):
            out.append(self.next())
            while self.take(","):
                out.append(self.next())
            self.need(")")
        return out


_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?$")


def infer(rows: Iterable[dict[str, Any]]) -> pa.Schema:
    """A schema that holds all the rows. Mixed integers and floats are double, other mixtures string,
    a column that is always null is string, ISO date-times are timestamp[ms]. ValueError without a row."""
    found: dict[str, Any] = {}
    for row in rows:
        for name, value in row.items():
            known = found.get(name)
            if known == "string" or (known is not None and known == _QUICK.get(type(value))):
                continue  # nothing that a scalar could add
            if known == "int" and type(value) is int and -(1 << 63) <= value < 1 << 63:
                continue
            found[name] = _merge(known, _kind(value))
    if not found:
        raise ValueError("no record to infer a schema from")
    return pa.schema([(name, _arrow(kind)) for name, kind in found.items()])


_QUICK = {bool: "bool", float: "double"}


def _kind(value: Any) -> Any:
    """None, "bool", "int", "double", "timestamp", "string", ("list", kind) or {"name": kind}."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -(1 << 63) <= value < 1 << 63 else "double"
    if isinstance(value, float):
        return "double"
    if isinstance(value, dict):
        return {name: _kind(inner) for name, inner in value.items()}
    if isinstance(value, list):
        kind = None
        for inner in value:
            kind = _merge(kind, _kind(inner))
        return ("list", kind)
    return "timestamp" if _DATE_TIME.match(value) else "string"


def _merge(a: Any, b: Any) -> Any:
    if a is None or b is None:
        return a if b is None else b
    if isinstance(a, dict) and isinstance(b, dict):
        return {name: _merge(a.get(name), b.get(name)) for name in (*a, *(n for n in b if n not in a))}
    if isinstance(a, tuple) and isinstance(b, tuple):
        return ("list", _merge(a[1], b[1]))
    if a == b:
        return a
    both_numbers = a in ("int", "double") and b in ("int", "double")
    return "double" if both_numbers else "string"


def _arrow(kind: Any) -> pa.DataType:
    if isinstance(kind, dict):
        return pa.struct([(name, _arrow(inner)) for name, inner in kind.items()]) if kind else pa.string()
    if isinstance(kind, tuple):
        return pa.list_(_arrow(kind[1]))
    names = {"bool": pa.bool_(), "int": pa.int64(), "double": pa.float64(), "timestamp": pa.timestamp("ms")}
    return names.get(kind or "", pa.string())
