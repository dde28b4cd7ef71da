"""Prefix expressions and object names."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from cloudcore.errors import ApiError
from cloudcore.firehose.prefix import data_prefix, error_prefix, format_java, object_name, parse

WHEN = datetime(2026, 7, 4, 15, 6, 7, 123456, UTC)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "2026/07/04/15/"),
        ("legacy", "legacy2026/07/04/15/"),
        ("a/", "a/2026/07/04/15/"),
        ("a/!{timestamp:yyyy}/", "a/2026/"),
        ("y=!{timestamp:yyyy}/d=!{timestamp:dd'T'HH}/", "y=2026/d=04T15/"),
    ],
)
def test_data_prefix(text: str, wanted: str) -> None:
    assert data_prefix(text).evaluate(WHEN) == wanted


def test_partition_keys_take_no_default_time() -> None:
    prefix = data_prefix("k=!{partitionKeyFromLambda:k}/")
    assert prefix.partition_keys == ("k",)
    assert prefix.evaluate(WHEN, {"k": "v"}) == "k=v/"


def test_random_string() -> None:
    prefix = data_prefix("!{firehose:random-string}/!{timestamp:yyyy}/")
    one, two = prefix.evaluate(WHEN), prefix.evaluate(WHEN)
    assert re.fullmatch(r"[A-Za-z0-9]{11}/2026/", one)
    assert one != two


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("", "processing-failed/2026/07/04/15/"),
        ("e/", "e/processing-failed/2026/07/04/15/"),
        ("e/!{firehose:error-output-type}/", "e/processing-failed/2026/07/04/15/"),
        ("!{firehose:error-output-type}/!{timestamp:yyyy}/", "processing-failed/2026/"),
    ],
)
def test_error_prefix(text: str, wanted: str) -> None:
    assert error_prefix(text).evaluate(WHEN, error_type="processing-failed") == wanted


@pytest.mark.parametrize(
    "text",
    ["!{firehose:error-output-type}/", "!{nothing:x}", "!{timestamp:}", "!{timestamp:b}", "!{timestamp:yyyy",
     "!{partitionKeyFromQuery:}", "!{timestamp:yyyy'}"],
)  # fmt: skip
def test_bad_prefixes_are_refused(text: str) -> None:
    with pytest.raises(ApiError) as refused:
        parse(text, "Prefix")
    assert refused.value.code == "InvalidArgumentException"


def test_bad_error_prefixes_are_refused() -> None:
    for text in ("!{timestamp:yyyy}/", "!{partitionKeyFromLambda:k}/!{firehose:error-output-type}/"):
        with pytest.raises(ApiError):
            error_prefix(text)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("yyyy-MM-dd HH:mm:ss", "2026-07-04 15:06:07"), ("yy M d H h k K m s", "26 7 4 15 3 15 3 6 7"),
        ("MMM MMMM EEE EEEE a", "Jul July Sat Saturday PM"), ("SSS SSSSSSSSS", "123 123456000"),
        ("D DDD Q", "185 185 3"), ("'year='yyyy''", "year=2026'"), ("X xxx Z", "Z +00:00 +0000"),
        ("VV z", "UTC UTC"),
    ],
)  # fmt: skip
def test_java_patterns(pattern: str, wanted: str) -> None:
    assert format_java(pattern, WHEN) == wanted


def test_object_name_is_stable() -> None:
    name = object_name("s", 1, WHEN, "identity", ".gz")
    assert re.fullmatch(r"s-1-2026-07-04-15-06-07-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.gz", name)
    assert name == object_name("s", 1, WHEN, "identity", ".gz")
    assert name != object_name("s", 1, WHEN, "another", ".gz")
