"""Look at a cluster: which nodes and servers it has, who leads what, how far deliveries are behind.

cloudcore cluster status nats://a,b,c
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `cluster` takes."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="status")
    status = verbs.add_parser("status", help="nodes, tables, functions, streams, leaders, lag")
    status.add_argument(
        "cluster", nargs="?", default=os.environ.get("CLOUDCORE_CLUSTER"), metavar="nats://a,b,c",
        help="the NATS servers (default: $CLOUDCORE_CLUSTER)",
    )  # fmt: skip
    status.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Print it; 1 without a node, for what nobody leads and a stream of which a replica is missing."""
    from cloudcore.cluster import status
    from cloudcore.errors import CloudcoreError

    if not options.cluster:
        raise CloudcoreError("name the servers: cloudcore cluster status nats://a,b,c")
    found = status.report(options.cluster)
    faults = list(_faults(found))
    if options.json:
        print(json.dumps({**found, "faults": faults}))
    else:
        _show(found)
        for fault in faults:
            print(f"! {fault}")
    return 1 if faults else 0


def _faults(found: dict[str, Any]) -> Any:
    if not found["nodes"]:
        yield "no node is there"
    versions = sorted({str(node.get("version")) for node in found["nodes"]})
    if len(versions) > 1:
        yield f"nodes of several versions ({', '.join(versions)}): only one of them answers for tables"
    for log in found["tables"]:
        if log["leader"] is None:
            yield f"nobody leads the tables of {log['account']} {log['region']}"
    for place in found["functions"]:
        for mapping in place["mappings"]:
            if mapping["state"] == "Enabled" and mapping["node"] is None:
                yield f"nobody runs the event source mapping {mapping['uuid']}"
    for stream in found["streams"]:
        if stream["state"] != "ACTIVE":
            continue
        if not stream.get("leader"):
            yield f"nobody leads {stream['name']}"
        elif (current := stream["replicas_current"]) < stream["replicas"]:
            yield f"{stream['name']}: {current} of {stream['replicas']} replicas are current"


def _show(found: dict[str, Any]) -> None:
    print(f"servers  {', '.join(found['servers'])}  ({found['replicas']} replicas)")
    for node in found["nodes"]:
        failed = f", {node['failed']} records failed" if node["failed"] else ""
        print(f"node     {node['node']}  {node['url'] or 'no endpoint'}  leads {node['leads']}, carries "
              f"{node['carries']}, wrote {node['objects']} objects, "
              f"{node['bytes_out']:,} bytes{failed}")  # fmt: skip
    for log in found["tables"]:
        behind = ", ".join(f"{node} {count}" for node, count in sorted(log["behind"].items()))
        led = f"led by {log['leader'] or '-'}, term {log['term']}, log {log['bytes']:,} bytes"
        led += f", checkpoint {log['checkpoint_bytes']:,} bytes" if log["checkpoint_bytes"] else ""
        print(f"tables   {log['account']} {log['region']}  {led}  messages behind: {behind}")
    for place in found["functions"]:
        _show_functions(place)
    for stream in found["streams"]:
        where = f"{stream['name']} ({stream['account']} {stream['region']})"
        if "delivered" not in stream:
            print(f"stream   {where}  {stream['state']}")
            continue
        lag = stream["records_in"] - stream["delivered"]
        oldest = "" if stream["oldest_seconds"] is None else f", oldest {stream['oldest_seconds']:.0f} s"
        led = f"led by {stream['leader'] or '-'}, log at {stream['log_leader'] or 'one server'}"
        print(f"stream   {where}  {led}  {stream['records_in']:,} records in, {stream['delivered']:,} "
              f"delivered in {stream['objects']:,} objects, lag {lag:,}{oldest}")  # fmt: skip


def _show_functions(place: dict[str, Any]) -> None:
    print(f"lambda   {place['account']} {place['region']}  {place['functions']} functions, "
          f"{place['schedules']} schedules, {place['waiting']} events wait, {place['taken']} are at a node")
    for node, found in sorted(place["environments"].items()):
        each = ", ".join(f"{name} {idle} idle, {running} running" for name, (idle, running) in found.items())
        print(f"         {node}: {each}")
    for mapping in place["mappings"]:
        at = f"at {mapping['node'] or '-'}: {mapping['result'] or '-'}"
        print(f"         mapping {mapping['uuid']} of {mapping['source']}, {mapping['state']}, {at}")
