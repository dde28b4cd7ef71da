"""The main job: flights in, Parquet out, through tables, functions and delivery streams.

    python -m examples.flights [--data DIR] [--records N] [--quiet]

336,776 flights go as JSON through PutRecordBatch into a delivery stream. A function transforms them
and keeps per-carrier totals in a table through boto3; the stream converts to Parquet and writes by
carrier and month, backs the source up, and sets failures aside. At the end every
count and sum is checked against what pyarrow computes from the package's CSV. Exit status 1 when
anything disagrees.

With --data the state stays: killed at any moment and started again, the demo goes on where it was.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import shutil
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

import cloudcore
import cloudcore.errors
from examples.flights import data

STREAM, TABLE, FUNCTION, BUCKET = "flights", "carrier_totals", "flights-transform", "lake"
COLUMNS = (
    "year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int, "
    "sched_arr_time int, arr_delay int, carrier string, flight int, tailnum string, origin string, "
    "dest string, air_time int, distance int, hour int, minute int, time_hour timestamp, "
    "gained int, late boolean"
)
ROLE = "arn:aws:iam::000000000000:role/demo"


def build(cloud: Any) -> Any:
    """Table, function and stream: made at the first run, found again later. Returns the stream."""
    build_table(cloud)
    build_function(cloud)
    return cloud.stream(
        STREAM,
        bucket=BUCKET,
        prefix="flights/carrier=!{partitionKeyFromLambda:carrier}/month=!{partitionKeyFromLambda:month}/"
        "!{timestamp:yyyy-MM-dd}/",
        error_prefix="errors/!{firehose:error-output-type}/!{timestamp:yyyy-MM-dd}/",
        backup_prefix="raw/",
        format="parquet",
        schema=COLUMNS,
        transform=FUNCTION,
        transform_buffer_seconds=1,
        buffer_bytes=8 << 20,
        buffer_seconds=60,
    )


def build_table(cloud: Any) -> None:
    """The table of per-carrier totals."""
    if TABLE not in cloud.dynamodb.call("ListTables", {})["TableNames"]:
        cloud.dynamodb.call(
            "CreateTable",
            {
                "TableName": TABLE,
                "KeySchema": [{"AttributeName": "carrier", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "carrier", "AttributeType": "S"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        )


def build_function(cloud: Any) -> None:
    """The transform function."""
    try:
        cloud.lambda_.call("GetFunction", {"FunctionName": FUNCTION})
    except cloudcore.errors.ApiError as error:
        if error.code != "ResourceNotFoundException":
            raise
        cloud.lambda_.call(
            "CreateFunction",
            {
                "FunctionName": FUNCTION,
                "Runtime": "python3.11",
                "Role": ROLE,
                "Handler": "handler.handler",
                "Code": {"ZipFile": code()},
                "Timeout": 60,
                "MemorySize": 512,
                "Environment": {"Variables": {"TOTALS_TABLE": TABLE}},
            },
        )


def code() -> bytes:
    """The function's deployment package."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(Path(__file__).with_name("handler.py"), "handler.py")
    return packed.getvalue()


def produce(cloud: Any, stream: Any, flights: int | None, bar: Bar, acknowledged: str | None) -> None:
    """Put what is not in the stream yet, 500 records a call, behind stream.last_sequence."""
    done = stream.last_sequence
    note = os.open(acknowledged, os.O_WRONLY | os.O_CREAT, 0o644) if acknowledged else None
    batch: list[dict[str, bytes]] = []

    def put() -> None:
        answer = cloud.firehose.call("PutRecordBatch", {"DeliveryStreamName": STREAM, "Records": batch})
        assert answer["FailedPutCount"] == 0
        batch.clear()
        if note is not None:
            os.pwrite(note, b"%012d" % stream.last_sequence, 0)
        bar.show(stream.status())

    for number, record in enumerate(data.records(flights), 1):
        if number <= done:
            continue
        batch.append({"Data": record})
        if len(batch) == 500:
            put()
    if batch:
        put()
    if note is not None:
        os.close(note)


def collected(cloud: Any) -> dict[str, Any]:
    """The same figures as data.expected(), read back from the objects and the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    objects = cloud.objects
    keys = list(objects.list(BUCKET))
    tables = []
    for key in (key for key in keys if key.startswith("flights/")):
        part = pq.read_table(pa.BufferReader(objects.get(BUCKET, key)))
        tables.append(part)
        for carrier, month in set(zip(part["carrier"].to_pylist(), part["month"].to_pylist(), strict=True)):
            if not key.startswith(f"flights/carrier={carrier}/month={month:02d}/"):
                raise AssertionError(f"{key} holds a flight of {carrier}, month {month}")
    raw = [gzip.decompress(objects.get(BUCKET, key)) for key in keys if key.startswith("raw/")]
    codes = [
        json.loads(line).get("errorCode")
        for key in keys
        if key.startswith("errors/")
        for line in objects.get(BUCKET, key).splitlines()
    ]
    code = "Lambda.ProcessingFailedStatus"
    found = {
        "records": sum(part.count(b"\n") for part in raw),
        "failed": codes.count(code),
        "other_failures": len(codes) - codes.count(code),
        **data.figures(pa.concat_tables(tables)),
    }
    names = ("flights", "dep_delay", "distance")
    found["totals"] = {
        item["carrier"]["S"]: tuple(int(item[n]["N"]) for n in names) for item in totals(cloud)
    }
    return found


def check(cloud: Any, stream: Any, flights: int | None) -> list[str]:
    """What disagrees; nothing when all is well."""
    wanted = data.expected(flights)
    found, status = collected(cloud), stream.status()
    wrong = []

    def same(what: str, got: Any, want: Any) -> None:
        if got != want:
            wrong.append(f"{what}: {got!r}, expected {want!r}")

    for name in data.FIGURES:
        same(f"objects, {name}", found.get(name), wanted.get(name))
    same("objects, source records", found["records"], wanted["records"])
    same("objects, failed", found["failed"], wanted["failed"])
    same("objects, other failures", found["other_failures"], 0)
    same("table, carriers", found["totals"], wanted["carriers"])
    for name in ("delivered", "dropped", "failed"):
        same(f"stream, {name}", status[name], wanted[name])
    same("stream, records in", status["records_in"], wanted["records"])
    same("stream, backed up", status["backed_up"], wanted["records"])
    return wrong


class Bar:
    """A progress bar on a terminal, nothing elsewhere."""

    def __init__(self, total: int, quiet: bool):
        self.total = total
        self.on = not quiet and sys.stderr.isatty()
        self.shown = 0.0

    def show(self, status: dict[str, int], last: bool = False) -> None:
        now = time.monotonic()
        if not self.on or (now - self.shown < 0.1 and not last):
            return
        self.shown = now
        done = status["delivered"] + status["dropped"] + status["failed"]
        width = 40
        cells = "".join(
            "#"
            if at * self.total < done * width
            else "-"
            if at * self.total < status["records_in"] * width
            else "."
            for at in range(width)
        )
        end = "\n" if last else ""
        print(f"\r[{cells}] in {status['records_in']:,}  through {done:,} of {self.total:,}", end=end,
              file=sys.stderr, flush=True)  # fmt: skip


def report(cloud: Any, stream: Any, seconds: float, new: int) -> None:
    """The figures of this run."""
    status = stream.status()
    print(f"records in {status['records_in']:,}, delivered {status['delivered']:,}, "
          f"dropped {status['dropped']:,}, failed {status['failed']:,}")  # fmt: skip
    print(f"{new / max(seconds, 1e-9):,.0f} records/s over {seconds:.1f} s, "
          f"{status['bytes_in'] / 1e6:.1f} MB in, "
          f"{status['bytes_out'] / 1e6:.1f} MB out in {status['objects']:,} objects")  # fmt: skip
    print(f"function: {cloud.lambda_.billed_ms(FUNCTION):,} ms billed")
    items = sorted(totals(cloud), key=lambda item: -int(item["flights"]["N"]))
    print("carriers: " + ", ".join(
        f"{item['carrier']['S']} {int(item['flights']['N']):,} flights, "
        f"{int(item['dep_delay']['N']) / int(item['flights']['N']):.1f} min late" for item in items[:5]
    ))  # fmt: skip


def totals(cloud: Any) -> Any:
    """The items of the table of totals."""
    return cloud.dynamodb.call("Scan", {"TableName": TABLE})["Items"]


def main(argv: list[str] | None = None) -> int:
    """Run the demo; 0 when everything agrees."""
    parser = argparse.ArgumentParser(prog="examples.flights", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", metavar="DIR", help="keep the state here and go on with it next time")
    parser.add_argument("--records", type=int, metavar="N", help="only the first N flights")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--acknowledged", metavar="FILE", help="write the last acknowledged sequence here")
    options = parser.parse_args(argv)
    directory = options.data or tempfile.mkdtemp(prefix="cloudcore-flights-")
    cloud = cloudcore.open(directory)
    try:
        stream = build(cloud)
        total = (options.records or 336_776) + data.BROKEN_LINES
        bar = Bar(total, options.quiet)
        before = stream.last_sequence
        if before:
            print(f"going on behind record {before:,}", flush=True)
        start = time.monotonic()
        produce(cloud, stream, options.records, bar, options.acknowledged)
        while not stream.flush(timeout=0.2):
            bar.show(stream.status())
        seconds = time.monotonic() - start
        bar.show(stream.status(), last=True)
        report(cloud, stream, seconds, stream.last_sequence - before)
        wrong = check(cloud, stream, options.records)
    finally:
        cloud.close()
        if not options.data:
            shutil.rmtree(directory, ignore_errors=True)
    for line in wrong:
        print(f"DISAGREES: {line}", file=sys.stderr)
    print("check: " + ("FAILED" if wrong else "every count and sum agrees with pyarrow's own"))
    return 1 if wrong else 0
