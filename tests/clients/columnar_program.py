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


def spark(files, expected):
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.driver.extraJavaOptions", "-Duser.timezone=UTC")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("ERROR")
    for name, (key, path) in files.items():
        read = session.read.orc if key.endswith(".orc") else session.read.parquet
        check("Spark", name, [row.asDict(recursive=True) for row in read(f"file://{path}").collect()], expected)
    session.stop()


with open(sys.argv[1], encoding="utf-8") as file:
    given = json.load(file)
wrangler(given["files"], given["expected"])
spark(given["files"], given["expected"])
print("done")
