"""Schedule expressions: rate(5 minutes), cron(0 9 ? * MON-FRI *), at(2030-01-01T00:00:00).

A cron expression has six fields: minutes, hours, day of month, month, day of week (1 is Sunday), year. One
of the two days is `?`. `*`, lists, ranges, steps, names, `L` (last day; `6L` the last Friday), `W` (the
weekday nearest), `#` (`6#2` the second Friday). Times are those of the zone's clocks: one that a clock skips
in spring happens at the next full minute that exists, one that comes twice in autumn happens once. Source:
AWS, "Schedule types in EventBridge Scheduler".
"""

from __future__ import annotations

import calendar
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

_UNITS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = {name.upper(): n for n, name in enumerate(calendar.month_abbr) if name}
_DAYS = {name: n for n, name in enumerate(("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"), 1)}
_YEARS = (1970, 2199)


class ExpressionError(ValueError):
    """What is no schedule expression."""


@dataclass(frozen=True)
class Rate:
    """Every so many seconds, counted from `start`."""

    seconds: int

    def after(self, moment: float, start: float) -> float | None:
        """The first time after `moment`, in epoch seconds."""
        passed = int((moment - start) // self.seconds) + 1
        return start + max(passed, 0) * self.seconds


@dataclass(frozen=True)
class At:
    """Once."""

    moment: float

    def after(self, moment: float, start: float) -> float | None:
        return self.moment if self.moment > moment else None


@dataclass(frozen=True)
class Cron:
    """By the clocks of a zone."""

    minutes: frozenset[int]
    hours: frozenset[int]
    day: str
    months: frozenset[int]
    weekday: str
    years: frozenset[int]
    zone: ZoneInfo

    def after(self, moment: float, start: float) -> float | None:
        first = datetime.datetime.fromtimestamp(moment, self.zone).replace(tzinfo=None)
        for day in self._days(first.date() - datetime.timedelta(days=1)):
            for hour in sorted(self.hours):
                for minute in sorted(self.minutes):
                    local = datetime.datetime(day.year, day.month, day.day, hour, minute)
                    found = _epoch(local, self.zone)
                    if found > moment:
                        return found
        return None

    def _days(self, first: datetime.date) -> Iterator[datetime.date]:
        for year in sorted(y for y in self.years if y >= first.year):
            for month in sorted(self.months):
                if (year, month) < (first.year, first.month):
                    continue
                for day in sorted(self._of_month(year, month)):
                    if (found := datetime.date(year, month, day)) >= first:
                        yield found

    def _of_month(self, year: int, month: int) -> set[int]:
        last = calendar.monthrange(year, month)[1]
        if self.weekday == "?":
            return _month_days(self.day, year, month, last)
        return _week_days(self.weekday, year, month, last)


def parse(text: str, zone: str = "UTC") -> Rate | At | Cron:
    """Raises ExpressionError."""
    try:
        place = ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        raise ExpressionError(f"{zone!r} is no time zone") from None
    found = re.fullmatch(r"(rate|cron|at)\((.*)\)", text.strip())
    if found is None:
        raise ExpressionError(f"{text!r} is none of rate(...), cron(...) and at(...)")
    kind, inside = found[1], found[2].strip()
    if kind == "rate":
        return _rate(text, inside)
    if kind == "at":
        try:
            return At(_epoch(datetime.datetime.strptime(inside, "%Y-%m-%dT%H:%M:%S"), place))
        except ValueError:
            raise ExpressionError(f"{text!r}: a time looks like at(2030-01-31T09:00:00)") from None
    return _cron(text, inside.upper().split(), place)


def _rate(text: str, inside: str) -> Rate:
    found = re.fullmatch(r"(\d+) (minute|hour|day)(s?)", inside)
    if found is None or int(found[1]) == 0 or (int(found[1]) == 1) == bool(found[3]):
        raise ExpressionError(f"{text!r}: a rate looks like rate(1 minute) or rate(5 minutes)")
    return Rate(int(found[1]) * _UNITS[found[2]])


def _cron(text: str, fields: list[str], zone: ZoneInfo) -> Cron:
    if len(fields) != 6:
        raise ExpressionError(f"{text!r}: cron has six fields, one of them a year")
    minute, hour, day, month, weekday, year = fields
    if (day == "?") == (weekday == "?"):
        raise ExpressionError(f"{text!r}: one of day of month and day of week is ?")
    try:
        made = Cron(
            _numbers(minute, 0, 59), _numbers(hour, 0, 23), day, _numbers(month, 1, 12, _MONTHS), weekday,
            _numbers(year, *_YEARS), zone,
        )  # fmt: skip
        made._of_month(2024, 1)  # reads the days
    except (ValueError, KeyError) as error:
        raise ExpressionError(f"{text!r}: {error}") from None
    return made


def _numbers(field: str, low: int, high: int, names: dict[str, int] | None = None) -> frozenset[int]:
    """The numbers that a field of lists, ranges and steps stands for."""

    def number(part: str) -> int:
        value = names[part] if names and part in names else int(part)
        if not low <= value <= high:
            raise ValueError(f"{part} is not between {low} and {high}")
        return value

    found: set[int] = set()
    for part in field.split(","):
        span, slash, step = part.partition("/")
        first, dash, last = span.partition("-")
        begin = low if first == "*" else number(first)
        end = number(last) if dash else high if first == "*" or slash else begin
        every = int(step) if slash else 1
        if every < 1:
            raise ValueError(f"{part} has no step")
        span_of = (
            range(begin, end + 1, every) if begin <= end else (*range(begin, high + 1), *range(low, end + 1))
        )
        found.update(span_of)
    return frozenset(found)


def _month_days(field: str, year: int, month: int, last: int) -> set[int]:
    if field == "L":
        return {last}
    if field in ("LW", "WL"):
        return {_nearest_weekday(year, month, last, last)}
    if field.endswith("W"):
        day = int(field[:-1])
        if not 1 <= day <= 31:
            raise ValueError(f"{field} is no day")
        return {_nearest_weekday(year, month, min(day, last), last)}
    return {day for day in _numbers(field, 1, 31) if day <= last}


def _nearest_weekday(year: int, month: int, day: int, last: int) -> int:
    weekday = datetime.date(year, month, day).weekday()
    if weekday == 5:
        return day - 1 if day > 1 else day + 2
    if weekday == 6:
        return day + 1 if day < last else day - 2
    return day


def _week_days(field: str, year: int, month: int, last: int) -> set[int]:
    def days(wanted: int) -> list[int]:
        # datetime counts from Monday 0, the expression from Sunday 1.
        return [
            d for d in range(1, last + 1) if (datetime.date(year, month, d).weekday() + 1) % 7 + 1 == wanted
        ]

    def number(part: str) -> int:
        return next(iter(_numbers(part, 1, 7, _DAYS)))

    if field == "L":
        return set(days(7))
    if "#" in field:
        day, _, nth = field.partition("#")
        if not 1 <= int(nth) <= 5:
            raise ValueError(f"{field}: a month has at most five of a weekday")
        return set(days(number(day))[int(nth) - 1 : int(nth)])
    if field.endswith("L") and field not in _DAYS:
        return {days(number(field[:-1]))[-1]}
    return {day for wanted in _numbers(field, 1, 7, _DAYS) for day in days(wanted)}


def _epoch(local: datetime.datetime, zone: ZoneInfo) -> float:
    """When the zone's clocks show `local`; the next minute that exists where they skip it."""
    found = local.replace(tzinfo=zone).timestamp()
    for _ in range(24 * 60):
        if datetime.datetime.fromtimestamp(found, zone).replace(tzinfo=None) == local:
            break
        local += datetime.timedelta(minutes=1)
        found = local.replace(tzinfo=zone).timestamp()
    return found
