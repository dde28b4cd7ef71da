"""Schedule expressions: when they come, in which zone, and what is none."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

import pytest

from cloudcore.lambda_.schedules.expression import ExpressionError, parse


def times(expression, start, count, zone="UTC"):
    """The next `count` times after the local time `start`, as local text."""
    place, found = ZoneInfo(zone), []
    moment = datetime.datetime.fromisoformat(start).replace(tzinfo=place).timestamp()
    begun = moment
    for _ in range(count):
        moment = parse(expression, zone).after(moment, begun)
        if moment is None:
            break
        found.append(datetime.datetime.fromtimestamp(moment, place).strftime("%a %Y-%m-%d %H:%M"))
    return found


@pytest.mark.parametrize(
    ("expression", "start", "wanted"),
    [
        ("cron(15 10 * * ? *)", "2024-02-28T10:15", ["Thu 2024-02-29 10:15", "Fri 2024-03-01 10:15"]),
        ("cron(0 18 ? * MON-FRI *)", "2024-03-01T18:00", ["Mon 2024-03-04 18:00", "Tue 2024-03-05 18:00"]),
        ("cron(0/15 8-9 1 1 ? *)", "2024-01-01T08:20", ["Mon 2024-01-01 08:30", "Mon 2024-01-01 08:45", "Mon 2024-01-01 09:00"]),
        ("cron(0 0 L * ? *)", "2024-01-31T00:00", ["Thu 2024-02-29 00:00", "Sun 2024-03-31 00:00"]),
        ("cron(0 9 15W * ? *)", "2024-06-01T00:00", ["Fri 2024-06-14 09:00", "Mon 2024-07-15 09:00"]),
        ("cron(0 9 LW * ? *)", "2024-06-01T00:00", ["Fri 2024-06-28 09:00"]),
        ("cron(0 9 ? * 6#2 *)", "2024-06-01T00:00", ["Fri 2024-06-14 09:00", "Fri 2024-07-12 09:00"]),
        ("cron(0 9 ? * 2#5 *)", "2024-01-01T00:00", ["Mon 2024-01-29 09:00", "Mon 2024-04-29 09:00"]),
        ("cron(0 9 ? * 6L *)", "2024-06-01T00:00", ["Fri 2024-06-28 09:00"]),
        ("cron(0 9 ? FEB,APR SUN 2024-2025)", "2024-04-20T00:00", ["Sun 2024-04-21 09:00", "Sun 2024-04-28 09:00", "Sun 2025-02-02 09:00"]),
        ("cron(0 0 29 2 ? *)", "2024-03-01T00:00", ["Tue 2028-02-29 00:00"]),
        ("cron(0 0 1 1 ? 2020)", "2024-01-01T00:00", []),
        ("at(2024-05-01T12:30:00)", "2024-01-01T00:00", ["Wed 2024-05-01 12:30"]),
        ("rate(90 minutes)", "2024-01-01T00:00", ["Mon 2024-01-01 01:30", "Mon 2024-01-01 03:00"]),
        ("rate(1 day)", "2024-01-01T07:00", ["Tue 2024-01-02 07:00"]),
        ("cron(50/10 22-1 31 12 ? *)", "2024-12-31T23:55", ["Wed 2025-12-31 00:50"]),
    ],
)  # fmt: skip
def test_times(expression, start, wanted):
    assert times(expression, start, max(1, len(wanted))) == wanted


def test_zones_and_their_clocks():
    zone = "Europe/Berlin"
    assert times("cron(30 2 * * ? *)", "2024-03-30T03:00", 2, zone) == ["Sun 2024-03-31 03:00", "Mon 2024-04-01 02:30"]
    twice = times("cron(30 2 * * ? *)", "2024-10-26T03:00", 2, zone)
    assert twice == ["Sun 2024-10-27 02:30", "Mon 2024-10-28 02:30"]
    utc = parse("cron(0 9 * * ? *)", "America/New_York").after(1_704_067_200.0, 0)
    assert datetime.datetime.fromtimestamp(utc, datetime.UTC).hour == 14


@pytest.mark.parametrize(
    "expression",
    [
        "", "rate(5)", "rate(0 minutes)", "rate(1 minutes)", "rate(5 minute)", "rate(5 seconds)", "every(1 day)",
        "cron(* * * * *)", "cron(0 9 * * * *)", "cron(0 9 ? * ? *)", "cron(60 9 * * ? *)", "cron(0 24 * * ? *)",
        "cron(0 9 32 * ? *)", "cron(0 9 * 13 ? *)", "cron(0 9 ? * 8 *)", "cron(0 9 ? * FRIDAY *)", "cron(0/0 9 * * ? *)",
        "cron(0 9 ? * 2#6 *)", "cron(0 9 40W * ? *)", "cron(x 9 * * ? *)", "at(tomorrow)", "at(2024-13-01T00:00:00)",
    ],
)  # fmt: skip
def test_what_is_no_expression(expression):
    with pytest.raises(ExpressionError):
        parse(expression)


def test_a_zone_that_is_none():
    with pytest.raises(ExpressionError, match="no time zone"):
        parse("rate(5 minutes)", "Europe/Nowhere")
