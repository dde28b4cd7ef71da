"""A table at a URL beside the same table here: every verb gives what it gives in process."""

from __future__ import annotations

import itertools
import json
from decimal import Decimal

import pytest

import cloudcore
from cloudcore import attr, between
from cloudcore.dynamodb import patience
from cloudcore.endpoint.transport import address_of
from cloudcore.errors import ApiError, CloudcoreError, UnsupportedValue


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        cloud.url = endpoint.url
        yield cloud


@pytest.fixture
def pair(cloud):
    """(the table at its URL, the same table in process)."""
    with cloudcore.table(f"{cloud.url}/orders", pk="who:S", sk="at:N") as far:
        yield far, cloud.table("orders")


@pytest.mark.parametrize(
    ("keys", "asked"),
    [
        (("who:S",), "(who:S)"),
        (("who", "at"), "(who:S, at:S)"),
        (("at:N", "who:S"), "(at:N, who:S)"),
        (("id:S", "at:N"), "(id:S, at:N)"),
    ],
)
def test_a_table_that_is_there_has_the_keys_it_has(cloud, keys, asked):
    cloud.table("orders", "who", "at:N").put({"who": "ann", "at": 1})
    for open_table in (lambda: cloud.table("orders", *keys), lambda: cloudcore.table(f"{cloud.url}/orders", *keys)):
        with pytest.raises(ApiError, match="exists with the key") as refused:
            open_table()
        assert refused.value.code == "ResourceInUseException"
        assert refused.value.message.startswith(
            f"Table orders exists with the key (who:S, at:N), not {asked}; "
        )
    assert cloud.table("orders", "who:S", "at:N").get("ann", 1) == {"who": "ann", "at": 1}
    with cloudcore.table(f"{cloud.url}/orders", "who", "at:N") as far:
        assert far.get("ann", 1) == {"who": "ann", "at": 1}


VALUES = {
    "text": "ä\u2028\n\"x", "int": 10**37, "exact": Decimal("1.50"), "bytes": b"\0\xff", "yes": True, "none": None,
    "list": [1, "a", [Decimal("0.1")]], "map": {"a": {"b": b"c"}}, "texts": {"a", "b"}, "numbers": {1, Decimal("2.5")},
    "blobs": {b"a", b"b"},
}  # fmt: skip


def test_values_are_those_of_a_table_here(pair):
    far, near = pair
    assert far.put({"who": "ann", "at": 1, **VALUES}) is None
    assert far.get("ann", 1) == near.get("ann", 1) == {"who": "ann", "at": 1, **VALUES}
    assert [type(value) for value in far.get("ann", 1).values()] == [
        type(v) for v in near.get("ann", 1).values()
    ]
    assert far.view("ann", 1)["map"] == {"a": {"b": b"c"}} and far.view("ann", 2) is None
    assert far.get("bob", 1) is None
    assert far.get({"who": "ann", "at": 1}, projection=["int", attr("map")["a"]]) == {
        "int": 10**37,
        "map": {"a": {"b": b"c"}},
    }


def test_what_has_no_type_is_refused_before_it_is_sent(pair):
    far, near = pair
    for item in ({"who": "ann", "at": 1, "x": [1.5]}, {"who": "ann", "at": 1, "x": object()}):
        with pytest.raises(UnsupportedValue) as here:
            near.put(item)
        with pytest.raises(UnsupportedValue) as there:
            far.put(item)
        assert str(there.value) == str(here.value)
    for key in (("ann",), ("ann", 1, 2), ({"who": "ann"},)):
        with pytest.raises(TypeError) as here:
            near.get(*key)
        with pytest.raises(TypeError) as there:
            far.get(*key)
        assert str(there.value) == str(here.value)


def test_floats_when_asked_for(cloud):
    with cloudcore.table(f"{cloud.url}/floats", pk="id", floats=True) as far:
        far.put({"id": "a", "x": 1.5, "n": 2})
        assert far.get("a") == {"id": "a", "x": 1.5, "n": 2} and type(far.get("a")["x"]) is float


def test_writes_with_conditions(pair):
    far, near = pair
    far.put({"who": "ann", "at": 1, "total": 9})
    with pytest.raises(ApiError) as refused:
        far.put({"who": "ann", "at": 1}, condition=attr("who").missing())
    assert refused.value.code == "ConditionalCheckFailedException"
    assert far.put({"who": "ann", "at": 1, "total": 10}, old=True) == {"who": "ann", "at": 1, "total": 9}
    assert far.update("ann", 1, set={"total": attr("total") + 5}, add={"tags": {"new"}}) == {
        "who": "ann",
        "at": 1,
        "total": 15,
        "tags": {"new"},
    }
    assert near.get("ann", 1)["total"] == 15
    assert far.delete("ann", 1, condition=attr("total") > 14)["total"] == 15
    assert far.delete("ann", 1) is None and near.get("ann", 1) is None


def test_many_items(pair):
    far, near = pair
    items = [{"who": f"w{n % 3}", "at": n, "total": Decimal(n) / 4, "pad": "x" * 3000} for n in range(1200)]
    with far.batch() as batch:
        batch.extend(items)
    assert near.info()["items"] == far.info()["items"] == 1200
    assert far.scan().count() == 1200 and len(list(far.scan(page=100))) == 1200  # more than a page of 1 MB
    found = list(far.query("w1", between(100, 200), filter=attr("total") > 30))
    assert found == list(near.query("w1", between(100, 200), filter=attr("total") > 30)) and len(found) > 20
    assert [row["at"] for row in far.query("w1", forward=False, limit=3)] == [1198, 1195, 1192]
    keys = [(f"w{n % 3}", n) for n in range(250)] + [("nobody", 1)]
    assert far.get_many(keys) == near.get_many(keys)
    here, there = (t.query("w2").to_arrow().sort_by("at") for t in (near, far))
    assert there.equals(here) and there.num_rows == 400
    with far.batch() as batch:  # a put behind the delete of its key stays, and the other way about
        batch.delete("w0", 0)
        batch.put({"who": "w0", "at": 0, "again": True})
        batch.put({"who": "w1", "at": 1, "again": True})
        batch.delete("w1", 1)
        for n in range(2, 100):
            batch.delete(f"w{n % 3}", n)
    assert near.get("w0", 0) == {"who": "w0", "at": 0, "again": True} and near.get("w1", 1) is None
    assert near.info()["items"] == 1200 - 99


def test_loads_name_the_same_rows(pair, tmp_path):
    far, near = pair
    import pyarrow as pa

    frame = pa.table({"who": ["a", "b", ""], "at": [1, 2, 3], "x": [[1], None, [2, 3]]})
    reports = [table.load(frame, errors="skip") for table in (near, far)]
    assert reports[0].errors == reports[1].errors and [r.stored for r in reports] == [2, 2]
    lines = b'{"who": "c", "at": 1}\n{"who": 7, "at": 1}\n{"who": "d", "at": 2.5}\n'
    reports = [table.load(lines, errors="skip") for table in (near, far)]
    assert reports[0].errors == reports[1].errors and len(reports[0].errors) == 1
    csv = tmp_path / "rows.csv"
    csv.write_text("who,at,y\n" + "".join(f"e,{n},text {n}\n" for n in range(5000)))
    assert far.load(csv).stored == 5000
    assert far.query("e").count() == 5000 and near.get("e", 4999)["y"] == "text 4999"
    assert far.load(near.scan()).stored == near.info()["items"] == 5004


def test_unprocessed_and_throttled_are_sent_again(pair, monkeypatch):
    far, near = pair
    monkeypatch.setattr(patience, "WAIT_SECONDS", 0.0001)
    send, count = far.tables._send, itertools.count(1)

    def faulty(method, target, headers, body):
        number = next(count)
        if number % 3 == 0:
            error = {"__type": "x#ProvisionedThroughputExceededException", "message": "too fast"}
            return 400, {}, json.dumps(error).encode()
        if number % 5 == 0:
            raise ConnectionResetError("gone")
        if number % 2 == 0 and headers["x-amz-target"].endswith("BatchWriteItem"):
            writes = json.loads(body)["RequestItems"]["orders"]
            send(method, target, headers, json.dumps({"RequestItems": {"orders": writes[:5]}}).encode())
            left = {"orders": writes[5:]} if writes[5:] else {}
            return 200, {}, json.dumps({"UnprocessedItems": left}).encode()
        return send(method, target, headers, body)

    monkeypatch.setattr(far.tables, "_send", faulty)
    with far.batch() as batch:
        batch.extend({"who": "ann", "at": n} for n in range(300))
    assert next(count) > 20 and near.info()["items"] == 300


def test_an_index_and_a_vector_search(cloud):
    cloud.dynamodb.call(
        "CreateTable",
        {
            "TableName": "things",
            "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "AttributeDefinitions": [
                {"AttributeName": "id", "AttributeType": "S"},
                {"AttributeName": "color", "AttributeType": "S"},
            ],
            "GlobalSecondaryIndexes": [
                {
                    "IndexName": "by-color",
                    "KeySchema": [{"AttributeName": "color", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        },
    )
    with cloudcore.table(f"{cloud.url}/things") as far:
        report = far.load([{"id": "a", "color": "red"}, {"id": "b", "color": 3}], errors="skip")
        assert (report.stored, report.refused) == (1, 1)  # an index key of another type, found here
        assert [row["id"] for row in far.query("red", index="by-color")] == ["a"]


def test_what_a_url_says():
    assert address_of("https://dynamodb.eu-west-1.amazonaws.com/t")[1:] == ("t", "eu-west-1", None)
    assert address_of("http://h:1/t?region=eu-north-1&account=123456789012") == (
        "http://h:1", "t", "eu-north-1", "123456789012",
    )  # fmt: skip
    for url, said in (
        ("http://h/a/b", "names no table"),
        ("http://h/a?zone=1", "zone"),
        ("http://h", "names no table"),
        ("ftp://h/a", "no endpoint"),
    ):
        with pytest.raises(ValueError, match=said):
            cloudcore.table(url)


def test_nobody_and_nothing_there(cloud):
    with pytest.raises(ApiError) as refused:
        cloudcore.table(f"{cloud.url}/absent")
    assert (
        refused.value.code == "ResourceNotFoundException" and refused.value.operation_name == "DescribeTable"
    )
    with pytest.raises((OSError, CloudcoreError)):
        cloudcore.table("http://127.0.0.1:9/absent")


def test_accounts_and_regions_are_the_urls(cloud):
    with cloudcore.table(f"{cloud.url}/tab?region=eu-west-1&account=111122223333", pk="id") as far:
        far.put({"id": "a"})
        assert far.describe()["TableArn"] == "arn:aws:dynamodb:eu-west-1:111122223333:table/tab"
    with pytest.raises(ApiError):
        cloud.table("tab")


def test_a_notebook_shows_it(pair):
    far, _ = pair
    far.put({"who": "<b>", "at": 1})
    assert "&lt;b&gt;" in far._repr_html_() and "in memory" not in far._repr_html_()
    assert repr(far) == f"<RemoteTable {far.url} (who, at)>"
