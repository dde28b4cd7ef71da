"""The item all store benches use, and where their files go."""

from __future__ import annotations

import pytest

ATTRIBUTES = 8


def item(number: int, round_: int = 0) -> dict:
    """About 400 bytes in 8 attributes; different at every number and round."""
    text = f"{number:08d}-{round_:04d}-" * 4
    return {
        "pk": {"S": f"p{number % 10_000:015d}"}, "sk": {"N": str(number)}, "a": {"S": text}, "b": {"S": text + text},
        "c": {"N": str(number * 7919 + round_)}, "d": {"S": text}, "e": {"BOOL": bool(number & 1)}, "f": {"S": text},
    }  # fmt: skip


@pytest.fixture
def data_dir(tmp_path_factory):
    return str(tmp_path_factory.mktemp("bench"))
