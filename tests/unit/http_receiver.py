"""Doubles of HTTP destinations: threaded servers on loopback that answer by a script.

HttpReceiver is a strict double of an endpoint by the published request and response specification: a request
that breaks a rule is answered 400 and kept in `wrong`, and a test asserts that there is none.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class Server:
    """An HTTP server; a subclass answers by `handle(method, path, headers, body)` -> (status, headers, body)
    or one of the faults of `script`, each used once: "hang", "half", "close", or a function of the request."""

    def __init__(self) -> None:
        self.script: list[Any] = []
        self.released = threading.Event()
        self.lock = threading.Lock()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                owner._serve(self, "POST")

            def do_GET(self) -> None:
                owner._serve(self, "GET")

            def do_PUT(self) -> None:
                owner._serve(self, "PUT")

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        raise NotImplementedError

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()

    def _serve(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        body = handler.rfile.read(int(headers.get("content-length", 0)))
        with self.lock:
            step = self.script.pop(0) if self.script else None
        if step == "close":
            handler.close_connection = True
            return
        if step == "hang":
            self.released.wait(60)
            handler.close_connection = True
            return
        if callable(step):
            status, extra, answer = step(method, handler.path, headers, body)
        else:
            status, extra, answer = self.handle(method, handler.path, headers, body)
        handler.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **extra}.items():
            if value:
                handler.send_header(name, value)
        handler.end_headers()
        if step == "half":
            handler.wfile.write(answer[: len(answer) // 2])
            handler.close_connection = True
            return
        with contextlib.suppress(OSError):
            handler.wfile.write(answer)


class HttpReceiver(Server):
    """Takes requests by the specification; `requests` has (id, records, headers) of each that was whole."""

    def __init__(self, access_key: str | None = None, attributes: dict[str, str] | None = None):
        super().__init__()
        self.access_key, self.attributes = access_key, attributes
        self.requests: list[tuple[str, list[bytes], dict[str, str]]] = []
        self.seen: list[str] = []
        self.wrong: list[str] = []

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        try:
            request_id, records = self.read(method, headers, body)
        except Exception as error:  # a rule is broken: the test sees which
            with self.lock:
                self.wrong.append(repr(error))
            return 400, {}, b""
        with self.lock:
            self.requests.append((request_id, records, headers))
        return self.answer(request_id)

    def read(self, method: str, headers: dict[str, str], body: bytes) -> tuple[str, list[bytes]]:
        assert method == "POST"
        assert headers["content-type"] == "application/json"
        assert headers["x-amz-firehose-protocol-version"] == "1.0"
        assert re.fullmatch(r"arn:aws:firehose:[a-z0-9-]+:\d{12}:deliverystream/\S+", headers["x-amz-firehose-source-arn"])
        assert headers.get("x-amz-firehose-access-key") == self.access_key
        common = headers.get("x-amz-firehose-common-attributes")
        assert (None if common is None else json.loads(common)) == (
            None if self.attributes is None else {"commonAttributes": self.attributes}
        )
        assert headers.get("content-encoding", "gzip") == "gzip"
        text = gzip.decompress(body) if "content-encoding" in headers else body
        assert len(text) <= 64 << 20
        found = json.loads(text)
        assert set(found) == {"requestId", "timestamp", "records"}
        assert GUID.fullmatch(found["requestId"]) and found["requestId"] == headers["x-amz-firehose-request-id"]
        assert type(found["timestamp"]) is int and 1e12 < found["timestamp"] < 1e13  # milliseconds
        assert 1 <= len(found["records"]) <= 10_000
        assert all(set(record) == {"data"} for record in found["records"])
        return found["requestId"], [base64.b64decode(r["data"], validate=True) for r in found["records"]]

    @staticmethod
    def answer(request_id: str, **more: Any) -> tuple[int, dict[str, str], bytes]:
        text = json.dumps({"requestId": request_id, "timestamp": int(time.time() * 1000), **more})
        return 200, {"Content-Type": "application/json"}, text.encode()

    def says(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Callable[..., Any]:
        """A step of the script: this answer, whatever was asked; the request's id is kept in `seen`."""

        def step(method: str, path: str, asked: dict[str, str], given: bytes) -> tuple[int, dict[str, str], bytes]:
            self.seen.append(self.read(method, asked, given)[0])
            return status, headers or {"Content-Type": "application/json"}, body

        return step

    def data(self) -> list[bytes]:
        return [record for _, records, _ in self.requests for record in records]


class HecReceiver(Server):
    """A strict double of Splunk's HTTP Event Collector with indexer acknowledgement; by Splunk's page of its
    endpoints and codes. Data is in `indexed` when its acknowledgement was given; each needs `polls` requests."""

    def __init__(self, token: str = "t-1", polls: int = 0, raw: bool = False):
        super().__init__()
        self.token, self.polls, self.raw = token, polls, raw
        self.pending: dict[int, tuple[bytes, int]] = {}
        self.indexed: list[bytes] = []
        self.received: list[bytes] = []
        self.channels: set[str] = set()
        self.wrong: list[str] = []
        self.acks_enabled = True
        self.asked = 0

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if headers.get("authorization") != f"Splunk {self.token}":
            return self.says(403, {"text": "Invalid token", "code": 4})
        route, _, query = path.partition("?")
        channel = headers.get("x-splunk-request-channel", "")
        if not GUID.fullmatch(channel) or query != f"channel={channel}" or method != "POST":
            self.wrong.append(f"{method} {path} {channel}")
            return self.says(400, {"text": "Data channel is missing", "code": 10})
        self.channels.add(channel)
        with self.lock:
            if route == "/services/collector/ack":
                return self.acks(json.loads(body), headers)
            if route != f"/services/collector/{'raw' if self.raw else 'event'}":
                return self.says(404, {"text": "The requested URL was not found on this server.", "code": 404})
            return self.data(body)

    def data(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if not body:
            return self.says(400, {"text": "No data", "code": 5})
        if not self.raw:
            decoder, at, text, number = json.JSONDecoder(), 0, body.decode(), 0
            while at < len(text.rstrip()):
                try:
                    event, at = decoder.raw_decode(text, at + len(text[at:]) - len(text[at:].lstrip()))
                    assert "event" in event
                except (ValueError, AssertionError, TypeError):
                    return self.says(400, {"text": "Invalid data format", "code": 6, "invalid-event-number": number})
                number += 1
        self.received.append(body)
        if not self.acks_enabled:
            return self.says(200, {"text": "Success", "code": 0})
        number = len(self.received) - 1
        self.pending[number] = (body, self.polls)
        return self.says(200, {"text": "Success", "code": 0, "ackId": number}, {"Set-Cookie": f"node={number}; Path=/"})

    def acks(self, asked: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        out = {}
        self.asked += 1
        for number in asked["acks"]:
            if headers.get("cookie") != f"node={number}":
                self.wrong.append(f"ack without its node: {headers.get('cookie')}")
            body, polls = self.pending.get(number, (b"", 1))
            if number in self.pending and polls <= 0:
                self.indexed.append(body)
                del self.pending[number]
                out[str(number)] = True
                continue
            if number in self.pending:
                self.pending[number] = (body, polls - 1)
            out[str(number)] = False
        return self.says(200, {"acks": out})

    @staticmethod
    def says(status: int, body: Any, headers: dict[str, str] | None = None) -> tuple[int, dict[str, str], bytes]:
        return status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(body).encode()

    def step(self, status: int, **body: Any) -> Callable[..., Any]:
        return lambda *_: self.says(status, body)


class BulkReceiver(Server):
    """A strict double of _bulk, for the faults that a healthy node does not show. `documents` maps (index, id)
    to the source; `item` may answer (status, error) for a document instead of taking it."""

    def __init__(self) -> None:
        super().__init__()
        self.documents: dict[tuple[str, str], bytes] = {}
        self.writes: list[tuple[str, str]] = []
        self.requests: list[tuple[dict[str, str], int]] = []
        self.item: Callable[[dict[str, Any], bytes], tuple[int, Any] | None] = lambda action, source: None
        self.body_max = 1 << 30
        self.wrong: list[str] = []

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
        if (method, path, headers.get("content-type")) != ("POST", "/_bulk", "application/x-ndjson"):
            self.wrong.append(f"{method} {path} {headers.get('content-type')}")
        if len(body) > self.body_max:
            return 413, {}, b""
        lines = body.split(b"\n")
        if lines.pop() != b"" or len(lines) % 2:
            self.wrong.append("lines")
            return 400, {}, b'{"error": {"type": "illegal_argument_exception", "reason": "lines"}, "status": 400}'
        items = []
        with self.lock:
            self.requests.append((headers, len(lines) // 2))
            for action, source in zip(lines[::2], lines[1::2], strict=True):
                ((verb, where),) = json.loads(action).items()
                if verb != "index" or not source:
                    self.wrong.append(verb)
                refused = self.item(where, source)
                answer = {"_index": where["_index"], "_id": where.get("_id", f"made-{len(self.writes)}")}
                if refused is not None:
                    items.append({"index": {**answer, "status": refused[0], "error": refused[1]}})
                    continue
                key = (answer["_index"], answer["_id"])
                items.append({"index": {**answer, "status": 200 if key in self.documents else 201}})
                self.documents[key] = source
                self.writes.append(key)
        errors = any("error" in item["index"] for item in items)
        return 200, {"Content-Type": "application/json"}, json.dumps({"took": 1, "errors": errors, "items": items}).encode()


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    try:
        yield server
    finally:
        server.close()
