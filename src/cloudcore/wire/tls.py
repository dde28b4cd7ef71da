"""TLS in front of an endpoint.

    client == TLS ==> Terminator (an asyncio thread, Python's ssl) -- Unix socket --> the C server

The C server speaks plain HTTP and links no TLS library, so that a wheel and a plain compiler are enough; the
price is a copy of every byte under the GIL. Bytes are passed on as they are: limits, time-outs and
answers are the endpoint's.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import socket
import ssl
import threading
from typing import Any, cast

_ALPN = ["http/1.1"]
_DAYS = 825
_HANDSHAKE_SECONDS = 10.0
_NUMBERS = itertools.count()


def context(certificate: str, key: str | None = None) -> ssl.SSLContext:
    """A server's context: TLS 1.2 or 1.3. `key` None: the key is in the certificate's file, too.

    Raises OSError when a file cannot be read, ValueError when they are no certificate and its key.
    """
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols(_ALPN)
    for path in (certificate, key):
        if path is not None:
            with open(path, "rb"):
                pass
    try:
        made.load_cert_chain(certificate, key)
    except ssl.SSLError as error:
        words = f"{certificate} and {key or certificate} are no certificate and its key: {error}"
        raise ValueError(words) from None
    return made


def self_signed(directory: str, host: str) -> tuple[str, str]:
    """A certificate for loopback and `host` that is its own authority, and its key: files in `directory`,
    made when they are not there, or end within a week. Needs `cryptography` (extra cloudcore[encryption])."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    certificate, key = os.path.join(directory, "tls.crt"), os.path.join(directory, "tls.key")
    addresses = sorted({"127.0.0.1", "::1", host})
    names = [x509.DNSName("localhost"), x509.DNSName("*.localhost")]
    san = x509.SubjectAlternativeName(
        [*names, *(x509.IPAddress(ipaddress.ip_address(address)) for address in addresses)]
    )
    now = datetime.datetime.now(datetime.UTC)
    with contextlib.suppress(OSError, ValueError, x509.ExtensionNotFound):
        with open(certificate, "rb") as file:
            held = x509.load_pem_x509_certificate(file.read())
        same = held.extensions.get_extension_for_class(x509.SubjectAlternativeName).value == san
        if same and held.not_valid_after_utc > now + datetime.timedelta(days=7) and os.path.exists(key):
            return certificate, key
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cloudcore on this machine")])
    builder = x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(days=1))
    builder = builder.not_valid_after(now + datetime.timedelta(days=_DAYS))
    builder = builder.add_extension(san, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    signed = builder.sign(secret, hashes.SHA256())
    os.makedirs(directory, exist_ok=True)
    text = secret.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, text, 0o600)
    _write(certificate, signed.public_bytes(serialization.Encoding.PEM), 0o644)
    return certificate, key


def _write(path: str, data: bytes, mode: int) -> None:
    descriptor = os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
    os.replace(path + ".new", path)


class Terminator:
    """Takes TLS connections at host:port and passes their bytes to the Unix socket `inner`, and back."""

    def __init__(self, given: ssl.SSLContext, host: str, port: int, inner: str):
        self._loop = asyncio.new_event_loop()
        self._inner = inner
        self._open: set[_Outer] = set()
        try:
            self._server = self._loop.run_until_complete(
                self._loop.create_server(
                    lambda: _Outer(self._loop, self._inner, self._open), host, port, ssl=given,
                    backlog=1024, ssl_handshake_timeout=_HANDSHAKE_SECONDS, ssl_shutdown_timeout=1.0,
                )
            )  # fmt: skip
        except BaseException:
            self._loop.close()
            raise
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=self._loop.run_forever, name="cloudcore-tls", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """No further connections; those that are open go on."""
        self._loop.call_soon_threadsafe(self._server.close)

    def close(self, grace_seconds: float = 1.0) -> None:
        """After the endpoint has stopped: what it said last goes out, then the thread ends."""
        asyncio.run_coroutine_threadsafe(self._drain(grace_seconds), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _drain(self, grace_seconds: float) -> None:
        self._server.close()
        end = self._loop.time() + grace_seconds
        while self._open and self._loop.time() < end:
            await asyncio.sleep(0.01)
        for outer in list(self._open):
            outer.transport.abort()
        await asyncio.sleep(0)


class _Outer(asyncio.Protocol):
    """The client's side of a connection."""

    transport: asyncio.Transport

    def __init__(self, loop: asyncio.AbstractEventLoop, inner: str, held: set[_Outer]):
        self._loop, self._path, self._held = loop, inner, held
        self._inner: _Inner | None = None
        self._early: list[bytes] = []
        self._lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._held.add(self)
        self.transport.pause_reading()
        self._joining = self._loop.create_task(self._join())

    async def _join(self) -> None:
        try:
            reached = await self._reach()
            made: Any = await self._loop.create_unix_connection(lambda: _Inner(self), sock=reached)
        except OSError:
            self.transport.abort()  # the endpoint has stopped
            return
        self._inner = made[1]
        if self._lost:
            self._inner.transport.abort()
            return
        for data in self._early:
            self._inner.transport.write(data)
        self._early.clear()
        self.transport.resume_reading()

    async def _reach(self) -> socket.socket:
        """A connection to the endpoint, whose own address tells the client's (csrc/http/peer.c)."""
        made = socket.socket(socket.AF_UNIX)
        try:
            made.setblocking(False)
            client = self.transport.get_extra_info("peername")[0].partition("%")[0].removeprefix("::ffff:")
            made.bind(f"\0cloudcore-front/{client}/{os.getpid()}-{next(_NUMBERS)}")
            await self._loop.sock_connect(made, self._path)
        except BaseException:
            made.close()
            raise
        return made

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            self._early.append(data)  # what came with the handshake; reading is paused until it is passed on
        else:
            self._inner.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = True
        self._held.discard(self)
        if self._inner is not None:
            self._inner.transport.close()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._inner is not None:
            with contextlib.suppress(RuntimeError):  # it is closing
                self._inner.transport.resume_reading()


class _Inner(asyncio.Protocol):
    """The endpoint's side of it."""

    transport: asyncio.Transport

    def __init__(self, outer: _Outer):
        self._outer = outer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self._outer.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self._outer.transport.abort()  # half an answer must not look whole
        else:
            self._outer.transport.close()  # when what was written has gone out

    def pause_writing(self) -> None:
        self._outer.transport.pause_reading()

    def resume_writing(self) -> None:
        with contextlib.suppress(RuntimeError):  # it is closing
            self._outer.transport.resume_reading()
