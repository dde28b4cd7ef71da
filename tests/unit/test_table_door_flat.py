"""The short way into an item and the general one agree, in bytes out and in refusals."""

import random

import pytest

from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.errors import ApiError

VALUES = [
    {"S": "text"}, {"S": ""}, {"S": "\u00e9\U0001f600"}, {"S": "x" * 3000}, {"N": "1"}, {"N": "-1.50e3"},
    {"N": "0"}, {"B": b""}, {"B": b"\x00" * 9}, {"BOOL": True}, {"BOOL": False}, {"NULL": True},
]  # fmt: skip
REFUSED = [
    {"S": 1}, {"S": None}, {"S": "\ud800"}, {"N": "x"}, {"N": 1}, {"N": ""}, {"N": "1" * 39}, {"B": "x"},
    {"BOOL": 1}, {"BOOL": "true"}, {"NULL": False}, {"NULL": 1}, {"Q": "x"}, {}, {"S": "a", "N": "1"}, "x",
    {"": "x"}, {1: "x"}, {"\u00e9": "x"}, None, ["S", "x"],
]  # fmt: skip


class Text(str):
    """No exact str: sends its item the general way."""


class Pair(dict):
    """No exact dict."""


@pytest.fixture
def tables():
    with DynamoDB() as db:
        Table.create(db, "things", pk="id")
        yield db.tables


def test_both_ways_store_the_same(tables):
    rng = random.Random(3)
    for step in range(3000):
        names = rng.sample([f"attribute {i}" for i in range(40)], rng.randrange(36))
        item = {"id": {"S": "a"}, **{name: rng.choice(VALUES) for name in names}}
        if step % 5 == 0:
            item["nested"] = {"M": {"l": {"L": [rng.choice(VALUES)]}, "x": rng.choice(VALUES)}}
        tables.put_item("things", item)
        flat = tables.get_item_json("things", {"id": {"S": "a"}})
        tables.put_item("things", Pair({name: Pair(value) for name, value in item.items()}))
        assert tables.get_item_json("things", {"id": {"S": "a"}}) == flat
        tables.put_item("things", {Text(name): value for name, value in item.items()})
        assert tables.get_item_json("things", {"id": {"S": "a"}}) == flat


@pytest.mark.parametrize("value", REFUSED, ids=repr)
def test_both_ways_refuse_the_same(tables, value):
    messages = set()
    for wrap in (dict, Pair):
        with pytest.raises((ApiError, UnicodeEncodeError, TypeError)) as caught:
            tables.put_item("things", wrap(id={"S": "a"}, wrong=value))
        messages.add((type(caught.value), str(caught.value)))
    assert len(messages) == 1
    assert tables.get_item("things", {"id": {"S": "a"}}) is None


def test_names(tables):
    for name in ("n", "name" * 16, "name" * 17, "n" * 65535, "n\u00e9", "\U0001f600"):
        item = {"id": {"S": "a"}, name: {"S": "x"}}
        tables.put_item("things", item)
        assert tables.get_item("things", {"id": {"S": "a"}}) == item
    for name in ("", "n" * 65536, 7):
        with pytest.raises((ApiError, TypeError)):
            tables.put_item("things", {"id": {"S": "a"}, name: {"S": "x"}})
    with pytest.raises(ApiError, match="Missing the key id"):
        tables.put_item("things", {})
