"""cloudcore ddb: every verb, against a directory and against the process that serves one."""

from __future__ import annotations

import gzip
import io
import json
import sys

import pyarrow.parquet as pq
import pytest

import cloudcore
from cloudcore.cli import main as cli


@pytest.fixture(params=["directory", "endpoint"])
def ddb(request, tmp_path, capsys, monkeypatch):
    """Run one verb: (exit status, standard output, standard error)."""
    directory = tmp_path / "cloud"
    target = ["--data", str(directory)]
    cloud = None
    if request.param == "endpoint":
        cloud = cloudcore.open(directory)
        target = ["--endpoint", cloud.serve().url]

    def run(*words, stdin=""):
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        status = cli.main(["ddb", words[0], *target, *map(str, words[1:])])
        out, err = capsys.readouterr()
        return status, out, err

    assert run("create", "orders", "customer", "ts:N") == (0, "table orders is there\n", "")
    yield run
    if cloud is not None:
        cloud.close()


def rows(out: str) -> list:
    return [json.loads(line) for line in out.splitlines()]


def test_one_item(ddb):
    text = '{"customer": "ann", "ts": 1, "total": 12.3456789012345678901, "tags": ["a", null, true], "é": {"k": -0.50}}'
    assert ddb("put", "orders", text) == (0, "1 stored\n", "")
    status, out, _ = ddb("get", "orders", "ann", "1")
    assert status == 0 and '"total": 12.3456789012345678901' in out and '"é": {"k": -0.5}' in out
    status, out, _ = ddb("get", "orders", "ann", "1", "--typed")
    assert json.loads(out)["tags"] == {"L": [{"S": "a"}, {"NULL": True}, {"BOOL": True}]}
    assert ddb("get", "orders", "ann", "2") == (1, "", "")
    assert ddb("get", "orders", "ann", "2", "--json") == (1, "null\n", "")
    assert rows(ddb("delete", "orders", "ann", "1")[1])[0]["ts"] == 1
    assert ddb("delete", "orders", "ann", "1") == (0, "", "")
    assert ddb("put", "orders", '{"customer":{"S":"typed"},"ts":{"N":"1"},"s":{"SS":["x"]}}', "--typed", "--json")[1] == '{"stored": 1}\n'
    assert rows(ddb("get", "orders", "typed", 1)[1]) == [{"customer": "typed", "ts": 1, "s": ["x"]}]


def test_many_items(ddb):
    lines = "".join(json.dumps({"customer": c, "ts": t, "n": t % 3}) + "\n" for c in ("ann", "bob") for t in range(9))
    assert ddb("put", "orders", stdin=lines + "\n")[1] == "18 stored\n"
    assert [row["ts"] for row in rows(ddb("query", "orders", "ann")[1])] == list(range(9))
    for words, wanted in (
        (["--ge", "7"], [7, 8]), (["--gt", "7"], [8]), (["--lt", "1"], [0]), (["--le", "1"], [0, 1]), (["--eq", "3"], [3]),
        (["--between", "2", "4", "--reverse"], [4, 3, 2]), (["--limit", "2"], [0, 1]), (["--limit", "0"], []),
        (["--filter", "n = :n", "--values", '{":n": 2}'], [2, 5, 8]),
        (["--filter", "#n = :n", "--names", '{"#n": "n"}', "--values", '{":n": 2}', "--limit", "2"], [2, 5]),
    ):  # fmt: skip
        assert [row["ts"] for row in rows(ddb("query", "orders", "ann", *words)[1])] == wanted, words
    assert [row["ts"] for row in json.loads(ddb("query", "orders", "bob", "--json", "--projection", "ts")[1])] == list(range(9))
    assert rows(ddb("query", "orders", "ann", 5)[1]) == [{"customer": "ann", "ts": 5, "n": 2}]
    assert ddb("scan", "orders", "--count")[1] == "18\n"
    assert ddb("scan", "orders", "--count", "--json")[1] == '{"count": 18}\n'
    assert len(rows(ddb("scan", "orders", "--limit", 5, "--typed")[1])) == 5
    assert ddb("tables")[1] == "orders  (customer:S, ts:N)  18 items  " + ddb("tables")[1].split("  ")[-1]
    assert json.loads(ddb("tables", "--json")[1])[0]["key"] == ["customer:S", "ts:N"]


def test_files(ddb, tmp_path):
    lines = b"".join(json.dumps({"customer": "ann", "ts": t, "big": 10**20 + t}).encode() + b"\n" for t in range(60))
    (tmp_path / "in.jsonl").write_bytes(lines)
    status, out, err = ddb("load", "orders", tmp_path / "in.jsonl")
    assert status == 0 and "60 items in" in out and err == ""
    for name in ("out.parquet", "out.arrow", "out.jsonl", "out.jsonl.gz"):
        assert ddb("dump", "orders", tmp_path / name)[1] == "60 items\n"
    assert pq.read_table(tmp_path / "out.parquet")["ts"].to_pylist() == list(range(60))
    assert sorted(gzip.decompress((tmp_path / "out.jsonl.gz").read_bytes()).splitlines()) == sorted((tmp_path / "out.jsonl").read_bytes().splitlines())
    ddb("create", "copy", "customer:S", "ts:N")
    for name in ("out.parquet", "out.arrow", "out.jsonl.gz"):
        report = json.loads(ddb("load", "copy", tmp_path / name, "--json")[1])
        assert (report["stored"], report["refused"], report["errors"]) == (60, 0, [])
        assert ddb("scan", "copy", "--count")[1] == "60\n"
    assert json.loads(ddb("dump", "copy", tmp_path / "typed.json", "--typed", "--json")[1])["items"] == 60
    assert ddb("load", "copy", tmp_path / "typed.json", "--format", "dynamodb-json")[0] == 0
    assert rows(ddb("get", "copy", "ann", 7)[1]) == [{"customer": "ann", "ts": 7, "big": 10**20 + 7}]
    (tmp_path / "some.csv").write_text("customer,ts,score\nx,1,2.5\nx,y,3\n")
    status, out, _ = ddb("load", "copy", tmp_path / "some.csv", "--types", "score=N", "--skip")
    assert status == 1 and "1 refused" in out and "1: ValidationException column ts" in out
    assert rows(ddb("get", "copy", "x", 1)[1]) == [{"customer": "x", "ts": 1, "score": 2.5}]
    assert [path.name for path in tmp_path.iterdir() if path.name.endswith(".part")] == []


def test_tables(ddb):
    index = ["--index", "by-state=state,ts", "--index", "by-size=size:N"]
    assert ddb("create", "jobs", "id", "ts:N", *index, "--ttl", "dies", "--stream")[0] == 0
    ddb("put", "jobs", '{"id": "a", "ts": 1, "state": "new", "size": 4}', '{"id": "b", "ts": 1, "state": "new"}')
    out = ddb("describe", "jobs")[1]
    for line in (
        "key           id:S, ts:N", "items         2, ", "index         by-state (state:S, ts:N), ALL, 2 items",
        "index         by-size (size:N), ALL, 1 items", "stream        NEW_AND_OLD_IMAGES", "time to live  dies", "billing       PAY_PER_REQUEST",
    ):  # fmt: skip
        assert line in out
    assert json.loads(ddb("describe", "jobs", "--json")[1])["TableName"] == "jobs"
    assert [one["name"] for one in json.loads(ddb("list", "--json")[1])] == ["jobs", "orders"]
    assert rows(ddb("query", "jobs", "new", "--index", "by-state", "--ge", 1, "--projection", "id")[1]) == [{"id": "a"}, {"id": "b"}]
    assert ddb("count", "jobs")[1] == "2\n"
    assert ddb("count", "jobs", "--index", "by-size", "--json")[1] == '{"count": 1}\n'
    assert ddb("query", "jobs", "new", "--index", "by-state", "--count", "--limit", 1)[1] == "1\n"
    assert ddb("count", "jobs", "--filter", "id = :id", "--values", '{":id": "b"}')[1] == "1\n"
    assert ddb("drop", "jobs", "orders")[1] == "table jobs is gone\ntable orders is gone\n"
    assert ddb("list")[1] == ""


def test_statements(ddb):
    assert ddb("sql", "INSERT INTO orders VALUE {'customer': ?, 'ts': 1, 'total': ?, 'on': ?}", "ann", "12.50", "true") == (0, "", "")
    ddb("put", "orders", *(json.dumps({"customer": "bob", "ts": t, "text": "x" * 9000}) for t in range(150)))
    assert rows(ddb("sql", "SELECT * FROM orders WHERE customer = ?", '"ann"')[1]) == [{"customer": "ann", "ts": 1, "total": 12.5, "on": True}]
    assert len(json.loads(ddb("sql", "SELECT ts FROM orders WHERE customer = 'bob'", "--json")[1])) == 150
    assert rows(ddb("sql", "SELECT total FROM orders WHERE customer = ?", '{"S": "ann"}', "--typed")[1]) == [{"total": {"N": "12.5"}}]
    assert rows(ddb("sql", "DELETE FROM orders WHERE customer = 'ann' AND ts = 1 RETURNING ALL OLD *")[1])[0]["ts"] == 1
    status, _, err = ddb("sql", "SELECT FROM")
    assert status == 2 and "ValidationException" in err


def test_csv(ddb, tmp_path):
    ddb("put", "orders", '{"customer": "é, \\"x\\"", "ts": 1, "deep": {"a": [1, "b"]}}', '{"customer": "b", "ts": -2, "total": 1.5}')
    assert ddb("dump", "orders", tmp_path / "out.csv")[1] == "2 items\n"
    assert ddb("create", "again", "customer", "ts:N")[0] == 0
    assert ddb("load", "again", tmp_path / "out.csv", "--types", "total=N")[0] == 0
    assert rows(ddb("get", "again", "b", -2)[1]) == [{"customer": "b", "ts": -2, "total": 1.5}]
    assert json.loads(rows(ddb("get", "again", 'é, "x"', 1)[1])[0]["deep"]) == {"a": [1, "b"]}


def test_refusals(ddb, tmp_path):
    (tmp_path / "in.jsonl").write_text('{"customer":"a","ts":1}\n{"customer":5}\n')
    for words, line in (
        (("get", "orders", "ann"), "table orders has the key (customer, ts)\nhint: give 2 values"),
        (("get", "ghosts", "ann"), "ResourceNotFoundException"),
        (("put", "orders", "{'a': 1}"), "an item is a JSON object"),
        (("put", "orders", "[1]"), "an item is a JSON object"),
        (("put", "orders", '{"customer": "a"}'), "Missing the key ts"),
        (("query", "orders", "a", 1, "--ge", 1), "no sort key left"),
        (("query", "orders", "a", "--index", "ghost"), "has no index ghost\nhint: it has: none"),
        (("query", "orders", "a", "--ge", "x"), "cannot be converted to a numeric value"),
        (("load", "orders", tmp_path / "in.jsonl"), "item 2: "),
        (("load", "orders", tmp_path / "in.jsonl", "--types", "x"), "has no type\nhint: write NAME=TYPE"),
        (("load", "orders", tmp_path / "in.xyz"), "does not say its format"),
        (("dump", "orders", tmp_path / "out.xyz"), "says no format of items"),
        (("create", "orders", "a"), "ResourceInUseException"),
        (("create", "new", "a", "--index", "by-b"), "has no key\nhint: write INDEX=PK"),
        (("create", "new", "a", "--index", "by-b=b,c,d"), "two attributes at most"),
        (("create", "new", "a", "b:N", "--index", "by-b=b:S"), "b is of type N and of type S"),
        (("drop", "ghosts"), "ResourceNotFoundException"),
        (("describe", "ghosts"), "ResourceNotFoundException"),
    ):
        status, out, err = ddb(*words)
        assert status == 2 and line in err and out == "", (words, err)
    assert list(tmp_path.glob("out*")) == []


def test_lines_to_standard_output(ddb):
    ddb("put", "orders", '{"customer": "a", "ts": 1}')
    assert rows(ddb("dump", "orders", "-")[1]) == [{"customer": "a", "ts": 1}]
