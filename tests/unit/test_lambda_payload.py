"""Events and responses are read and written as by AWS's Python runtime."""

from __future__ import annotations

import json
import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambda_support import make

from cloudcore._channel import long_integers
from cloudcore.lambda_ import payload

CODE = """
from decimal import Decimal
def handler(event, context):
    if isinstance(event, dict) and "expression" in event:
        return eval(event["expression"], {"Decimal": Decimal})
    return repr(event)
"""


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    with make(tmp_path_factory.mktemp("payload"), CODE) as made:
        yield made


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("{'a': [1, 2.5, None, True], 'b': 'x'}", b'{"a": [1, 2.5, null, true], "b": "x"}'),
        ("Decimal('1.10')", b"1.10"),
        ("[Decimal('1E+2'), Decimal('NaN'), Decimal('-0')]", b"[1E+2, NaN, -0]"),
        ("float('nan')", b"NaN"),
        ("{1: 2, None: 3, True: 4}", b'{"1": 4, "null": 3}'),
        ("b'raw \\xff'", b"raw \xff"),
        ("{'inner': b'text'}", b'{"inner": "text"}'),
        ("(1, 2)", b"[1, 2]"),
        ("None", b"null"),
        ("''", b'""'),
    ],
)
def test_responses(functions, expression, text):
    result = functions.invoke(json.dumps({"expression": expression}).encode())
    assert (result.function_error, result.payload) == (None, text)


def test_characters_are_escaped_before_python_3_12(tmp_path):
    code = "def handler(event, context): return 'ä'\n"
    for version, text in (("3.11", b'"\\u00e4"'), ("3.12", '"ä"'.encode())):
        with make(tmp_path, code, AWS_EXECUTION_ENV=f"AWS_Lambda_python{version}") as made:
            assert made.invoke(b"{}").payload == text


@pytest.mark.parametrize(
    ("event", "value"),
    [
        (b"18446744073709551616", "18446744073709551616"),
        (b'{"n": -9223372036854775809}', "{'n': -9223372036854775809}"),
        (b"[1e400, NaN]", "[inf, nan]"),
        (b'"\\ud800"', "'\\ud800'"),
        (b'{"a": 1, "a": 2}', "{'a': 2}"),
    ],
)
def test_events_that_a_fast_decoder_would_change(functions, event, value):
    assert json.loads(functions.invoke(event).payload) == value


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (b"{bad", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        (b"", "Expecting value: line 1 column 1 (char 0)"),
    ],
)
def test_events_that_are_no_json(functions, event, said):
    result = functions.invoke(event)
    body = json.loads(result.payload)
    assert (body["errorType"], body["requestId"]) == ("Runtime.UnmarshalError", result.request_id)
    assert body["errorMessage"] == f"Unable to unmarshal input: {said}" and body["stackTrace"] == []


def test_size_limits(functions):
    result = functions.invoke(b'{"expression": "\'x\' * 6291554"}')
    assert (result.function_error, len(result.payload)) == (None, 6_291_556)
    result = functions.invoke(b'{"expression": "\'x\' * 6291555"}')
    assert json.loads(result.payload) == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
    }
    largest = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    assert len(functions.invoke(largest).payload) == len(largest) + 2
    with pytest.raises(ValueError, match="6291456"):
        functions.invoke(largest + b" ")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON | st.lists(st.integers(-(10**25), 10**25)), st.sampled_from([None, 1]))
def test_decoding_agrees_with_json(value, indent):
    text = json.dumps(value, indent=indent).encode()
    assert repr(payload.decode(text, long_integers(text))) == repr(json.loads(text))


def test_long_integers_are_found_wherever_they_stand():
    for length in range(15, 25):
        for shift in range(45):
            text = b"[" + b" " * shift + b"1" * length + b"]"
            assert long_integers(text) == (length >= 19), text
            text = b'["' + b"x" * shift + b"1" * length + b'", -' + b"7" * length + b"]"
            assert long_integers(text) == (length >= 19), text
            assert not long_integers(b'["' + b"x" * shift + b"1" * length + b'", 1.' + b"7" * length + b"]")


@given(st.decimals(allow_nan=True, allow_infinity=False))
def test_decimals_are_written_as_they_are(value):
    text = payload.Encoder().encode({"d": value}).decode()
    assert text == ('{"d": NaN}' if value.is_nan() else f'{{"d": {value}}}')
    if not value.is_nan():
        assert Decimal(json.loads(text, parse_float=str, parse_int=str)["d"]) == value


def test_nan_of_a_float():
    assert math.isnan(json.loads(payload.Encoder().encode(float("nan"))))
