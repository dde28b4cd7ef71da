"""Reads what streams delivered with awswrangler, from the endpoint, and with Spark, from the files; compares all values.

    columnar_program.py FILES.json     {"expected": [..], "files": {"<bucket>": ["<key>", "<path>"]}}
"""

import json
import sys

sys.path.insert(0, sys.argv[2])
from columnar_data import plain


def check(who, name, rows, expected):
    rows = [plain(row) for row in rows]
    assert len(rows) == len(expected), f"{who}, {name}: {len(rows)} rows of {len(expected)}"
    for number, (row, wanted) in enumerate(zip(rows, expected, strict=True)):
        wrong = {column: (row.get(column), value) for column, value in wanted.items() if row.get(column) != value}
        assert not wrong and len(row) == len(wanted), f"{who}, {name}, row {number}: {wrong}"
    print(f"{who}: {name}: {len(rows)} rows")


def wrangler(files, expected):
    import awswrangler
    import pandas
    import pyarrow

    for name, (key, _) in files.items():
        read = awswrangler.s3.read_orc if key.endswith(".orc") else awswrangler.s3.read_parquet
        # Arrow's own types in pandas: numpy's would make floats of whole numbers where some are null.
        frame = read(f"s3://{name}/{key}", pyarrow_additional_kwargs={"types_mapper": pandas.ArrowDtype})
        check("awswrangler", name, pyarrow.Table.from_pandas(frame, preserve_index=False).to_pylist(), expected)


def pushed(session, path, expected):
    """Filters that leave groups of rows out by statistics, bloom filters and positions, with both readers of Spark."""
    wanted = {row["seq"]: row for row in expected}
    filters = {f"seq = {n}": [n] for n in range(249, len(expected), 500)}
    filters["seq > 2990 and seq <= 3010"] = list(range(2991, 3011))
    for column in ("name", "n", "price", "day", "at", "ratio", "tiny"):
        values = [row[column] for row in expected if row[column] is not None]
        for value in (values[0], values[-1]):
            found = [n for n, row in wanted.items() if row[column] == value]
            filters[f"{column} = {literal(column, value)}"] = found
    for vectorized in ("true", "false"):
        session.conf.set("spark.sql.orc.enableVectorizedReader", vectorized)
        for text, numbers in filters.items():
            frame = session.read.orc(f"file://{path}").filter(text)
            rows = sorted((row.asDict(recursive=True) for row in frame.collect()), key=lambda row: row["seq"])
            check("Spark", text, rows, [wanted[n] for n in numbers])
            scanned = frame._jdf.queryExecution().executedPlan().collectLeaves().head().metrics()
            if text.startswith("seq ="):
                assert scanned.get("numOutputRows").get().value() <= 500, text  # one group of the twelve


def literal(column, value):
    if column == "name":
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"
    if column in ("day", "at"):
        return ("date" if column == "day" else "timestamp") + f" '{value}'"
    return f"cast({value} as {'float' if column == 'ratio' else 'decimal(18,4)'})" if column in ("ratio", "price") else str(value)


def spark(files, expected, groups):
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.adaptive.enabled", "false")
        .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    for name, (key, path) in files.items():
        read = session.read.orc if key.endswith(".orc") else session.read.parquet
        check("Spark", name, [row.asDict(recursive=True) for row in read(f"file://{path}").collect()], expected)
    pushed(session, groups["path"], groups["expected"])
    session.stop()


with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
wrangler(given["files"], given["expected"])
spark(given["files"], given["expected"], given["groups"])
print("done")
