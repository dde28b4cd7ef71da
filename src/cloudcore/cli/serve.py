"""Serve every service of a cloud over HTTP on one port, until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import threading
from typing import Any

from cloudcore.cli.connection import publish, retract
from cloudcore.cli.env import variables


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `serve` takes."""
    parser.add_argument("--port", type=int, default=4566, help="0 for any free one (default 4566)")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--unix", metavar="PATH", help="listen at this Unix socket, too")
    parser.add_argument("--tls-cert", metavar="FILE", help="speak HTTPS alone, by this certificate (PEM)")
    parser.add_argument("--tls-key", metavar="FILE", help="its key, if it is in a file of its own")
    parser.add_argument(
        "--tls", action="store_true", help="speak HTTPS alone, by a certificate made and kept in DIR/tls"
    )
    parser.add_argument(
        "--data", metavar="DIR",
        help="where everything is kept, or :memory: (default: $CLOUDCORE_DATA or cloudcore.d)",
    )  # fmt: skip
    parser.add_argument(
        "--objects", choices=("local", "s3"),
        help="streams deliver to files below DIR, or to the S3 endpoint of boto3 (on a cluster always)",
    )  # fmt: skip
    parser.add_argument(
        "--cluster", metavar="nats://a,b,c", default=os.environ.get("CLOUDCORE_CLUSTER"),
        help="be a node of this cluster, in the place of a directory (default: $CLOUDCORE_CLUSTER)",
    )  # fmt: skip
    parser.add_argument("--node", metavar="NAME", help="the name of the node, which no other has")
    parser.add_argument(
        "--account", default="000000000000", help="of requests whose access key is not 12 digits"
    )
    parser.add_argument(
        "--region", default="us-east-1", help="of requests that name none, and of what is printed"
    )
    parser.add_argument(
        "--reach", action="append", default=[], metavar="FROM=TO",
        help="where an address or an ARN of a delivery stream is reached from here; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--enforce-throughput",
        action="store_true",
        help="hold item operations to the throughput of their tables",
    )
    parser.add_argument(
        "--no-meter", dest="meter", action="store_false", help="count no request units for the bill"
    )
    parser.add_argument("--quotas", action="store_true", help="hold puts into streams to AWS's quotas")
    parser.add_argument(
        "--streams-bound", type=int, metavar="BYTES",
        help="what may wait in all delivery streams together (default: 64 GiB, or half of the free disk)",
    )  # fmt: skip
    parser.add_argument(
        "--memory", metavar="SIZE",
        help="what tables may take in memory, in each account and region, as 512MiB; items over it are read"
        " from the disk (default: all are in memory)",
    )  # fmt: skip
    parser.add_argument(
        "--grace", type=float, default=5.0, metavar="SECONDS",
        help="what functions that run have to end when this stops (default 5); then they are ended",
    )  # fmt: skip
    parser.add_argument("--shared", action="store_true", help="one data for every account and region")
    parser.add_argument(
        "--auth", metavar="FILE", help="access keys and policies; every request is then checked by them"
    )
    parser.add_argument(
        "--console", choices=("write", "read", "off"),
        help="the pages under /_cloudcore/ (default: write on loopback, read elsewhere)",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="say where in a line of JSON")


def _opened(options: argparse.Namespace) -> str:
    """The directory, or the address of the cluster with the node's name. Raises ValueError."""
    if options.cluster is None:
        if options.node is not None:
            raise ValueError("--node is of a cluster: give --cluster nats://a,b,c too")
        return str(options.data or os.environ.get("CLOUDCORE_DATA") or "cloudcore.d")
    if options.data is not None:
        raise ValueError("a node of a cluster keeps nothing in a directory: --data or --cluster, not both")
    if options.node is None:
        raise ValueError("a node needs a name: --node NAME")
    if options.objects == "local":
        raise ValueError("the nodes of a cluster deliver to S3: a node's own files are no place for them")
    return f"{options.cluster.rstrip('/')}/{options.node}"


def run(options: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT; 2 when it cannot start."""
    import cloudcore

    data = _opened(options)
    if options.grace < 0:
        raise ValueError("--grace is a time in seconds")
    console = {None: "", "off": None}.get(options.console, options.console)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with contextlib.ExitStack() as stack:
        cloud = cloudcore.open(
            data,
            account=options.account,
            region=options.region,
            shared=options.shared,
            objects="s3" if options.objects == "s3" else None,
            auth=options.auth,
            quotas=options.quotas,
            enforce_throughput=options.enforce_throughput,
            meter=options.meter,
            streams_bound=options.streams_bound,
            memory=options.memory,
            reach={begin: to for begin, _, to in (each.partition("=") for each in options.reach)},
        )
        stack.callback(cloud.close, options.grace)
        tls = (options.tls_cert, options.tls_key or options.tls_cert) if options.tls_cert else options.tls
        endpoint = cloud.serve(options.port, options.host, console=console, tls=tls)  # closes with the cloud
        unix = cloud.serve(unix=options.unix, console=console).url if options.unix else None
        if not cloud.in_memory:
            publish(cloud.path, endpoint.url, cloud.region, endpoint.certificate)
            stack.callback(retract, cloud.path)
        certificate = None if endpoint.certificate is None else os.path.abspath(endpoint.certificate)
        shown = variables(endpoint.url, cloud.region, certificate=certificate)
        pages = f"{endpoint.url}/_cloudcore/" if console is not None else None
        _tell(options, {"url": endpoint.url, "unix": unix, "console": pages, "environment": shown})
        stop.wait()
    return 0


def _tell(options: argparse.Namespace, found: dict[str, Any]) -> None:
    """What is served and how it is reached, once it answers."""
    if options.json:
        print(json.dumps(found | {"auth": options.auth}), flush=True)
        return
    if found["unix"]:
        print(f"unix socket: {found['unix'].removeprefix('unix:')}")
    print("export " + " ".join(f"{name}={value}" for name, value in found["environment"].items()))
    if found["console"]:
        print(f"console: {found['console']}")
    if options.auth is None:
        print("signatures are not checked: loopback only", flush=True)
    else:
        print(f"every request is checked by the keys of {options.auth}", flush=True)
