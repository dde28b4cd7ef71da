"""Parquet and ORC of delivery streams, every type and writer option, read by awswrangler and by Spark on the JDK."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import cloudcore

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit"))
import columnar_data

from conftest import run

UNIT = Path(columnar_data.__file__).parent


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
        given.write_text(json.dumps({"expected": columnar_data.expected(rows), "files": files}))
        variables = {
            "PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TZ": "UTC",
            "AWS_ENDPOINT_URL": endpoint.url, "AWS_DEFAULT_REGION": cloud.region, "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "SPARK_LOCAL_IP": "127.0.0.1",
        }  # fmt: skip
        program = Path(__file__).parent / "columnar_program.py"
        run([str(python), "-W", "ignore", str(program), str(given), str(UNIT)], variables, tmp_path)
