"""A child of test_endpoint_crash.py: puts documents and delivers them to a node, until it is killed or done."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cloudcore
from cloudcore.firehose import to

TOTAL = 4000
home, url = Path(sys.argv[1]), sys.argv[2]
with cloudcore.open(home / "c") as cloud:
    target = to.opensearch(url, "i", retry_seconds=3600)
    stream = cloud.stream("s", to=target, bucket="failed", buffer_bytes=2000, buffer_seconds=0)
    print(f"found {stream.last_sequence}", flush=True)
    while stream.last_sequence < TOTAL:
        first = stream.last_sequence
        stream.put_batch([b'{"n":%d}' % n for n in range(first, min(TOTAL, first + 20))])
        temporary = home / "acknowledged.tmp"
        temporary.write_text(str(stream.last_sequence))
        temporary.replace(home / "acknowledged")
    assert stream.flush(240)
    print(json.dumps(stream.status()))
