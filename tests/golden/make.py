"""Make the golden files of the present format: python tests/golden/make.py. Once per format, then never again.

tests/golden/NAME.tar.xz is a cloud's directory as a build of that format left it, NAME.json what it holds;
tests/integration/test_golden.py opens every one of them with the build at hand.
"""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import shutil
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import cloudcore

HERE = Path(__file__).parent
NAME = "format-1.0"


def fill(path: Path) -> None:
    """Two checkpoints and a log behind them; keys of each type, indexes, a stream, large values, a transaction."""
    with cloudcore.open(path) as cloud:
        client = cloud.client("dynamodb")
        types = {"id": "S", "at": "N", "by": "B", "state": "S"}
        client.create_table(
            TableName="orders",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": k, "AttributeType": v} for k, v in types.items()],
            KeySchema=[
                {"AttributeName": "id", "KeyType": "HASH"},
                {"AttributeName": "at", "KeyType": "RANGE"},
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "local",
                    "KeySchema": [
                        {"AttributeName": "id", "KeyType": "HASH"},
                        {"AttributeName": "by", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": "by_state",
                    "KeySchema": [{"AttributeName": "state", "KeyType": "HASH"}],
                    "Projection": {"ProjectionType": "KEYS_ONLY"},
                }
            ],
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        plain = cloud.table("plain", pk="b:B")
        tables = next(iter(cloud.kept())).dynamodb.tables
        for round_ in range(3):
            for number in range(round_ * 20, 150):
                put(client, number, round_)
            for number in range(0, 60, 7):
                key = {"id": {"S": f"o{number % 11}"}, "at": {"N": str(number)}}
                client.delete_item(TableName="orders", Key=key)
            plain.put({"b": bytes([round_, 0, 255]), "large": "value " * 2000, "round": round_})
            if round_ < 2:
                tables.checkpoint()
        write = {"Put": {"TableName": "orders", "Item": item(1000, 9)}}
        client.transact_write_items(TransactItems=[write], ClientRequestToken="golden")


def item(number: int, round_: int) -> dict[str, Any]:
    """An item with every type of attribute."""
    return {
        "id": {"S": f"o{number % 11}"},
        "at": {"N": str(number)},
        "by": {"B": bytes([number % 256])},
        "state": {"S": ("open", "done")[number % 2]},
        "round": {"N": str(round_)},
        "price": {"N": f"-{number}.25"},
        "tags": {"SS": ["a", f"t{number}"]},
        "nested": {"M": {"list": {"L": [{"NULL": True}, {"BOOL": False}, {"NS": ["1", "2.5"]}]}}},
        "pad": {"S": "é" * (number * 31 % 300)},
    }


def put(client: Any, number: int, round_: int) -> None:
    client.put_item(TableName="orders", Item=item(number, round_))


def contents(path: Path) -> dict[str, Any]:
    """What a cloud holds: per table its keys, stream, and of the items, in order, by each index, count and digest."""
    with cloudcore.open(path) as cloud:
        client = cloud.client("dynamodb")
        found: dict[str, Any] = {}
        for name in client.list_tables()["TableNames"]:
            described = client.describe_table(TableName=name)["Table"]
            indexes = [i["IndexName"] for kind in ("Local", "Global")
                       for i in described.get(f"{kind}SecondaryIndexes", [])]  # fmt: skip
            found[name] = {
                "keys": described["KeySchema"],
                "items": digest(client.scan(TableName=name)["Items"]),
                "indexes": {i: digest(client.scan(TableName=name, IndexName=i)["Items"]) for i in indexes},
                "stream": described.get("StreamSpecification"),
            }
        return found


def digest(items: list[dict[str, Any]]) -> str:
    """How many, and their SHA-256."""
    text = json.dumps(items, sort_keys=True, default=bytes.hex)
    return f"{len(items)} items, {hashlib.sha256(text.encode()).hexdigest()}"


def main() -> int:
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "cloud"
        fill(path)
        shutil.rmtree(path / ".cloudcore", ignore_errors=True)
        (path / "endpoint.json").unlink(missing_ok=True)
        with tarfile.open(HERE / f"{NAME}.tar.xz", "w:xz", preset=9 | lzma.PRESET_EXTREME) as archive:
            archive.add(path, "cloud", filter=_nobody)
        (HERE / f"{NAME}.json").write_text(json.dumps(contents(path), sort_keys=True, indent=1) + "\n")
    print(NAME, os.path.getsize(HERE / f"{NAME}.tar.xz"), os.path.getsize(HERE / f"{NAME}.json"))
    return 0


def _nobody(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


if __name__ == "__main__":
    sys.exit(main())
