"""Status: what a cluster says of itself, to one who may be no node of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from cloudcore.cluster import address
from cloudcore.cluster.catalogue import Catalogue
from cloudcore.cluster.cutter import Numbered, load
from cloudcore.cluster.functions.status import functions
from cloudcore.cluster.layout import (
    ALL,
    CONSUMER,
    FUNCTIONS,
    TABLES,
    log_of,
    of_tables_log,
    plans_of,
    plans_subject,
    tables_subject,
)
from cloudcore.cluster.leases import Leases
from cloudcore.cluster.link import Link, Lost


@dataclass(frozen=True)
class Progress:
    """How far a delivery stream is. Records and bytes; `leader` None: nobody plans now.
    `undelivered`: plans that are not acknowledged."""

    leader: str | None
    records_in: int
    delivered: int
    objects: int
    waiting_bytes: int
    undelivered: int
    oldest_seconds: float | None
    log_leader: str | None
    replicas: int
    replicas_current: int


async def progress(link: Link, leases: Leases, identity: str, now: float) -> Progress:
    """Of one stream. `now`: seconds since 1970."""
    lease = (await leases.read()).get(f"lead.{identity}", {})
    log = await link.until(lambda: link.js.stream_info(log_of(identity)), 10)
    floor, done = await delivered(link, identity)
    message = await link.newest(plans_of(identity), plans_subject(identity))
    newest = load(json.loads(message.data)) if message else None
    waits = done.plan.id < newest.plan.id if done and newest else newest is not None
    total = newest.total if newest else 0
    unplanned = lease if lease.get("records", 0) > total else {}  # a lease is some seconds old
    oldest = unplanned.get("oldest_ms")
    if waits:
        first = await _plan_at(link, identity, floor + 1)
        oldest = first.plan.time_ms if first else oldest
    members = log.cluster.replicas or [] if log.cluster else []
    return Progress(
        leader=lease.get("node"),
        records_in=max(lease.get("records", 0), total),
        delivered=done.total if done else 0,
        objects=done.plan.id if done else 0,
        waiting_bytes=_size(newest, done, unplanned, log),
        undelivered=(newest.plan.id if newest else 0) - (done.plan.id if done else 0),
        oldest_seconds=None if oldest is None else max(0.0, now - oldest / 1000),
        log_leader=log.cluster.leader if log.cluster else None,
        replicas=len(members) + 1,
        replicas_current=1 + sum(1 for member in members if member.current and not member.offline),
    )


async def delivered(link: Link, identity: str, seconds: float = 10.0) -> tuple[int, Numbered | None]:
    """The last of the plans that are acknowledged without a gap: its sequence and itself; (0, None): none is.
    Raises Lost when the servers do not answer for so long."""
    from nats.js.errors import NotFoundError

    async def ask() -> tuple[int, Numbered | None]:
        info = await link.js.consumer_info(plans_of(identity), CONSUMER)
        floor = info.ack_floor.stream_seq if info.ack_floor else 0
        if not floor:
            return 0, None
        try:
            message = await link.js.get_msg(plans_of(identity), floor)
        except NotFoundError as error:  # a later one is the last by now: the leader drops those before it
            raise Lost(str(error)) from None
        return floor, load(json.loads(message.data or b""))

    return await link.until(ask, seconds)


def _size(newest: Numbered | None, done: Numbered | None, unplanned: dict[str, Any], log: Any) -> int:
    """Bytes that are not delivered: what the planner has waiting when all plans are done, else the log."""
    if (newest.plan.id if newest else 0) == (done.plan.id if done else 0):
        return int(unplanned.get("waiting", 0))
    return int(log.state.bytes)


async def _plan_at(link: Link, identity: str, sequence: int) -> Numbered | None:
    from nats.js.errors import NotFoundError

    try:
        message = await link.until(lambda: link.js.get_msg(plans_of(identity), sequence), 10)
    except NotFoundError:
        return None
    return load(json.loads(message.data))


async def _tables(link: Link, name: str, nodes: list[dict[str, Any]]) -> dict[str, Any]:
    """Of one log of tables: who leads it, and how many messages each node was behind a second ago."""
    account, region, range_ = of_tables_log(name) or ("", name, ALL)
    info = await link.until(lambda: link.js.stream_info(name), 10)
    of_place = {node["node"]: (node.get("tables") or {}).get(f"{account}/{region}") or {} for node in nodes}
    parts = {node: told.get(range_) for node, told in of_place.items()}
    found = {node: part for node, part in parts.items() if part is not None}
    last = int(info.state.last_seq)
    lease = await link.newest(name, f"{tables_subject(account, region, range_)}.lease")
    checkpoint = (json.loads(lease.data).get("checkpoint") if lease else None) or {}
    return {
        "account": account, "region": region, "range": range_,
        "checkpoint_bytes": int(checkpoint.get("bytes", 0)),
        "leader": next((node for node, part in found.items() if part["leads"]), None),
        "term": max((part["term"] for part in found.values()), default=0),
        "bytes": int(info.state.bytes),
        "behind": {node: max(0, last - part["sequence"]) for node, part in found.items()},
    }  # fmt: skip


def report(servers: str) -> dict[str, Any]:
    """The whole cluster: servers, nodes, tables, functions, streams: lists of dicts. Raises
    CloudcoreError."""
    import time

    link = Link(address.parse(servers).servers, "")
    try:
        # A consumer that was made a moment ago may not answer yet.
        found: dict[str, Any] = link.run(link.until(lambda: _report(link, time.time()), 30), 60)
        return found
    finally:
        link.close()


async def _report(link: Link, now: float) -> dict[str, Any]:
    from nats.js.errors import NotFoundError

    leases, catalogue = Leases(link), Catalogue(link)
    await leases.open()
    await catalogue.open()
    held = await leases.read()
    nodes = [
        {"node": key.partition(".")[2], **value}
        for key, value in sorted(held.items())
        if key.startswith("node.")
    ]
    leads = [value["node"] for key, value in held.items() if key.startswith("lead.")]
    for node in nodes:
        node["leads"] = leads.count(node["node"])
    streams = []
    for (account, region, name), description in sorted(catalogue.all().items()):
        entry = {"account": account, "region": region, "name": name, "state": description["State"]}
        try:
            found = asdict(await progress(link, leases, description["Identity"], now))
        except NotFoundError:  # it is being made, or deleted
            found = {}
        streams.append({**entry, **found})
    tables = [await _tables(link, name, nodes) for name in sorted(await link.streams(f"{TABLES}.>"))]
    logs = sorted(await link.streams(f"{FUNCTIONS}.>"))
    return {
        "tables": tables,
        "functions": [await functions(link, name, held, nodes) for name in logs],
        "servers": sorted(url.netloc.rpartition("@")[2] for url in link.nc.servers),
        "replicas": link.replicas,
        "nodes": nodes,
        "streams": streams,
    }
