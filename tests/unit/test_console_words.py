"""Numbers and values as the console's pages show them."""

from __future__ import annotations

import pytest

from cloudcore.console import words


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1, "requests", "1 request"), (12345, "units", "12,345 units"), (0.5, "units", "0.5 units"),
        (2.51336e-05, "GB-months", "0.0000251336 GB-months"), (4.47035e-08, "GB", "0.0000000447035 GB"),
        (1234567.891, "GB-seconds", "1,234,568 GB-seconds"), (0, "GB", "0 GB"),
    ],
)  # fmt: skip
def test_quantities_have_no_exponent(value, unit, shown):
    assert words.quantity(value, unit) == shown


def test_amounts():
    shown = [words.dollars(amount) for amount in (0, 1e-9, 0.0000012, 1234.5)]
    assert shown == ["$0.000000", "< $0.000001", "$0.000001", "$1,234.500000"]


def test_numbers_inside_values_are_numbers_to_the_last_digit():
    digits = "12345678901234567890.123456789012345678"
    value = {"M": {"n": {"N": digits}, "s": {"S": digits}, "l": {"L": [{"N": "-1E+3"}, {"NULL": True}]}, "ns": {"NS": ["1", "2"]}}}
    assert words.plain(value) == f'{{"n": {digits}, "s": "{digits}", "l": [-1E+3, null], "ns": [1, 2]}}'
    assert words.plain({"N": "5"}) == "5" and words.plain({"S": "5"}) == "5"


def test_operations_without_the_version_of_their_protocol():
    assert words.operation("DynamoDB_20120810.GetItem") == "DynamoDB GetItem"
    assert words.operation("lambda.Invoke") == "lambda.Invoke"
