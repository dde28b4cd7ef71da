"""Delivered data read through the S3 door by awswrangler, s3fs and DuckDB's httpfs, every signature checked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

import cloudcore
from conftest import run

ROWS = 700
KEY, SECRET = "AKIALAKEREADER000001", "s3cr3t/with+signs=="


@pytest.fixture
def lake(tmp_path):
    """The environment variables of a program, beside a bucket that two streams delivered to."""
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"keys": [{"id": KEY, "secret": SECRET, "user": "reader", "policies": ["*"]}]}))
    rows = [{"id": n, "page": f"/{n % 7}", "country": "DE" if n % 3 else "FR"} for n in range(ROWS)]
    records = [json.dumps(row).encode() for row in rows]
    with cloudcore.open(tmp_path / "data", auth=keys) as cloud:
        clicks = cloud.stream(
            "clicks", bucket="lake", prefix="clicks/country=!{partitionKeyFromQuery:country}/", error_prefix="failed/",
            query="{country: .country}", format="parquet", schema="id bigint, page string",
        )  # fmt: skip
        raw = cloud.stream("raw", bucket="lake", prefix="raw/", compression="GZIP", append_delimiter=True)
        for stream in (clicks, raw):
            stream.put_batch(records)
            assert stream.flush(120) and stream.status()["failed"] == 0
        with cloud.serve() as endpoint:
            yield {
                "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TZ": "UTC", "ROWS": str(ROWS),
                "AWS_ENDPOINT_URL": endpoint.url, "AWS_REGION": cloud.region, "AWS_DEFAULT_REGION": cloud.region,
                "AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "PYTHONDONTWRITEBYTECODE": "1",
            }  # fmt: skip


@pytest.mark.parametrize("library", ["awswrangler", "s3fs", "duckdb"])
def test_a_lake_is_read(library, lake, environment, tmp_path):
    python = environment("lake") / "bin" / "python"
    program = Path(__file__).parent / "lake_program.py"
    run([str(python), "-W", "ignore", str(program), library], lake, tmp_path)
