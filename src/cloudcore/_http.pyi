"""The HTTP/1.1 server (csrc/http) from Python."""

from typing import Any, final

def request_id(serial: int) -> str:
    """52 upper-case characters that follow from `serial`."""

@final
class Request:
    """One request: header names in lower case, the body whole."""

    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def headers(self) -> dict[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def peer(self) -> str:
        """The address of who asks; empty over a Unix socket."""

@final
class Server:
    """A server on a C thread that never holds the GIL.

    Item verbs of the accounts and regions named by `answer_items_of` are answered in C; everything else waits
    for `next`. `account` and `region` are those of a request that names none, or (`shared`) of all. Limits:
    head 64 KiB and 100 headers, body `body_max` bytes (64 MiB).
    """

    @property
    def port(self) -> int: ...
    def __new__(
        cls,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        account: str = "000000000000",
        region: str = "us-east-1",
        shared: bool = False,
        body_max: int = 0,
        listener: int = 0,
        head_timeout_ms: int = 0,
        body_timeout_ms: int = 0,
        idle_timeout_ms: int = 0,
        connections_max: int = 0,
    ) -> Server: ...
    def answer_items_of(self, account: str, region: str, tables: Any) -> None: ...
    def next(self, timeout: float) -> Request | None: ...
    def reply(self, request: Request, status: int, headers: list[tuple[str, str]], body: bytes) -> None: ...
    def begin(self, request: Request, status: int, headers: list[tuple[str, str]]) -> None:
        """Begin an answer whose size is not known; `more` goes on with it."""
    def more(self, request: Request, part: bytes, last: bool = False) -> bool:
        """The next part of an answer, and with `last` its end. Waits, without the GIL, while the peer is
        slow to read. False: the peer is gone or the server stopped."""
    def observed(self) -> dict[str, tuple[int, int, float, list[int]]]: ...
    def calls(self, seconds: float) -> list[tuple[float, str, int, float, int, int, bytes]]: ...
    def stop(self, grace_ms: int = 5000) -> None: ...
