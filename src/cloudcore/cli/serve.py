"""cloudcore serve: the endpoint, until it is told to stop."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import Any


def add_parser(subparsers: Any) -> None:
    """Hang `serve` under the command line."""
    parser = subparsers.add_parser("serve", help="serve tables and delivery streams over HTTP")
    parser.add_argument("--port", type=int, default=4566, help="0 for any free one (default 4566)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument(
        "--data", default="cloudcore.d", metavar="DIR", help="where everything is kept, or :memory:"
    )
    parser.add_argument(
        "--objects", choices=("local", "s3"), default="local",
        help="streams deliver to files below DIR, or to the S3 endpoint that boto3 would use",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 2 when it cannot start."""
    import cloudcore
    from cloudcore.errors import BusyError

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with (
            cloudcore.open(options.data, objects="s3" if options.objects == "s3" else None) as cloud,
            cloud.serve(port=options.port, host=options.host) as endpoint,
        ):
            region = f"AWS_REGION={cloud.region} AWS_DEFAULT_REGION={cloud.region}"
            keys = "AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test"
            print(f"export AWS_ENDPOINT_URL={endpoint.url} {region} {keys}")
            print("signatures are not checked: loopback only", flush=True)
            stop.wait()
    except (BusyError, ImportError, OSError, ValueError) as error:
        print(f"cloudcore serve: {error}", file=sys.stderr)
        return 2
    return 0
