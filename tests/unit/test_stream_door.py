"""Records and columns through their Python door: every answer is compared with the plain Python one."""

from __future__ import annotations

import base64
import datetime
import decimal
import gzip
import json
import random
import struct
import zlib

import pyarrow as pa
import pytest

from cloudcore import _stream
from cloudcore.errors import ApiError, CorruptError


def batch_of(columns: _stream.Columns) -> pa.RecordBatch:
    batch = pa.record_batch(columns.finish())
    batch.validate(full=True)
    return batch


def test_frame_split_concat():
    records = [b"", b"a", bytes(range(256)) * 9]
    payload = _stream.frame(records)
    assert payload == b"".join(struct.pack("<I", len(r)) + r for r in records)
    assert _stream.split(payload) == records
    assert _stream.concat(payload) == b"".join(records)
    assert _stream.concat(payload, b"\n") == b"".join(r + b"\n" for r in records)
    for cut in range(1, len(payload)):
        if cut in (4, 9):
            continue  # a whole number of records
        with pytest.raises(CorruptError):
            _stream.split(payload[:cut])


def test_put_record_batch_body():
    rng = random.Random(1)
    records = [rng.randbytes(rng.randrange(0, 900)) for _ in range(500)]
    body = json.dumps(
        {
            "Extra": [1, {}],
            "DeliveryStreamName": "s",
            "Records": [{"Data": base64.b64encode(r).decode()} for r in records],
        }
    ).encode()
    name, payload, count = _stream.decode_put_records(body)
    assert (name, count, _stream.split(payload)) == ("s", 500, records)
    name, payload, count = _stream.decode_put_records(b'{"Record":{"Data":"eA=="},"DeliveryStreamName":"t"}')
    assert (name, count, _stream.split(payload)) == ("t", 1, [b"x"])


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "SerializationException"),
        (b"[]", "SerializationException"),
        (b'{"Records":[{"Data":"***="}]}', "SerializationException"),
        (b'{"Records":[{"Data":1}]}', "SerializationException"),
        (b'{"Records":[]}', "ValidationException"),
        (b"{}", "ValidationException"),
        (b'{"Records":[{}]}', "ValidationException"),
        (json.dumps({"Records": [{"Data": ""}] * 501}).encode(), "ValidationException"),
        (
            json.dumps({"Records": [{"Data": base64.b64encode(bytes(1_024_001)).decode()}]}).encode(),
            "ValidationException",
        ),
        (
            json.dumps({"Records": [{"Data": base64.b64encode(bytes(900_000)).decode()}] * 5}).encode(),
            "InvalidArgumentException",
        ),
    ],
)
def test_bad_bodies(body, code):
    with pytest.raises(ApiError) as caught:
        _stream.decode_put_records(body)
    assert caught.value.code == code


def test_gzip_member_and_crc():
    data = b"hello " * 1000
    deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
    raw = deflate.compress(data) + deflate.flush()
    assert _stream.crc32(data) == zlib.crc32(data)
    member = _stream.gzip_member(raw, zlib.crc32(data), len(data))
    assert gzip.decompress(member + member) == data * 2


def test_types_and_nulls():
    schema = pa.schema(
        [
            ("b", pa.bool_()), ("i8", pa.int8()), ("i16", pa.int16()), ("i32", pa.int32()), ("i64", pa.int64()),
            ("f", pa.float32()), ("d", pa.float64()), ("s", pa.string()), ("z", pa.binary()), ("day", pa.date32()),
            ("ms", pa.timestamp("ms")), ("us", pa.timestamp("us", tz="UTC")), ("dec", pa.decimal128(9, 2)),
            ("st", pa.struct([("x", pa.int64()), ("y", pa.string())])), ("l", pa.list_(pa.string())),
            ("m", pa.map_(pa.string(), pa.int64())),
        ]
    )  # fmt: skip
    columns = _stream.Columns(schema)
    full = {
        "b": True, "i8": -128, "i16": 32767, "i32": -5, "i64": 2**63 - 1, "f": 0.5, "d": 1e-7, "s": "é\n\"\U0001f600",
        "z": "AAE=", "day": "2024-02-29", "ms": "2026-11-24T01:02:03.456Z", "us": 1_700_000_000.5, "dec": "-12.3",
        "st": {"y": "in"}, "l": ["a", None, ""], "m": {"k": 1, "": None},
    }  # fmt: skip
    records = [json.dumps(full).encode(), b"{}", b'{"s":null,"st":null,"l":[],"m":{},"b":"false"}']
    assert columns.append(_stream.frame(records)) == []
    rows = batch_of(columns).to_pylist()
    utc = datetime.UTC
    assert rows[0] == {
        **full,
        "z": b"\0\1", "day": datetime.date(2024, 2, 29), "ms": datetime.datetime(2026, 11, 24, 1, 2, 3, 456000),
        "us": datetime.datetime(2023, 11, 14, 22, 13, 20, 500000, tzinfo=utc), "dec": decimal.Decimal("-12.30"),
        "st": {"x": None, "y": "in"}, "m": [("k", 1), ("", None)],
    }  # fmt: skip
    assert set(rows[1].values()) == {None}
    assert (rows[2]["l"], rows[2]["m"], rows[2]["b"], rows[2]["st"]) == ([], [], False, None)


def test_each_bad_record_is_routed_alone():
    columns = _stream.Columns(pa.schema([("i", pa.int64()), ("s", pa.string()), ("l", pa.list_(pa.int32()))]))
    rng = random.Random(5)
    bad = [b"", b"[1]", b'{"i":1', b'{"i":1}}', b'{"i":"x"}', b'{"l":[1,2,"y"]}', b'{"s":"\xff"}', b'{"i":1.5}', b'{"l":3}',
           b'{"i":1}{"i":tru}', b"nul", b'{"i":92233720368547758080}']  # fmt: skip
    records, good, expected_bad = [], [], []
    for n in range(2000):
        if rng.random() < 0.1:
            expected_bad.append(n)
            records.append(rng.choice(bad))
        else:
            row = {"i": n, "s": "v" * (n % 7), "l": list(range(n % 4))}
            good.append(row)
            records.append(json.dumps(row).encode())
    reported = columns.append(_stream.frame(records))
    assert [index for index, _, _ in reported] == expected_bad
    assert {code for _, code, _ in reported} == {
        "DataFormatConversion.ParseError",
        "DataFormatConversion.MalformedData",
    }
    assert batch_of(columns).to_pylist() == good
    assert columns.rows == 0


def test_key_order_case_and_unknown_keys():
    columns = _stream.Columns(pa.schema([("Alpha", pa.int64()), ("beta", pa.int64())]))
    lines = b'{"alpha":1,"x":{"deep":[1,2]},"BETA":2}\n{ "beta" : 4 , "Alpha" : 3 }\n\r\n{"\\u0041lpha":5,"Alpha":6}\n'
    assert columns.append_lines(lines) == []
    assert batch_of(columns).to_pylist() == [
        {"Alpha": 1, "beta": 2},
        {"Alpha": 3, "beta": 4},
        {"Alpha": 6, "beta": None},
    ]
    exact = _stream.Columns(pa.schema([("Alpha", pa.int64())]), case_insensitive=False)
    exact.append_lines(b'{"alpha":1}')
    assert batch_of(exact).to_pylist() == [{"Alpha": None}]


def test_coercions_to_text_and_numbers():
    columns = _stream.Columns(pa.schema([("s", pa.string()), ("d", pa.float64())]))
    assert columns.append_lines(b'{"s":12.50,"d":"3e2"}\n{"s":true}\n{"s":{"a": [1]},"d":-0.0}') == []
    assert batch_of(columns).to_pylist() == [
        {"s": "12.50", "d": 300.0},
        {"s": "true", "d": None},
        {"s": '{"a": [1]}', "d": 0.0},
    ]


def test_doubles_read_as_python_reads_them():
    rng = random.Random(2)
    texts = [repr(struct.unpack("<d", rng.randbytes(8))[0]) for _ in range(20_000)]
    texts = [t for t in texts if t not in ("nan", "inf", "-inf")]
    texts += [
        f"{rng.randrange(10 ** rng.randrange(1, 25))}.{rng.randrange(10**12)}e{rng.randrange(-30, 30)}"
        for _ in range(20_000)
    ]
    columns = _stream.Columns(pa.schema([("d", pa.float64())]))
    assert columns.append_lines("\n".join(f'{{"d":{t}}}' for t in texts).encode()) == []
    assert batch_of(columns)["d"].to_pylist() == [float(t) for t in texts]


@pytest.mark.parametrize(
    "text", ["2026-13-01", "2023-02-29", "2026-01-01T25:00:00", "yesterday", "2026-01-01T00:00:00+1"]
)
def test_bad_timestamps(text):
    columns = _stream.Columns(pa.schema([("t", pa.timestamp("ms"))]))
    assert [code for _, code, _ in columns.append_lines(json.dumps({"t": text}).encode())] == [
        "DataFormatConversion.MalformedData"
    ]


def test_timestamp_forms():
    columns = _stream.Columns(pa.schema([("t", pa.timestamp("ms"))]))
    forms = [
        '"2026-11-24"',
        '"2026-1-2 3:04"',
        '"2026-11-24 01:02:03.123456789"',
        '"2026-11-24T01:02:03+05:30"',
        "1700000000",
        "1700000000123",
        "1700000000.123",
        '"1969-12-31T23:59:59Z"',
    ]
    assert columns.append_lines("\n".join(f'{{"t":{f}}}' for f in forms).encode()) == []
    moment = datetime.datetime
    assert batch_of(columns)["t"].to_pylist() == [
        moment(2026, 11, 24), moment(2026, 1, 2, 3, 4), moment(2026, 11, 24, 1, 2, 3, 123000), moment(2026, 11, 23, 19, 32, 3),
        moment(2023, 11, 14, 22, 13, 20), moment(2023, 11, 14, 22, 13, 20, 123000), moment(2023, 11, 14, 22, 13, 20, 123000),
        moment(1969, 12, 31, 23, 59, 59),
    ]  # fmt: skip


def test_unsupported_type_is_named():
    with pytest.raises(NotImplementedError, match=r"column u: type L"):
        _stream.Columns(pa.schema([("u", pa.uint64())]))


def test_a_batch_is_handed_over_once():
    columns = _stream.Columns(pa.schema([("i", pa.int64())]))
    columns.append_lines(b'{"i":1}')
    batch = columns.finish()
    pa.record_batch(batch)
    with pytest.raises(ValueError, match="handed over already"):
        pa.record_batch(batch)
    columns.finish()  # never imported: freed with the object


def test_dots_as_underscores_and_exact_keys():
    schema = pa.schema([("a_b", pa.int64()), ("C", pa.int64())])
    columns = _stream.Columns(schema, case_insensitive=False, dots_as_underscores=True)
    assert columns.append_lines(b'{"a.b":1,"c":2,"C":3}\n{"a_b":4}\n{"a-b":5}\n{"A.b":6}') == []
    rows = pa.record_batch(columns.finish()).to_pylist()
    assert rows == [{"a_b": a, "C": c} for a, c in ((1, 3), (4, None), (None, None), (None, None))]


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (pa.int64(), ["1", "null"], ['"1"', "true", "[1]", "{}"]),
        (pa.float64(), ["1.5"], ['"1.5"']),
        (pa.decimal128(5, 2), ["1.25"], ['"1.25"']),
        (pa.bool_(), ["true"], ['"true"', "1"]),
        (pa.string(), ['"x"', "1", "true"], ["{}", "[1]"]),
        (pa.date32(), ['"2026-01-02"'], ["5"]),
        (pa.timestamp("ms"), ['"2026-1-2 03:04:05"', '"2026-01-02 03:04:05.5"'], ['"2026-01-02T03:04:05"', "5", "1.5"]),
        (pa.list_(pa.int64()), ["[1]"], ["1", '["1"]', "{}"]),
        (pa.struct([("x", pa.int64())]), ['{"x":1}'], ["[]", '{"x":"1"}', "1"]),
        (pa.map_(pa.int32(), pa.int64()), ['{"1":2}'], ["[]", '{"1":"2"}']),
    ],
)
def test_strict_columns(kind, good, bad):
    columns = _stream.Columns(pa.schema([("v", kind)]), strict=True)
    lines = "\n".join(f'{{"v":{value}}}' for value in good + bad).encode()
    told = columns.append_lines(lines)
    assert [(line, code) for line, code, _ in told] == [
        (len(good) + n, "DataFormatConversion.MalformedData") for n in range(1, len(bad) + 1)
    ]
    assert columns.rows == len(good)


def test_strict_columns_with_milliseconds():
    for unit, wanted in (("s", -1), ("ms", -1), ("us", -1000), ("ns", -1_000_000)):
        columns = _stream.Columns(pa.schema([("v", pa.timestamp(unit))]), strict=True, millis=True)
        assert columns.append_lines(b'{"v":-1}\n{"v":"1970-01-01 00:00:00"}') == []
        values = pa.record_batch(columns.finish()).column(0).cast(pa.int64()).to_pylist()
        assert values == [wanted, 0]
        assert len(columns.append_lines(b'{"v":1.5}\n{"v":true}')) == 2


def test_snappy_frames():
    seen = []

    def compress(block):
        seen.append(len(block))
        return b"<%d>" % len(block)

    data = b"x" * (2 * 32768 + 5)
    framed = _stream.snappy_frames(data, compress, hadoop=False)
    assert framed == b"\x82SNAPPY\0\0\0\0\1\0\0\0\1" + (b"\0\0\0\7<32768>" * 2) + b"\0\0\0\3<5>"
    assert _stream.snappy_frames(memoryview(data), compress, hadoop=True) == (
        b"\0\0\x80\0\0\0\0\7<32768>" * 2 + b"\0\0\0\5\0\0\0\3<5>"
    )
    assert seen == [32768, 32768, 5] * 2
    assert _stream.snappy_frames(b"", compress, hadoop=True) == b""

    def broken(block):
        raise ValueError("no codec")

    with pytest.raises(ValueError, match="no codec"):
        _stream.snappy_frames(data, broken, hadoop=False)
