"""Following: which nodes carry a delivery stream's plans. No input, no output.

A stream that a node follows costs it a pull that waits, so not every node follows every one where there are
many. Each node reckons for itself, by the nodes and streams that it knows of. Nodes that know of others for
a moment reckon differently: then more or fewer follow a stream, and plans wait for as long, but none is lost.
"""

from __future__ import annotations

from collections.abc import Collection

from cloudcore.cluster.leases import in_turn

AT_LEAST = 3
STREAMS = 100
"""How many a node follows beyond which a stream gets fewer nodes."""


def followers(nodes: Collection[str], identity: str, streams: int) -> list[str]:
    """The nodes that follow a stream, whoever stands first for its leadership first."""
    return in_turn(nodes, identity)[: follower_count(len(nodes), streams)]


def follower_count(nodes: int, streams: int) -> int:
    """How many of the nodes that is: all where there are few streams, never fewer than AT_LEAST of those that
    there are."""
    return min(nodes, max(AT_LEAST, STREAMS * nodes // max(1, streams)))
