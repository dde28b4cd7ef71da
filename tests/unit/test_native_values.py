"""Native Python values in and out of the item store, and the lazy Item over one item's bytes."""

import copy
import enum
import json
import pickle
from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType

import pytest
from boto3.dynamodb.types import Binary, TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcore._table import _item_of
from cloudcore.dynamodb import DynamoDB, Table
from cloudcore.errors import ApiError, CorruptError, UnsupportedValue


@pytest.fixture(scope="module")
def db():
    with DynamoDB() as db:
        yield db


@pytest.fixture(scope="module")
def table(db):
    return Table.create(db, "things", pk="id")


@pytest.fixture(scope="module")
def floating(db, table):
    return Table(db, "things", floats=True)


numbers = st.one_of(
    st.integers(-(10**37), 10**37),
    st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**20), max_value=10**20, places=6),
)
scalars = st.one_of(st.text(max_size=20), numbers, st.binary(max_size=20), st.booleans(), st.none())
sets = st.one_of(
    st.sets(st.text(max_size=5), min_size=1, max_size=5),
    st.sets(numbers, min_size=1, max_size=5),
    st.sets(st.binary(max_size=5), min_size=1, max_size=5),
)
values = st.recursive(
    st.one_of(scalars, sets),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(min_size=1, max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
items = st.dictionaries(st.text(min_size=1, max_size=8).filter(lambda name: name != "id"), values, max_size=6)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(items)
def test_what_goes_in_comes_out_and_boto3_agrees(table, item):
    item = {"id": "x", **item}
    table.put(item)
    assert table.get("x") == item
    view = table.view("x")
    assert view == item and view.to_dict() == item and dict(view) == item
    assert pickle.loads(pickle.dumps(view)) == view
    # boto3's own serialiser makes the same item of it, and reads ours.
    stored = table.tables.get_item("things", {"id": {"S": "x"}})
    assert stored == view.to_dynamodb()
    to_boto3, from_boto3 = TypeSerializer(), TypeDeserializer()
    assert {name: from_boto3.deserialize(value) for name, value in stored.items()} == item
    table.tables.put_item("things", {name: to_boto3.serialize(value) for name, value in item.items()})
    assert table.view("x") == view


def test_numbers_come_back_as_what_they_are(table):
    table.put({"id": "n", "i": 7, "d": Decimal("7.0"), "f": Decimal("7.25"), "big": 10**37, "e": Decimal("1E+30")})
    found = table.get("n")
    assert {name: type(value) for name, value in found.items() if name != "id"} == {
        "i": int, "d": int, "f": Decimal, "big": int, "e": int,
    }  # fmt: skip
    assert found["f"] == Decimal("7.25") and found["e"] == 10**30


def test_what_counts_as_another_type(table):
    class Colour(enum.StrEnum):
        RED = "red"

    class Level(enum.IntEnum):
        HIGH = 3

    class Index:
        def __index__(self):
            return 12

    table.put(
        MappingProxyType(
            {
                "id": "o", "colour": Colour.RED, "level": Level.HIGH, "index": Index(), "tuple": (1, 2),
                "array": bytearray(b"ab"), "memory": memoryview(b"cd"), "boto": Binary(b"ef"),
                "frozen": frozenset({"a"}), "map": MappingProxyType({"k": 1}), "view": table.view("n"),
            }
        )
    )  # fmt: skip
    assert table.get("o") == {
        "id": "o", "colour": "red", "level": 3, "index": 12, "tuple": [1, 2], "array": b"ab", "memory": b"cd",
        "boto": b"ef", "frozen": {"a"}, "map": {"k": 1}, "view": table.get("n"),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (1.5, "v: float types are not supported; use Decimal instead"),
        ({"a": [0, {"b": 1.5}]}, "v.a[1].b: float types are not supported; use Decimal instead"),
        (Decimal("NaN"), "v: Infinity and NaN are not supported"),
        (Decimal("-Infinity"), "v: Infinity and NaN are not supported"),
        (set(), "v: an empty set has no type in DynamoDB"),
        ({"a", 1}, "v: the members of a set must be all str, all numbers or all bytes"),
        ({True, 2}, "v: the members of a set must be all str, all numbers or all bytes"),
        (object, "v: unsupported type 'type' for value <class 'object'>"),
        ({1: 2}, "v: names of attributes are str, not int: 1"),
        ([3 + 4j], "v[0]: unsupported type 'complex' for value (3+4j)"),
    ],
)
def test_what_has_no_type_is_refused_by_its_place(table, value, message):
    with pytest.raises(UnsupportedValue) as refused:
        table.put({"id": "bad", "v": value})
    assert str(refused.value) == message
    assert isinstance(refused.value, TypeError)
    assert table.get("bad") is None


@pytest.mark.parametrize("item", [None, [], "text", 5])
def test_an_item_is_a_mapping(table, item):
    with pytest.raises(TypeError, match="an item is a mapping"):
        table.put(item)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (10**38 + 1, "more than 38 significant digits"),
        (1 << 20000, "more than 38 significant digits"),
        (Decimal("1E+200"), "Number overflow"),
        (Decimal("1E-200"), "Number underflow"),
    ],
    ids=["39 digits", "6000 digits", "large", "small"],
)
def test_numbers_beyond_dynamodb_are_its_own_refusal(table, value, message):
    with pytest.raises(ApiError, match=message) as refused:
        table.put({"id": "bad", "v": value})
    assert refused.value.code == "ValidationException"
    assert isinstance(refused.value, ClientError)
    assert refused.value.operation_name == "PutItem"
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert pickle.loads(pickle.dumps(refused.value)).code == "ValidationException"


def test_endless_nesting_is_refused(table):
    endless = []
    endless.append(endless)
    with pytest.raises(ApiError, match="Nesting Levels have exceeded"):
        table.put({"id": "bad", "v": endless})


# ---- floats, when asked for ----


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.floats(min_value=1e-100, max_value=1e100) | st.floats(-1e9, 1e9).filter(lambda f: f == 0 or abs(f) > 1e-100))
def test_floats_read_back_as_the_same_float(floating, value):
    floating.put({"id": "f", "v": value, "s": {value}})
    found = floating.get("f")
    assert float(found["v"]) == value and [float(member) for member in found["s"]] == [value]
    digits = floating.tables.get_item("things", {"id": {"S": "f"}})["v"]["N"]
    assert Decimal(digits) == Decimal(repr(value)), "the fewest digits, as repr has them"


def test_floats_beyond_dynamodb_are_refused(floating):
    for value, message in ((float("nan"), "NaN"), (float("inf"), "Infinity"), (1e300, "overflow"), (1e-300, "underflow")):
        with pytest.raises(ApiError, match=message):
            floating.put({"id": "bad", "v": value})


def test_floats_are_the_tables_choice(table, floating):
    floating.put({"id": "g", "v": 0.1, "w": 2.0})
    assert floating.get("g") == {"id": "g", "v": 0.1, "w": 2}
    assert type(floating.get("g")["v"]) is float and type(floating.view("g")["v"]) is float
    assert table.get("g")["v"] == Decimal("0.1")
    assert [type(row["v"]) for row in floating.query("g")] == [float]


# ---- Item ----


def test_a_view_holds_bytes_and_not_the_store():
    with DynamoDB() as db:
        things = Table.create(db, "things", pk="id")
        things.put({"id": "a", "n": 1, "deep": {"list": [1, "two"]}})
        view = things.view("a")
        things.delete("a")
    assert view["n"] == 1 and view["deep"] == {"list": [1, "two"]} and view.get("x", 9) == 9
    assert isinstance(view, Mapping) and len(view) == 3 and "n" in view and "x" not in view and 5 not in view
    assert sorted(view) == sorted(view.keys()) == ["deep", "id", "n"]
    assert dict(view.items()) == view and set(map(repr, view.values())) == {"'a'", "1", "{'list': [1, 'two']}"}
    with pytest.raises(KeyError, match="x"):
        view["x"]
    with pytest.raises(TypeError, match="unhashable"):
        hash(view)
    assert view != {"id": "a"} and view != 5 and view == dict(view)
    assert copy.copy(view) is view and copy.deepcopy(view) == view
    assert repr(view).startswith("Item({")


def test_json_of_a_view(table):
    item = {"id": "j", "n": Decimal("1.50"), "b": b"\x00\xff", "s": {"a"}, "l": [True, None, {"q": '"'}], "ns": {2, 10}}
    table.put(item)
    view = table.view("j")
    assert json.loads(view.to_json()) == {
        "id": "j", "n": 1.5, "b": "AP8=", "s": ["a"], "l": [True, None, {"q": '"'}], "ns": [2, 10],
    }  # fmt: skip
    assert b'"n":1.5' in view.to_json()
    assert json.loads(view.to_json(dynamodb=True))["b"] == {"B": "AP8="}


def test_a_damaged_pickle_is_refused(table):
    encoded = table.view("j").__reduce__()[1][0]
    for at in range(len(encoded)):
        for bit in (1, 0x80):
            damaged = bytearray(encoded)
            damaged[at] ^= bit
            try:
                _item_of(bytes(damaged), False).to_dict()
            except CorruptError:
                continue
            # Inside a string or a blob every byte is as good as another.
            assert bytes([damaged[at]]) != encoded[at : at + 1]
    with pytest.raises(CorruptError):
        _item_of(b"", False)
