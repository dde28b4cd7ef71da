"""CopyOptions: the options of COPY that our own COPY step honours; others are refused by name.

Redshift itself gets the text as it is. Source: AWS, "COPY parameter reference".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.firehose.checks import invalid

_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|([A-Za-z_]+)|(\d+)|(;))")
_ESCAPES = {"\\t": "\t", "\\n": "\n", "\\001": "\x01", "\\x01": "\x01"}
_FORMATS = ("JSON", "CSV", "PARQUET")
_IGNORED = {"STATUPDATE", "COMPUPDATE"}
"""How Redshift keeps statistics and encodings: no data depends on it."""


@dataclass
class CopyOptions:
    """What COPY was told. `format`: delimited, csv, json or parquet; `jsonpaths`: "auto", "auto ignorecase",
    or the s3:// address of a JSONPaths file."""

    format: str = "delimited"
    jsonpaths: str = "auto"
    delimiter: str = "|"
    quote: str = '"'
    null: str | None = None
    gzip: bool = False
    max_errors: int = 0
    skip_lines: int = 0
    empty_as_null: bool = False
    blanks_as_null: bool = False
    truncate: bool = False
    trim: bool = False
    escape: bool = False
    fill: bool = False
    time_format: str = "auto"
    accept_invalid: str | None = None
    given: set[str] = field(default_factory=set)


def parse_options(text: str) -> CopyOptions:
    """Read CopyOptions. Raises ApiError InvalidArgumentException for what is not supported here."""
    tokens, out = _tokens(text), CopyOptions()
    at = 0
    while at < len(tokens):
        kind, value = tokens[at]
        name = value.upper() if kind == "word" else value
        if kind != "word":
            raise _refused(value)
        at += 1
        if name == "FORMAT":
            at += _is(tokens, at, "AS")
            name = tokens[at][1].upper() if at < len(tokens) else ""
            if name not in _FORMATS:
                raise _refused(f"FORMAT {name}")
            at += 1
        reader = _READERS.get(name)
        if name in _IGNORED:
            at += 1 if at < len(tokens) and tokens[at][1].upper() in ("ON", "OFF", "PRESET") else 0
            continue
        if reader is None:
            raise _refused(name)
        at = reader(out, tokens, at)
        out.given.add(name)
    if len(out.given & {*_FORMATS, "DELIMITER"}) > 1 and out.given & {"JSON", "PARQUET"}:
        raise invalid("CopyOptions name more than one data format")
    if out.escape and out.format == "csv":
        raise invalid("CopyOptions: ESCAPE cannot be used with CSV")
    return out


def _tokens(text: str) -> list[tuple[str, str]]:
    out, at = [], 0
    text = text.rstrip().rstrip(";")
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise invalid(f"CopyOptions cannot be read at: {text[at : at + 40]}")
        if match[1] is not None:
            out.append(("text", match[1].replace("''", "'")))
        elif match[2]:
            out.append(("word", match[2]))
        else:
            out.append(("number", match[3] or match[4]))
        at = match.end()
    return out


def _is(tokens: list[tuple[str, str]], at: int, word: str) -> int:
    return int(at < len(tokens) and tokens[at][0] == "word" and tokens[at][1].upper() == word)


def _text(tokens: list[tuple[str, str]], at: int, name: str, kind: str = "text") -> tuple[str, int]:
    at += _is(tokens, at, "AS")
    if at >= len(tokens) or tokens[at][0] != kind:
        raise invalid(f"CopyOptions: {name} needs a value")
    return tokens[at][1], at + 1


def _flag(member: str, value: Any = True) -> Callable[..., int]:
    def read(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
        setattr(out, member, value)
        return at

    return read


def _number(member: str, name: str, high: int) -> Callable[..., int]:
    def read(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
        value, at = _text(tokens, at, name, "number")
        if int(value) > high:
            raise invalid(f"CopyOptions: {name} must be at most {high}")
        setattr(out, member, int(value))
        return at

    return read


def _letter(member: str, name: str) -> Callable[..., int]:
    def read(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
        value, at = _text(tokens, at, name)
        value = _ESCAPES.get(value, value)
        if len(value) != 1:
            raise invalid(f"CopyOptions: {name} is one character")
        setattr(out, member, value)
        return at

    return read


def _json(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    out.format = "json"
    value, at = _text(tokens, at, "JSON")
    if value.lower() not in ("auto", "auto ignorecase") and not value.startswith("s3://"):
        raise _refused(f"JSON '{value}'")
    out.jsonpaths = value if value.startswith("s3://") else value.lower()
    return at


def _csv(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    out.format = "csv"
    if "DELIMITER" not in out.given:
        out.delimiter = ","
    if _is(tokens, at, "QUOTE"):
        return _letter("quote", "QUOTE")(out, tokens, at + 1)
    return at


def _null(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    value, at = _text(tokens, at, "NULL")
    out.null = {"\\N": "\\N", "\\0": "\0", "\\000": "\0"}.get(value, value)
    return at


def _time(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    value, at = _text(tokens, at, "TIMEFORMAT")
    if value.lower() not in ("auto", "epochsecs", "epochmillisecs"):
        raise _refused(f"TIMEFORMAT '{value}'")
    out.time_format = value.lower()
    return at


def _date(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    value, at = _text(tokens, at, "DATEFORMAT")
    if value.lower() not in ("auto", "yyyy-mm-dd"):
        raise _refused(f"DATEFORMAT '{value}'")
    return at


def _invalid_chars(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    out.accept_invalid = "?"
    at += _is(tokens, at, "AS")
    if at < len(tokens) and tokens[at][0] == "text":
        return _letter("accept_invalid", "ACCEPTINVCHARS")(out, tokens, at)
    return at


def _region(out: CopyOptions, tokens: list[tuple[str, str]], at: int) -> int:
    return _text(tokens, at, "REGION")[1]  # the bucket's; there is one place here


def _refused(what: str) -> ApiError:
    return invalid(f"CopyOptions: {what} is not supported where cloudcore itself copies")


_READERS: dict[str, Callable[..., int]] = {
    "JSON": _json, "CSV": _csv, "PARQUET": _flag("format", "parquet"), "GZIP": _flag("gzip"),
    "DELIMITER": _letter("delimiter", "DELIMITER"), "QUOTE": _letter("quote", "QUOTE"), "NULL": _null,
    "MAXERROR": _number("max_errors", "MAXERROR", 100_000),
    "IGNOREALLERRORS": _flag("max_errors", 1 << 62),
    "IGNOREHEADER": _number("skip_lines", "IGNOREHEADER", 1 << 31),
    "EMPTYASNULL": _flag("empty_as_null"), "BLANKSASNULL": _flag("blanks_as_null"),
    "TRUNCATECOLUMNS": _flag("truncate"), "TRIMBLANKS": _flag("trim"), "ESCAPE": _flag("escape"),
    "FILLRECORD": _flag("fill"), "TIMEFORMAT": _time, "DATEFORMAT": _date,
    "ACCEPTINVCHARS": _invalid_chars, "REGION": _region,
}  # fmt: skip
