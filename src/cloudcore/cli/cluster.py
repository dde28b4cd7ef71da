"""Look at a cluster: which nodes and servers it has, who leads what, how far deliveries are behind. Split and
move the ranges of keys in which the tables of an account and region lie.

cloudcore cluster status nats://a,b,c
cloudcore cluster split nats://a,b,c [--range RANGE] [--at HASH]   its upper half gets a log of its own
cloudcore cluster move nats://a,b,c NODE [--range RANGE]           that node leads it
"""

from __future__ import annotations

import argparse
import json
import os
from typing import Any


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `cluster` takes."""
    verbs = parser.add_subparsers(dest="what", required=True, metavar="status|split|move")
    status = verbs.add_parser("status", help="nodes, tables, functions, streams, leaders, lag")
    split = verbs.add_parser("split", help="give the upper part of a range of keys a log of its own")
    move = verbs.add_parser("move", help="have another node lead a range of keys")
    for each in (status, split, move):
        each.add_argument(
            "cluster", nargs="?" if each is not move else None, default=os.environ.get("CLOUDCORE_CLUSTER"),
            metavar="nats://a,b,c", help="the NATS servers (default: $CLOUDCORE_CLUSTER)",
        )  # fmt: skip
    status.add_argument("--json", action="store_true", help="print JSON")
    move.add_argument("to", metavar="NODE", help="the name of a node")
    for each in (split, move):
        each.add_argument("--range", default="all", metavar="RANGE", help="as status shows it (default: all)")
        each.add_argument("--account", default="000000000000")
        each.add_argument("--region", default=os.environ.get("AWS_REGION", "us-east-1"))
    split.add_argument("--at", metavar="HASH", help="16 hexadecimal digits (default: the middle)")


def run(options: argparse.Namespace) -> int:
    """Print it; 1 without a node, for what nobody leads, a stream of which a replica is missing, and what is
    refused."""
    if options.what != "status":
        return _manage(options)
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


def _manage(options: argparse.Namespace) -> int:
    """Ask the leader of a range, by way of any node."""
    from cloudcore.cluster.asking import Asker
    from cloudcore.errors import CloudcoreError

    if not options.cluster:
        raise CloudcoreError(f"name the servers: cloudcore cluster {options.what} nats://a,b,c")
    told: dict[str, Any] = {"to": options.to} if options.what == "move" else {"at": None}
    if options.what == "split" and options.at is not None:
        try:
            told["at"] = int(options.at, 16)
        except ValueError:
            raise CloudcoreError(f"--at takes hexadecimal digits, not {options.at!r}") from None
    asker = Asker(options.cluster)
    try:
        operation = f"#{options.what}/{options.range}"
        status, raw = asker.call(options.account, options.region, operation, json.dumps(told).encode())
    finally:
        asker.close()
    answer = json.loads(raw)
    if status != 200:
        print(f"! {answer.get('message', answer)}")
        return 1
    print(f"{answer['to']} is to lead {answer['range']}" if "to" in answer else f"range {answer['range']}")
    return 0


def _faults(found: dict[str, Any]) -> Any:
    if not found["nodes"]:
        yield "no node is there"
    versions = sorted({str(node.get("version")) for node in found["nodes"]})
    if len(versions) > 1:
        yield f"nodes of several versions ({', '.join(versions)}): only one of them answers for tables"
    for log in found["tables"]:
        if log["leader"] is None:
            yield f"nobody leads the tables of {log['account']} {log['region']}{_range(log)}"
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
        print(f"tables   {log['account']} {log['region']}{_range(log)}  {led}  messages behind: {behind}")
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


def _range(log: dict[str, Any]) -> str:
    return "" if log["range"] == "all" else f" {log['range']}"
