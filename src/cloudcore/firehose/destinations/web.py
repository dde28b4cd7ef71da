"""Web: requests of senders to HTTP servers, over connections that are kept; no redirects, no retries.

A request has one time limit for everything, from the connection to the last byte of the answer. Any thread.
"""

from __future__ import annotations

import http.client
import os
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_IDLE_MAX = 8


class Unreachable(OSError):
    """No connection, or it broke."""


class TimedOut(OSError):
    """No whole answer in time."""


class TooLarge(OSError):
    """The answer is larger than allowed."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    cookies: tuple[str, ...] = ()
    """name=value of each cookie that was set: a balancer that is to stay with one server needs them."""


class Web:
    """Requests to one server. `answer_max`: how many bytes of an answer are taken."""

    def __init__(self, url: str, timeout_seconds: float, answer_max: int = 64 << 20):
        self.parts = urlsplit(url)
        self._timeout, self._answer_max = timeout_seconds, answer_max
        self._idle: list[http.client.HTTPConnection] = []
        self._lock = threading.Lock()
        self._closed = False

    def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Answer:
        """Send one request. Raises Unreachable, TimedOut, TooLarge."""
        deadline = time.monotonic() + self._timeout
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            connection = kept or self._connect()
            try:
                answer, keep = self._exchange(connection, deadline, method, path, headers, body)
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError) as error:
                connection.close()
                if kept is not None and not self._closed:  # the server let go of an idle connection
                    continue
                raise Unreachable(f"the connection was closed ({error})") from None
            except TimeoutError:
                connection.close()
                raise TimedOut(f"no answer within {self._timeout:g} s") from None
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if isinstance(error, TooLarge | TimedOut):
                    raise
                raise Unreachable(str(error) or type(error).__name__) from None
            except BaseException:
                connection.close()
                raise
            if keep:
                with self._lock:
                    if len(self._idle) < _IDLE_MAX:
                        self._idle.append(connection)
                        return answer
            connection.close()
            return answer

    def close(self) -> None:
        self._closed = True  # what is on its way is not sent again from here
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _connect(self) -> http.client.HTTPConnection:
        host, port = self.parts.hostname or "", self.parts.port
        if self.parts.scheme == "https":
            context = ssl.create_default_context(cafile=os.environ.get("AWS_CA_BUNDLE") or None)
            return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=context)
        return http.client.HTTPConnection(host, port, timeout=self._timeout)

    def _exchange(
        self, connection: http.client.HTTPConnection, deadline: float, method: str, path: str,
        headers: Mapping[str, str], body: bytes,
    ) -> tuple[Answer, bool]:  # fmt: skip
        if connection.sock is None:
            connection.connect()

        def left() -> None:
            seconds = deadline - time.monotonic()
            if seconds <= 0:
                raise TimedOut(f"no answer within {self._timeout:g} s")
            if connection.sock is not None:
                connection.sock.settimeout(seconds)

        left()
        connection.request(method, path, body, dict(headers))
        left()
        response = connection.getresponse()
        body_parts, size = [], 0
        while True:
            left()
            part = response.read1(1 << 16)
            if not part:
                break
            size += len(part)
            if size > self._answer_max:
                raise TooLarge(f"the answer is larger than {self._answer_max} bytes")
            body_parts.append(part)
        if response.length:  # read1() does not say that the answer ended early
            raise Unreachable("the connection was closed inside the answer")
        response.read()  # an answer without bytes is not at its end before
        found = {name.lower(): value for name, value in response.getheaders()}
        set_cookies = response.msg.get_all("Set-Cookie") or ()
        cookies = tuple(value.partition(";")[0].strip() for value in set_cookies)
        return Answer(response.status, found, b"".join(body_parts), cookies), not response.will_close
