"""Dicts given out again: never one that somebody can see, never one that was changed."""

import gc
import random

import pytest

from cloudcore.dynamodb import DynamoDB, Table


def attributes(number, text="x"):
    return {
        "id": {"S": str(number)},
        "text": {"S": text},
        "number": {"N": str(number)},
        "raw": {"B": b"\x00\xff"},
        "flag": {"BOOL": True},
        "nothing": {"NULL": True},
        "wide": {"S": "h\u00e9llo \U0001f600"},
        "empty": {"S": ""},
        "one": {"S": "\u00e9"},
    }


KEY = {"id": {"S": "1"}}


@pytest.fixture
def tables():
    with DynamoDB() as db:
        Table.create(db, "things", pk="id")
        db.tables.put_item("things", attributes(1))
        yield db.tables


def warm(tables, key=KEY):
    for _ in range(4):
        tables.get_item("things", key)


def test_a_dropped_dict_comes_again_and_a_held_one_does_not(tables):
    warm(tables)
    first = id(tables.get_item("things", KEY))
    assert id(tables.get_item("things", KEY)) == first
    held = [tables.get_item("things", KEY) for _ in range(5)]
    assert len({id(one) for one in held}) == 5
    assert len({id(one["text"]) for one in held}) == 5
    assert all(one == attributes(1) for one in held)
    held[0]["text"]["S"] = "changed"
    assert all(one == attributes(1) for one in held[1:])


def test_while_one_is_kept_others_come_again_soon(tables):
    warm(tables)
    kept = tables.get_item("things", KEY)
    for _ in range(8):
        assert tables.get_item("things", KEY) is not kept
    first = id(tables.get_item("things", KEY))
    assert id(tables.get_item("things", KEY)) == first != id(kept)
    assert kept == tables.get_item("things", KEY) == attributes(1)


CHANGES = {
    "value": lambda d: d["text"].update(S="other"),
    "type": lambda d: d["text"].update(N="1"),
    "type replaced": lambda d: (d["text"].pop("S"), d["text"].update(N="1")),
    "attribute": lambda d: d.update(text={"S": "other"}),
    "same attribute, new dict": lambda d: d.update(text={"S": "x"}),
    "more": lambda d: d.update(more={"S": "y"}),
    "less": lambda d: d.pop("flag"),
    "cleared": lambda d: d.clear(),
    "inner cleared": lambda d: d["raw"].clear(),
    "order": lambda d: d.update(text=d.pop("text")),
    "swapped": lambda d: d.update(text=d["one"], one=d["text"]),
    "cycle": lambda d: d.update(text=d),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_dict_never_comes_again(tables, change):
    warm(tables)
    for _ in range(3):
        change(tables.get_item("things", KEY))
        again = tables.get_item("things", KEY)
        assert again == attributes(1)
        assert list(again) == list(tables.get_item("things", KEY))
        del again
    gc.collect()
    assert tables.get_item("things", KEY) == attributes(1)


@pytest.mark.parametrize("kept", ["text", "raw", "wide"])
def test_a_held_part_keeps_its_dict_from_coming_again(tables, kept):
    warm(tables)
    part = tables.get_item("things", KEY)[kept]
    again = tables.get_item("things", KEY)
    assert again[kept] is not part
    part.clear()
    assert again == attributes(1)


def test_an_iterator_keeps_its_dict(tables):
    warm(tables)
    entries = iter(tables.get_item("things", KEY).items())
    tables.get_item("things", KEY).clear()
    assert dict(entries) == attributes(1)


def test_writes_are_seen_at_once(tables):
    for round_ in range(300):
        warm(tables)
        written = attributes(1, text="t" * (round_ % 7) + str(round_))
        tables.put_item("things", written)
        assert tables.get_item("things", KEY) == written
        assert tables.get_item("things", KEY) == written
    tables.execute("DeleteItem", {"TableName": "things", "Key": KEY})
    assert tables.get_item("things", KEY) is None


def test_random_reads_writes_and_changes_agree_with_a_model(tables):
    rng = random.Random(5)
    model, held = {}, []
    for step in range(20_000):
        number = rng.randrange(40)
        key = {"id": {"S": str(number)}}
        if rng.random() < 0.1:
            model[number] = attributes(number, text=str(step) * rng.randrange(1, 4))
            if rng.random() < 0.2:
                model[number]["deep"] = {
                    "M": {"list": {"L": [{"S": "a"}]}},
                }
            tables.put_item("things", model[number])
        elif number in model:
            got = tables.get_item("things", key)
            assert got == model[number]
            if rng.random() < 0.2:
                rng.choice(list(CHANGES.values()))(got)
            elif rng.random() < 0.1:
                held.append((got, {k: dict(v) for k, v in got.items()}))
            got = None
    assert all(one == then for one, then in held)


def test_closing_lets_go_of_what_was_remembered():
    db = DynamoDB()
    Table.create(db, "things", pk="id")
    db.tables.put_item("things", attributes(1))
    warm(db.tables)
    item = db.tables.get_item("things", KEY)
    db.close()
    assert item == attributes(1)


def test_a_collection_in_the_middle_that_reads_the_item_shares_nothing(tables):
    """Up to CPython 3.11 making a dict may collect garbage: a finalizer, or another thread in its time."""
    warm(tables)
    inside = []

    def read(phase, _):
        if phase == "start" and len(inside) < 20:
            inside.append(tables.get_item("things", KEY))

    threshold = gc.get_threshold()
    gc.callbacks.append(read)
    try:
        for allocations in range(1, 40):
            gc.set_threshold(allocations)
            outside = [tables.get_item("things", KEY) for _ in range(3)]
            gc.set_threshold(*threshold)
            everything = outside + inside
            assert len({id(one) for one in everything}) == len(everything)
            inner = [id(value) for one in everything for value in one.values()]
            assert len(set(inner)) == len(inner)
            outside[-1]["text"]["S"] = "changed"
            del outside, everything
            inside.clear()
            assert tables.get_item("things", KEY) == attributes(1)
    finally:
        gc.callbacks.remove(read)
        gc.set_threshold(*threshold)
