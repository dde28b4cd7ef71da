"""A node of a cluster: tables, functions and delivery streams on many machines, over NATS JetStream.

    address.py    nats://a,b,c/NAME
    link.py       the connection, and reading a stream of JetStream
    layout.py     what is where in JetStream
    catalogue.py  the delivery streams that the nodes share
    leases.py     who is there, and who leads what
    cutter.py     which batches become one object
    leading.py    a stream's planner: its log -> plans, on one node at a time
    following.py  which nodes carry a stream's plans
    carrying.py   plans -> objects, on those nodes
    notes.py      the keys of plans that become several objects
    transforming.py    what processors make of a plan
    stream.py     a delivery stream as its producers see it
    service.py    Firehose over the shared catalogue
    tables/       tables: a log of requests that every node executes
    asking.py     operations on tables, asked by processes that are no nodes
    functions/    functions: documents that all nodes have, calls that any node runs
    absent.py     how what does not work on a cluster yet is refused
    node.py       what runs in one process
    status.py     what `cloudcore cluster status` prints

JetStream replicates and keeps; no protocol of our own does. What makes delivery exact whatever is killed:
  * a put is acknowledged when JetStream has its batch on most replicas; a repeat has the same message id;
  * a plan (which batches, which key) is in JetStream before the first byte leaves, appended with the
    sequence that its planner knows as the last: two planners cannot both cut, whatever they believe;
  * any node delivers a plan, and acknowledges it afterwards: a redelivery writes the same bytes under the
    same key;
  * the log drops a batch only when every plan up to its own is acknowledged, and a plan of which a batch is
    gone was delivered by somebody else, so it is never written in part.

The extra `cloudcore[cluster]` is nats-py.
"""

from cloudcore.cluster.node import Node

__all__ = ["Node"]
