"""Writes docs/deviations.md from docs/deviations.toml and from what the services say of themselves.

    python tools/make_deviations.py

The table holds what is taken and done otherwise than on AWS. What is refused is not in it: operations are the
model's (cloudcore/_models) less those that a service has, members are those that an operation's module leaves
out of its HONOURED. A test compares the page, so neither can be forgotten.
"""

from __future__ import annotations

import importlib
import pkgutil
import tomllib
from pathlib import Path
from typing import Any

from cloudcore import dynamodb, validation
from cloudcore.dynamodb import DynamoDB, operations
from cloudcore.firehose import Firehose
from cloudcore.lambda_ import Lambda

ROOT = Path(__file__).resolve().parents[1]
TABLE = ROOT / "docs" / "deviations.toml"
PAGE = ROOT / "docs" / "deviations.md"
HEAD = """<!-- Made by tools/make_deviations.py from docs/deviations.toml: do not edit. -->
# Where cloudcore differs from AWS

What an operation does not honour it refuses by name (*Refused* below); the other tables list what it takes
and does otherwise.
"""


def implemented() -> dict[str, frozenset[str]]:
    """Service of the models -> the operations it answers."""
    streams = getattr(dynamodb, "Streams", None)  # none yet
    return {
        "dynamodb": DynamoDB.operations,
        "dynamodbstreams": frozenset(getattr(streams, "operations", ())),
        "firehose": Firehose.operations,
        "lambda": Lambda.operations,
    }


def missing() -> dict[str, list[str]]:
    """Service -> the operations of its model that it does not have."""
    return {
        service: sorted(set(validation.load(service).operations) - have)
        for service, have in implemented().items()
    }


def refused_members() -> dict[str, list[str]]:
    """DynamoDB operation -> the members it refuses by name, of the operations that refuse any."""
    found: dict[str, list[str]] = {}
    for module in pkgutil.iter_modules(operations.__path__):
        loaded = importlib.import_module(f"cloudcore.dynamodb.operations.{module.name}")
        if hasattr(loaded, "HONOURED"):
            name = "".join(word.title() for word in module.name.split("_"))
            members = set(validation.load("dynamodb").members(name)) - loaded.HONOURED
            if members:
                found[name] = sorted(members)
    return found


def load() -> dict[str, Any]:
    """The table."""
    return tomllib.loads(TABLE.read_text())


def page(table: dict[str, Any]) -> str:
    """The whole page."""
    lines = [HEAD]
    for section in table["section"]:
        lines += [f"## {section['title']}", "| what | on AWS | here |", "|---|---|---|"]
        lines += [f"| {' | '.join(row)} |" for row in section["rows"]]
        lines.append("")
    lines += ["## Refused", "| service | operations | why |", "|---|---|---|"]
    for service, names in missing().items():
        reasons: dict[str, list[str]] = {}
        known = table.get("refused", {}).get(service, {})
        for name in names:
            reasons.setdefault(known.get(name, "not built yet"), []).append(name)
        lines += [f"| {service} | {', '.join(names)} | {why} |" for why, names in sorted(reasons.items())]
    lines += ["", "| operation | members |", "|---|---|"]
    lines += [f"| {name} | {', '.join(members)} |" for name, members in refused_members().items()]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(load()))
