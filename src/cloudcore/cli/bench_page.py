"""The page of `cloudcore bench --out`: tables and plots in one file of HTML, no script and no other file."""

from __future__ import annotations

from html import escape
from typing import Any

from cloudcore.cli import svg

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#222;background:#fff}"
    "table{border-collapse:collapse;width:100%}th,td{padding:.3rem .6rem;border-bottom:1px solid #ddd;text-align:right}"
    "th:first-child,td:first-child{text-align:left}.plots{display:flex;flex-wrap:wrap;gap:1rem}.plots svg{flex:1 1 26rem;"
    "min-width:0}.note{color:#666;font-size:.9rem}div.wide{overflow-x:auto}"
)


def page(found: dict[str, Any]) -> str:
    """HTML of what `bench` found."""
    names = list(found["servers"])
    title = "cloudcore bench" + (f": beside {' and '.join(names[1:])}" if names[1:] else "")
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>",
        f"<p class=note>{escape(found['date'])}; {escape(found['machine'])}. One client, one keep-alive connection, one request "
        "at a time over a plain socket; all servers in turns of the same run; every answer checked. Made by "
        f"<code>cloudcore bench --compare {escape(','.join(names[1:]))}</code>.</p>",
        "<div class=wide>", _table(found, names), "</div>", _notes(found),
    ]  # fmt: skip
    plots = [
        svg.bars("Median of a call", "microseconds, a line for each power of ten", _bars(found, names)),
        *(
            svg.steps(row["name"], "microseconds", "share of calls, %", _shares(row))
            for row in found["operations"]
            if row["servers"]
        ),
    ]
    lines = {name: points for name, points in found["get_item_per_second_over_connections"].items() if points}
    if lines:
        plots.append(svg.lines("GetItem over connections at once", "connections", "requests a second", lines))
    return "".join([*parts, "<div class=plots>", *plots, "</div></html>\n"])


def _table(found: dict[str, Any], names: list[str]) -> str:
    heads = "".join(f"<th>{escape(n)} {escape(found['servers'][n]['version'])}</th>" for n in names)
    rows = [f"<tr><th>median (99 %), microseconds</th>{heads}</tr>"]
    for row in found["operations"]:
        own = row["servers"].get("cloudcore", {}).get("median_us")
        cells = []
        for name in names:
            figures = row["servers"].get(name)
            if figures is None:
                cells.append("wrong answer" if name in row["wrong"] else "cannot")
                continue
            ratio = f"<br><b>{figures['median_us'] / own:,.1f}x</b>" if own and name != "cloudcore" else ""
            cells.append(f"{figures['median_us']:,.0f} ({figures['p99_us']:,.0f}){ratio}")
        what = f"{escape(row['name'])}<br><span class=note>{escape(row['what'])}</span>"
        rows.append(f"<tr><td>{what}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    for key, what in (("first_answer_ms", "start to first answer, ms"), ("idle_mib", "memory, idle, MiB")):
        cells = [f"{found['servers'][name][key]:,.0f}" for name in names]
        rows.append(f"<tr><td>{what}</td>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _notes(found: dict[str, Any]) -> str:
    told = [
        f"<li>{escape(row['name'])}, {escape(name)}: {escape(why[:300])}</li>"
        for row in found["operations"]
        for name, why in {**row["absent"], **row["wrong"]}.items()
    ]
    return f"<p>Not timed:</p><ul class=note>{''.join(told)}</ul>" if told else ""


def _bars(found: dict[str, Any], names: list[str]) -> dict[str, dict[str, float]]:
    return {
        row["name"]: {name: row["servers"][name]["median_us"] for name in names if name in row["servers"]}
        for row in found["operations"]
    }


def _shares(row: dict[str, Any]) -> dict[str, list[tuple[float, float]]]:
    """Points (microseconds, share of calls that took no longer)."""
    return {
        name: [(us, share) for share, us in enumerate(figures["quantiles_us"][:100])]
        for name, figures in row["servers"].items()
    }
