"""What `cloudcore cluster status` says of functions."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from typing import Any

from cloudcore.cluster.layout import (
    CONSUMER,
    events_log,
    functions_log,
    functions_subject,
    of_functions_log,
)
from cloudcore.cluster.link import Link

Held = dict[str, Any]


async def functions(link: Link, name: str, leases: dict[str, Held], nodes: list[Held]) -> Held:
    """Of one log of functions: how many there are, what waits in the queue of asynchronous events, event
    source mappings and which node has the lease of each (None: nobody), and the environments of each node as
    it said a second ago: function -> [idle, running]."""
    account, region = of_functions_log(name) or ("", name)
    everything = await _documents(link, account, region, ">", headers_only=True)
    sources = await _documents(link, account, region, "event-sources.*")
    counts = Counter(kind for kind, _ in everything)
    place = f"{account}/{region}"
    told = {node["node"]: (node.get("functions") or {}).get(place) for node in nodes}
    return {
        "account": account, "region": region,
        "functions": counts["functions"], "schedules": counts["schedules"],
        **await _events(link, account, region),
        "mappings": [
            _mapping(uuid, data, leases.get(f"source.{uuid}")) for (_, uuid), data in sorted(sources.items())
        ],
        "environments": {node: each for node, each in told.items() if each},
    }  # fmt: skip


def _mapping(uuid: str, data: bytes, lease: Held | None) -> Held:
    held = json.loads(zlib.decompress(data))
    return {
        "uuid": uuid, "source": held.get("EventSourceArn"), "state": held["State"],
        "node": lease and lease["node"], "result": lease and lease["result"],
    }  # fmt: skip


async def _documents(
    link: Link, account: str, region: str, which: str, headers_only: bool = False
) -> dict[tuple[str, str], bytes]:
    """Documents that are there, by kind and name; without what they are by headers alone."""
    found: dict[tuple[str, str], bytes] = {}
    prefix = f"{functions_subject(account, region)}."
    for message in await link.latest(functions_log(account, region), prefix + which, headers_only):
        size = message.headers["Nats-Msg-Size"] if headers_only else len(message.data)
        if int(size):  # nothing is one that was removed
            kind, name = message.subject.removeprefix(prefix).split(".", 1)
            found[kind, name] = message.data
    return found


async def _events(link: Link, account: str, region: str) -> dict[str, int]:
    """Asynchronous events: `waiting` for a node, `taken` by one, or for their next attempt."""
    from nats.js.errors import NotFoundError

    try:
        info = await link.until(
            lambda: link.js.consumer_info(events_log(account, region), CONSUMER), 10
        )
    except NotFoundError:
        return {"waiting": 0, "taken": 0}
    return {"waiting": int(info.num_pending or 0), "taken": int(info.num_ack_pending or 0)}
