"""The checker of histories can tell right from wrong."""

from __future__ import annotations

import random

from linearizable import ANY, KEEPS, NEVER, Done, explained


def write(begin: float, end: float, value: int) -> Done:
    return Done(begin, end, ANY, value)


def read(begin: float, end: float, value: int | None) -> Done:
    return Done(begin, end, value, KEEPS)


def test_what_can_have_happened_is_explained() -> None:
    assert explained([])
    assert explained([write(0, 1, 1), read(2, 3, 1)])
    assert explained([write(0, 9, 1), read(1, 2, None), read(3, 4, 1)])  # in the midst of the write
    assert explained([write(0, 5, 1), write(1, 6, 2), read(7, 8, 1)])
    assert explained([write(0, NEVER, 1), read(5, 6, None), read(7, 8, 1)])  # it happened late
    assert explained([write(0, NEVER, 1), read(7, 8, None)])  # or never
    assert explained([write(0, 1, 1), Done(2, NEVER, 1, 2), Done(2, NEVER, 2, 3), read(5, 6, 3)])


def test_what_cannot_have_happened_is_not() -> None:
    assert not explained([write(0, 1, 1), read(2, 3, None)])  # stale
    assert not explained([write(0, 1, 1), write(2, 3, 2), read(4, 5, 1)])
    assert not explained([write(0, 9, 1), read(1, 2, 1), read(3, 4, None)])  # back in time
    assert not explained([write(0, 1, 1), Done(2, 3, 1, 2), Done(2, 3, 1, 3)])  # both conditions held
    assert not explained([read(0, 1, 7)])  # out of nowhere
    assert not explained([write(0, NEVER, 1), read(1, 2, 1), read(3, 4, None)])
    assert not explained([write(0, 1, 1), Done(2, NEVER, 1, 2), write(3, 4, 3), read(5, 6, 3), read(7, 8, 2)])


def test_random_histories_that_happened_and_the_same_with_one_answer_from_the_past() -> None:
    dice = random.Random(5)
    for _ in range(50):
        value, moment, history, older = None, 0.0, [], []
        for number in range(200):
            moment += 1
            begin, end = moment - dice.random() * 3, moment + dice.random() * 3
            if dice.random() < 0.4:
                history.append(read(begin, end, value))
            else:
                history.append(Done(begin, NEVER if dice.random() < 0.1 else end, dice.choice((ANY, value)), number))
                older.append((value, moment))
                value = number
        assert explained(history)
        past = next(old for old, until in reversed(older) if until < moment - 20)
        assert not explained([*history, read(moment + 10, moment + 11, past)])
