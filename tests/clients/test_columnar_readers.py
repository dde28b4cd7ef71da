"""Parquet and ORC of delivery streams, every type and writer option, read by awswrangler and by Spark on the JDK."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import cloudcore
from cloudcore._stream import frame
from cloudcore.firehose.destinations.s3 import columnar
from cloudcore.firehose.destinations.s3.conversion import Orc, Reader
from cloudcore.firehose.destinations.s3.orc import OrcFile
from cloudcore.firehose.schema import to_arrow

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
import columnar_data

from conftest import run

UNIT = Path(columnar_data.__file__).parent


def groups_of_rows(path: Path) -> dict:
    """A file of several stripes and many groups of rows, of which a reader finds the right ones by index."""
    rows = [{"seq": n, **row} for n, row in enumerate(columnar_data.rows(6000))]
    schema = to_arrow("seq bigint, " + columnar_data.SCHEMA)
    options = Orc("ZLIB", row_index_stride=500, dictionary_threshold=0.9, bloom_columns=("name", "n", "price"))
    writer, columns = OrcFile(schema, replace(options, stripe_bytes=1)), columnar.columns_for(schema, Reader())
    for at in range(0, len(rows), 1500):
        assert columns.append(frame([columnar_data.record(row) for row in rows[at : at + 1500]])) == []
        writer.add(columns)
    path.write_bytes(b"".join(writer.finish()))
    return {"path": str(path), "expected": columnar_data.expected(rows)}


def test_awswrangler_and_spark_read_every_value(environment, tmp_path):
    python = environment("columnar") / "bin" / "python"
    if shutil.which("java") is None:
        text = "Spark needs a JDK: apt-get install openjdk-17-jre-headless"
        pytest.fail(text, pytrace=False) if os.environ.get("CI") == "true" else pytest.skip(text)
    rows = columnar_data.rows()
    with cloudcore.open(tmp_path / "data") as cloud, cloud.serve() as endpoint:
        keys = columnar_data.deliver(cloud.firehose, rows)
        root = tmp_path / "data" / cloud.account / "objects"
        files = {name: [key, str(root / name / key)] for name, key in keys.items()}
        assert all(Path(path).is_file() for _, path in files.values())
        given = tmp_path / "given.json"
        groups = groups_of_rows(tmp_path / "groups.orc")
        told = {"expected": columnar_data.expected(rows), "files": files, "groups": groups}
        given.write_text(json.dumps(told))
        variables = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TZ": "UTC",
            "AWS_ENDPOINT_URL": endpoint.url, "AWS_DEFAULT_REGION": cloud.region, "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "SPARK_LOCAL_IP": "127.0.0.1",
        }  # fmt: skip
        program = Path(__file__).parent / "columnar_program.py"
        run([str(python), "-W", "ignore", str(program), str(given), str(UNIT)], variables, tmp_path)
