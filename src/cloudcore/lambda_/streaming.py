"""A call whose answer is read while the function still writes it, and how that looks on the wire.

    invoke (a thread) --begin, write--> Stream (a few pieces) --> events, or an HTTP body

The thread waits when the reader is slow; when the reader goes away the function runs on to its end, as on
AWS, and its pieces are dropped. On the wire each event is one message of AWS's event stream encoding:

    total size u32 | size of headers u32 | CRC-32 of both | headers | payload | CRC-32 of all before

Source: AWS, "Response streaming for Lambda functions"; "Amazon event stream encoding" (Smithy).
"""

from __future__ import annotations

import base64
import json
import queue
import struct
import threading
import zlib
from collections.abc import Iterator
from typing import Any

from cloudcore.lambda_.metering import Result

STREAMED_MAX = 209_715_200
_PIECES = 4
_TAIL_BYTES = 4096
_BEGIN, _DATA, _END = "begin", "data", "end"


class Stream:
    """Calls service.invoke(**call) on a thread of its own. Raises what the call raises before its first byte.

    `content_type` is what the function says it streams, None when it streams nothing; iterate for the bytes,
    then look at `result`. Thread rule: one reader.
    """

    def __init__(self, service: Any, **call: Any):
        self.content_type: str | None = None
        self.executed_version = ""
        self.result: Result | None = None
        self._failure: BaseException | None = None
        self._pieces: queue.Queue[tuple[str, Any]] = queue.Queue(_PIECES)
        self._left = threading.Event()
        self._size = 0
        threading.Thread(
            target=self._run, args=(service, call), name="cloudcore-lambda-stream", daemon=True
        ).start()
        self._next: tuple[str, Any] | None = self._pieces.get()
        if self._next[0] is _BEGIN:
            self.content_type, self._next = self._next[1], None
        elif self._failure is not None:
            raise self._failure

    def __iter__(self) -> Iterator[bytes]:
        while True:
            kind, data = self._next or self._pieces.get()
            self._next = None
            if kind is _DATA:
                yield data
            elif kind is _END:
                if self._failure is not None:
                    raise self._failure
                return

    def close(self) -> None:
        """The reader goes away."""
        self._left.set()
        while not self._pieces.empty():
            self._pieces.get_nowait()

    # -- the function's side ---------------------------------------------------------------------

    def begin(self, content_type: bytes) -> None:
        self._put(_BEGIN, content_type.decode("latin-1"))

    def write(self, data: bytes) -> None:
        self._size += len(data)
        if self._size <= STREAMED_MAX:
            self._put(_DATA, data)

    def _run(self, service: Any, call: dict[str, Any]) -> None:
        try:
            result: Result = service.invoke(sink=self, **call)
            if result.payload and not result.function_error:
                self._put(_DATA, result.payload)  # a function that does not stream
            self.result = result
        except BaseException as failure:
            self._failure = failure
        self._put(_END, None)

    def _put(self, kind: str, data: Any) -> None:
        while not self._left.is_set():
            try:
                return self._pieces.put((kind, data), timeout=1.0)
            except queue.Full:
                continue


def events(stream: Stream, log_type: str | None) -> Iterator[dict[str, Any]]:
    """PayloadChunk and InvokeComplete events, as boto3 gives them."""
    try:
        for data in stream:
            yield {"PayloadChunk": {"Payload": data}}
    finally:
        stream.close()
    result, told = stream.result, {}
    if result is not None and result.function_error:
        told = {"ErrorCode": result.function_error, "ErrorDetails": result.payload.decode("utf-8", "replace")}
    if result is not None and log_type == "Tail":
        told["LogResult"] = base64.b64encode(result.log[-_TAIL_BYTES:]).decode()
    yield {"InvokeComplete": told}


def encode(event: dict[str, Any]) -> bytes:
    """One event as a message."""
    ((kind, told),) = event.items()
    if kind == "PayloadChunk":
        return message(kind, "application/octet-stream", told["Payload"])
    return message(kind, "application/json", json.dumps(told).encode())


def message(event_type: str, content_type: str, payload: bytes) -> bytes:
    """A message of the event stream encoding."""
    headers = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
        for name, value in (
            (":event-type", event_type),
            (":content-type", content_type),
            (":message-type", "event"),
        )
    )
    prelude = struct.pack(">II", len(headers) + len(payload) + 16, len(headers))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return body + struct.pack(">I", zlib.crc32(body))
