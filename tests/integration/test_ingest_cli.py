"""cloudcore ingest on files of one's own: types, bad lines, killed and run again."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from cloudcore.cli.main import main

RUN = "import sys; from cloudcore.cli.main import main; sys.exit(main(['ingest', *sys.argv[1:]]))"


def run(*arguments: str) -> int:
    return main(["ingest", *arguments])


def objects(directory: Path, suffix: str) -> list[Path]:
    return sorted(
        path for path in directory.rglob(f"*{suffix}")
        if ".cloudcore" not in path.parts and "errors" not in path.parts and path.is_file()
    )  # fmt: skip


def rows(directory: Path) -> list[dict[str, Any]]:
    return pa.concat_tables([pq.read_table(path) for path in objects(directory, ".parquet")]).to_pylist()


def errors(directory: Path) -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for path in sorted((directory / "errors").rglob("*")) if path.is_file()
        for line in path.read_bytes().splitlines()
    ]  # fmt: skip


def test_ndjson_with_bad_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b'{"a":1,"b":"x"}\n{"a":\n\n{"a":2}\n[3]\n{"a":3}')
    assert run(str(source), "--to", str(tmp_path / "out")) == 0
    told = capsys.readouterr()
    assert f"{source}:2: " in told.err
    assert f"{source}:5: " in told.err
    assert "6 lines: 3 records delivered, 0 dropped, 2 rejected" in told.out
    assert [row["a"] for row in rows(tmp_path / "out")] == [1, 2, 3]
    assert len(errors(tmp_path / "out")) == 2
    source.write_bytes(source.read_bytes() + b"\n" + b'{"a":4}\n')
    assert run(str(source), "--to", str(tmp_path / "out"), "--strict") == 1
    assert sorted(row["a"] for row in rows(tmp_path / "out")) == [1, 2, 3, 4]


def test_csv_types_and_bad_rows(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.csv"
    source.write_text(
        'i,f,s,t,b\n1,1.5,"a\nb",2013-01-01T10:00:00Z,true\n2,NA,,NA,false\n3,4\n4,2,x,,true\n', "utf-8"
    )
    assert run(str(source), "--to", str(tmp_path / "out")) == 0
    assert f"{source}:5: the row has 2 fields, the header has 5" in capsys.readouterr().err
    found = rows(tmp_path / "out")
    assert [(r["i"], r["f"], r["s"], r["b"]) for r in found] == [
        (1, 1.5, "a\nb", True), (2, None, "", False), (4, 2.0, "x", True),
    ]  # fmt: skip
    assert found[0]["t"].isoformat() == "2013-01-01T10:00:00"
    assert [error["lastErrorMessage"] for error in errors(tmp_path / "out")] == [
        "the row has 2 fields, the header has 5"
    ]


def test_json_out_with_gzip(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_bytes(b'{"a":1}{"a":2}\n{"a":3}\nx\n')
    assert run(str(source), "--to", str(tmp_path / "out"), "--format", "json", "--compression", "gzip") == 0
    (path,) = objects(tmp_path / "out", ".json.gz")
    assert gzip.decompress(path.read_bytes()) == b'{"a":1}\n{"a":2}\n{"a":3}\n'


def test_schema_from_text_and_file(tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b'{"a":1}\n{"a":"x"}\n')
    (tmp_path / "schema.json").write_text('{"a":"smallint"}')
    for number, schema in enumerate(["a smallint", str(tmp_path / "schema.json")]):
        out = tmp_path / f"out{number}"
        assert run(str(source), "--to", str(out), "--schema", schema) == 0
        (path,) = objects(out, ".parquet")
        assert pq.read_table(path).schema.field("a").type == pa.int16()
        assert len(errors(out)) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["absent.csv"],
        ["in.csv", "--schema", "a nothing"],
        ["in.csv", "--format", "json", "--compression", "zstd"],
    ],
)
def test_what_cannot_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("a\n1\n")
    assert run(*arguments, "--to", str(tmp_path / "out")) == 2
    assert "cloudcore ingest: " in capsys.readouterr().err


def test_long_line_is_rejected_alone(tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b'{"a":1}\n{"a":"' + b"x" * 1_100_000 + b'"}\n{"a":2}\n')
    assert run(str(source), "--to", str(tmp_path / "out")) == 0
    assert [row["a"] for row in rows(tmp_path / "out")] == [1, 2]
    assert len(errors(tmp_path / "out")) == 1


def test_killed_and_run_again(tmp_path: Path) -> None:
    source = tmp_path / "in.ndjson"
    with source.open("wb") as file:
        for n in range(400_000):
            file.write(b'{"n":%d,"text":"some words to fill the line"}\n' % n if n % 1000 else b'{"n":\n')
    command = [sys.executable, "-c", RUN, str(source), "--to", str(tmp_path / "out"), "--quiet"]
    dice = random.Random(5)
    kills = 0
    while True:
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
        )
        time.sleep(dice.uniform(0.2, 0.9))
        if kills < 8 and process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        process.communicate(timeout=300)
        assert process.returncode == 0
        break
    found = sorted(row["n"] for row in rows(tmp_path / "out"))
    assert found == [n for n in range(400_000) if n % 1000]
    assert len(errors(tmp_path / "out")) == 400


def test_transform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").write_text("")
    (tmp_path / "mine" / "double.py").write_text(
        "import base64, json\n"
        "def handler(event, context):\n"
        "    out = []\n"
        "    for r in event['records']:\n"
        "        value = json.loads(base64.b64decode(r['data']))\n"
        "        fate = 'Dropped' if value['n'] % 10 == 0 else 'ProcessingFailed' if value['n'] == 7 else 'Ok'\n"
        "        data = base64.b64encode(json.dumps({'n': 2 * value['n']}).encode()).decode()\n"
        "        out.append({'recordId': r['recordId'], 'result': fate, 'data': data})\n"
        "    return {'records': out}\n"
    )
    (tmp_path / "in.ndjson").write_text("".join(f'{{"n":{n}}}\n' for n in range(1000)))
    assert run("in.ndjson", "--to", "out", "--transform", "mine.double.handler", "--schema", "n int") == 0
    assert sorted(row["n"] for row in rows(tmp_path / "out")) == [
        2 * n for n in range(1000) if n % 10 and n != 7
    ]
    assert [line["errorCode"] for line in errors(tmp_path / "out")] == ["Lambda.ProcessingFailedStatus"]
    assert "100 dropped, 1 rejected" in capsys.readouterr().out
    assert run("in.ndjson", "--to", "other", "--transform", "mine.none.handler") == 2
    assert "there is no mine/none.py here" in capsys.readouterr().err


def test_counts_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = tmp_path / "in.ndjson"
    source.write_bytes(b'{"a":1}\n{"a":\n{"a":2}\n')
    assert run(str(source), "--to", str(tmp_path / "out"), "--json", "--strict") == 1
    found = json.loads(capsys.readouterr().out)
    assert found.pop("seconds") > 0
    assert found == {"lines": 3, "delivered": 2, "dropped": 0, "rejected": 1, "objects": 2, "lines_before": 0}
