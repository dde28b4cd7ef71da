"""Functions of a cluster: what they are is the same at every node, and any node runs them.

    documents.py  functions, layers, ... as documents in a stream of JetStream, a copy in every node's memory
    blobs.py      bytes by their SHA-256: deployment packages
    packages.py   Packages whose zip files come from there
    calls.py      a call that another node runs
    events.py     asynchronous events, in a work queue
    sources.py    event source mappings, by leases
    times.py      schedules
    status.py     what `cloudcore cluster status` says of them
    service.py    Lambda over all that

`docs/internals/cluster.md`.
"""
