"""Table: conditions, updates and queries as Python, many items, transactions."""

from decimal import Decimal

import pytest
from boto3.dynamodb.conditions import Attr as BotoAttr
from boto3.dynamodb.conditions import Key as BotoKey
from botocore.exceptions import ClientError

import cloudcore
from cloudcore import attr, begins_with, between, ge, gt, le, lt
from cloudcore.dynamodb.expressions import Aliases, Condition
from cloudcore.errors import ApiError


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as cloud:
        yield cloud


@pytest.fixture
def orders(cloud):
    table = cloud.table("orders", pk="customer:S", sk="ts:N")
    with table.batch() as batch:
        batch.extend({"customer": c, "ts": t, "total": t * 10, "tags": {c, "x"}} for c in ("ann", "bob") for t in range(10))
    return table


def text(condition: Condition) -> str:
    return condition.render(Aliases())


def test_conditions_as_text():
    a, b = attr("a"), attr("b c")["d"][0]
    assert text(a == 1) == "#_0 = :_0"
    assert text((a > 1) & (b < 2) | ~(a == b)) == "#_0 > :_0 AND #_1.#_2[0] < :_1 OR NOT #_0 = #_1.#_2[0]"
    assert text(((a > 1) | (b < 2)) & ~((a == 1) & b.exists())) == (
        "(#_0 > :_0 OR #_1.#_2[0] < :_1) AND NOT (#_0 = :_2 AND attribute_exists(#_1.#_2[0]))"
    )
    assert text(a.is_in([1, 2]) & a.between(1, 2)) == "#_0 IN (:_0, :_1) AND #_0 BETWEEN :_2 AND :_3"
    assert text(a.size() >= 3) == "size(#_0) >= :_0"
    with pytest.raises(TypeError, match="no truth"):
        bool((a > 1) and (b > 2))
    with pytest.raises(TypeError, match="not a sequence"):
        list(a)
    with pytest.raises(TypeError):
        (a > 1) & True
    with pytest.raises(TypeError, match="begins with the name"):
        attr(5)


CASES = [
    (attr("n") == 5, {4: False, 5: True}),
    (attr("n") != 5, {4: True, 5: False}),
    (attr("n") < 5, {4: True, 5: False, 6: False}),
    (attr("n") <= 5, {5: True, 6: False}),
    (attr("n") > 5, {5: False, 6: True}),
    (attr("n") >= 5, {4: False, 5: True}),
    (attr("n").between(4, 6), {3: False, 4: True, 6: True, 7: False}),
    (attr("n").is_in([1, "a", 5]), {1: True, "a": True, 2: False}),
    (attr("n").type_is("S"), {"a": True, 1: False}),
    (attr("n").exists() & (attr("n").size() == 2), {"ab": True, "a": False}),
    (attr("n").missing(), {1: False}),
    (attr("n").begins_with("ab"), {"abc": True, "b": False}),
    (attr("n").contains("b"), {"abc": True, "c": False}),
    (~(attr("n") == 1) | (attr("n") == 1), {1: True, 2: True}),
    (attr("n") == attr("again"), {1: True}),
    (BotoAttr("n").gt(5) & ~BotoAttr("n").eq(7) | BotoAttr("n").is_in([1, 2]), {6: True, 7: False, 1: True, 3: False}),
    (BotoAttr("deep.list[1]").eq("x") & BotoAttr("n").size().gte(1), {"a": True, "": False}),
    (BotoAttr("n").attribute_type("N") & BotoAttr("n").between(2, 3), {2: True, 4: False}),
]


@pytest.mark.parametrize("condition, answers", CASES)  # noqa: PT006
def test_conditions_hold_as_they_read(cloud, condition, answers):
    things = cloud.table("things", pk="id")
    for value, holds in answers.items():
        things.put({"id": "a", "n": value, "again": value, "deep": {"list": [0, "x"]}})
        found = things.scan(filter=condition).count()
        assert found == holds, value
        if holds:
            things.put(things.get("a"), condition=condition)
        else:
            with pytest.raises(ApiError, match="ConditionalCheckFailed") as refused:
                things.delete("a", condition=condition)
            assert refused.value.operation_name == "DeleteItem"
            assert isinstance(refused.value, ClientError)


def test_put_with_a_condition_and_what_was_there(orders):
    new = {"customer": "cid", "ts": 1}
    assert orders.put(new, condition=attr("customer").missing(), old=True) is None
    assert orders.put(new | {"v": 1}, old=True) == new
    with pytest.raises(ClientError):
        orders.put(new, condition="attribute_not_exists(#c)", names={"c": "customer"})
    orders.put(new, condition="v = :v", values={"v": 1})
    assert orders.get("cid", 1) == new
    with pytest.raises(ApiError, match="unused in expressions"):
        orders.put(new, condition="attribute_exists(ts)", values={"v": 1})


def test_updates(orders):
    at = ("ann", 1)
    new = orders.update(
        *at,
        set={"note": "a.b", attr("deep"): {"k": [1]}, "total": attr("total") + 5, "twice": 100 - attr("total")},
        add={"hits": 2, "tags": {"new"}},
    )
    assert new == {
        "customer": "ann", "ts": 1, "note": "a.b", "deep": {"k": [1]}, "total": 15, "twice": 90, "hits": 2,
        "tags": {"ann", "x", "new"},
    }  # fmt: skip
    new = orders.update(
        *at,
        set={attr("deep")["k"]: attr("deep")["k"].append([2]), "seen": attr("seen").if_missing(0) + 1},
        remove=["note", "twice"],
        delete={"tags": {"x", "new"}},
        condition=attr("hits") == 2,
    )
    assert new["deep"] == {"k": [1, 2]} and new["seen"] == 1 and new["tags"] == {"ann"} and "note" not in new
    assert orders.update(*at, set={"a": attr("deep")["k"].prepend([0])}, returns="UPDATED_NEW") == {"a": [0, 1, 2]}
    assert orders.update(*at, remove="a", returns="NONE") == {}
    assert orders.update(*at, update="SET #t = :t", names={"t": "total"}, values={":t": 1})["total"] == 1
    assert orders.update({"customer": "new", "ts": 5, "ignored": 1}) == {"customer": "new", "ts": 5}
    with pytest.raises(TypeError, match="not both"):
        orders.update(*at, update="REMOVE a", remove=["b"])
    with pytest.raises(ApiError, match="Cannot update attribute ts"):
        orders.update(*at, set={"ts": 5})


def test_keys_that_do_not_fit(orders):
    for call in (orders.get, orders.view, orders.delete, orders.update):
        with pytest.raises(TypeError, match=r"has the key \(customer, ts\)"):
            call("ann")
        with pytest.raises(TypeError, match=r"ts is missing"):
            call({"customer": "ann"})
        with pytest.raises(ApiError, match="does not match the schema") as refused:
            call("ann", "1")
        assert refused.value.operation_name in ("GetItem", "DeleteItem", "UpdateItem")
    assert orders.get("ann", Decimal("3.0"))["total"] == 30
    assert orders.get({"customer": "ann", "ts": 3, "total": 5})["total"] == 30
    with pytest.raises(ApiError, match="empty string value"):
        orders.get("", 1)


def test_a_table_that_is_gone(cloud, orders):
    cloud.dynamodb.call("DeleteTable", {"TableName": "orders"})
    for call in (lambda: orders.get("ann", 1), lambda: orders.put({"customer": "a", "ts": 1}), lambda: list(orders.scan())):
        with pytest.raises(ApiError, match="ResourceNotFound"):
            call()


def test_projections(orders):
    assert orders.get("ann", 1, projection=["total"]) == {"total": 10}
    assert orders.get("ann", 1, projection="#t", names={"#t": "total"}, consistent=True) == {"total": 10}
    assert orders.get("ann", 77, projection=["total"]) is None
    orders.put({"customer": "z", "ts": 1, "deep": {"a": [1, {"b": 2}]}})
    assert orders.get("z", 1, projection=[attr("deep")["a"][1]["b"], "ts"]) == {"ts": 1, "deep": {"a": [{"b": 2}]}}


@pytest.mark.parametrize(
    ("key", "ranges", "wanted"),
    [
        ((), {}, range(10)),
        ((3,), {}, [3]),
        ((between(2, 4),), {}, [2, 3, 4]),
        ((), {"ts": gt(7)}, [8, 9]),
        ((), {"ts": ge(7)}, [7, 8, 9]),
        ((), {"ts": lt(2)}, [0, 1]),
        ((), {"ts": le(2)}, [0, 1, 2]),
        ((), {"ts": 5}, [5]),
        ((), {"where": BotoKey("customer").eq("ann") & BotoKey("ts").gte(8)}, [8, 9]),
        ((), {"where": (attr("customer") == "ann") & attr("ts").between(1, 2)}, [1, 2]),
        ((), {"where": "customer = :c AND ts < :t", "values": {"c": "ann", "t": 2}}, [0, 1]),
    ],
)
def test_queries(orders, key, ranges, wanted):
    partition = () if "where" in ranges else ("ann",)
    rows = orders.query(*partition, *key, **ranges)
    assert [row["ts"] for row in rows] == list(wanted)
    assert rows.count() == len(wanted)
    assert [view["ts"] for view in rows.views()] == list(wanted)
    assert [row["ts"] for page in rows.pages() for row in page.items()] == list(wanted)
    backward = orders.query(*partition, *key, **ranges, forward=False)
    assert [row["ts"] for row in backward] == list(wanted)[::-1]


def test_begins_with_and_binary_keys(cloud):
    logs = cloud.table("logs", pk="host:B", sk="line:S")
    for line in ("err 1", "err 2", "info 1"):
        logs.put({"host": b"\x00h", "line": line})
    assert [row["line"] for row in logs.query(b"\x00h", begins_with("err"))] == ["err 1", "err 2"]
    assert logs.get(b"\x00h", "info 1") == {"host": b"\x00h", "line": "info 1"}


def test_queries_that_do_not_fit(orders):
    with pytest.raises(TypeError, match="not both"):
        orders.query("ann", where="a = :a")
    with pytest.raises(TypeError, match="and 3 values are given"):
        orders.query("ann", 1, 2)
    with pytest.raises(TypeError, match="'when' is no option"):
        orders.query("ann", when=1)
    with pytest.raises(KeyError, match="has no index 'ghost'; it has: none"):
        orders.query("ann", index="ghost")
    with pytest.raises(TypeError, match="a condition is made with attr"):
        orders.scan(filter=5)
    with pytest.raises(ValueError, match="negative"):
        orders.scan(limit=-1)
    with pytest.raises(ApiError, match="Query key condition not supported"):
        orders.query(gt("a")).count()


def test_limits_filters_and_pages(orders):
    calls = []
    real = orders.tables.execute

    class Spy:
        def __getattr__(self, name):
            return getattr(orders.tables, name)

        def execute(self, operation, params, *rest):
            calls.append(dict(params))
            return real(operation, params, *rest)

    def spied(rows):
        rows.table = type("T", (), {"tables": Spy(), "floats": False})()
        calls.clear()
        return rows

    assert len(list(spied(orders.scan(limit=7)))) == 7
    assert [call["Limit"] for call in calls] == [7]
    assert len(list(spied(orders.scan(page=8)))) == 20
    assert [call["Limit"] for call in calls] == [8, 8, 8]
    odd = attr("total").is_in([t * 10 for t in range(1, 10, 2)])
    assert len(list(spied(orders.scan(filter=odd, page=3, limit=4)))) == 4
    assert all(call["Limit"] == 3 for call in calls)
    assert spied(orders.scan(filter=odd, page=3, limit=4)).count() == 4
    assert spied(orders.scan(filter=odd, page=3)).count() == 10
    assert list(orders.scan(limit=0)) == []
    assert orders.scan(filter=odd).first()["total"] % 20 == 10
    assert orders.scan(filter=attr("total") == -1).first() is None
    parts = [[(r["customer"], r["ts"]) for r in orders.scan(segment=(i, 3))] for i in range(3)]
    assert sorted(row for part in parts for row in part) == sorted((r["customer"], r["ts"]) for r in orders.scan())
    assert list(orders.query("ann", projection=["total"], limit=2)) == [{"total": 0}, {"total": 10}]


def test_json_of_rows(orders):
    import json

    rows = orders.query("ann", between(1, 2), projection=["ts", "total"])
    assert json.loads(rows.to_json()) == [{"ts": 1, "total": 10}, {"ts": 2, "total": 20}]
    assert json.loads(rows.to_json(dynamodb=True))[1] == {"ts": {"N": "2"}, "total": {"N": "20"}}
    assert [json.loads(line) for piece in rows.to_json_lines() for line in piece.splitlines()] == list(rows)
    assert orders.query("nobody").to_json() == b"[]"


def test_get_many(orders, cloud):
    found = orders.get_many([("ann", 1), ("nobody", 1), {"customer": "bob", "ts": 2}, ("ann", 1)])
    assert [item and item["total"] for item in found] == [10, None, 20, 10]
    assert orders.get_many([]) == []
    wide = cloud.table("wide", pk="id")
    with wide.batch() as batch:
        batch.extend({"id": str(i), "n": i} for i in range(250))
    assert [item["n"] for item in wide.get_many(str(i) for i in range(250))] == list(range(250))
    assert wide.get_many(["7"], projection=["id", "n"], consistent=True) == [{"id": "7", "n": 7}]


def test_transactions(cloud, orders):
    stock = cloud.table("stock", pk="id")
    stock.put({"id": "apple", "left": 1})
    with cloud.transaction() as together:
        together.update(stock, "apple", add={"left": -1}, condition=attr("left") >= 1)
        together.put(orders, {"customer": "ann", "ts": 99}, condition=attr("ts").missing())
        together.delete(orders, "bob", 1)
        together.check(orders, "bob", 2, condition=attr("total") == 20)
    assert cloud.transact_get((stock, "apple"), (orders, "ann", 99), (orders, "bob", 1)) == [
        {"id": "apple", "left": 0}, {"customer": "ann", "ts": 99}, None,
    ]  # fmt: skip
    with pytest.raises(ApiError, match="TransactionCanceled") as refused:
        with cloud.transaction() as together:
            together.put(orders, {"customer": "ann", "ts": 100})
            together.update(stock, "apple", add={"left": -1}, condition=attr("left") >= 1)
    assert [reason["Code"] for reason in refused.value.fields["CancellationReasons"]] == ["None", "ConditionalCheckFailed"]
    assert orders.get("ann", 100) is None
    with pytest.raises(ZeroDivisionError):
        with cloud.transaction() as together:
            together.put(orders, {"customer": "ann", "ts": 100})
            raise ZeroDivisionError
    assert orders.get("ann", 100) is None
    for _ in range(2):
        with cloud.transaction(token="once") as together:
            together.update(stock, "apple", add={"left": 5})
    assert stock.get("apple")["left"] == 5
    with cloudcore.open(":memory:") as other:
        elsewhere = other.table("stock", pk="id")
        with pytest.raises(ValueError, match="of another cloud"):
            with cloud.transaction() as together:
                together.put(elsewhere, {"id": "a"})


def test_batches_replace_and_refuse(orders):
    with orders.batch() as batch:
        for n in range(60):
            batch.put({"customer": "dup", "ts": 1, "n": n})
        batch.delete("ann", 0)
    assert orders.get("dup", 1)["n"] == 59 and orders.get("ann", 0) is None
    with pytest.raises(ApiError, match="ValidationException"):
        with orders.batch() as batch:
            batch.put({"customer": "no sort key"})


def test_info_and_repr(orders):
    info = orders.info()
    assert info["items"] == 20 and 0 < info["bytes"] < info["memory_bytes"]
    assert repr(orders) == "<Table orders (customer, ts)>"
