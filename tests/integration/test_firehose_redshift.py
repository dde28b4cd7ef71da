"""Redshift destinations: our COPY step into PostgreSQL 15 and into a DuckDB file, and what goes to Redshift itself."""

from __future__ import annotations

import gzip
import io
import json
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from postgres_server import PostgresTarget, postgres

import cloudcore
from cloudcore.firehose import Firehose, to
from cloudcore.firehose.destinations.redshift import encode, warehouse
from cloudcore.firehose.destinations.redshift.loading import CopyFailed
from cloudcore.objects import LocalObjects

TABLE = "create table t (id bigint not null, name varchar(10), seen timestamp, ok boolean, score double precision)"


class DuckTarget:
    def __init__(self, home: Path):
        self.url = f"duckdb:{home / 'w.duckdb'}"
        self.path = str(home / "w.duckdb")

    def run(self, text: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.path) as connection:
            return connection.execute(text).fetchall()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(params=["duckdb", "postgresql"])
def target(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "duckdb":
        return DuckTarget(tmp_path)
    found = PostgresTarget(request.getfixturevalue("server"))
    found.run("drop table if exists t, u, cloudcore_loads, stl_load_errors")
    return found


def load(target: Any, records: list[bytes], options: str, columns: str = "", table: str = "t", gzipped: bool = False, **more: Any) -> tuple[Any, dict[str, bytes]]:
    """Deliver records by COPY; the stream's counters and the bucket's objects."""
    with cloudcore.open(":memory:") as cloud:
        for key, data in more.pop("objects", {}).items():
            cloud.objects.put("b", key, data)
        destination = to.redshift(table, columns=columns, options=options, url=target.url, retry_seconds=more.pop("retry", 0))
        stream = cloud.stream(
            "s", to=destination, bucket="b", prefix="in/", buffer_seconds=0, compression="GZIP" if gzipped else None, **more
        )
        stream.put_batch(records)
        assert stream.flush(60)
        return stream.status(), {key: cloud.objects.get("b", key) for key in cloud.objects.list("b")}


def test_json_auto(target: Any) -> None:
    target.run(TABLE)
    records = [
        b'{"id": 1, "name": "\xc3\xa4\\n\\t\\\\", "seen": "2024-02-03 04:05:06", "ok": true, "score": 1.5, "more": [1]}\n',
        b'{"id": 2, "name": null}{"id": 3, "NAME": "x", "score": 1e300}',
    ]
    status, objects = load(target, records, "json 'auto'")
    assert status["delivered"] == 2
    rows = target.run("select id, name, cast(seen as varchar), ok, score from t order by id")
    assert rows == [(1, "ä\n\t\\", "2024-02-03 04:05:06", True, 1.5), (2, None, None, None, None), (3, None, None, None, 1e300)]
    (data,) = [key for key in objects if key.startswith("in/")]
    (manifest,) = [key for key in objects if key.startswith("manifests/")]
    assert json.loads(objects[manifest]) == {"entries": [{"url": f"s3://b/{data}", "mandatory": True}]}
    assert objects[data] == b"".join(records) and manifest.endswith(".manifest")


def test_the_table_is_read_back(target: Any) -> None:
    """By the stream and by the console, from a stand-in; what is Redshift's own is asked there."""
    target.run(TABLE)
    with cloudcore.open(":memory:") as cloud:
        stream = cloud.stream("s", to=to.redshift("t", url=target.url, retry_seconds=0), bucket="b", buffer_seconds=0)
        assert stream.read() is None and stream.preview() is None and stream.delivered_keys() == []
        stream.put_batch([b'{"id": %d, "name": "n%d", "seen": "2024-02-03 04:05:06", "score": 0.5}' % (n, n) for n in range(30)])
        assert stream.flush(60)
        rows = stream.read(table="t")
        assert rows.column_names == ["id", "name", "seen", "ok", "score"]
        assert sorted(rows.column("id").to_pylist()) == list(range(30)) and rows.column("ok").null_count == 30
        assert rows.column("seen").to_pylist() == [datetime(2024, 2, 3, 4, 5, 6)] * 30
        assert stream.preview(4).column("name").to_pylist() == ["n26", "n27", "n28", "n29"]
        with pytest.raises(ValueError, match="loads t, not u"):
            stream.read(table="u")
        with pytest.raises(ValueError, match="objects= is of streams"):
            stream.read(objects=1)
        url = cloud.serve().url
        with urllib.request.urlopen(f"{url}/_cloudcore/streams/s/preview?sql=select+sum(id)+from+delivered") as page:
            assert b"435" in page.read()
        other = cloud.stream("other", to=to.redshift("none", url=target.url), bucket="b")
        with pytest.raises(ValueError, match="none does not exist"):
            other.preview()


def test_what_is_redshifts_own_is_asked_there(tmp_path: Path) -> None:
    jdbc = "jdbc:redshift://c.redshift.amazonaws.com:5439/dev"
    with cloudcore.open(tmp_path / "c", reach={jdbc: "redshift-data:c"}) as cloud:
        raw, ours = to.redshift("t", url=jdbc), {"bucket": "b", "buffer_seconds": 900}
        stream = cloud.stream("s", to=raw, **ours)
        with pytest.raises(ValueError, match="t is Redshift's"):
            stream.read()


def test_json_paths_and_column_lists(target: Any) -> None:
    target.run("create table u (id int, name varchar(20), score varchar(20))")
    paths = json.dumps({"jsonpaths": ["$.user.id", "$['tags'][1]", "$.nested"]}).encode()
    load(
        target, [b'{"user": {"id": 7}, "tags": ["a", "b"], "nested": {"k":1}}', b'{"user": {"id": 8}}'],
        "json 's3://b/paths.json'", columns="id, score, name", objects={"paths.json": paths.replace(b"[1]", b"[0]")},
        table="u",
    )  # fmt: skip
    assert target.run("select id, score, name from u order by id") == [(7, "a", '{"k":1}'), (8, None, None)]


def test_json_auto_ignorecase_and_epochs(target: Any) -> None:
    target.run(TABLE)
    load(target, [b'{"ID": 1, "Name": "n", "SEEN": 1706933106500}'], "format as json 'auto ignorecase' timeformat 'epochmillisecs'")
    assert target.run("select id, name, cast(seen as varchar) from t") == [(1, "n", "2024-02-03 04:05:06.5")]


def test_csv_with_gzip(target: Any) -> None:
    target.run(TABLE)
    records = [b"h,h,h,h,h\n", b'1,"a ""q"", b",2024-02-03,true,\n', b"2,NIL,,false,2.5\n"]
    _, objects = load(target, records, "csv gzip ignoreheader 1 null as 'NIL'", gzipped=True)
    assert target.run("select id, name, cast(seen as varchar), ok, score from t order by id") == [
        (1, 'a "q", b', "2024-02-03 00:00:00", True, None), (2, None, None, False, 2.5),
    ]  # fmt: skip
    (data,) = [value for key, value in objects.items() if key.startswith("in/")]
    assert gzip.decompress(data).count(b"\n") == 3


def test_delimited_text(target: Any) -> None:
    target.run("create table u (a varchar(3), b varchar(5), c int)")
    records = [b"abcdef|x\\|y|1\n", b"|  |2\n", b"z\n"]
    load(target, records, "delimiter '|' escape truncatecolumns blanksasnull fillrecord", table="u")
    first = "abcdef" if isinstance(target, DuckTarget) else "abc"  # DuckDB's texts have no length
    assert target.run("select a, b, c from u order by c nulls last") == [(first, "x|y", 1), (None, None, 2), ("z", None, None)]


def test_parquet(target: Any) -> None:
    target.run("create table u (id bigint, name varchar(10), ok boolean)")
    file = io.BytesIO()
    pq.write_table(pa.table({"ok": [True, None], "name": ["a", "ü"], "id": [1, 2]}), file)
    _, objects = load(target, [file.getvalue()], "format as parquet", columns="id, name, ok", table="u")
    assert target.run("select * from u order by id") == [(1, "a", True), (2, "ü", None)]
    (manifest,) = [json.loads(value) for key, value in objects.items() if key.startswith("manifests/")]
    assert manifest["entries"][0]["meta"] == {"content_length": len(file.getvalue())}


BAD = [b'{"id": 1}\n', b'{"id": "x"}\n', b"{broken\n", b'{"id": 2, "seen": "not a time"}\n', b'{"id": 3}\n']


def test_max_error_and_the_error_table(target: Any) -> None:
    target.run(TABLE)
    status, _ = load(target, BAD, "json 'auto' maxerror 3")
    assert target.run("select id from t order by id") == [(1,), (3,)] and status["delivered"] == 5
    found = target.run("select line_number, colname, raw_line, tbl from stl_load_errors order by line_number")
    assert found == [(2, "id", '{"id": "x"}', "t"), (3, "", "{broken", "t"), (4, "seen", '{"id": 2, "seen": "not a time"}', "t")]


def test_too_many_errors_undo_the_copy_and_leave_a_manifest(target: Any) -> None:
    target.run(TABLE)
    status, objects = load(target, BAD, "json 'auto' maxerror 2")
    assert target.run("select count(*) from t") == [(0,)] and status["failed"] == 5
    assert target.run("select count(*) from stl_load_errors")[0][0] >= 3
    (key,) = [key for key in objects if key.startswith("errors/manifests/")]
    (data,) = [key for key in objects if key.startswith("in/")]
    assert json.loads(objects[key])["entries"] == [{"url": f"s3://b/{data}", "mandatory": True}]


@pytest.mark.parametrize(
    ("ddl", "columns", "options", "record"),
    [
        ("select 1", "", "json 'auto'", b"{}"),  # there is no table
        (TABLE, "id, absent", "json 'auto'", b"{}"),
        (TABLE, "", "json 's3://b/absent'", b"{}"),
        (TABLE, "", "json 'auto'", b'{"name": "no id"}'),
        (TABLE, "", "parquet", b"no parquet"),
        (TABLE, "", "csv", b"\xff\xfe"),
    ],
)
def test_a_copy_that_cannot_be_done_is_given_up(target: Any, ddl: str, columns: str, options: str, record: bytes) -> None:
    target.run(ddl)
    status, objects = load(target, [record], options, columns)
    assert (status["delivered"], status["failed"]) == (0, 1)
    assert [key for key in objects if key.startswith("errors/manifests/")]


def test_a_table_that_comes_later_is_loaded_once(target: Any, tmp_path: Path) -> None:
    """COPY is tried again; a COPY that is repeated after its commit (a kill before `done`) loads nothing."""
    from cloudcore.firehose.destinations.redshift import deliver

    service = Firehose(tmp_path / "f", objects=LocalObjects(tmp_path / "o"))
    stream = service.stream("s", to=to.redshift("t", url=target.url, retry_seconds=600), bucket="b", buffer_seconds=0)
    stream.put_batch([b'{"id": %d}' % n for n in range(100)])
    assert not stream.flush(1)
    target.run(TABLE)
    assert stream.flush(30)
    kept: list[Any] = []
    real = deliver.RedshiftSender.send

    def twice(self: Any, batch: Any) -> None:
        real(self, batch)
        batch.progress.taken.clear()
        batch.progress.stored = False
        real(self, batch)  # as after a kill: everything again, under the same names
        kept.append(batch)

    deliver.RedshiftSender.send = twice  # type: ignore[method-assign]
    try:
        stream.put_batch([b'{"id": %d}' % n for n in range(100, 150)])
        assert stream.flush(30)
    finally:
        deliver.RedshiftSender.send = real  # type: ignore[method-assign]
    assert kept and target.run("select count(*), count(distinct id) from t") == [(150, 150)]
    service.close()


def test_the_default_is_a_file_of_the_directory(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "c") as cloud:
        stream = cloud.stream("s", to=to.redshift("t", database="sales"), bucket="b", buffer_seconds=0)
        path = Path(cloud.path) / cloud.account / cloud.region / "firehose" / "@redshift" / "sales.duckdb"
        path.parent.mkdir(parents=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute(TABLE)
        stream.put(b'{"id": 5}')
        assert stream.flush(30)
        with duckdb.connect(str(path)) as connection:
            assert connection.execute("select id from t").fetchall() == [(5,)]
        assert cloud.firehose.names() == ["s"]


def test_the_statement_for_redshift_itself() -> None:
    text = encode.statement("public.t", ("id", 'we"ird'), "s3://b/m's", "arn:aws:iam::1:role/r", "json 'auto' maxerror 5;")
    assert text == (
        "COPY public.t(\"id\", \"we\"\"ird\") FROM 's3://b/m''s' CREDENTIALS 'aws_iam_role=arn:aws:iam::1:role/r' "
        "MANIFEST json 'auto' maxerror 5;"
    )
    assert encode.statement("t", (), "s3://b/m", "r", "") == "COPY t FROM 's3://b/m' CREDENTIALS 'aws_iam_role=r' MANIFEST;"


class DataApi:
    """A double of the Data API's client: the model of botocore checks every request."""

    def __init__(self, *states: dict[str, Any]):
        import botocore.session
        from botocore.stub import Stubber

        self.client = botocore.session.Session().create_client(
            "redshift-data", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        self.stubber = Stubber(self.client)
        asked = {"ClusterIdentifier": "c", "DbUser": "u", "Database": "dev", "Sql": "COPY", "ClientToken": "token"}
        self.stubber.add_response("execute_statement", {"Id": "1"}, asked)
        for state in states:
            self.stubber.add_response("describe_statement", {"Id": "1", **state}, {"Id": "1"})
        self.stubber.activate()


def test_the_data_api_is_asked_until_the_statement_ends() -> None:
    pauses: list[float] = []
    api = DataApi({"Status": "SUBMITTED"}, {"Status": "STARTED"}, {"Status": "FINISHED"})
    warehouse.run_data_api(api.client, "c", "dev", "u", None, "COPY", "token", pauses.append)
    api.stubber.assert_no_pending_responses()
    assert pauses == [0.2, 0.4]
    api = DataApi({"Status": "FAILED", "Error": "no table"})
    with pytest.raises(CopyFailed, match="no table"):
        warehouse.run_data_api(api.client, "c", "dev", "u", None, "COPY", "token", pauses.append)


def test_the_connector_runs_the_statement_in_one_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    import redshift_connector
    from redshift_connector.error import ProgrammingError

    seen: list[Any] = []

    class Connection:
        def cursor(self) -> Any:
            return self

        def execute(self, text: str) -> None:
            seen.append(text)
            if text == "bad":
                raise ProgrammingError("Load into table 't' failed")

        def commit(self) -> None:
            seen.append("commit")

        def close(self) -> None:
            seen.append("close")

    monkeypatch.setattr(redshift_connector, "connect", lambda **given: seen.append(given) or Connection())
    warehouse.run_connector(("h", 5439, "dev"), "u", "p", "COPY t")
    assert seen == [{"host": "h", "port": 5439, "database": "dev", "user": "u", "password": "p", "timeout": 60}, "COPY t", "commit", "close"]
    with pytest.raises(CopyFailed, match="Load into table"):
        warehouse.run_connector(("h", 5439, "dev"), "u", "p", "bad")
    assert seen[-1] == "close"


def test_a_dashboard_asks_the_table(target: Any) -> None:
    """As a BI tool does, through SQLAlchemy: the columns of the table that the stream fills, then what a tile shows."""
    import sqlalchemy

    target.run("create table t (seen timestamp, country varchar(2), ms double precision)")
    rows = [json.dumps({"seen": f"2024-05-01 10:0{n % 2}:00", "country": ("de", "fr")[n % 2], "ms": n}).encode() for n in range(100)]
    status, _ = load(target, rows, "json 'auto'")
    assert status["delivered"] == 100
    engine = sqlalchemy.create_engine(target.url.replace("postgresql://", "postgresql+psycopg://").replace("duckdb:", "duckdb:///"))
    with engine.connect() as connection:
        named = sqlalchemy.text("select column_name from information_schema.columns where table_name = 't' order by ordinal_position")
        table = sqlalchemy.table("t", *map(sqlalchemy.column, connection.execute(named).scalars()))
        assert [column.name for column in table.columns] == ["seen", "country", "ms"]
        tile = sqlalchemy.select(table.c.country, sqlalchemy.func.count(), sqlalchemy.func.max(table.c.ms)).group_by(table.c.country)
        assert sorted(tuple(row) for row in connection.execute(tile)) == [("de", 50, 98.0), ("fr", 50, 99.0)]
    engine.dispose()
