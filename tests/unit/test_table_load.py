"""Bulk load: every kind of source gives the items it says, refusals are named, and nothing else is lost."""

import datetime
import gzip
import io
import json
import threading
from decimal import Decimal

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cloudcore
from cloudcore import attr
from cloudcore._table import Loader
from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.dynamodb.progress import Progress
from cloudcore.errors import ApiError, ClosedError, UnsupportedValue


@pytest.fixture
def table():
    with DynamoDB() as db:
        yield Table.create(db, "things", pk="id:S", sk="at:N")


def rows_of(table):
    return sorted(table.scan(), key=lambda row: (row["id"], row["at"]))


ITEMS = [
    {"id": "a", "at": i, "text": "é" * (i % 3), "n": Decimal(i) / 4, "deep": {"list": [1, None], "in": {"k": "v"}}, "t": i % 2 == 0}
    for i in range(50)
]


def test_iterables(table):
    report = table.load(iter(ITEMS))
    assert (report.stored, report.refused, report.errors) == (50, 0, [])
    assert rows_of(table) == ITEMS and "50 items" in str(report)
    assert table.load(table.view("a", at) for at in range(3)).stored == 3


@pytest.mark.parametrize("form", ["json", "dynamodb-json", "dynamodb-export"])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n"])
def test_lines(table, form, end):
    with DynamoDB() as db:
        other = Table.create(db, "things", pk="id:S", sk="at:N")
        other.load(ITEMS)
        lines = [view.to_json(dynamodb=form != "json") for view in other.scan().views()]
    if form == "dynamodb-export":
        lines = [b'{"Metadata":{"x":[1]},"Item":' + line + b"}" for line in lines]
    assert table.load(end.join(lines), format=form).stored == 50
    assert rows_of(table) == ITEMS


def test_numbers_of_lines_keep_every_digit(table):
    table.load(b'{"id":"a","at":1,"n":0.1234567890123456789012345678901234567,"e":1.5e-3,"z":-0.0,"big":1e30}')
    assert table.get("a", 1) == {
        "id": "a", "at": 1, "n": Decimal("0.1234567890123456789012345678901234567"), "e": Decimal("0.0015"), "z": 0, "big": 10**30,
    }  # fmt: skip


BAD_LINES = [
    ('{"id":"a","at":2', "", "unexpected end|expected"),
    ('{"id":"a"}', "ValidationException", "Missing the key at"),
    ('{"id":5,"at":2}', "ValidationException", "Type mismatch for key id expected: S actual: N"),
    ('{"id":"","at":2}', "ValidationException", "empty string value"),
    ("[1]", "", "expected"),
    ("nonsense", "", "expected|invalid"),
    ('{"id":"a","at":2} trailing', "", "after|trailing|expected"),
    ('{"id":"a","at":2,"n":1e999}', "ValidationException", "Number overflow"),
    ('{"id":"a","at":2,"x":1,"x":2}', "SerializationException", "appears twice"),
    ('{"id":"a","at":2,"":1}', "ValidationException", "name may not be empty"),
    ('{"id":"a","at":2,"n":01}', "", "invalid"),
    ('{"id":"a","at":2,"s":"' + "x" * 420_000 + '"}', "ValidationException", "exceeded the maximum allowed size"),
    ('{"id":"a","at":2,"l":' + "[" * 40 + "]" * 40 + "}", "ValidationException", "Nesting"),
    ('{"id":"a","at":2,"s":"\\ud800"}', "", "surrogate|escape"),
]


def test_bad_lines_are_named_and_the_others_stored(table):
    good = [f'{{"id":"g","at":{n}}}' for n in range(len(BAD_LINES) + 1)]
    text = "\n".join(line for pair in zip(good, [bad for bad, _, _ in BAD_LINES] + [""], strict=True) for line in pair)
    report = table.load(text.encode(), errors="skip")
    assert report.stored == len(good) and report.refused == len(BAD_LINES)
    assert [refused.where for refused in report.errors] == [2 * n + 2 for n in range(len(BAD_LINES))]
    for refused, (_, code, _) in zip(report.errors, BAD_LINES, strict=True):
        assert refused.message
        if code:
            assert refused.code == code, refused
    assert table.scan().count() == len(good)


@pytest.mark.parametrize(("line", "code", "words"), BAD_LINES)
def test_a_bad_line_stops_a_strict_load(table, line, code, words):
    with pytest.raises(ApiError, match="item 2: ") as refused:
        table.load(f'{{"id":"a","at":1}}\n{line}\n{{"id":"a","at":3}}\n'.encode())
    assert code in ("", refused.value.code)
    assert table.get("a", 1) is not None, "what stands before it is stored"


ARROW = pa.table(
    {
        "id": pa.array(["a", "b", "c"]),
        "at": pa.array([1, 2, 3], pa.int32()),
        "large": pa.array(["x", None, "z"], pa.large_string()),
        "view": pa.array(["in", "a text that is longer than twelve bytes", None], pa.string_view()),
        "bin": pa.array([b"1", b"2", None], pa.large_binary()),
        "binview": pa.array([b"1", b"2" * 40, None], pa.binary_view()),
        "fixed": pa.array([b"abc", None, b"ghi"], pa.binary(3)),
        "u64": pa.array([2**64 - 1, 0, None], pa.uint64()),
        "i8": pa.array([-128, 127, 0], pa.int8()),
        "f32": pa.array([0.1, 3.0, -1e-20], pa.float32()),
        "f64": pa.array([0.1, 1e22, -123.456]),
        "dec": pa.array([Decimal("1.50"), Decimal("-99999999999999999999999999999999.99"), None], pa.decimal128(38, 2)),
        "yes": pa.array([True, False, None]),
        "day": pa.array([datetime.date(2024, 2, 29), datetime.date(1969, 12, 31), None]),
        "day64": pa.array([datetime.date(2024, 2, 29), datetime.date(1, 1, 1), None], pa.date64()),
        "when": pa.array([datetime.datetime(2024, 2, 29, 1, 2, 3, 450000), datetime.datetime(1969, 12, 31, 23, 59, 59), None], pa.timestamp("us")),
        "utc": pa.array([1, -1, None], pa.timestamp("ns", "UTC")),
        "list": pa.array([[1, 2], [], None], pa.list_(pa.int16())),
        "biglist": pa.array([["a"], [None], None], pa.large_list(pa.string())),
        "pair": pa.array([[1, 2], [3, 4], None], pa.list_(pa.int64(), 2)),
        "map": pa.array([[("k", 1)], [], None], pa.map_(pa.string(), pa.int64())),
        "struct": pa.array([{"x": 1, "y": {"z": ["q"]}}, {"x": None, "y": None}, None]),
        "dict": pa.array(["red", "blue", "red"]).dictionary_encode(),
        "nothing": pa.nulls(3),
    }
)  # fmt: skip
EXPECTED = [
    {
        "id": "a", "at": 1, "large": "x", "view": "in", "bin": b"1", "binview": b"1", "fixed": b"abc", "u64": 2**64 - 1,
        "i8": -128, "f32": Decimal("0.1"), "f64": Decimal("0.1"), "dec": Decimal("1.5"), "yes": True, "day": "2024-02-29",
        "day64": "2024-02-29", "when": "2024-02-29T01:02:03.45", "utc": "1970-01-01T00:00:00.000000001Z", "list": [1, 2],
        "biglist": ["a"], "pair": [1, 2], "map": {"k": 1}, "struct": {"x": 1, "y": {"z": ["q"]}}, "dict": "red",
    },
    {
        "id": "b", "at": 2, "view": "a text that is longer than twelve bytes", "bin": b"2", "binview": b"2" * 40, "u64": 0,
        "i8": 127, "f32": 3, "f64": 10**22, "dec": Decimal("-99999999999999999999999999999999.99"), "yes": False,
        "day": "1969-12-31", "day64": "0001-01-01", "when": "1969-12-31T23:59:59", "utc": "1969-12-31T23:59:59.999999999Z",
        "list": [], "biglist": [None], "pair": [3, 4], "map": {}, "struct": {}, "dict": "blue",
    },
    {
        "id": "c", "at": 3, "large": "z", "fixed": b"ghi", "i8": 0, "f32": Decimal("-1e-20"), "f64": Decimal("-123.456"), "dict": "red",
    },
]  # fmt: skip


def test_arrow_of_every_type(table):
    for source in (ARROW, ARROW.to_reader(), ARROW.to_batches()[0], pa.concat_tables([ARROW, ARROW]).slice(3)):
        assert table.load(source).stored == 3
        assert rows_of(table) == EXPECTED
        for row in EXPECTED:
            table.delete(row)


def test_slices_and_nulls(table):
    for at in range(3):
        assert table.load(ARROW.slice(at, 1)).stored == 1
        assert table.get(EXPECTED[at]) == EXPECTED[at]
    table.load(ARROW.slice(1), nulls="keep")
    kept = table.get("c", 3)
    assert {name: value for name, value in kept.items() if value is not None} == EXPECTED[2]
    assert set(kept) == set(ARROW.column_names)
    assert table.get("b", 2)["struct"] == {"x": None, "y": None}
    flat = pa.table({"id": ["f"], "at": [1], "none": pa.nulls(1), "text": pa.array([None], pa.string())})
    table.load(flat, nulls="keep")
    assert table.get("f", 1) == {"id": "f", "at": 1, "none": None, "text": None}


def test_wanted_types(table):
    source = pa.table(
        {"id": [7], "at": ["12.50"], "tags": [["a", "b"]], "sizes": [[1, 2]], "blobs": [[b"x"]], "raw": ["AP8="],
         "flag": [True], "day": [datetime.date(2020, 1, 2)], "code": pa.array(["5"]).dictionary_encode()}
    )  # fmt: skip
    types = {"id": "S", "at": "N", "tags": "SS", "sizes": "NS", "blobs": "BS", "raw": "B", "flag": "S", "day": "S", "code": "N"}
    table.load(source, types=types)
    assert table.get("7", Decimal("12.5")) == {
        "id": "7", "at": Decimal("12.5"), "tags": {"a", "b"}, "sizes": {1, 2}, "blobs": {b"x"}, "raw": b"\x00\xff",
        "flag": "true", "day": "2020-01-02", "code": 5,
    }  # fmt: skip
    for wrong in ({"id": "SS"}, {"tags": "NS"}, {"flag": "N"}, {"at": "M"}, {"day": "B"}):
        with pytest.raises(NotImplementedError, match="cannot become"):
            table.load(source, types=wrong)
    with pytest.raises(ValueError, match="no type of DynamoDB"):
        table.load(source, types={"id": "X"})


@pytest.mark.parametrize(
    ("column", "types", "message"),
    [
        (pa.array([1.5, float("nan")]), {}, "column v: Infinity and NaN are not supported"),
        (pa.array(["1", "one"]), {"v": "N"}, "column v: The parameter cannot be converted to a numeric value: one"),
        (pa.array(["AA==", "?"]), {"v": "B"}, "column v: not base64 text"),
        (pa.array([["a"], []]), {"v": "SS"}, "column v: One or more parameter values were invalid: An string set  may not be empty"),
        (pa.array([["a"], ["a", "a"]]), {"v": "SS"}, "column v: One or more parameter values were invalid: Input collection [a, a] contains duplicates."),
        (pa.array([["a"], ["a", None]]), {"v": "SS"}, "column v: a set has no null member"),
        (pa.array([1.0, 1e200]), {}, "column v: Number overflow. Attempting to store a number with magnitude larger than supported range"),
    ],
)  # fmt: skip
def test_rows_that_are_refused(table, column, types, message):
    source = pa.table({"id": ["a", "b"], "at": [1, 2], "v": column})
    report = table.load(source, types=types, errors="skip")
    assert report.stored == 1 and [tuple(one) for one in report.errors] == [(1, "ValidationException", message)]
    assert table.get("a", 1) is not None and table.get("b", 2) is None
    with pytest.raises(ApiError, match="item 1: column v"):
        table.load(source, types=types)


def test_columns_that_are_refused(table):
    for column, message in (
        (pa.array([1], pa.time64("us")), "column v: no DynamoDB type stands for Arrow's ttu; cast it"),
        (pa.array([1], pa.duration("s")), "column v: no DynamoDB type stands for Arrow's tDs; cast it"),
        (pa.array([[(1, 2)]], pa.map_(pa.int64(), pa.int64())), "column v: the keys of a map are texts"),
    ):
        with pytest.raises(NotImplementedError) as refused:
            table.load(pa.table({"id": ["a"], "at": [1], "v": column}))
        assert str(refused.value) == message
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array([1])], ["id", "id"])
    with pytest.raises(ValueError, match="two columns are called id"):
        table.load(twice)
    broken = pa.StringArray.from_buffers(1, pa.py_buffer(b"\x00\x00\x00\x00\x01\x00\x00\x00"), pa.py_buffer(b"\xff"))
    with pytest.raises(ApiError, match="item 0: column v: the text is no UTF-8"):
        table.load(pa.table({"id": ["a"], "at": [1], "v": broken}))


def test_files(table, tmp_path):
    table.load(ITEMS)
    arrow = table.scan().to_arrow(numbers="float", nested="struct")
    lines = b"".join(table.scan().to_json_lines())
    typed = b"".join(table.scan().to_json_lines(dynamodb=True))
    pq.write_table(arrow, tmp_path / "a.parquet")
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_file(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    with pa.OSFile(str(tmp_path / "s.arrow"), "wb") as sink, pa.ipc.new_stream(sink, arrow.schema) as writer:
        writer.write_table(arrow)
    (tmp_path / "a.jsonl").write_bytes(lines)
    (tmp_path / "a.json.gz").write_bytes(gzip.compress(lines))
    (tmp_path / "typed.json").write_bytes(typed)
    for source, format in (
        (tmp_path / "a.parquet", None), (str(tmp_path / "a.arrow"), None), (tmp_path / "s.arrow", None),
        (tmp_path / "a.jsonl", None), (tmp_path / "a.json.gz", None), (tmp_path / "typed.json", "dynamodb-json"),
        (io.BytesIO(lines), None), ((tmp_path / "a.parquet").open("rb"), "parquet"), (memoryview(typed), "dynamodb-json"),
    ):  # fmt: skip
        with DynamoDB() as db:
            other = Table.create(db, "other", pk="id:S", sk="at:N")
            shares = []
            report = other.load(source, format=format, progress=lambda *seen, into=shares: into.append(seen))
            assert report.stored == 50 and rows_of(other) == ITEMS and shares[-1][0] == 50
    with pytest.raises(ValueError, match="does not say its format"):
        table.load(tmp_path / "a.xyz")
    with pytest.raises(FileNotFoundError):
        table.load(tmp_path / "none.parquet")
    with pytest.raises(ValueError, match="format is"):
        table.load(b"", format="xml")
    for wrong in (5, {"id": "a"}, None):
        with pytest.raises(TypeError, match="items are loaded from"):
            table.load(wrong)
    with pytest.raises(ValueError, match='errors is "raise" or "skip"'):
        table.load([], errors="ignore")
    with pytest.raises(ValueError, match='nulls is "omit" or "keep"'):
        table.load([], nulls="drop")


def test_csv(table, tmp_path):
    text = 'id,at,zip,score,ok,note\n007,1,01234,2.50,true,"two\nlines, a ""quote"""\n008,2,,,,""\n009,x,1,1,true,\n'
    (tmp_path / "a.csv").write_text(text)
    report = table.load(tmp_path / "a.csv", types={"score": "N", "ok": "BOOL"}, errors="skip")
    assert report.stored == 2 and report.errors[0].where == 2 and "numeric value: x" in report.errors[0].message
    assert rows_of(table) == [
        {"id": "007", "at": 1, "zip": "01234", "score": Decimal("2.5"), "ok": True, "note": 'two\nlines, a "quote"'},
        {"id": "008", "at": 2, "note": ""},
    ]
    (tmp_path / "b.tsv.gz").write_bytes(gzip.compress(b"\xef\xbb\xbfid\tat\nz\t5\n"))
    table.load(tmp_path / "b.tsv.gz")
    assert table.get("z", 5) == {"id": "z", "at": 5}


def test_other_tables_and_frames(table):
    table.load(ITEMS)
    table.put({"id": "sets", "at": 0, "s": {"x"}, "b": {b"y"}, "mixed": [1, "a"]})
    with DynamoDB() as db:
        other = Table.create(db, "copy", pk="id:S", sk="at:N")
        assert other.load(table.scan()).stored == 51
        assert rows_of(other) == rows_of(table)
        by_text = Table.create(db, "by-text", pk="text:S")
        report = by_text.load(table.query("a"), errors="skip")
        assert report.refused == 17 and report.errors[0].message.endswith("empty string value. Key: text")
        polars = pytest.importorskip("polars")
        pandas = pytest.importorskip("pandas")
        for frame in (polars.DataFrame({"id": ["p"], "at": [1], "v": [0.5]}), pandas.DataFrame({"id": ["p"], "at": [1], "v": [0.5]})):
            assert other.load(frame).stored == 1
            assert other.get("p", 1) == {"id": "p", "at": 1, "v": Decimal("0.5")}
            other.delete("p", 1)


def test_python_values_that_are_refused(table):
    items = [{"id": "a", "at": 1}, {"id": "a", "at": 2, "v": 1.5}, {"id": "a"}, 7, {"id": "a", "at": 3, "v": 10**40 + 1}, {"id": "a", "at": 4}]
    report = table.load(items, errors="skip")
    assert report.stored == 2
    assert [(one.where, one.code) for one in report.errors] == [
        (1, "UnsupportedValue"), (2, "ValidationException"), (3, "UnsupportedValue"), (4, "ValidationException"),
    ]  # fmt: skip
    with pytest.raises(UnsupportedValue, match="item 1: v: float types"):
        table.load(items)
    with pytest.raises(ApiError, match=r"item 0: .*Missing the key"):
        table.load(items[2:])


def test_an_index_is_kept_and_checked(table):
    db = table.service
    db.call(
        "UpdateTable",
        {
            "TableName": "things",
            "AttributeDefinitions": [{"AttributeName": "n", "AttributeType": "N"}],
            "GlobalSecondaryIndexUpdates": [
                {"Create": {"IndexName": "by-n", "KeySchema": [{"AttributeName": "n", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"}}}
            ],
        },
    )
    report = table.load([{"id": "a", "at": i, "n": i % 3} for i in range(9)] + [{"id": "b", "at": 1, "n": "text"}], errors="skip")
    assert report.stored == 9 and "Type mismatch for Index Key n" in report.errors[0].message
    assert table.query(2, index="by-n").count() == 3
    assert table.key_types() == {"id": "S", "at": "N", "n": "N"}


def test_later_items_of_a_key_win(table):
    table.load([{"id": "a", "at": 1, "v": v} for v in range(500)])
    assert table.get("a", 1)["v"] == 499 and table.info()["items"] == 1
    with table.batch() as batch:
        for v in range(300):
            batch.put({"id": "b", "at": v})
            batch.delete("b", v - 1)
    assert [row["at"] for row in table.query("b")] == [299]


def test_batches_flush_by_size_and_refuse_late(table):
    with table.batch() as batch:
        batch.extend({"id": "big", "at": at, "v": "x" * 100_000} for at in range(10))
        assert table.query("big").count() >= 6
    with pytest.raises(ApiError, match="Missing the key at"):
        with table.batch() as batch:
            batch.put({"id": "ok", "at": 1})
            batch.put({"id": "no sort key"})
            batch.put({"id": "ok", "at": 2})
    assert [row["at"] for row in table.query("ok")] == [1, 2]
    with pytest.raises(UnsupportedValue):
        with table.batch() as batch:
            batch.put({"id": "ok", "at": 3, "v": 0.5})
    with pytest.raises(ZeroDivisionError):
        with table.batch() as batch:
            batch.put({"id": "ok", "at": 4})
            raise ZeroDivisionError
    assert table.get("ok", 4) is None


@pytest.mark.parametrize("durability", ["process", "commit"])
def test_what_was_loaded_is_there_after_reopening(tmp_path, durability):
    with DynamoDB(tmp_path / "store", durability=durability) as db:
        table = Table.create(db, "things", pk="id:S", sk="at:N")
        table.load({"id": "a", "at": i, "pad": "x" * 400} for i in range(5000))
        if durability == "commit":
            info = db.tables.info()
            assert info["synced_sequence"] == info["last_sequence"] and info["syncs"] < 200
    with DynamoDB(tmp_path / "store") as db:
        assert [row["at"] for row in Table(db, "things").query("a", projection=["at"])] == list(range(5000))


def test_loading_beside_writers(table):
    stop = threading.Event()

    def write():
        while not stop.is_set():
            table.update("w", 1, add={"n": 1})

    writer = threading.Thread(target=write)
    writer.start()
    loads = [
        threading.Thread(target=table.load, args=([{"id": f"l{k}", "at": i} for i in range(3000)],)) for k in range(3)
    ]
    for one in loads:
        one.start()
    for one in loads:
        one.join()
    stop.set()
    writer.join()
    assert table.scan(filter=attr("id").begins_with("l")).count() == 9000


def test_a_loader_alone(table):
    loader = Loader(table.tables, "things")
    assert loader.waiting == 0 and loader.flush() == []
    with pytest.raises(ValueError, match="columns\\(\\) says first"):
        loader.batch(ARROW.to_batches()[0])
    with pytest.raises(ValueError, match="lines are"):
        loader.lines(b"", "yaml")
    assert not loader.put({"id": "a", "at": 1}) and loader.waiting == 1
    gone = Loader(table.tables, "absent")
    gone.put({"id": "a"})
    with pytest.raises(ApiError, match="ResourceNotFound"):
        gone.flush()
    assert gone.waiting == 0 and gone.flush() == []
    table.service.close()
    with pytest.raises(ClosedError):
        loader.flush()


def test_progress_shows_on_terminals_alone(capsys, monkeypatch):
    from cloudcore.dynamodb import progress

    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    silent = Progress(None, "loading")
    silent.show(5, 0.5)
    silent.close()
    assert capsys.readouterr().err == ""
    shown = Progress(True, "loading things")
    shown.show(1000, 0.5)
    shown.show(1500, None)
    shown.close()
    text = capsys.readouterr().err
    assert "\rloading things: 1,000 items, 200/s [############............] 5 s left" in text
    assert text.endswith("\r")


numbers = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=3)
plain = st.recursive(
    st.one_of(st.text(max_size=6), st.integers(-(10**30), 10**30), st.booleans(), st.none()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(min_size=1, max_size=4), inner, max_size=3)),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from(["v", "w", "é ü"]), plain, max_size=3), max_size=4))
def test_any_lines_and_columns_come_out_as_they_went_in(rows):
    with cloudcore.open(":memory:") as cloud:
        items = [{"id": "a", "at": at, **row} for at, row in enumerate(rows)]
        by_line = cloud.table("lines", pk="id:S", sk="at:N")
        by_line.load("\n".join(json.dumps(item) for item in items).encode())
        assert list(by_line.query("a")) == items
        by_column = cloud.table("columns", pk="id:S", sk="at:N")
        by_column.load(by_line.query("a").to_arrow(nested="json"), nulls="keep")
        assert by_column.scan().count() == len(items)
        copy = cloud.table("copy", pk="id:S", sk="at:N")
        copy.load(by_line.scan())
        assert list(copy.query("a")) == items
