"""Queries and scans as Arrow: the columns hold what the dicts hold, by the rules of dynamodb/arrow.py."""

import json
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcore import attr, between
from cloudcore._stream import Columns, Inference, Items
from cloudcore.dynamodb import DynamoDB, Table


@pytest.fixture(scope="module")
def db():
    with DynamoDB() as db:
        yield db


@pytest.fixture
def table(db):
    db.call("DeleteTable", {"TableName": "things"}) if "things" in db.tables.names() else None
    return Table.create(db, "things", pk="id", sk="at:N")


def put(table, *rows):
    for at, row in enumerate(rows):
        table.put({"id": "a", "at": at, **row})


def types(schema):
    return {field.name: str(field.type) for field in schema}


ROWS = (
    {"s": "text", "n": 1, "d": Decimal("1.5"), "b": b"\x00", "t": True, "ss": {"x", "y"}, "ns": {1, Decimal("0.25")},
     "bs": {b"q"}, "l": ["a", None], "m": {"k": 1, "in": {"z": "q"}}, "mix": "q", "nil": None},
    {"s": "", "n": -2, "d": Decimal("-100.25"), "l": [], "m": {"k": None, "in": {}}, "mix": 5, "new": "col"},
    {"mix": {"deep": [b"\xff", {1}]}, "n": None},
)  # fmt: skip


def test_a_column_for_every_attribute(table):
    put(table, *ROWS)
    found = table.scan().to_arrow()
    assert types(found.schema) == {
        "id": "string", "at": "int64", "b": "binary", "bs": "list<item: binary>", "d": "decimal128(5, 2)",
        "l": "list<item: string>", "m": "struct<in: struct<z: string>, k: int64>", "mix": "string", "n": "int64",
        "new": "string", "nil": "string", "ns": "list<item: decimal128(3, 2)>", "s": "string",
        "ss": "list<item: string>", "t": "bool",
    }  # fmt: skip
    assert found.column_names[:2] == ["id", "at"]
    assert found.schema.field("mix").metadata == {b"cloudcore": b"json"}
    rows = found.to_pylist()
    assert rows[0] == {
        "id": "a", "at": 0, "b": b"\x00", "bs": [b"q"], "d": Decimal("1.50"), "l": ["a", None],
        "m": {"in": {"z": "q"}, "k": 1}, "mix": '"q"', "n": 1, "new": None, "nil": None,
        "ns": [Decimal("0.25"), Decimal("1.00")], "s": "text", "ss": ["x", "y"], "t": True,
    }  # fmt: skip
    assert rows[1]["m"] == {"in": {"z": None}, "k": None} and rows[1]["l"] == [] and rows[1]["s"] == ""
    assert json.loads(rows[2]["mix"]) == {"deep": ["/w==", [1]]} and rows[2]["n"] is None
    found.validate(full=True)


def test_numbers_by_rule(table):
    put(
        table,
        {"int": 2**63 - 1, "big": 2**63, "frac": Decimal("0.001"), "wide": 10**30},
        {"int": -(2**63), "big": -1, "frac": Decimal("12345.6"), "wide": Decimal("1E-20")},
    )
    assert types(table.scan().to_arrow().schema)["int"] == "int64"
    assert types(table.scan().to_arrow().schema)["big"] == "decimal128(19, 0)"
    assert types(table.scan().to_arrow().schema)["frac"] == "decimal128(8, 3)"
    assert types(table.scan().to_arrow().schema)["wide"] == "double"
    assert types(table.scan().schema(numbers="float")) | {"id": 0} == {
        "id": 0, "at": "int64", "int": "int64", "big": "double", "frac": "double", "wide": "double",
    }  # fmt: skip
    assert types(table.scan().schema(numbers="decimal"))["int"] == "decimal128(19, 0)"
    assert table.scan().to_arrow()["big"].to_pylist() == [2**63, -1]
    assert table.scan().to_arrow(numbers="float")["frac"].to_pylist() == [0.001, 12345.6]
    assert table.scan().to_arrow()["wide"].to_pylist() == [1e30, 1e-20]
    with pytest.raises(ValueError, match="exact, float, decimal"):
        table.scan().to_arrow(numbers="int")
    with pytest.raises(ValueError, match='"struct" or "json"'):
        table.scan().to_arrow(nested="map")


def test_documents_as_json(table):
    put(table, *ROWS)
    found = table.scan().to_arrow(nested="json")
    assert types(found.schema)["m"] == types(found.schema)["l"] == "string"
    assert types(found.schema)["ss"] == "list<item: string>"
    assert json.loads(found["m"][0].as_py()) == {"k": 1, "in": {"z": "q"}}
    assert json.loads(found["l"][0].as_py()) == ["a", None]


def test_a_dictionary_is_no_struct(table):
    put(table, *({"m": {f"k{i}": i for i in range(n * 400, n * 400 + 400)}, "e": {}} for n in range(3)))
    found = table.scan().to_arrow()
    assert types(found.schema)["m"] == types(found.schema)["e"] == "string"
    assert json.loads(found["m"][2].as_py())["k1199"] == 1199 and found["e"][0].as_py() == "{}"


GIVEN = pa.schema(
    [("n", pa.int32()), ("f", pa.float32()), ("when", pa.timestamp("ms")), ("day", pa.date32()), ("text", pa.string()),
     ("m", pa.map_(pa.string(), pa.int64())), ("dec", pa.decimal128(10, 2)), ("none", pa.int64())]
)  # fmt: skip


def test_a_schema_given(table):
    put(
        table,
        {"n": 7, "f": Decimal("0.1"), "when": "2026-01-02T03:04:05.678Z", "day": "2026-01-02", "text": 5, "dec": 3,
         "m": {"a": 1, "b": 2}, "not": "wanted"},
        {"n": Decimal("7.0"), "text": [True]},
    )  # fmt: skip
    found = table.scan().to_arrow(GIVEN)
    assert found.schema == GIVEN
    first, second = found.to_pylist()
    assert first["when"].isoformat() == "2026-01-02T03:04:05.678000" and first["day"].isoformat() == "2026-01-02"
    assert (first["n"], first["text"], first["m"]) == (7, "5", [("a", 1), ("b", 2)])
    assert (first["dec"], first["none"], round(first["f"], 6)) == (Decimal("3.00"), None, 0.1)
    assert (second["n"], second["text"], second["m"]) == (7, "[true]", None)
    assert table.scan().to_batches(GIVEN).read_all() == found


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"n": 2**31}, "column n: the number is no integer of that size"),
        ({"n": -(2**31) - 1}, "column n: the number is no integer of that size"),
        ({"n": Decimal("1.5")}, "column n: the number is no integer of that size"),
        ({"n": "x"}, "column n: the text is no number"),
        ({"n": b"x"}, "column n: the value is of another type"),
        ({"m": 5}, "column m: expected a map"),
        ({"dec": Decimal("0.001")}, "column dec: the number has more digits than the column"),
        ({"dec": 10**8}, "column dec: the number has more digits than the column"),
        ({"day": "yesterday"}, "column day: not a date"),
    ],
)
def test_what_does_not_fit_a_given_schema(table, row, message):
    put(table, {"n": 1}, row)
    with pytest.raises(ValueError) as refused:
        table.scan().to_arrow(GIVEN)
    assert str(refused.value) == message


def test_columns_that_may_not_be_null(table):
    put(table, {"n": 1}, {})
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False)])
    with pytest.raises(ValueError, match="n: is missing and must not be null"):
        table.scan().to_arrow(schema)
    table.put({"id": "a", "at": 1, "n": None})
    with pytest.raises(ValueError, match="n: must not be null"):
        table.scan().to_arrow(schema)
    lists = pa.schema([("n", pa.list_(pa.int64()))])
    with pytest.raises(ValueError, match="n: expected a list or a set"):
        table.scan().to_arrow(lists)


def test_a_failed_item_leaves_the_columns_whole(table):
    put(table, {"l": [1, 2], "m": {"k": "a"}}, {"l": [1, "x"], "m": {"k": "b"}}, {"l": [3], "m": {"k": "c"}})
    schema = pa.schema([("l", pa.list_(pa.int64())), ("m", pa.struct([("k", pa.string())]))])
    columns = Columns(schema)
    (page,) = table.scan().pages()
    with pytest.raises(ValueError):
        columns.append_items(page)
    assert columns.rows == 1
    assert pa.record_batch(columns.finish()).to_pylist() == [{"l": [1, 2], "m": {"k": "a"}}]


def test_queries_keep_their_meaning(table):
    put(table, *({"n": i, "pad": "x" * 3000} for i in range(1000)))
    assert table.query("a", between(10, 12)).to_arrow()["n"].to_pylist() == [10, 11, 12]
    assert table.query("a", filter=attr("n") >= 995, projection=["n"]).to_arrow().to_pydict() == {"n": list(range(995, 1000))}
    assert table.query("a", forward=False, limit=2).to_arrow()["n"].to_pylist() == [999, 998]
    assert table.query("a", limit=500, page=7).to_arrow().num_rows == 500
    assert table.query("nobody").to_arrow().num_rows == 0
    assert table.query("nobody").to_arrow(GIVEN).schema == GIVEN
    whole = table.scan().to_arrow()
    assert whole["n"].to_pylist() == list(range(1000))  # three pages
    assert pa.table(table.scan()) == whole
    assert table.scan().to_batches().read_all() == whole


def test_batches_are_cut(table, monkeypatch):
    from cloudcore.dynamodb import arrow

    put(table, *({"n": i, "pad": "x" * 3000} for i in range(1000)))
    monkeypatch.setattr(arrow, "BATCH_ROWS", 300)
    assert [batch.num_rows for batch in table.query("a", page=100).to_batches()] == [300, 300, 300, 100]
    monkeypatch.setattr(arrow, "BATCH_BYTES", 700_000)
    assert [batch.num_rows for batch in table.query("a", page=100).to_batches()] == [300, 300, 300, 100]
    monkeypatch.setattr(arrow, "BATCH_BYTES", 500_000)
    assert len(list(table.query("a", page=100).to_batches())) == 5


def test_a_writer_between_the_two_walks(table):
    put(table, {"n": 1})
    reader = table.scan().to_batches()
    table.put({"id": "a", "at": 9, "n": 1, "late": True})
    with pytest.raises((ValueError, pa.ArrowInvalid), match="attribute late has no column"):
        reader.read_all()


def test_to_pandas_and_polars(table):
    put(table, {"n": 1, "d": Decimal("1.5")}, {"n": 2, "d": Decimal("2.5")})
    pandas = pytest.importorskip("pandas")
    frame = table.scan().to_pandas()
    assert isinstance(frame, pandas.DataFrame) and frame["d"].dtype == "float64" and frame["d"].sum() == 4
    polars = pytest.importorskip("polars")
    assert table.scan().to_polars()["n"].sum() == 3
    assert polars.DataFrame(table.scan())["n"].to_list() == [1, 2]


def test_only_pages_are_trusted():
    for wrong in (b"\xff" * 100, memoryview(b""), None, []):
        with pytest.raises(TypeError, match="expected a Page"):
            Items(wrong)
        with pytest.raises(TypeError, match="expected a Page"):
            Inference().add(wrong)
        with pytest.raises(TypeError, match="expected a Page"):
            Columns(GIVEN).append_items(wrong)


numbers = st.one_of(
    st.integers(-(10**37), 10**37),
    st.integers(-1000, 1000),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3),
)
scalars = st.one_of(st.text(max_size=8), numbers, st.binary(max_size=8), st.booleans(), st.none())
values = st.recursive(
    st.one_of(scalars, st.sets(numbers, min_size=1, max_size=3), st.sets(st.text(max_size=3), min_size=1, max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["k", "l", "é", "id"]), inner, max_size=3)
    ),
    max_leaves=8,
)
rows_of_anything = st.lists(st.dictionaries(st.sampled_from(["a", "b", "c", "d d"]), values, max_size=4), max_size=5)


def plain(value):
    """What JSON in a text column holds of a value."""
    if isinstance(value, dict):
        return {name: plain(inner) for name, inner in value.items()}
    if isinstance(value, (list, set)):
        return sorted(map(repr, map(plain, value))) if isinstance(value, set) else [plain(inner) for inner in value]
    if isinstance(value, bytes):
        import base64

        return base64.b64encode(value).decode()
    return float(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value


def same(field, cell, value):
    """Whether a column's cell holds a native value, by the field's own type."""
    if value is None or cell is None:
        return cell is None and value is None
    if (field.metadata or {}).get(b"cloudcore") == b"json":
        found = json.loads(cell, parse_int=float, parse_float=float)
        return isinstance(value, set) or found == plain(value) or bool(sets_in(value))
    kind = field.type
    if pa.types.is_struct(kind):
        return set(value) <= {f.name for f in kind} and all(same(f, cell[f.name], value.get(f.name)) for f in kind)
    if pa.types.is_list(kind):
        element = kind.value_field
        if isinstance(value, set):
            return len(cell) == len(value) and all(any(same(element, c, v) for c in cell) for v in value)
        return len(cell) == len(value) and all(same(element, c, v) for c, v in zip(cell, value, strict=True))
    if pa.types.is_floating(kind):
        return cell == float(value)
    return cell == value and (type(cell) is type(value) or isinstance(value, (int, Decimal)))


def sets_in(value):
    if isinstance(value, set):
        return True
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(map(sets_in, inner))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(rows_of_anything, st.sampled_from(["exact", "float", "decimal"]), st.sampled_from(["struct", "json"]))
def test_any_items_as_columns(db, rows, numbers, nested):
    if "any" not in db.tables.names():
        Table.create(db, "any", pk="id", sk="at:N")
    table = Table(db, "any")
    for old in list(table.scan(projection=["id", "at"])):
        table.delete(old)
    for at, row in enumerate(rows):
        table.put({"id": "a", "at": at, **row})
    found = table.query("a").to_arrow(numbers=numbers, nested=nested)
    found.validate(full=True)
    assert found.num_rows == len(rows)
    assert set(found.column_names) == ({"id", "at"} if rows else set()).union(*rows)
    for cells, row in zip(found.to_pylist(), rows, strict=True):
        for field in found.schema:
            if field.name not in ("id", "at"):
                assert same(field, cells[field.name], row.get(field.name)), (field, cells, row)
    assert table.query("a").to_batches(numbers=numbers, nested=nested).read_all() == found
