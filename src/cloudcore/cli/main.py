"""cloudcore: the command. Verbs load their libraries when they run, so --help is quick."""

from __future__ import annotations

import argparse
import sys


def main(argv: list[str] | None = None) -> int:
    """Run one verb; its exit status."""
    import cloudcore
    from cloudcore.cli import ingest, serve

    runs = {"ingest": ingest.run, "serve": serve.run}

    parser = argparse.ArgumentParser(
        prog="cloudcore", description="Tables and delivery streams, AWS-shaped, on this machine."
    )
    parser.add_argument("--version", action="version", version=f"cloudcore {cloudcore.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    ingest.add_parser(verbs)
    serve.add_parser(verbs)
    options = parser.parse_args(argv)
    return runs[options.verb](options)


if __name__ == "__main__":
    sys.exit(main())
