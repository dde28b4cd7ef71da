"""Delivery to a real OpenSearch 2 node: documents and their ids, rotation, mapping errors, types, redelivery."""

from __future__ import annotations

import base64
import json
import shutil
import signal
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.firehose import to
from conftest import Java, free_ports


class Node(Java):
    def __init__(self, home: Path):
        ports = free_ports(2)
        self.url = f"http://127.0.0.1:{ports[0]}"
        (home / "config").mkdir(parents=True, exist_ok=True)
        main = str(Path(__file__).parent / "java" / "OpenSearchNode.java")
        super().__init__("opensearch", main, home, str(home), str(ports[0]), str(ports[1]))
        self.wait(lambda: self.ask("GET", "/"))

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def documents(self, index: str) -> dict[str, Any]:
        self.ask("POST", f"/{index}/_refresh")
        found = self.ask("POST", f"/{index}/_search", {"size": 10_000, "query": {"match_all": {}}})
        return {hit["_id"]: hit["_source"] for hit in found["hits"]["hits"]}


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    home = tmp_path_factory.mktemp("opensearch")
    server = Node(home)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def index() -> str:
    return f"i-{uuid.uuid4().hex[:8]}"


def failures(cloud: cloudcore.Cloud) -> list[dict[str, Any]]:
    keys = [key for key in cloud.objects.list("failed") if "AmazonOpenSearchService-failed/" in key]
    return [json.loads(line) for key in keys for line in cloud.objects.get("failed", key).splitlines()]


def test_documents_ids_rotation_and_mapping_errors(node: Node, index: str, tmp_path: Path) -> None:
    node.ask("PUT", "/_index_template/" + index, {"index_patterns": [f"{index}*"], "template": {"mappings": {"properties": {"n": {"type": "long"}}}}})
    with cloudcore.open(tmp_path / "c") as cloud:
        target = to.opensearch(node.url, index, rotation="OneDay", retry_seconds=60)
        stream = cloud.stream("s", to=target, bucket="failed", buffer_seconds=0)
        day = time.strftime("-%Y-%m-%d", time.gmtime())
        records = [b'{"n": %d,\n "text": "\xc3\xa4"}' % n for n in range(5000)]
        records[100], records[200] = b'{"n": "no number"}', b"{broken"
        stream.put_batch(records)
        assert stream.flush(120)
        found = node.documents(f"{index}{day}")
        assert len(found) == 4998 == stream.status()["delivered"]
        assert found[f"49{1:054d}.0"] == {"n": 0, "text": "ä"}
        lines = failures(cloud)
        assert [base64.b64decode(line["rawData"]) for line in lines] == [b'{"n": "no number"}', b"{broken"]
        assert {line["errorCode"] for line in lines} == {"400"}
        assert all("mapper_parsing_exception" in line["errorMessage"] for line in lines)
        assert lines[0]["esIndexName"] == f"{index}{day}" and lines[0]["esDocumentId"] == f"49{101:054d}.0"


def test_a_type_name_is_refused_by_the_node_at_run_time(node: Node, index: str) -> None:
    with cloudcore.open(":memory:") as cloud:
        stream = cloud.stream("s", to=to.opensearch(node.url, index, type_name="t"), bucket="failed", buffer_seconds=0)
        stream.put(b"{}")
        assert stream.flush(120)
        (line,) = failures(cloud)
        assert line["esTypeName"] == "t" and "_type" in line["errorMessage"] and line["errorCode"] == "400"


def test_a_node_that_hangs_gets_every_document_once(node: Node, index: str) -> None:
    with cloudcore.open(":memory:") as cloud:
        stream = cloud.stream("s", to=to.opensearch(node.url, index, retry_seconds=600), bucket="failed", buffer_seconds=0)
        stream.put(b'{"n": 0}')
        assert stream.flush(120)
        node.process.send_signal(signal.SIGSTOP)
        try:
            stream.put_batch([b'{"n": %d}' % n for n in range(1, 500)])
            assert not stream.flush(2)
        finally:
            node.process.send_signal(signal.SIGCONT)
        assert stream.flush(120)
        assert sorted(d["n"] for d in node.documents(index).values()) == list(range(500))
        assert failures(cloud) == []
