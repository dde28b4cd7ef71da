"""kill -9 of a stream with transform, partitions, backup and failures, on the real log: exact afterwards.

The function runs inside the killed process and notes every invocation, so that the cut of a redelivered
batch can be compared. CLOUDCORE_CRASH_CYCLES (default 50) kills, over as many directories as it takes.
"""

from __future__ import annotations

import base64
import json
import os
import re
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from stream_kills import CYCLES, kill_and_check

RECORDS = 60_000


class Reply:
    function_error = None

    def __init__(self, payload: bytes):
        self.payload = payload


def child(home: Path) -> None:
    """Put what is missing, deliver, exit 0."""
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    note = os.open(home / "invocations", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def invoke(arn: str, payload: bytes) -> Reply:
        event = json.loads(payload)
        os.write(note, f"{event['records'][0]['recordId']} {len(event['records'])}\n".encode())
        return Reply(json.dumps({"records": [fate(record) for record in event["records"]]}).encode())

    service = Firehose(home / "firehose", objects=LocalObjects(home / "objects"), invoke=invoke)
    stream = service.stream(
        "s", bucket="b", prefix="data/k=!{partitionKeyFromLambda:k}/", error_prefix="errors/",
        backup_prefix="raw/", transform="f", transform_buffer_bytes=1 << 18, transform_buffer_seconds=0.01,
        buffer_bytes=1 << 17, buffer_seconds=0.2,
    )  # fmt: skip
    acknowledged = os.open(home / "acknowledged", os.O_WRONLY | os.O_CREAT)
    print(f"found {stream.last_sequence}", flush=True)
    for start in range(stream.last_sequence, RECORDS, 250):
        numbers = range(start, min(start + 250, RECORDS))
        stream.put_batch([b'{"n":%d,"pad":"%s"}\n' % (n, b"x" * 60) for n in numbers])
        os.pwrite(acknowledged, b"%012d" % stream.last_sequence, 0)
    assert stream.flush(240)
    print(json.dumps(stream.status()))
    service.close()


def fate(record: dict[str, Any]) -> dict[str, Any]:
    n = json.loads(base64.b64decode(record["data"]))["n"]
    result = "Dropped" if n % 10 == 9 else "ProcessingFailed" if n % 10 == 8 else "Ok"
    return {
        "recordId": record["recordId"], "result": result, "data": record["data"],
        "metadata": {"partitionKeys": {"k": str(n % 7)}},
    }  # fmt: skip


def delivered(home: Path, prefix: str) -> list[int]:
    out: list[int] = []
    for path in (home / "objects" / "b" / prefix).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            data = zlib.decompress(data, 31) if path.suffix == ".gz" else data
            if prefix == "errors":
                data = b"".join(base64.b64decode(json.loads(line)["rawData"]) for line in data.splitlines())
            out += [int(n) for n in re.findall(rb'"n":(\d+)', data)]
    return sorted(out)


def check(home: Path, status: dict[str, int]) -> None:
    assert delivered(home, "raw") == list(range(RECORDS))
    assert delivered(home, "data") == [n for n in range(RECORDS) if n % 10 < 8]
    assert delivered(home, "errors") == list(range(8, RECORDS, 10))
    tenth = RECORDS // 10
    assert (status["delivered"], status["dropped"], status["failed"], status["backed_up"]) == (
        8 * tenth, tenth, tenth, RECORDS,
    )  # fmt: skip
    cuts: dict[str, str] = {}
    for line in (home / "invocations").read_text().splitlines():
        first, size = line.split()
        assert cuts.setdefault(first, size) == size, f"the batch of {first} was cut again"


@pytest.mark.crash
@pytest.mark.slow
def test_stream_with_transform_survives_kills(tmp_path: Path) -> None:
    kill_and_check(tmp_path, __file__, check, cycles=CYCLES, least_s=0.1)


if __name__ == "__main__":
    child(Path(sys.argv[1]))
