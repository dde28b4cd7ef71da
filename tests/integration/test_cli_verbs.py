"""Verbs that act on a cloud: functions, apply, tap, top, reset, snapshot; on a directory, and on the process that has it."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.cli.main import main

CONFIG = """
[tables.orders]
partition_key = "customer:S"
sort_key = "ts:N"
ttl = "ends"
stream = "NEW_AND_OLD_IMAGES"
indexes.by_state = { partition_key = "state:S", sort_key = "total:N", projection = "KEYS_ONLY" }

[functions.enrich]
code = "enrich"
timeout = 10
environment = { MODE = "fast" }

[streams.clicks]
bucket = "lake"
prefix = "clicks/"
format = "parquet"
schema = "id int, page string"
buffer_seconds = 60
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("AWS_", "CLOUDCORE_"))]:
        monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture(params=["directory", "served"])
def data(request: pytest.FixtureRequest, here: Path) -> Iterator[str]:
    """A cloud's directory, alone or served by another process."""
    if request.param == "directory":
        yield str(here / "c")
        return
    process = subprocess.Popen(
        [sys.executable, "-m", "cloudcore.cli.main", "serve", "--port", "0", "--data", str(here / "c")],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    yield str(here / "c")
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()


def run(*arguments: str, status: int = 0) -> None:
    assert main(list(arguments)) == status


def said(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> str:
    capsys.readouterr()
    run(*arguments, status=status)
    return capsys.readouterr().out


def test_a_function_from_nothing(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    run("lambda", "new", "greet")
    run("lambda", "deploy", "greet", "greet", "--data", data, "--env", "MOOD=good")
    answer = said(capsys, "lambda", "invoke", "greet", "--event", "@greet/event.json", "--data", data)
    assert json.loads(answer) == {"hello": "ann"}
    (here / "greet" / "lambda_function.py").write_text(
        "import os\ndef handler(event, context):\n    print('mood', os.environ['MOOD'])\n    return 1 / event['by']\n"
    )
    run("lambda", "deploy", "greet", "greet", "--data", data, "--env", "MOOD=better")
    assert said(capsys, "lambda", "invoke", "greet", "--event", '{"by": 2}', "--data", data) == "0.5\n"
    failed = said(capsys, "lambda", "invoke", "greet", "--event", '{"by": 0}', "--data", data, status=1)
    assert json.loads(failed)["errorType"] == "ZeroDivisionError"
    assert "mood better" in said(capsys, "lambda", "logs", "greet", "--data", data)
    assert json.loads(said(capsys, "lambda", "list", "--json", "--data", data)) == ["greet"]
    run("lambda", "delete", "greet", "--data", data)
    assert json.loads(said(capsys, "lambda", "list", "--json", "--data", data)) == []
    run("lambda", "invoke", "greet", "--data", data, status=2)
    assert "Function not found" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("lambda", "deploy", "f", "absent", "--handler", "a.b"), "there is no absent"),
        (("lambda", "deploy", "f", "empty"), "say --handler module.function"),
        (("lambda", "deploy", "f", "empty", "--handler", "a.b"), "empty is empty"),
        (("lambda", "deploy", "f", "app.py", "--env", "X"), "--env takes NAME=VALUE"),
        (("lambda", "invoke", "f", "--event", "{"), "the event is no JSON"),
        (("lambda", "new", "empty"), "empty exists already"),
        (("apply", "bad.toml"), "did you mean 'partition_key'?"),
        (("apply", "worse.toml"), "is name:S, name:N or name:B"),
        (("apply", "nofile.toml"), "nofile.toml"),
        (("apply", "stream.toml", "--plan"), "did you mean 'bucket'?"),
        (("console",), "nobody serves"),
        (("tap", "absent", "--table"), "Requested resource not found"),
        (("reset",), "say --yes"),
        (("snapshot", "load", "absent"), "there is no snapshot absent"),
        (("snapshot", "save", "../x"), "letters, digits"),
    ],
)
def test_what_cannot_be_done(
    here: Path, arguments: tuple[str, ...], words: str, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    (here / "empty").mkdir()
    (here / "app.py").write_text("def handler(event, context): pass\n")
    (here / "bad.toml").write_text("[tables.orders]\npartition_keys = 'a:S'\n")
    (here / "worse.toml").write_text("[tables.orders]\npartition_key = 'a:X'\n")
    (here / "stream.toml").write_text("[streams.clicks]\nbuckt = 'lake'\n")
    with cloudcore.open("cloudcore.d") as cloud:
        cloud.table("orders", pk="id:S")
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    run(*arguments, status=2)
    assert words in capsys.readouterr().err


def test_apply_does_what_is_missing_and_no_more(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "enrich").mkdir()
    (here / "enrich" / "app.py").write_text("def lambda_handler(event, context):\n    return event\n")
    (here / "cloudcore.toml").write_text(CONFIG)
    first = json.loads(said(capsys, "apply", "--plan", "--json", "--data", data))
    assert first == ["table orders", "table orders: items expire by ends", "function enrich", "stream clicks"]
    assert json.loads(said(capsys, "status", "--json", "--data", data))["tables"] == [] if Path(data).is_dir() else True
    run("apply", "--data", data)
    found = json.loads(said(capsys, "status", "--json", "--data", data))
    assert [len(found[kind]) for kind in ("tables", "functions", "streams")] == [1, 1, 1]
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    (here / "enrich" / "app.py").write_text("def lambda_handler(event, context):\n    return 2\n")
    changed = CONFIG.replace("timeout = 10", "timeout = 20").replace(
        'indexes.by_state', 'indexes.by_ts = { partition_key = "day:S" }\nindexes.by_state'
    )  # fmt: skip
    (here / "cloudcore.toml").write_text(changed)
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == [
        "table orders: index by_ts", "function enrich: timeout, code",
    ]  # fmt: skip
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    assert said(capsys, "lambda", "invoke", "enrich", "--data", data) == "2\n"
    (here / "cloudcore.toml").write_text(CONFIG.replace("customer:S", "client:S"))
    run("apply", "--data", data, status=2)
    assert "a table's keys cannot change" in capsys.readouterr().err


def test_apply_sees_what_differs(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    config = CONFIG.replace('[functions.enrich]\ncode = "enrich"\ntimeout = 10\nenvironment = { MODE = "fast" }\n', "")
    (here / "cloudcore.toml").write_text(config)
    run("apply", "--data", data)
    units = config.replace('ttl = "ends"', 'ttl = "ends"\nread_units = 7\nwrite_units = 3')
    (here / "cloudcore.toml").write_text(units)
    capsys.readouterr()
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == ["table orders: throughput"]
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    (here / "cloudcore.toml").write_text(units.replace("write_units = 3", "write_units = 4"))
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == ["table orders: throughput"]
    (here / "cloudcore.toml").write_text(config)
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == ["table orders: throughput"]
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    for was, now, words in (
        ("ts:N", "ts:S", "the table orders has other keys"),
        ("KEYS_ONLY", "ALL", "the index by_state of table orders has other keys or another projection"),
        ("NEW_AND_OLD_IMAGES", "KEYS_ONLY", "the stream of table orders has NEW_AND_OLD_IMAGES"),
        ("buffer_seconds = 60", "buffer_seconds = 61", "the stream clicks has another configuration"),
        ("id int, page string", "id bigint, page string", "the stream clicks has another configuration"),
    ):
        (here / "cloudcore.toml").write_text(config.replace(was, now))
        run("apply", "--plan", "--data", data, status=2)
        assert words in capsys.readouterr().err


def test_apply_connects_functions(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "enrich").mkdir()
    (here / "enrich" / "app.py").write_text("def lambda_handler(event, context):\n    return event\n")
    config = '[tables.orders]\npartition_key = "id:S"\n[functions.enrich]\non = "orders"\n'
    (here / "cloudcore.toml").write_text(config)
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == [
        "table orders", "function enrich", "function enrich: on orders",
    ]  # fmt: skip
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    more = config.replace('"orders"\n', '[{ source = "orders", batch = 7, filters = [{ eventName = ["INSERT"] }] }]\n')
    (here / "cloudcore.toml").write_text(more)
    assert json.loads(said(capsys, "apply", "--json", "--data", data)) == [
        "function enrich: on orders: batchsize, filtercriteria",
    ]  # fmt: skip
    assert "nothing to do" in said(capsys, "apply", "--data", data)
    (here / "cloudcore.toml").write_text(more.replace("batch = 7", "batches = 7"))
    run("apply", "--data", data, status=2)
    assert "did you mean 'batch'?" in capsys.readouterr().err


def test_tap_a_table_and_a_stream(here: Path, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "enrich").mkdir()
    (here / "enrich" / "app.py").write_text("def handler(event, context):\n    return event\n")
    (here / "cloudcore.toml").write_text(CONFIG)
    run("apply", "--data", data)
    from cloudcore.cli.connection import connect
    from cloudcore.cli.main import verb_parser

    with connect(verb_parser("status").parse_args(["--data", data])) as connection:
        for n in range(3):
            item = {"customer": {"S": "ann"}, "ts": {"N": str(n)}}
            connection.call("dynamodb", "PutItem", {"TableName": "orders", "Item": item})
            connection.call("firehose", "PutRecord", {"DeliveryStreamName": "clicks", "Record": {"Data": "eyJpZCI6IDF9"}})
    changes = said(capsys, "tap", "orders", "--from-start", "--count", "3", "--data", data).splitlines()
    assert [json.loads(line)["NewImage"]["ts"]["N"] for line in changes] == ["0", "1", "2"]
    records = said(capsys, "tap", "clicks", "--from-start", "--count", "3", "--data", data).splitlines()
    assert [(r["sequence"], r["data"]) for r in map(json.loads, records)] == [(n, '{"id": 1}') for n in (1, 2, 3)]


def test_top_shows_what_happens(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import boto3

    with cloudcore.open(str(here / "c")) as cloud, cloud.serve() as endpoint:
        cloud.table("orders", pk="id:S")
        client = boto3.client(
            "dynamodb", endpoint_url=endpoint.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
        )
        cloud.stream("clicks").put(b"{}")
        stop = threading.Event()

        def calls() -> None:
            while not stop.is_set():
                client.get_item(TableName="orders", Key={"id": {"S": "a"}})

        caller = threading.Thread(target=calls)
        caller.start()
        try:
            page = said(capsys, "top", "--once", "--seconds", "0.5", "--endpoint", endpoint.url)
        finally:
            stop.set()
            caller.join()
        row = next(line.split() for line in page.splitlines() if line.startswith("DynamoDB_20120810.GetItem"))
        assert int(row[1]) > 0 and int(row[2]) > 0
        assert any(line.startswith("clicks (us-east-1)") for line in page.splitlines())
        found = json.loads(said(capsys, "top", "--json", "--endpoint", endpoint.url))
        assert found["operations"]["DynamoDB_20120810.GetItem"]["p99_s"] > 0


def test_reset_and_snapshots(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def items() -> list[Any]:
        with cloudcore.open("cloudcore.d") as cloud:
            return [row["id"] for row in cloud.table("orders", pk="id:S").scan()]

    with cloudcore.open("cloudcore.d") as cloud:
        cloud.table("orders", pk="id:S").put({"id": "a"})
    run("snapshot", "save", "first")
    run("snapshot", "save", "first", status=2)
    run("reset", "--yes")
    assert items() == []
    run("snapshot", "load", "first", status=2)
    assert "say --force" in capsys.readouterr().err
    run("snapshot", "load", "first", "--force")
    assert items() == ["a"]
    assert [entry["name"] for entry in json.loads(said(capsys, "snapshot", "list", "--json"))] == ["first"]
    with cloudcore.open("cloudcore.d") as cloud, cloud.serve():
        cloud.table("orders").put({"id": "b"})
        run("snapshot", "save", "second", status=2)
        assert "hint: another process has this directory" in capsys.readouterr().err
    run("snapshot", "delete", "first")
    assert json.loads(said(capsys, "snapshot", "list", "--json")) == []


def test_verbs_sign_where_it_is_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "keys.toml").write_text("[[key]]\nid = 'AKIAONE'\nsecret = 's'\npolicies = ['*']\n")
    (here / "app.py").write_text("def handler(event, context):\n    return 7\n")
    with cloudcore.open(":memory:", auth="keys.toml") as cloud, cloud.serve() as endpoint:
        run("status", "--endpoint", endpoint.url, status=2)
        assert "hint: this endpoint checks signatures" in capsys.readouterr().err
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAONE")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
        run("status", "--endpoint", endpoint.url)
        run("lambda", "deploy", "f", "app.py", "--endpoint", endpoint.url)
        assert said(capsys, "lambda", "invoke", "f", "--endpoint", endpoint.url) == "7\n"
        assert "REPORT" in said(capsys, "lambda", "logs", "f", "--endpoint", endpoint.url)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        run("status", "--endpoint", endpoint.url, status=2)
        assert "InvalidSignatureException" in capsys.readouterr().err
