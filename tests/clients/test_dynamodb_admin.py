"""dynamodb-admin, driven over its pages and forms as a browser drives them."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import time
from urllib.parse import urlencode

import pytest


class Site:
    """One running dynamodb-admin."""

    def __init__(self, port: int):
        self.port = port

    def __call__(self, method: str, path: str, form: dict | None = None, data: object = None) -> tuple[int, str, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body, kind = (urlencode(form), "application/x-www-form-urlencoded") if form else (None, None)
        if data is not None:
            body, kind = json.dumps(data), "application/json"
        connection.request(method, path, body, {"Content-Type": kind} if kind else {})
        answer = connection.getresponse()
        found = answer.status, answer.headers.get("Location", ""), answer.read().decode()
        connection.close()
        return found


def free_port() -> int:
    """One that nobody listens on, below those that Linux gives to connections: none of them takes it before the site does."""
    while True:
        port = random.SystemRandom().randrange(10_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


@pytest.fixture
def site(environment, served, tmp_path):
    port = free_port()
    program = environment("dynamodb-admin") / "node_modules" / ".bin" / "dynamodb-admin"
    variables = served | {"DYNAMO_ENDPOINT": served["AWS_ENDPOINT_URL"]}
    command = [str(program), "--host", "127.0.0.1", "--port", str(port), "--skip-default-credentials"]
    process = subprocess.Popen(command, env=variables, cwd=tmp_path, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, process.stdout.read().decode()
                time.sleep(0.05)
        yield Site(port)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_tables_and_items_through_its_pages(site):
    index = {"IndexName": "by_city", "IndexType": "global", "HashAttributeName": "city", "HashAttributeType": "S",
             "ReadCapacityUnits": 1, "WriteCapacityUnits": 1}  # fmt: skip
    definition = {"TableName": "people", "HashAttributeName": "id", "HashAttributeType": "S", "RangeAttributeName": "n",
                  "RangeAttributeType": "N", "ReadCapacityUnits": 3, "WriteCapacityUnits": 3}  # fmt: skip
    status, _, body = site("POST", "/create-table", data={"TableDefinition": definition, "SecondaryIndexes": [index]})
    assert status < 400, body
    assert "people" in site("GET", "/")[2]
    (described,) = json.loads(site("GET", "/api/tables")[2])
    assert described["TableName"] == "people" and described["GlobalSecondaryIndexes"][0]["IndexName"] == "by_city"
    status, _, body = site("POST", "/create-table", data={"TableDefinition": definition, "SecondaryIndexes": []})
    assert status >= 400 and "Table already exists: people" in body

    for n in range(30):
        item = {"id": f"p{n % 3}", "n": n, "city": "bern" if n % 2 else "rome", "tags": ["a", {"b": None}]}
        status, _, body = site("PUT", "/tables/people/add-item", data=item)
        assert (status, json.loads(body)) == (200, {"id": item["id"], "n": n})
    page = json.loads(site("GET", "/tables/people/items?pageSize=20")[2])
    assert len(page["Items"]) == 20 and page["Table"]["KeySchema"][1]["AttributeName"] == "n"
    rest = json.loads(site("GET", f"/tables/people/items?pageSize=20&startKey={page['nextKey']}")[2])
    assert len(rest["Items"]) == 10 and not rest["nextKey"]
    filters = json.dumps({"city": {"type": "S", "value": "bern", "operator": "="}})
    query = urlencode({"operationType": "query", "queryableSelection": "by_city", "filters": filters})
    found = json.loads(site("GET", f"/tables/people/items?{query}")[2])
    assert sorted(item["n"] for item in found["Items"]) == list(range(1, 30, 2)), found

    assert site("GET", "/tables/people/get?hash=p1&range=4")[1] == "/tables/people/items/p1,4"
    assert '"city": "rome"' in site("GET", "/tables/people/items/p1,4")[2].replace("&#34;", '"')
    status, _, body = site("PUT", "/tables/people/items/p1,4", data={"id": "p1", "n": 4, "city": "oslo"})
    assert (status, json.loads(body)) == (200, {"id": "p1", "n": 4, "city": "oslo"})
    assert site("DELETE", "/tables/people/items/p1,4")[0] == 204
    assert site("GET", "/tables/people/items/p1,4")[0] == 404
    assert "ACTIVE" in site("GET", "/tables/people/meta")[2]
    assert site("GET", "/tables/people/ttl")[0] == 200
    assert site("DELETE", "/tables/people/all")[0] < 400
    assert json.loads(site("GET", "/tables/people/items")[2])["Items"] == []
    assert site("DELETE", "/tables/people")[0] == 204
    assert json.loads(site("GET", "/api/tables")[2]) == []
    status, _, body = site("GET", "/tables/people")
    assert status >= 400 and "Requested resource not found: Table: people not found" in body
