"""Files that streams deliver, read by others and compared value by value. Spark and awswrangler: tests/clients."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyarrow import orc

from cloudcore.firehose import Firehose
from cloudcore.objects import LocalObjects

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
import columnar_data
from columnar_data import WRITERS

ROWS = columnar_data.rows()
EXPECTED = columnar_data.expected(ROWS)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The one object of a stream for each writer."""
    home = tmp_path_factory.mktemp("readers")
    service = Firehose(home / "firehose", objects=LocalObjects(home / "objects"))
    keys = columnar_data.deliver(service, ROWS)
    service.close()
    return {name: home / "objects" / name / key for name, key in keys.items()}


def arrow(path: Path) -> list[dict[str, Any]]:
    read = orc.read_table if path.suffix == ".orc" else pq.read_table
    return read(io.BytesIO(path.read_bytes())).to_pylist()


def duckdb(path: Path) -> list[dict[str, Any]]:
    duck = pytest.importorskip("duckdb", reason="pip install duckdb")
    with duck.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        asked = connection.execute("SELECT * FROM read_parquet(?)", [str(path)])
        names = [column[0] for column in asked.description]
        return [dict(zip(names, row, strict=True)) for row in asked.fetchall()]


def polars(path: Path) -> list[dict[str, Any]]:
    return pytest.importorskip("polars", reason="pip install polars").read_parquet(path).to_dicts()


PAIRS = [
    (name, reader)
    for name in WRITERS
    for reader in ((arrow,) if name.startswith("orc") else (arrow, duckdb, polars))  # only Arrow and Spark read ORC
]


@pytest.mark.parametrize(("name", "reader"), PAIRS, ids=lambda each: getattr(each, "__name__", each))
def test_every_value_is_read_as_it_was_put(
    files: dict[str, Path], name: str, reader: Callable[[Path], list[dict[str, Any]]]
) -> None:
    found = [columnar_data.plain(row) for row in reader(files[name])]
    assert len(found) == len(EXPECTED)
    for row, wanted in zip(found, EXPECTED, strict=True):
        assert row == wanted


def test_a_fraction_of_a_second_before_1970(tmp_path: Path) -> None:
    """Parquet keeps it, ORC too but for the last second before 1970, of which its readers take a time for one a second
    later: such a record is set aside, with the reason, and its neighbours are delivered."""
    service = Firehose(None, objects=LocalObjects(tmp_path))
    records = [b'{"at": "1969-12-31 23:59:58.500", "in": {"all": ["1969-12-31 23:59:58.500"]}}', b'{"at": "1969-12-31 23:59:59"}',
               b'{"in": {"all": ["1933-01-01 00:00:00.001"]}}', b'{"at": "1970-01-01 00:00:00.001"}',
               b'{"in": {"all": ["1969-12-31 23:59:59.001"]}}']  # fmt: skip
    for name, rows, failed in (("parquet", 5, 0), ("orc", 4, 1)):
        stream = service.stream(
            name, bucket=name, prefix="data/", error_prefix="errors/", format=name,
            schema="at timestamp, in struct<all:array<timestamp>>",
        )  # fmt: skip
        stream.put_batch(records)
        assert stream.flush(120)
        (key,) = service.objects.list(name, "data/")
        path = tmp_path / name / key
        assert (len(arrow(path)), stream.status()["failed"]) == (rows, failed)
        for reader in (arrow, duckdb, polars) if name == "parquet" else (arrow,):
            found = [columnar_data.plain(row) for row in reader(path)]
            assert found[0] == {"at": "1969-12-31T23:59:58.500+00:00", "in": {"all": ["1969-12-31T23:59:58.500+00:00"]}}
            assert found[1]["at"] == "1969-12-31T23:59:59.000+00:00"
            assert found[2]["in"] == {"all": ["1933-01-01T00:00:00.001+00:00"]}
    (key,) = service.objects.list("orc", "errors/")
    assert service.objects.get("orc", key).count(b"ORC takes no milliseconds in the last second before 1970") == 1
    service.close()
