"""Schemas from DDL, dicts and samples; JSON objects of a record."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from cloudcore.firehose.destinations.s3.rows import BadRecord, objects_of
from cloudcore.firehose.schema import dump, infer, load, to_arrow


def test_ddl_with_nested_types() -> None:
    schema = to_arrow(
        "a int, `b c` array<string>, s struct<x:double,y:map<string,bigint>>, d decimal(10,2), v varchar(20)"
    )
    assert [str(field.type) for field in schema] == [
        "int32", "list<item: string>", "struct<x: double, y: map<string, int64>>",
        "decimal128(10, 2)", "string",
    ]  # fmt: skip
    assert load(dump(schema)) == schema


def test_dict_list_and_schema() -> None:
    wanted = pa.schema([("a", pa.int64()), ("b", pa.string())])
    assert to_arrow({"a": "bigint", "b": pa.string()}) == wanted
    assert to_arrow([{"name": "a", "type": "bigint"}, {"name": "b"}]) == wanted
    assert to_arrow(wanted) is wanted


@pytest.mark.parametrize(
    "bad", ["", "a", "a nothing", "a int,", "a int b", "a array<int", "a int, a int", "a;b", 5, []]
)
def test_bad_schemas(bad: Any) -> None:
    with pytest.raises(ValueError, match="schema"):
        to_arrow(bad)


def test_inference() -> None:
    rows = [
        {"i": 1, "f": 1, "s": "x", "n": None, "t": "2013-01-01T10:00:00Z", "o": {"a": 1}, "l": [1, None]},
        {
            "i": 2,
            "f": 1.5,
            "s": 3,
            "n": None,
            "t": "2013-01-01 10:00:00",
            "o": {"b": True},
            "l": [2.5],
            "late": "z",
        },
    ]
    assert {f.name: str(f.type) for f in infer(rows)} == {
        "i": "int64", "f": "double", "s": "string", "n": "string", "t": "timestamp[ms]",
        "o": "struct<a: int64, b: bool>", "l": "list<item: double>", "late": "string",
    }  # fmt: skip
    with pytest.raises(ValueError, match="no record"):
        infer([])


def test_objects_of_a_record() -> None:
    assert objects_of(b'{"a":1}{"a":2} \n{"a":3}') == [{"a": 1}, {"a": 2}, {"a": 3}]
    assert objects_of(b" \n") == []
    for bad in (b"[1]", b"{", b"nul", b"\xff", b'{"a":1}[2]', b"1"):
        with pytest.raises(BadRecord):
            objects_of(bad)
