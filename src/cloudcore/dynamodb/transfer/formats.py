"""From an object's content to items in a table: lines of DynamoDB JSON, CSV, Ion.

A source gives steps, one for each piece of the content that it put into the table; what stands before a place
that was reached earlier is passed over. Content that makes no record of the format ends its object, as on
AWS; a record that is no item of the table is refused alone.
"""

from __future__ import annotations

import base64
import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from cloudcore.dynamodb.transfer import ion
from cloudcore.dynamodb.transfer.inputs import Input, Malformed
from cloudcore.errors import ApiError

PIECE = 1 << 20
ROWS = 4096
BROKEN = "SerializationException"
LINE_BYTES = 16 << 20
"""No line of an item is longer, however it is written."""
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,9})?")


class Step(NamedTuple):
    """What a piece came to: `place` is where the next one begins (lines or rows), `looked` the records in it,
    `refused` [(number from 0, message)] of those that were not stored."""

    place: int
    looked: int
    refused: list[tuple[int, str]]


class Store(Protocol):
    """What is done with what was read: a Loader, or the Puts of conditional.py."""

    @property
    def stored(self) -> int: ...
    def lines(
        self, data: bytes, form: str, first_line: int, stop: bool
    ) -> list[tuple[int, str, str]]: ...
    def put(self, item: Mapping[str, Any], number: int) -> bool: ...
    def flush(self) -> list[tuple[int, str, str]]: ...


Source = Callable[[Input, Store, int], Iterator[Step]]
"""(content, loader, place to begin at) -> steps."""


def lines(content: Input, loader: Store, place: int, piece: int = 0) -> Iterator[Step]:
    """{"Item": ..} on each line; encoded in C. `piece` bytes make a step, PIECE when none are said."""
    at, end = 0, False
    kept: list[bytes] = []
    while not end:
        try:
            data = content.read(piece or PIECE)
        except Malformed as error:
            yield _ended(at + b"".join(kept).count(b"\n"), error)
            return
        end = not data
        cut = data.rfind(b"\n") + 1
        kept.append(data if end else data[:cut])
        if not end and cut == 0:
            kept[-1] = data
            if sum(map(len, kept)) > LINE_BYTES:
                yield _ended(at, Malformed(f"a line of more than {LINE_BYTES} bytes"))
                return
            continue
        whole, kept = b"".join(kept), [data[cut:]]
        count = whole.count(b"\n") + (1 if end and whole and not whole.endswith(b"\n") else 0)
        if at + count > place:
            if at < place:
                whole = _behind(whole, place - at)
            first = max(at, place)
            step = _put_lines(loader, whole, first, at + count)
            yield step
            if step.place < 0:
                return
        at += count


def _put_lines(loader: Store, data: bytes, first: int, after: int) -> Step:
    stored = loader.stored
    refused = loader.lines(data, "dynamodb-export", first + 1, True)
    broken = any(code == BROKEN for _, code, _ in refused)
    found = [(number - 1, message) for number, _, message in refused]
    return Step(-1 if broken else after, loader.stored - stored + len(found), found)


def _behind(data: bytes, count: int) -> bytes:
    """What follows `count` lines."""
    at = 0
    for _ in range(count):
        at = data.index(b"\n", at) + 1
    return data[at:]


def _ended(place: int, error: Exception) -> Step:
    return Step(-1, 1, [(place, str(error))])


def rows(types: Mapping[str, str], delimiter: str, header: list[str] | None) -> Source:
    """CSV; columns of `types` are of these DynamoDB types, the others strings."""

    def read(content: Input, loader: Store, place: int) -> Iterator[Step]:
        csv.field_size_limit(max(csv.field_size_limit(), LINE_BYTES))
        text = io.TextIOWrapper(io.BufferedReader(content, PIECE), "utf-8-sig", newline="")
        reader = csv.reader(text, delimiter=delimiter, strict=True)
        try:
            names = next(reader, []) if header is None else header
        except (csv.Error, UnicodeDecodeError, Malformed) as error:
            yield _ended(0, error)
            return
        if len(set(names)) != len(names):
            yield _ended(0, Malformed("the header names a column twice"))
            return
        wanted = [types.get(name, "S") for name in names]
        yield from _put(loader, place, (row for row in reader if row), lambda row: _item(names, wanted, row))

    return read


def _item(names: list[str], types: list[str], row: list[str]) -> dict[str, Any]:
    if len(row) != len(names):
        raise ApiError("ValidationException", f"{len(row)} columns, where the header has {len(names)}")
    columns = zip(names, types, row, strict=True)
    return {name: text if kind == "S" else _value(kind, text) for name, kind, text in columns}


def _value(kind: str, text: str) -> Any:
    if kind == "N":
        if _NUMBER.fullmatch(text):  # Decimal takes more: underscores, spaces, other scripts' digits
            return Decimal(text)
        words = f"The parameter cannot be converted to a numeric value: {text}"
        raise ApiError("ValidationException", words)
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise ApiError("ValidationException", f"a binary key is base64, which {text!r} is not") from None


def structs(
    content: Input, loader: Store, place: int, item_of: Callable[[Any], dict[str, Any]] = ion.item_of
) -> Iterator[Step]:
    """Ion, text or binary, a struct with an Item each."""
    yield from _put(loader, place, ion.values(io.BufferedReader(content, PIECE)), item_of)


def _put(
    loader: Store, place: int, records: Iterator[Any], item_of: Callable[[Any], Mapping[str, Any]]
) -> Iterator[Step]:
    """Store what `item_of` makes of each record. It raises ApiError for one that is no item."""
    at, ended, broken = 0, False, False
    while not ended and not broken:
        looked, refused = 0, []
        try:
            for record in records:
                at += 1
                if at <= place:
                    continue
                looked += 1
                try:
                    full = loader.put(item_of(record), at - 1)
                except (ApiError, TypeError) as error:
                    full = broken = getattr(error, "code", "") == BROKEN
                    refused.append((at - 1, error.message if isinstance(error, ApiError) else str(error)))
                if full or looked == ROWS:
                    break
            else:
                ended = True
        except (csv.Error, UnicodeDecodeError, Malformed) as error:
            looked, broken = looked + 1, True
            refused.append((at, str(error)))
        refused += [(number, message) for number, _, message in loader.flush()]
        if looked:
            yield Step(-1 if broken else at, looked, sorted(refused))
