"""Open the console of a served cloud in the browser, or print its address."""

from __future__ import annotations

import argparse
import json
import webbrowser

from cloudcore.cli.connection import Refusal, add_target, served_at


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `console` takes."""
    parser.add_argument("--print", action="store_true", help="print the address, open nothing")
    add_target(parser)


def run(options: argparse.Namespace) -> int:
    """0; 2 when nobody serves the cloud."""
    url = options.endpoint or served_at(options.data)
    if url is None:
        raise Refusal(f"nobody serves {options.data}", f"cloudcore serve --data {options.data}")
    url = url.rstrip("/") + "/_cloudcore/"
    if options.json:
        print(json.dumps({"url": url}))
    else:
        print(url)
    if not options.print and not options.json:
        webbrowser.open(url)
    return 0
