"""Iceberg tables of a REST catalog (SeaweedFS's) as the destination of a cluster's delivery stream: each record once, whatever is
killed."""

from __future__ import annotations

import json
import signal
import time
from collections import Counter
from pathlib import Path

import pytest
from cluster_producers import s3 as s3_of
from cluster_support import Nodes, Servers, until

from conftest import Weed, free_ports

pytest.importorskip("pyiceberg", reason="needs pyiceberg")
CATALOG = "arn:aws:glue:us-east-1:000000000000:catalog"
ROLE = "arn:aws:iam::000000000000:role/r"
KEYS = {"s3.access-key-id": "x", "s3.secret-access-key": "y", "s3.region": "us-east-1", "client.access-key-id": "x",
        "client.secret-access-key": "y", "client.region": "us-east-1", "rest.sigv4-enabled": "true",
        "rest.signing-region": "us-east-1", "rest.signing-name": "s3tables"}  # fmt: skip


class Lake(Weed):
    """SeaweedFS with its Iceberg catalog, which wants signatures."""

    def __init__(self, home: Path):
        super().__init__(home)
        self.catalog = f"http://127.0.0.1:{free_ports(1)[0]}"
        said = home.parent / "s3.json"
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        said.write_text(json.dumps({"identities": [
            {"name": "x", "credentials": [{"accessKey": "x", "secretKey": "y"}], "actions": actions}]}))  # fmt: skip
        self.options = [f"-s3.config={said}", f"-s3.port.iceberg={self.catalog.rpartition(':')[2]}"]

    def properties(self) -> dict[str, str]:
        """What pyiceberg needs to know of it."""
        return {**KEYS, "s3.endpoint": self.url}


def _environment(lake: Lake) -> dict[str, str]:
    """The same for a process, as pyiceberg reads it of the catalog `rest`."""
    return {
        "PYICEBERG_CATALOG__REST__" + name.upper().replace(".", "__").replace("-", "_"): value
        for name, value in lake.properties().items()
    }


def test_each_record_once_whatever_is_killed(tmp_path: Path) -> None:
    import boto3
    import pyarrow as pa
    from pyiceberg.catalog import load_catalog

    lake = Lake(tmp_path / "weed")
    servers: Servers | None = None
    nodes: Nodes | None = None
    try:
        lake.start()
        made = boto3.client("s3tables", endpoint_url=lake.url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y")
        made.create_table_bucket(name="warehouse")
        s3_of(lake.url).create_bucket(Bucket="failed")
        catalog = load_catalog("rest", type="rest", uri=lake.catalog, warehouse="s3://warehouse", **lake.properties())
        catalog.create_namespace("shop")
        catalog.create_table("shop.orders", schema=pa.schema([("id", pa.int64()), ("text", pa.string())]))
        servers = Servers(tmp_path / "nats", 1)
        nodes = Nodes(tmp_path / "nodes", servers.url, lake.url, options=("--reach", f"{CATALOG}={lake.catalog}"))
        nodes.environment |= _environment(lake)
        for name in ("n0", "n1", "n2"):
            nodes.start(name)
        clients = {name: nodes.client(name) for name in ("n0", "n1", "n2") if nodes.wait(name)}
        clients["n0"].create_delivery_stream(DeliveryStreamName="orders", IcebergDestinationConfiguration={
            "RoleARN": ROLE, "DestinationTableConfigurationList": [{"DestinationDatabaseName": "shop", "DestinationTableName": "orders"}],
            "CatalogConfiguration": {"CatalogARN": CATALOG, "WarehouseLocation": "s3://warehouse"},
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 1},
            "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::failed"},
        })  # fmt: skip

        def rows() -> Counter[int]:
            return Counter(catalog.load_table("shop.orders").scan().to_arrow()["id"].to_pylist())

        put = 0

        def puts(name: str, seconds: float) -> None:
            nonlocal put
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                records = [{"Data": json.dumps({"id": put + each, "text": f"{put}"}).encode()} for each in range(100)]
                told = clients[name].put_record_batch(DeliveryStreamName="orders", Records=records)
                assert told["FailedPutCount"] == 0
                put += 100
                time.sleep(0.1)

        puts("n0", 2)
        until("something is committed", rows)
        puts("n0", 1)
        nodes.signal("n1")  # whatever it is at
        puts("n0", 2)
        nodes.signal("n2", signal.SIGSTOP)
        puts("n0", 3)
        until("all is committed", lambda: len(rows()) == put)
        nodes.signal("n2", signal.SIGCONT)  # what it was at is done by now
        puts("n0", 2)
        until("all is committed", lambda: len(rows()) == put)
        found = rows()
        assert set(found) == set(range(put)) and set(found.values()) == {1}
        assert "Contents" not in s3_of(lake.url).list_objects_v2(Bucket="failed")
        print(f"{put} rows in {len(list(catalog.load_table('shop.orders').snapshots()))} commits, each once")
    finally:
        if nodes is not None:
            nodes.stop()
        if servers is not None:
            servers.stop()
        lake.stop()
