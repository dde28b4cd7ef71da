"""Line plots as SVG text, for the figures in docs/plots: no library, so that they can be made anywhere."""

from __future__ import annotations

from xml.sax.saxutils import escape

_COLORS = ("#2266aa", "#cc4422", "#228844", "#886622", "#774499")
_WIDTH, _HEIGHT, _LEFT, _TOP, _RIGHT, _BOTTOM = 720, 400, 70, 40, 20, 50


def lines(title: str, x_name: str, y_name: str, series: dict[str, list[tuple[float, float]]]) -> str:
    """One plot of (x, y) points by name; the y axis begins at 0."""
    points = [point for each in series.values() for point in each]
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    y_high = _round_up(max(y for _, y in points))
    wide, high = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def at(x: float, y: float) -> str:
        return f"{_LEFT + wide * (x - x_low) / (x_high - x_low or 1):.1f},{_TOP + high * (1 - y / y_high):.1f}"

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" font-family="sans-serif" '
        'font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="20" font-size="15">{escape(title)}</text>',
        f'<text x="{_LEFT + wide / 2}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(x_name)}</text>',
        f'<text x="16" y="{_TOP + high / 2}" text-anchor="middle" '
        f'transform="rotate(-90 16 {_TOP + high / 2})">{escape(y_name)}</text>',
    ]
    for step in range(5):
        value = y_high * step / 4
        x, y = at(x_low, value).split(",")
        out.append(f'<path d="M{x},{y} h{wide}" stroke="#ddd"/>')
        out.append(f'<text x="{float(x) - 6}" y="{float(y) + 4}" text-anchor="end">{value:g}</text>')
        value = x_low + (x_high - x_low) * step / 4
        x, y = at(value, 0).split(",")
        out.append(f'<text x="{x}" y="{float(y) + 18}" text-anchor="middle">{value:.3g}</text>')
    for number, (name, each) in enumerate(series.items()):
        color = _COLORS[number % len(_COLORS)]
        path = " ".join(at(x, y) for x, y in each)
        out.append(f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="2"/>')
        out.append(f'<text x="{_WIDTH - _RIGHT - 8}" y="{_TOP + 16 * (number + 1)}" text-anchor="end" fill="{color}">{escape(name)}</text>')
    return "\n".join([*out, "</svg>", ""])


def _round_up(value: float) -> float:
    step = 1.0
    while step * 10 < value:
        step *= 10
    while value > step * 4:
        step *= 2
    return step * 4 if value > step * 2 else step * 2
