"""The bill: what the same work would have cost on AWS."""

from __future__ import annotations

from typing import Any

from cloudcore.billing import Prices
from cloudcore.billing.prices import lines_of
from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request


def show(view: View, request: Request) -> tuple[str, dict[str, Any]]:
    """By table, function and stream."""
    listed = Prices()
    lines = lines_of(listed, view.root.used())
    return "bill.html", {
        "title": "Bill",
        "lines": lines,
        "total": sum(line.amount for line in lines),
        "since": view.root.ledger.since,
        "prices": listed,
        "node": view.root.node and view.root.node.name,
    }


def reset(view: View, request: Request) -> tuple[str, dict[str, Any]]:
    """Count from nothing again."""
    view.root.ledger.reset()
    raise Redirect("bill", "Counting begins again.")
