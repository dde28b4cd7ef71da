"""Reads what streams delivered through the S3 door, writes beside it, and reads that: by awswrangler, s3fs and DuckDB's httpfs.

    lake_program.py LIBRARY      the bucket `lake` holds clicks/country=DE|FR/*.parquet and raw/**/*.gz, as many rows as ROWS says
"""

import gzip
import json
import os
import sys
from pathlib import Path

ROWS = int(os.environ["ROWS"])
WANTED = [{"id": n, "page": f"/{n % 7}", "country": "DE" if n % 3 else "FR"} for n in range(ROWS)]


def rows(found):
    return sorted(found, key=lambda row: row["id"])


def wrangler():
    import awswrangler
    import pandas

    s3 = awswrangler.s3
    keys = s3.list_objects("s3://lake/clicks/")
    assert s3.list_directories("s3://lake/") == ["s3://lake/clicks/", "s3://lake/raw/"]
    assert len(keys) == 2 and set(s3.size_objects(keys)) == set(keys) and all(s3.size_objects(keys).values())
    assert all(s3.describe_objects(keys)[key]["ContentLength"] for key in keys)
    frame = s3.read_parquet("s3://lake/clicks/", dataset=True)
    assert rows(frame.astype({"country": str})[["id", "page", "country"]].to_dict("records")) == WANTED
    assert len(s3.read_parquet(keys, columns=["id"], chunked=False)) == ROWS
    assert sum(len(part) for part in s3.read_parquet("s3://lake/clicks/", dataset=True, chunked=100)) == ROWS
    found = s3.read_parquet("s3://lake/clicks/", dataset=True, partition_filter=lambda of: of["country"] == "FR")
    assert len(found) == sum(row["country"] == "FR" for row in WANTED)
    lines = s3.read_json("s3://lake/raw/", lines=True, compression="gzip")
    assert rows(lines.to_dict("records")) == WANTED
    written = s3.to_parquet(frame, "s3://lake/copy/", dataset=True, partition_cols=["page"], mode="overwrite")
    assert len(written["paths"]) == 7
    assert len(s3.read_parquet("s3://lake/copy/", dataset=True)) == ROWS
    s3.to_csv(pandas.DataFrame({"a": range(3)}), "s3://lake/a.csv", index=False)
    assert s3.read_csv("s3://lake/a.csv")["a"].tolist() == [0, 1, 2]
    assert s3.copy_objects(["s3://lake/a.csv"], "s3://lake/", "s3://lake/there/") == ["s3://lake/there/a.csv"]
    s3.delete_objects("s3://lake/copy/")
    assert not s3.list_objects("s3://lake/copy/") and not s3.does_object_exist("s3://lake/copy/x")
    s3.upload(local_file=sys.argv[0], path="s3://lake/program.py")
    s3.download("s3://lake/program.py", "back.py")
    assert Path("back.py").read_bytes() == Path(sys.argv[0]).read_bytes()


def files():
    import s3fs
    from pyarrow import parquet

    fs = s3fs.S3FileSystem(skip_instance_cache=True)
    assert sorted(fs.ls("lake")) == ["lake/clicks", "lake/raw"]
    assert len(fs.find("lake/clicks")) == 2 and len(fs.glob("lake/clicks/*/*.parquet")) == 2
    assert sorted(os.path.basename(name) for name in fs.ls("lake/clicks")) == ["country=DE", "country=FR"]
    table = parquet.read_table("lake/clicks", filesystem=fs)
    assert rows(table.select(["id", "page", "country"]).to_pylist()) == WANTED
    (name,) = fs.glob("lake/raw/**/*.gz")
    with fs.open(name, "rb") as file:
        assert rows(map(json.loads, gzip.decompress(file.read()).splitlines())) == WANTED
    size = fs.info(name)["size"]
    assert fs.cat_file(name, start=size - 8) == fs.cat(name)[-8:] and fs.cat_file(name, start=2, end=9) == fs.cat(name)[2:9]
    blob = os.urandom(12 << 20)
    with fs.open("lake/made/big", "wb", block_size=5 << 20) as file:  # an upload of parts
        for at in range(0, len(blob), 6 << 20):
            file.write(blob[at : at + (6 << 20)])
    assert fs.info("lake/made/big")["ETag"].endswith('-2"'), fs.info("lake/made/big")
    assert fs.cat("lake/made/big") == blob
    fs.pipe({"lake/made/1": b"one", "lake/made/ü b+c": b"two"})
    fs.copy("lake/made/big", "lake/made/again")
    fs.mv("lake/made/1", "lake/made/2")
    assert sorted(fs.ls("lake/made", refresh=True)) == ["lake/made/2", "lake/made/again", "lake/made/big", "lake/made/ü b+c"]
    assert fs.cat("lake/made/2") == b"one" and fs.cat("lake/made/ü b+c") == b"two" and fs.cat("lake/made/again") == blob
    fs.touch("lake/made/empty")
    assert fs.info("lake/made/empty")["size"] == 0
    fs.put(sys.argv[0], "lake/made/program.py")
    fs.get("lake/made/program.py", "back.py")
    assert Path("back.py").read_bytes() == Path(sys.argv[0]).read_bytes()
    with fs.open("lake/made/2", "ab") as file:
        file.write(b" more")
    assert fs.cat("lake/made/2") == b"one more"
    fs.setxattr("lake/made/2", copy_kwargs={}, colour="red")
    assert fs.metadata("lake/made/2", refresh=True)["colour"] == "red"
    fs.rm("lake/made", recursive=True)
    assert not fs.exists("lake/made") and fs.list_multipart_uploads("lake") == []
    fs.mkdir("other")
    assert fs.exists("other") and fs.ls("other") == []
    fs.rmdir("other")
    assert not fs.exists("other")
    try:
        fs.cat("lake/absent")
    except FileNotFoundError:
        return
    raise AssertionError("an absent object was read")


def duck():
    import duckdb
    import duckdb_ext

    db = duckdb.connect()
    folder = next(iter(duckdb_ext.__path__)) + "/extensions"
    db.execute(f"SET extension_directory = '{folder}'; LOAD httpfs")
    host = os.environ["AWS_ENDPOINT_URL"].partition("://")[2]
    db.execute(
        "CREATE SECRET (TYPE s3, KEY_ID $id, SECRET $secret, REGION $region, ENDPOINT $host, USE_SSL false, URL_STYLE 'path')"
        .replace("$id", repr(os.environ["AWS_ACCESS_KEY_ID"])).replace("$secret", repr(os.environ["AWS_SECRET_ACCESS_KEY"]))
        .replace("$region", repr(os.environ["AWS_REGION"])).replace("$host", repr(host))
    )

    def ask(sql):
        return db.execute(sql).fetchall()

    clicks = "read_parquet('s3://lake/clicks/**/*.parquet', hive_partitioning = true)"
    wanted = [tuple(row.values()) for row in WANTED]
    assert ask(f"SELECT id, page, country FROM {clicks} ORDER BY id") == wanted
    assert ask(f"SELECT count(*) FROM {clicks} WHERE country = 'FR'") == [(sum(row[2] == "FR" for row in wanted),)]
    assert ask("SELECT id, page, country FROM read_json('s3://lake/raw/**/*.gz') ORDER BY id") == wanted
    db.execute(f"COPY (SELECT * FROM {clicks}) TO 's3://lake/copy' (FORMAT parquet, PARTITION_BY (page))")
    assert ask("SELECT count(*), count(DISTINCT page) FROM 's3://lake/copy/*/*.parquet'") == [(ROWS, 7)]
    db.execute("COPY (SELECT i, hash(i) AS h, hash(i + 1) AS k FROM range(1500000) t(i)) TO 's3://lake/big ü+1.parquet' (FORMAT parquet)")
    assert ask("SELECT count(*), sum(i) FROM 's3://lake/big ü+1.parquet'") == [(1500000, 1500000 * 1499999 // 2)]
    assert ask("SELECT h = hash(i) FROM 's3://lake/big ü+1.parquet' WHERE i = 1234567") == [(True,)]
    db.execute(f"COPY (SELECT id, page FROM {clicks}) TO 's3://lake/rows.csv.gz'")
    assert ask("SELECT count(*) FROM 's3://lake/rows.csv.gz'") == [(ROWS,)]
    try:
        ask("SELECT * FROM 's3://lake/absent.parquet'")
    except duckdb.HTTPException as error:
        assert error.status_code == 404, error
    else:
        raise AssertionError("an absent object was read")


{"awswrangler": wrangler, "s3fs": files, "duckdb": duck}[sys.argv[1]]()
print("done")
