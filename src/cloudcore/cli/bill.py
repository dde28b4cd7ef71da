"""Say what the same work would have cost on AWS, by table, function and stream, at list prices.

The prices are a file with its date and source; edit a copy and name it with --prices or CLOUDCORE_PRICES.
Storage is priced for a month at its present size.
"""

from __future__ import annotations

import argparse
import json
import time
from typing import Any

from cloudcore.cli.connection import add_target, connect


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `bill` takes."""
    parser.add_argument(
        "--prices", metavar="FILE", help="a file of prices (default: $CLOUDCORE_PRICES, or ours)"
    )
    parser.add_argument("--reset", action="store_true", help="begin to count at nothing from now on")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0."""
    from cloudcore.billing import Prices
    from cloudcore.billing.prices import lines_of

    with connect(options) as connection:
        found = connection.get("/_cloudcore/usage")
        if options.reset:
            connection.post("/_cloudcore/usage/reset", {})
    listed = Prices(options.prices)
    lines = lines_of(listed, found["usage"])
    total = sum(line.amount for line in lines)
    if options.json:
        made: dict[str, Any] = {
            "since": found["since"],
            "currency": "USD",
            "total": total,
            "prices": f"{listed.source}, {listed.date}",
            "price_file": listed.path,
            "lines": [vars(line) for line in lines],
        }
        print(json.dumps(made))
        return 0
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(found["since"]))
    print(f"since {since}, at list prices of {listed.date} ({listed.source})")
    for line in lines:
        amount = f"{line.quantity:>16,.6g} {line.unit:<11}${line.amount:>12.6f}"
        print(f"  {line.kind:<9}{line.name:<24}{line.what:<42}{amount}")
    print(f"  {'total':<104}${total:>12.6f}")
    return 0
