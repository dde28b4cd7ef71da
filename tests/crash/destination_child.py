"""A child of test_destination_crash.py: puts records and delivers them to one destination, until it is killed or done."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cloudcore
from cloudcore.firehose import to

TOTAL = 600
home, kind, url = Path(sys.argv[1]), sys.argv[2], sys.argv[3]


def target(cloud: cloudcore.Cloud) -> to.Destination:
    """The destination, its table made if absent."""
    if kind == "redshift":
        import duckdb

        path = Path(cloud.path) / cloud.account / cloud.region / "firehose" / "@redshift" / "dev.duckdb"
        path.parent.mkdir(parents=True, exist_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("create table if not exists t (n bigint)")
        return to.redshift("t", retry_seconds=3600)
    if kind == "iceberg":
        import pyarrow as pa

        catalog = cloud.firehose.iceberg()
        catalog.create_namespace_if_not_exists("d")
        catalog.create_table_if_not_exists("d.t", pa.schema([("n", pa.int64())]))
        return to.iceberg("d.t", retry_seconds=3600)
    return to.splunk(url, "t-1", retry_seconds=3600)


def found(cloud: cloudcore.Cloud) -> list[int]:
    """What the destination holds, where this process can see it."""
    if kind == "redshift":
        import duckdb

        path = Path(cloud.path) / cloud.account / cloud.region / "firehose" / "@redshift" / "dev.duckdb"
        with duckdb.connect(str(path)) as connection:
            return [n for (n,) in connection.execute("select n from t order by n").fetchall()]
    if kind == "iceberg":
        return sorted(cloud.firehose.iceberg().load_table("d.t").scan().to_arrow()["n"].to_pylist())
    return []


with cloudcore.open(home / "c") as cloud:
    stream = cloud.stream("s", to=target(cloud), bucket="failed", prefix="in/", buffer_bytes=800, buffer_seconds=0)
    print(f"found {stream.last_sequence}", flush=True)
    record = '{"event":{"n":%d}}' if kind == "splunk" else '{"n":%d}'
    while stream.last_sequence < TOTAL:
        first = stream.last_sequence
        stream.put_batch([(record % n).encode() for n in range(first, min(TOTAL, first + 20))])
        temporary = home / "acknowledged.tmp"
        temporary.write_text(str(stream.last_sequence))
        temporary.replace(home / "acknowledged")
    assert stream.flush(240)
    print(json.dumps({**stream.status(), "found": found(cloud)}))
