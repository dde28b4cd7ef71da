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
            self.released.wait(30)
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


@contextlib.contextmanager
def running(server: Any) -> Iterator[Any]:
    try:
        yield server
    finally:
        server.close()
