"""Object names: prefix expressions, Java date patterns, and the rules of the name behind the prefix.

    <evaluated prefix><stream>-<version>-yyyy-MM-dd-HH-mm-ss-<uuid><extension>

Expressions: !{timestamp:PATTERN}, !{firehose:random-string}, !{firehose:error-output-type} (error
prefix only), !{partitionKeyFromLambda:KEY} and !{partitionKeyFromQuery:KEY} (prefix only). A prefix with
no timestamp and no partition key gets yyyy/MM/dd/HH/ appended, and no "/" is put in between.

Source: AWS, "Understand custom prefixes for Amazon S3 objects".
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from cloudcore.errors import ApiError

QUERY = "query:"  # before the name of a partition key that MetadataExtraction gives
PREFIX_MAX = 1024
EVALUATED_MAX = 512
_EXPRESSION = re.compile(r"!\{([^{}]*)\}")
_HOURS = "yyyy/MM/dd/HH/"
_RANDOM_LETTERS = string.ascii_letters + string.digits
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True)
class Prefix:
    """A parsed prefix: a tuple of (kind, text), kind one of text, timestamp, random, error, key."""

    parts: tuple[tuple[str, str], ...]

    @property
    def partition_keys(self) -> tuple[str, ...]:
        """Names of the partition keys that it needs, in order; the query's with QUERY in front."""
        return tuple(text for kind, text in self.parts if kind == "key")

    @property
    def literal(self) -> str:
        """The text before the first expression: every object's key begins with it."""
        out = ""
        for kind, text in self.parts:
            if kind != "text":
                break
            out += text
        return out

    @property
    def has_expressions(self) -> bool:
        return any(kind != "text" for kind, _ in self.parts)

    def has(self, kind: str) -> bool:
        return any(found == kind for found, _ in self.parts)

    def settled(self, identity: str) -> Prefix:
        """The same prefix, with random text that follows from `identity` in the place of fresh one."""

        def settle(at: int, part: tuple[str, str]) -> tuple[str, str]:
            fresh = part[0] == "random"
            return ("text", uuid_of(f"{identity}/{at}").replace("-", "")[:11]) if fresh else part

        return Prefix(tuple(settle(at, part) for at, part in enumerate(self.parts)))

    def evaluate(self, when: datetime, keys: Mapping[str, str] | None = None, error_type: str = "") -> str:
        """The text of the prefix for an object whose oldest record arrived at `when`."""
        out = []
        for kind, text in self.parts:
            if kind == "text":
                out.append(text)
            elif kind == "timestamp":
                out.append(format_java(text, when))
            elif kind == "random":
                out.append("".join(secrets.choice(_RANDOM_LETTERS) for _ in range(11)))
            elif kind == "error":
                out.append(error_type)
            else:
                out.append((keys or {})[text])
        return "".join(out)


def parse(text: str, member: str, *, for_errors: bool = False) -> Prefix:
    """Parse and check a prefix. Raises ApiError InvalidArgumentException with the offending expression."""
    parts: list[tuple[str, str]] = []
    end = 0
    for match in _EXPRESSION.finditer(text):
        if match.start() > end:
            parts.append(("text", text[end : match.start()]))
        parts.append(_expression(match[1], member, for_errors))
        end = match.end()
    if end < len(text):
        parts.append(("text", text[end:]))
    if any(kind == "text" and "!{" in literal for kind, literal in parts):
        raise ApiError("InvalidArgumentException", f"{member} has an expression that is not closed: {text}")
    return Prefix(tuple(parts))


def _expression(body: str, member: str, for_errors: bool) -> tuple[str, str]:
    namespace, _, value = body.partition(":")
    if namespace == "timestamp" and value:
        format_java(value, datetime(2001, 2, 3, tzinfo=UTC))  # an unknown letter is refused now
        return ("timestamp", value)
    if namespace == "firehose" and value == "random-string":
        return ("random", "")
    if namespace == "firehose" and value == "error-output-type":
        if not for_errors:
            raise ApiError(
                "InvalidArgumentException",
                "!{firehose:error-output-type} is not allowed in the Prefix, only in the ErrorOutputPrefix",
            )
        return ("error", "")
    if namespace in ("partitionKeyFromLambda", "partitionKeyFromQuery") and value:
        if for_errors:
            raise ApiError("InvalidArgumentException", f"{namespace} is not allowed in the ErrorOutputPrefix")
        return ("key", value if namespace == "partitionKeyFromLambda" else QUERY + value)
    raise ApiError("InvalidArgumentException", f"{member} has an invalid expression: !{{{body}}}")


def data_prefix(text: str, *, plain: bool = False) -> Prefix:
    """The Prefix of delivered objects, with the default time appended where AWS appends it.

    `plain` (ours, for the library and the CLI) leaves the prefix as it is written.
    """
    prefix = parse(text, "Prefix")
    if plain or prefix.has("timestamp") or prefix.has("key"):
        return prefix
    return Prefix((*prefix.parts, ("timestamp", _HOURS)))


def error_prefix(text: str, *, plain: bool = False) -> Prefix:
    """The ErrorOutputPrefix; without an expression the error type and the time are appended."""
    prefix = parse(text, "ErrorOutputPrefix", for_errors=True)
    if prefix.has_expressions and not prefix.has("error"):
        raise ApiError(
            "InvalidArgumentException",
            "ErrorOutputPrefix with expressions must contain !{firehose:error-output-type}",
        )
    parts = prefix.parts
    if not prefix.has("error"):
        parts = (*parts, ("error", ""), ("text", "/"))
    if not plain and not prefix.has("timestamp"):
        parts = (*parts, ("timestamp", _HOURS))
    return Prefix(parts)


def object_name(stream: str, version: int, when: datetime, identity: str, extension: str) -> str:
    """The part behind the prefix. The same identity gives the same name: a redelivery overwrites itself."""
    return f"{stream}-{version}-{when:%Y-%m-%d-%H-%M-%S}-{uuid_of(identity)}{extension}"


def uuid_of(identity: str) -> str:
    """A UUID that is the same for the same identity."""
    return str(uuid.UUID(bytes=hashlib.sha256(identity.encode()).digest()[:16], version=4))


def moment(time_ms: int, zone: tzinfo) -> datetime:
    """A time of arrival in the stream's zone."""
    return datetime.fromtimestamp(time_ms / 1000, zone)


def format_java(pattern: str, when: datetime) -> str:
    """Format by a java.time.format.DateTimeFormatter pattern: letters, 'quoted text', '' a quote."""
    out = []
    for match in re.finditer(r"'((?:[^']|'')*)'|([A-Za-z])\2*|(.)", pattern, re.DOTALL):
        if match[1] is not None:
            out.append(match[1].replace("''", "'") if match[1] else "'")
        elif match[2]:
            out.append(_field(match[2], len(match[0]), when))
        elif match[3] == "'":
            raise ApiError("InvalidArgumentException", f"Invalid timestamp pattern: {pattern}")
        else:
            out.append(match[3])
    return "".join(out)


def _field(letter: str, width: int, when: datetime) -> str:
    numbers = {
        "d": when.day, "D": when.timetuple().tm_yday, "H": when.hour, "k": when.hour or 24,
        "K": when.hour % 12, "h": when.hour % 12 or 12, "m": when.minute, "s": when.second,
    }  # fmt: skip
    if letter in numbers:
        return str(numbers[letter]).zfill(width)
    if letter in "yuY":
        if letter == "Y":
            when = when.replace(year=_week_year(when), month=1, day=1)
        return f"{when.year % 100:02d}" if width == 2 else str(when.year).zfill(width)
    if letter in "ML":
        name = _MONTHS[when.month - 1]
        return (
            (name[0] if width >= 5 else name if width == 4 else name[:3])
            if width >= 3
            else (str(when.month).zfill(width))
        )
    if letter == "E":
        name = _DAYS[when.weekday()]
        return name[0] if width >= 5 else name if width == 4 else name[:3]
    if letter == "a":
        return "AM" if when.hour < 12 else "PM"
    if letter == "S":
        return f"{when.microsecond:06d}000"[:width].ljust(width, "0")
    if letter in "QqecwWFGAnNZXxzVO":
        return _rare_field(letter, width, when)
    raise ApiError("InvalidArgumentException", f"Unknown pattern letter in timestamp expression: {letter}")


def _rare_field(letter: str, width: int, when: datetime) -> str:
    if letter in "Qq":
        return _named((when.month + 2) // 3, width, "Q")
    if letter in "ec":
        return str(when.isoweekday() % 7 + 1).zfill(width)
    if letter in "wWF":
        first = when.replace(month=1 if letter == "w" else when.month, day=1)
        days = (when.date() - first.date()).days
        week = days // 7 + 1 if letter == "F" else (days + first.isoweekday() % 7) // 7 + 1
        if letter == "w" and _week_year(when) != when.year:
            week = 1
        return str(week).zfill(width)
    if letter == "G":
        return "A" if width == 5 else "Anno Domini" if width == 4 else "AD"
    if letter in "nAN":
        of_day = ((when.hour * 60 + when.minute) * 60 + when.second) * 1_000_000 + when.microsecond
        value = (
            when.microsecond * 1000 if letter == "n" else of_day // 1000 if letter == "A" else of_day * 1000
        )
        return str(value).zfill(width)
    return _zone_field(letter, width, when)


def _zone_field(letter: str, width: int, when: datetime) -> str:
    if letter == "V":
        return getattr(when.tzinfo, "key", None) or when.tzname() or "UTC"
    if letter == "z":
        return when.tzname() or "UTC"
    offset = when.strftime("%z") or "+0000"
    sign, hours, minutes = offset[0], offset[1:3], offset[3:5]
    if letter == "O" or (letter == "Z" and width == 4):
        if offset == "+0000":
            return "GMT"
        short = f"GMT{sign}{int(hours)}" + (f":{minutes}" if minutes != "00" else "")
        return f"GMT{sign}{hours}:{minutes}" if width == 4 else short
    if offset == "+0000" and (letter == "X" or (letter == "Z" and width == 5)):
        return "Z"
    if letter in "Xx" and width == 1:
        return sign + hours + (minutes if minutes != "00" else "")
    return f"{sign}{hours}:{minutes}" if width in (3, 5) and not (letter == "Z" and width == 3) else offset


def _named(number: int, width: int, letter: str) -> str:
    names = ["1st", "2nd", "3rd", "4th"]
    if width <= 2:
        return str(number).zfill(width)
    return (
        f"{letter}{number}" if width == 3 else f"{names[number - 1]} quarter" if width == 4 else str(number)
    )


def _week_year(when: datetime) -> int:
    """The year of the week: weeks begin on Sunday, and the first one holds 1 January (as in the US)."""
    saturday = when + timedelta(days=6 - when.isoweekday() % 7)
    return saturday.year
