"""A dashboard over what a stream delivers: the prefix is a data set that a BI tool asks through SQLAlchemy on DuckDB,
while the stream goes on. Through the PostgreSQL target: test_firehose_redshift.py."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy

import cloudcore

DDL = "seen timestamp, page string, country string, ms double"
DOCS = Path(__file__).parents[2] / "docs" / "delivery_streams.md"


def views(minute: int, count: int) -> list[bytes]:
    return [
        json.dumps({"seen": f"2024-05-01 10:{minute:02d}:{n % 60:02d}", "page": f"/{n % 3}", "country": ("de", "fr")[n % 2],
                    "ms": float(n)}).encode()
        for n in range(count)
    ]  # fmt: skip


def test_the_query_of_the_docs_on_a_prefix_that_grows(tmp_path: Path) -> None:
    found = re.search(r"## A dashboard\n.*?```sql\n(.*?)```", DOCS.read_text(), re.S)
    assert found is not None
    with cloudcore.open(tmp_path / "c") as cloud:
        stream = cloud.stream("views", bucket="web", prefix="views/", error_prefix="failed/", format="parquet", schema=DDL, buffer_seconds=0)
        bucket = Path(cloud.objects.path_of("web", "any")).parent
        query = found[1].replace("DIR/", f"{bucket}/")
        engine = sqlalchemy.create_engine("duckdb:///:memory:")

        def asked() -> list[Any]:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(sqlalchemy.text(query))]

        stream.put_batch([*views(1, 100), b"{broken"])
        assert stream.flush(120)
        first = (datetime(2024, 5, 1, 10, 1), "de", 50, 49.0), (datetime(2024, 5, 1, 10, 1), "fr", 50, 50.0)
        assert asked() == list(first)
        stream.put_batch(views(2, 10))
        assert stream.flush(120)
        assert asked() == [*first, (datetime(2024, 5, 1, 10, 2), "de", 5, 4.0), (datetime(2024, 5, 1, 10, 2), "fr", 5, 5.0)]
        views_of = sqlalchemy.table("views", *map(sqlalchemy.column, ("seen", "page", "country", "ms")))
        with engine.begin() as connection:  # a tool that asks for columns before it asks for rows
            connection.execute(sqlalchemy.text(f"create view views as select * from read_parquet('{bucket}/views/**/*.parquet')"))
            columns = sqlalchemy.text("select column_name, data_type from information_schema.columns where table_name = 'views'")
            assert [tuple(row) for row in connection.execute(columns)] == [
                ("seen", "TIMESTAMP"), ("page", "VARCHAR"), ("country", "VARCHAR"), ("ms", "DOUBLE"),
            ]  # fmt: skip
            page = views_of.c.page
            pages = sqlalchemy.select(page, sqlalchemy.func.count()).group_by(page).order_by(page)
            assert [tuple(row) for row in connection.execute(pages)] == [("/0", 38), ("/1", 36), ("/2", 36)]
        engine.dispose()
