"""Many items at once, from objects and from a program: ImportTable, StartBulkPutItems, Table.load, BatchWriteItem.

CLOUDCORE_BENCH_ITEMS items of 400 B (default 50,000) in a store on the disk that survives kill -9. Time runs from the request to
COMPLETED; every way ends with the same items, which are counted and some of them compared. BatchWriteItem of 25 is what
a program has without the others, and the row to compare with.

    python -m pytest -s bench/bench_store_imports.py --benchmark-only
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
import time

import pytest

import cloudcore
from bench.conftest import item
from bench.store_peers import plain

ITEMS = int(os.environ.get("CLOUDCORE_BENCH_ITEMS", "50000"))
KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}


def lines() -> bytes:
    return b"".join(json.dumps({"Item": item(n)}).encode() + b"\n" for n in range(ITEMS))


def ended(describe, member: str, status: str, **arn: str) -> dict:
    while True:
        found = describe(**arn)[member]
        if found[status] != "IN_PROGRESS":
            assert found[status] == "COMPLETED", found
            return found
        time.sleep(0.002)


class Import:
    """An object in the local object store, which the service reads."""

    form, packed = "DYNAMODB_JSON", "NONE"

    def __init__(self, cloud):
        self.cloud, self.db = cloud, cloud.client("dynamodb")
        body = self.body()
        s3 = cloud.boto3_session().client("s3")
        s3.create_bucket(Bucket="imports")
        s3.put_object(Bucket="imports", Key="all", Body=gzip.compress(body, 1) if self.packed == "GZIP" else body)

    def body(self) -> bytes:
        return lines()

    def run(self):
        begun = self.db.import_table(
            S3BucketSource={"S3Bucket": "imports", "S3KeyPrefix": "all"}, InputFormat=self.form,
            InputCompressionType=self.packed, TableCreationParameters={"TableName": "bench", **KEYS},
        )["ImportTableDescription"]  # fmt: skip
        ended(self.db.describe_import, "ImportTableDescription", "ImportStatus", ImportArn=begun["ImportArn"])


class ImportGzip(Import):
    packed = "GZIP"


class ImportCsv(Import):
    form = "CSV"

    def body(self) -> bytes:
        out = io.StringIO()
        rows = csv.DictWriter(out, list(item(0)), lineterminator="\n")
        rows.writeheader()
        rows.writerows({name: str(next(iter(v.values()))) for name, v in item(n).items()} for n in range(ITEMS))
        return out.getvalue().encode()


class BulkPut(Import):
    def __init__(self, cloud):
        super().__init__(cloud)
        self.db.create_table(TableName="bench", **KEYS)

    def run(self):
        begun = self.db.start_bulk_put_items(
            TableName="bench",
            InputS3Configuration={"S3Bucket": "imports", "S3KeyPrefix": "all", "InputFormat": "DYNAMODB_JSON"},
            OutputS3Configuration={"S3Bucket": "imports", "S3KeyPrefix": "reports", "OutputType": ["ERROR"]},
        )["BulkOperationDescription"]  # fmt: skip
        arn = begun["BulkOperationArn"]
        ended(
            self.db.describe_bulk_operation,
            "BulkOperationDescription",
            "BulkOperationStatus",
            BulkOperationArn=arn,
        )


class LoadLines:
    """A program's own table, made before."""

    def __init__(self, cloud):
        self.cloud = cloud
        self.table = cloud.table("bench", pk="pk:S", sk="sk:N")
        self.source = self.make(cloud)

    def make(self, cloud):
        return b"".join(json.dumps(plain(item(n))).encode() + b"\n" for n in range(ITEMS))

    def run(self):
        self.table.load(io.BytesIO(self.source), format="json")


class LoadArrow(LoadLines):
    def make(self, cloud):
        arrow = pytest.importorskip("pyarrow")
        return arrow.Table.from_pylist([plain(item(n)) for n in range(ITEMS)])

    def run(self):
        self.table.load(self.source)


class LoadDicts(LoadLines):
    def make(self, cloud):
        return [plain(item(n)) for n in range(ITEMS)]

    def run(self):
        self.table.load(self.source)


class BatchWrite(LoadLines):
    def make(self, cloud):
        puts = [{"PutRequest": {"Item": item(n)}} for n in range(ITEMS)]
        return [{"RequestItems": {"bench": puts[at : at + 25]}} for at in range(0, ITEMS, 25)]

    def run(self):
        execute = self.cloud.dynamodb.tables.execute
        for request in self.source:
            assert execute("BatchWriteItem", request)["UnprocessedItems"] == {}


WAYS = [BatchWrite, LoadDicts, LoadLines, LoadArrow, Import, ImportGzip, ImportCsv, BulkPut]


def test_ways(benchmark, tmp_path, warm_machine):
    """All in turn, three times, each into a new store; the median of each."""
    spent: dict[str, list[float]] = {way.__name__: [] for way in WAYS}

    def once(way, directory):
        with cloudcore.open(directory, durability="process") as cloud:
            source = way(cloud)
            begin = time.perf_counter()
            source.run()
            spent[way.__name__].append(time.perf_counter() - begin)
            tables = cloud.dynamodb.tables
            assert tables.describe("bench")[1] == ITEMS
            for n in random.Random(7).sample(range(ITEMS), 50):
                want = {name: {"S": str(next(iter(v.values())))} for name, v in item(n).items()}
                found = tables.get_item("bench", {"pk": item(n)["pk"], "sk": item(n)["sk"]})
                assert found == (want | {"sk": item(n)["sk"]} if way is ImportCsv else item(n))

    def run():
        for turn in range(3):
            for way in WAYS:
                once(way, tmp_path / f"{way.__name__}{turn}")

    benchmark.pedantic(run, rounds=1)
    medians = {name: sorted(times)[1] / ITEMS * 1e6 for name, times in spent.items()}
    for name, us in medians.items():
        benchmark.extra_info[f"{name}_us"] = round(us, 2)
        print(f" {name}: {us:.2f} us an item, {medians['BatchWrite'] / us:.2f}x BatchWriteItem of 25")
