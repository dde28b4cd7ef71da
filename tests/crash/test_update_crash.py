"""kill -9 of a stream whose destination is updated, and whose encryption is switched, while it delivers.

Versions differ in prefix, compression, processors, partition keys and backup; every record is delivered once,
by whichever version. CLOUDCORE_CRASH_CYCLES (default 50) kills, over as many directories as it takes.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from stream_kills import CYCLES, SEED, kill_and_check

RECORDS = 60_000
WHERE = {"RoleARN": "arn:aws:iam::000000000000:role/r", "BucketARN": "arn:aws:s3:::b"}


def processors(*given: tuple[str, dict[str, str]]) -> dict[str, Any]:
    return {"Enabled": True, "Processors": [
        {"Type": kind, "Parameters": [{"ParameterName": k, "ParameterValue": v} for k, v in values.items()]}
        for kind, values in given
    ]}  # fmt: skip


def by(query: str) -> dict[str, Any]:
    return processors(
        ("MetadataExtraction", {"MetadataExtractionQuery": query, "JsonParsingEngine": "JQ-1.6"})
    )


NONE = {"Enabled": False, "Processors": []}
PLAIN = [
    {"Prefix": "data/a/", "CompressionFormat": "GZIP", "ProcessingConfiguration": NONE},
    {"Prefix": "data/b/", "ProcessingConfiguration": processors(("RecordDeAggregation", {"SubRecordType": "JSON"}))},
    {"Prefix": "data/c/", "CompressionFormat": "ZIP", "S3BackupMode": "Enabled",
     "S3BackupUpdate": {**WHERE, "Prefix": "raw/"}},
    {"Prefix": "data/d/", "CompressionFormat": "UNCOMPRESSED", "S3BackupMode": "Disabled",
     "ProcessingConfiguration": processors(("AppendDelimiterToRecord", {}))},
]  # fmt: skip
PARTITIONED = [
    {"Prefix": "data/k=!{partitionKeyFromQuery:k}/", "ProcessingConfiguration": by("{k: .k}")},
    {"Prefix": "data/j=!{partitionKeyFromQuery:j}/k=!{partitionKeyFromQuery:k}/",
     "ProcessingConfiguration": by("{k: .k, j: .j}"), "CompressionFormat": "GZIP"},
]  # fmt: skip


def child(home: Path, partitioned: bool) -> None:
    """Put what is missing, update now and then, deliver, exit 0."""
    from cloudcore.errors import ApiError
    from cloudcore.firehose import Firehose
    from cloudcore.objects import LocalObjects

    versions = PARTITIONED if partitioned else PLAIN
    service = Firehose(home / "firehose", objects=LocalObjects(home / "objects"))
    service.resume()
    if not service.names():
        first = {**WHERE, **versions[0], "ErrorOutputPrefix": "errors/"}
        if partitioned:
            first["DynamicPartitioningConfiguration"] = {"Enabled": True}
        service.call(
            "CreateDeliveryStream", {"DeliveryStreamName": "s", "ExtendedS3DestinationConfiguration": first}
        )
    stream = service.get("s")
    acknowledged = os.open(home / "acknowledged", os.O_WRONLY | os.O_CREAT)
    print(f"found {stream.last_sequence}", flush=True)
    dice = random.Random()
    for start in range(stream.last_sequence, RECORDS, 50):
        numbers = range(start, min(start + 50, RECORDS))
        stream.put_batch([b'{"n":%d,"k":%d,"j":"x%d"}' % (n, n % 3, n % 2) for n in numbers])
        os.pwrite(acknowledged, b"%012d" % stream.last_sequence, 0)
        if dice.random() < 0.1:
            found = service.description("s")
            service.call("UpdateDestination", {
                "DeliveryStreamName": "s", "CurrentDeliveryStreamVersionId": found["VersionId"],
                "DestinationId": "destinationId-000000000001",
                "ExtendedS3DestinationUpdate": dice.choice(versions),
            })  # fmt: skip
        if dice.random() < 0.05:
            service.call(dice.choice(["StartDeliveryStreamEncryption", "StopDeliveryStreamEncryption"]),
                         {"DeliveryStreamName": "s"})  # fmt: skip
        if dice.random() < 0.1:
            stream.flush(0.001)
    try:
        assert stream.flush(240)
    except ApiError as error:
        raise SystemExit(str(error)) from None
    print(json.dumps(stream.status()))
    service.close()


def delivered(home: Path, prefix: str) -> list[int]:
    out: list[int] = []
    for path in (home / "objects" / "b" / prefix).rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            while path.suffix == ".gz" and data[:2] == b"\x1f\x8b":
                unpacker = zlib.decompressobj(31)
                out += [int(n) for n in re.findall(rb'"n":(\d+)', unpacker.decompress(data))]
                data = unpacker.unused_data
            if path.suffix == ".zip":
                with zipfile.ZipFile(path) as archive:
                    data = archive.read(archive.namelist()[0])
            out += [int(n) for n in re.findall(rb'"n":(\d+)', data)]
    return sorted(out)


@pytest.mark.crash
@pytest.mark.slow
@pytest.mark.parametrize("partitioned", [False, True], ids=["plain", "partitioned"])
def test_updates_survive_kills(tmp_path: Path, partitioned: bool) -> None:
    def check(home: Path, status: dict[str, int]) -> None:
        assert delivered(home, "data") == list(range(RECORDS)), f"seed {SEED}"
        raw = delivered(home, "raw")
        assert len(raw) == len(set(raw)) == status["backed_up"], f"seed {SEED}: backed up twice"
        assert (status["delivered"], status["failed"]) == (RECORDS, 0)

    kill_and_check(
        tmp_path, __file__, check, cycles=CYCLES // 2, least_s=0.3, arguments=(str(int(partitioned)),)
    )


if __name__ == "__main__":
    child(Path(sys.argv[1]), sys.argv[2] == "1")
