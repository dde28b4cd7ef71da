"""Records of every type that the conversion knows, the values they must be read as, and every writer's options.

The values come first; the JSON text and what a reader must give (`plain`) are both made from them.
"""

from __future__ import annotations

import json
import random
from base64 import b64encode
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

SCHEMA = (
    "id bigint, flag boolean, tiny tinyint, small smallint, n int, ratio float, x double, name string, "
    "price decimal(18,4), huge decimal(38,10), day date, at timestamp, raw binary, tags array<string>, "
    "matrix array<array<int>>, counts map<string,bigint>, geo struct<city:string,at:struct<lat:double,lon:double>>, "
    "lines array<struct<sku:string,quantity:int,price:decimal(9,2),notes:array<string>>>, "
    "limits map<string,struct<low:int,high:int>>, days array<date>, times array<timestamp>"
)

WRITERS: dict[str, dict[str, Any] | None] = {
    "parquet": None,
    "parquet-gzip-v2": {"ParquetSerDe": {"Compression": "GZIP", "WriterVersion": "V2", "PageSizeBytes": 65_536}},
    "parquet-plain": {"ParquetSerDe": {"Compression": "UNCOMPRESSED", "EnableDictionaryCompression": False,
                                       "BlockSizeBytes": 64 << 20}},
    "parquet-v2": {"ParquetSerDe": {"WriterVersion": "V2"}},
    "orc": {"OrcSerDe": {}},
    "orc-zlib": {"OrcSerDe": {"Compression": "ZLIB", "StripeSizeBytes": 8 << 20, "RowIndexStride": 1000,
                              "BloomFilterColumns": ["name", "id"], "BloomFilterFalsePositiveProbability": 0.01,
                              "DictionaryKeyThreshold": 1.0}},
    "orc-plain-v11": {"OrcSerDe": {"Compression": "NONE", "FormatVersion": "V0_11", "PaddingTolerance": 0.1}},
}  # fmt: skip


def rows(count: int = 300) -> list[dict[str, Any]]:
    rng = random.Random(2026)
    return [_row(rng, number) for number in range(count)]


def _row(rng: random.Random, number: int) -> dict[str, Any]:
    def maybe(value: Any) -> Any:
        return None if rng.random() < 0.15 else value

    def text() -> str:
        return rng.choice(["", "a", "Zürich", "日本", "🚀 \"quoted\" \\ \n", "x" * 300, f"name-{rng.randrange(20)}"])

    def moment() -> datetime:
        return datetime(1900, 1, 1, tzinfo=UTC) + timedelta(milliseconds=rng.randrange(5_000_000_000_000))

    def day() -> date:
        return date(1950, 1, 1) + timedelta(days=rng.randrange(40_000))

    def decimal(digits: int, scale: int) -> Decimal:
        whole = rng.randrange(-(10**digits) + 1, 10**digits)
        return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))

    def some(make: Any, most: int = 4) -> list[Any]:
        return [maybe(make()) for _ in range(rng.randrange(most))]

    line = lambda: {  # noqa: E731
        "sku": text(), "quantity": maybe(rng.randrange(100)), "price": maybe(decimal(9, 2)),
        "notes": maybe(some(text)),
    }  # fmt: skip
    edge = number % 7
    return {
        "id": [number, (1 << 63) - 1, -(1 << 63)][edge if edge < 3 and number > 10 else 0],
        "flag": maybe(rng.random() < 0.5),
        "tiny": maybe(rng.randrange(-128, 128)), "small": maybe(rng.randrange(-(1 << 15), 1 << 15)),
        "n": maybe(rng.randrange(-(1 << 31), 1 << 31)),
        "ratio": maybe(rng.randrange(-1000, 1000) / 8), "x": maybe(rng.uniform(-1e9, 1e9)),
        "name": maybe(text()), "price": maybe(decimal(18, 4)), "huge": maybe(decimal(38, 10)),
        "day": maybe(day()), "at": maybe(moment()), "raw": maybe(text().encode()),
        "tags": maybe(some(text)), "matrix": maybe(some(lambda: some(lambda: rng.randrange(100)))),
        "counts": maybe({f"k{n}": maybe(rng.randrange(1 << 40)) for n in range(rng.randrange(4))}),
        "geo": maybe({"city": text(), "at": maybe({"lat": rng.uniform(-90, 90), "lon": maybe(rng.uniform(-180, 180))})}),
        "lines": maybe(some(line)),
        "limits": maybe({f"m{n}": {"low": rng.randrange(9), "high": maybe(9)} for n in range(rng.randrange(3))}),
        "days": maybe(some(day)), "times": maybe(some(moment)),
    }  # fmt: skip


def record(row: dict[str, Any]) -> bytes:
    """The row as a producer writes it; what is null is left out in every third row."""
    if row["id"] % 3 == 0:
        row = {name: value for name, value in row.items() if value is not None}
    # Decimals as JSON numbers with all their digits, which float would not keep.
    decimals: list[str] = []

    def told(value: Any) -> Any:
        if isinstance(value, Decimal):
            decimals.append(format(value, "f"))
            return f"@{len(decimals) - 1}@"
        if isinstance(value, datetime):
            return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03}"
        if isinstance(value, date):
            return value.isoformat()
        if isinstance(value, bytes):
            return b64encode(value).decode()
        raise TypeError(type(value))

    text = json.dumps(row, default=told)
    for number, digits in enumerate(decimals):
        text = text.replace(f'"@{number}@"', digits)
    return text.encode()


MAPS = frozenset(("counts", "limits"))


def plain(value: Any, name: str = "") -> Any:
    """One form for what the readers give in forms of their own: maps are sorted lists of pairs."""
    if name in MAPS and value is not None:
        pairs = value.items() if isinstance(value, dict) else [_pair(pair) for pair in value]
        return sorted([key, plain(inner)] for key, inner in pairs)
    if isinstance(value, bool) or value is None or isinstance(value, (int, str)):
        return value
    if isinstance(value, float):
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        there = value if value.tzinfo else value.replace(tzinfo=UTC)
        return there.astimezone(UTC).isoformat(timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, dict):
        return {key: plain(inner, key) for key, inner in value.items()}
    return [plain(each) for each in value]


def _pair(pair: Any) -> tuple[Any, Any]:
    return (pair["key"], pair["value"]) if isinstance(pair, dict) else tuple(pair)


def expected(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [plain(row) for row in found]


def deliver(service: Any, found: list[dict[str, Any]]) -> dict[str, str]:
    """Deliver the rows once by each writer, to a bucket of its name; the keys of the objects."""
    role = "arn:aws:iam::000000000000:role/firehose"
    service.define_table("d", "t", SCHEMA)
    keys = {}
    for name, writer in WRITERS.items():
        conversion = {
            "SchemaConfiguration": {"DatabaseName": "d", "TableName": "t", "RoleARN": role},
            "InputFormatConfiguration": {"Deserializer": {"OpenXJsonSerDe": {}}},
            "OutputFormatConfiguration": {"Serializer": writer or {"ParquetSerDe": {}}},
        }
        service.call("CreateDeliveryStream", {
            "DeliveryStreamName": name,
            "ExtendedS3DestinationConfiguration": {
                "RoleARN": role, "BucketARN": f"arn:aws:s3:::{name}", "DataFormatConversionConfiguration": conversion,
                "BufferingHints": {"SizeInMBs": 128, "IntervalInSeconds": 900},
            },
        })  # fmt: skip
        stream = service.get(name)
        stream.put_batch([record(row) for row in found])
        assert stream.flush(60) and stream.status()["failed"] == 0
        (keys[name],) = service.objects.list(name)
    return keys
