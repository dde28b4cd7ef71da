"""Writes docs/reference/: every operation with the members it takes, and every verb of the command line.

    python tools/make_reference.py [directory]

Everything comes from the tables that requests are checked by (cloudcore/_models) and from what the services
say of themselves, so the pages cannot drift from the code; `make docs` writes them anew.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cloudcore import validation
from cloudcore.cli import main
from cloudcore.validation.model import member_shape
from make_deviations import implemented, load, refused_members

ROOT = Path(__file__).resolve().parents[1]
TITLES = {
    "dynamodb": "DynamoDB-compatible tables", "dynamodbstreams": "Streams of tables",
    "lambda": "AWS-Lambda-compatible functions", "firehose": "Firehose-compatible delivery streams",
}  # fmt: skip
_DEPTH_MAX = 3


def page(service: str) -> str:
    """One service's page."""
    model = validation.load(service)
    have = implemented()[service]
    refused = refused_members() if service == "dynamodb" else {}
    reasons: dict[str, str] = load().get("refused", {}).get(service, {})
    lines = [f"# {TITLES[service]}: operations", ""]
    lines.append(
        f"{len(have)} of {len(model.operations)} operations are answered, over HTTP and in process alike."
    )
    lines += ["What differs from AWS is on the page of [deviations](../deviations.md).", ""]
    missing = sorted(set(model.operations) - have)
    if missing:
        lines += ["## Refused by name", ""]
        lines += [f"- {name}: {reasons.get(name, 'not built yet')}" for name in missing]
        lines.append("")
    for name in sorted(have & set(model.operations)):
        lines += [f"## {name}", ""]
        members = model.members(name)
        if not members:
            lines += ["It takes no members.", ""]
            continue
        lines += ["| member | type | limits |", "|---|---|---|"]
        required = set(model.shapes[model.input(name) or ""].get("required", ()))
        for member, shape in members.items():
            limits = _limits(model, member_shape(shape))
            if member in refused.get(name, ()):
                limits = "refused"
            mark = " *" if member in required else ""
            lines.append(f"| `{member}`{mark} | {_type(model, member_shape(shape))} | {limits} |")
        lines.append("")
    return "\n".join(lines)


def _type(model: Any, name: str, depth: int = 0) -> str:
    shape = model.shapes.get(name, {})
    kind = shape.get("type", name)
    if kind == "list":
        return f"list of {_type(model, member_shape(shape['member']), depth + 1)}"
    if kind == "map":
        return f"map to {_type(model, member_shape(shape['value']), depth + 1)}"
    if kind == "structure":
        names = list(shape.get("members", {}))
        if depth >= _DEPTH_MAX or len(names) > 12:
            return "structure"
        return "structure of " + ", ".join(f"`{each}`" for each in names) if names else "structure"
    return str(kind)


def _limits(model: Any, name: str) -> str:
    shape = model.shapes.get(name, {})
    found = []
    if "enum" in shape:
        values = shape["enum"]
        found.append(" ".join(f"`{value}`" for value in values[:16]) + (" ..." if len(values) > 16 else ""))
    if "min" in shape or "max" in shape:
        found.append(_range(shape))
    if "pattern" in shape:
        pattern = shape["pattern"].replace("|", "\\|").replace("`", "'")
        found.append(f"`{pattern}`" if len(pattern) < 60 else "a pattern")
    return "; ".join(found)


def cli() -> str:
    """The page of the command line: every verb's own help."""
    lines = ["# The command line", ""]
    for verb, said in main.VERBS.items():
        parser = main.verb_parser(verb)
        parser.formatter_class = lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100)
        lines += [f"## cloudcore {verb}", "", f"{said[0].upper()}{said[1:]}.", "", "```text"]
        lines += [parser.format_help().rstrip(), "```", ""]
    return "\n".join(lines)


def _range(shape: dict[str, Any]) -> str:
    units = {"string": " characters", "list": " elements", "map": " entries", "blob": " bytes"}
    unit = units.get(shape["type"], "")
    if "min" in shape and "max" in shape:
        return f"{shape['min']} to {shape['max']}{unit}"
    return f"at least {shape['min']}{unit}" if "min" in shape else f"at most {shape['max']}{unit}"


def write(directory: Path) -> None:
    """All pages and their index."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "cli.md").write_text(cli())
    for service in TITLES:
        (directory / f"{service}.md").write_text(page(service))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "reference")
