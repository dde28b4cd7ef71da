"""Plots as SVG text, for `cloudcore bench` and the figures in docs/plots: no library, so that they can be made anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.sax.saxutils import escape

_COLORS = ("#2266aa", "#cc4422", "#228844", "#886622", "#774499")
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 400, 70, 40, 34, 50


def lines(title: str, x_name: str, y_name: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """One plot of (x, y) points by name; the y axis begins at 0."""
    points = [point for each in series.values() for point in each]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_high = _round_up(max(y for _, y in points))
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> str:
        return f"{_LEFT + wide * (x - x_low) / (x_high - x_low or 1):.1f},{_TOP + high * (1 - y / y_high):.1f}"

    out = _frame(title, x_name, y_name)
    for step in range(5):
        value = y_high * step / 4
        x, y = at(x_low, value).split(",")
        out.append(f'<path d="M{x},{y} h{wide}" stroke="#ddd"/>')
        out.append(f'<text x="{float(x) - 6}" y="{float(y) + 4}" text-anchor="end">{value:g}</text>')
        value = x_low + (x_high - x_low) * step / 4
        x, y = at(value, 0).split(",")
        out.append(f'<text x="{x}" y="{float(y) + 18}" text-anchor="middle">{value:.3g}</text>')
    return "\n".join([*out, *_drawn(series, at), "</svg>", ""])


def steps(title: str, x_name: str, y_name: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """One plot of (x, y) points by name, x over powers of ten, y from 0 to 100."""
    xs = [x for each in series.values() for x, _ in each if x > 0]
    low, high = math.floor(math.log10(min(xs))), math.ceil(math.log10(max(xs)) + 1e-9)
    wide, tall = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> str:
        along = (math.log10(max(x, 10**low)) - low) / (high - low)
        return f"{_LEFT + wide * along:.1f},{_TOP + tall * (1 - y / 100):.1f}"

    out = _frame(title, x_name, y_name)
    for power in range(low, high + 1):
        x, y = at(10.0**power, 0).split(",")
        out.append(f'<path d="M{x},{y} v-{tall}" stroke="#ddd"/>')
        out.append(f'<text x="{x}" y="{float(y) + 18}" text-anchor="middle">{_power(power)}</text>')
    for share in (0, 25, 50, 75, 100):
        x, y = at(10.0**low, share).split(",")
        out.append(f'<path d="M{x},{y} h{wide}" stroke="#ddd"/>')
        out.append(f'<text x="{float(x) - 6}" y="{float(y) + 4}" text-anchor="end">{share}</text>')
    return "\n".join([*out, *_drawn(series, at), "</svg>", ""])


def bars(title: str, x_name: str, groups: dict[str, dict[str, float]]) -> str:
    """Bars lying under each other, by group and name, over powers of ten; each says its value."""
    names = list(dict.fromkeys(name for each in groups.values() for name in each))
    values = [value for each in groups.values() for value in each.values() if value > 0]
    low, high = math.floor(math.log10(min(values)) - 0.3), math.ceil(math.log10(max(values)))
    left, thick = _LEFT + 90, 15
    wide = _WIDTH - left - 80
    height = _TOP + sum(len(each) * thick + 12 for each in groups.values()) + _BOTTOM
    out = [*_start(title, height), f'<text x="{left}" y="{height - 12}">{escape(x_name)}</text>']
    for power in range(low, high + 1):
        x = left + wide * (power - low) / (high - low)
        out.append(f'<path d="M{x:.1f},{_TOP} V{height - _BOTTOM + 6}" stroke="#ddd"/>')
        out.append(f'<text x="{x:.1f}" y="{height - _BOTTOM + 20}" text-anchor="middle">{_power(power)}</text>')
    y = _TOP + 4
    for group, each in groups.items():
        out.append(f'<text x="{left - 8}" y="{y + len(each) * thick / 2 + 4:.1f}" text-anchor="end">{escape(group)}</text>')
        for name, value in each.items():
            length = wide * (math.log10(value) - low) / (high - low)
            color = _COLORS[names.index(name) % len(_COLORS)]
            out.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{thick - 3}" fill="{color}"/>')
            out.append(f'<text x="{left + length + 4:.1f}" y="{y + 10}" font-size="11">{value:,.0f} {escape(name)}</text>')
            y += thick
        y += 12
    return "\n".join([*out, "</svg>", ""])


def _power(power: int) -> str:
    return f"{10**power:,}" if power >= 0 else f"{10.0**power:g}"


def _start(title: str, height: int) -> list[str]:
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{height}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">{escape(title)}</text>',
    ]  # fmt: skip


def _frame(title: str, x_name: str, y_name: str) -> list[str]:
    across, down = _LEFT + (_WIDTH - _LEFT - _RIGHT) / 2, _TOP + (_HEIGHT - _TOP - _BOTTOM) / 2
    return [
        *_start(title, _HEIGHT),
        f'<text x="{across}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(x_name)}</text>',
        f'<text x="16" y="{down}" text-anchor="middle" transform="rotate(-90 16 {down})">{escape(y_name)}</text>',
    ]


def _drawn(series: dict[str, list[tuple[float, float]]], at: Callable[[float, float], str]) -> list[str]:
    out = []
    for number, each in enumerate(series.values()):
        color = _COLORS[number % len(_COLORS)]
        path = " ".join(at(x, y) for x, y in each)
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
    names = [f'<tspan fill="{_COLORS[n % len(_COLORS)]}">{escape(name)}</tspan>' for n, name in enumerate(series)]
    out.append(f'<text x="{_WIDTH - _RIGHT}" y="20" text-anchor="end">{"   ".join(names)}</text>')
    return out


def _round_up(value: float) -> float:
    step = 1.0
    while step * 10 < value:
        step *= 10
    while value > step * 4:
        step *= 2
    return step * 4 if value > step * 2 else step * 2
