"""Tables on a cluster: a log of requests for each range of an account's keys in a region, one unless it was
split, executed by every node's own engine.

    entry.py      a request, and batches of them as they are in the log
    log.py        the JetStream stream: appending behind the last message that one knows, reading
    replica.py    the tables as they are after a part of the log
    registry.py   which streams of tables there are, as the log says it
    checkpoint.py the tables behind one batch, in JetStream too: where a new replica begins, and a log ends
    versions.py   a node follows leaders of its own version alone
    range.py      one node's part in one log: following, leading, taking over
    ranges.py     all ranges of an account and region at this node; a split, as it is done here
    splitting.py  what a replica of one range holds, and how it gives a part of it away
    router.py     which ranges a request goes to; batches.py, merging.py: one answer of several
    pending.py    requests of this node that have no answer yet
    expiring.py   time to live: the leader orders deletions
    courier.py    what nodes send each other
    acting.py     what the leader does beside requests: jobs, destinations
    images.py     backups in JetStream, as parts.py keeps files there
    archives.py   point-in-time recovery, in JetStream too
    ordered.py    imports and bulk puts
    kinds.py      what may be answered where, and what is refused
    service.py    DynamoDB over all that
    shaped.py     the same for native Python values
    streams.py    DynamoDB Streams at any node

docs/internals/cluster.md says how it works and why it is right.
"""
