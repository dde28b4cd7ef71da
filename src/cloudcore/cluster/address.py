"""Where a cluster is and which node this is: nats://a,b,c/NAME."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

SCHEMES = ("nats", "tls")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True)
class Address:
    """The NATS servers, as URLs, and the name of the node; "" for one who only looks."""

    servers: tuple[str, ...]
    node: str = ""


def is_cluster(path: object) -> bool:
    """Whether a path to open is the address of a cluster."""
    return isinstance(path, str) and path.partition("://")[0] in SCHEMES and "://" in path


def parse(text: str, node: str | None = None) -> Address:
    """The address in `text`: SCHEME://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][/NAME]; port 4222.

    `node` is a name that is given beside it. Raises ValueError.
    """
    scheme, separator, rest = text.partition("://")
    if scheme not in SCHEMES or not separator:
        raise ValueError(f"a cluster's address begins with nats:// or tls://, not {text!r}")
    hosts, _, named = rest.partition("/")
    login, at, hosts = hosts.rpartition("@")
    if named and node and named != node:
        raise ValueError(f"the address names the node {named!r}, and {node!r} is asked for")
    name = node or named
    if name and not _NAME.fullmatch(name):
        raise ValueError(f"a node's name is up to 64 letters, digits, dashes and underscores, not {name!r}")
    servers = []
    for host in hosts.split(","):
        try:
            found = urlsplit(f"{scheme}://{host}")
            port = found.port or 4222
        except ValueError as error:
            raise ValueError(f"{host!r} is no HOST[:PORT]: {error}") from None
        if not found.hostname or found.path or found.query or "@" in host or " " in host:
            raise ValueError(f"{host!r} is no HOST[:PORT]")
        shown = f"[{found.hostname}]" if ":" in found.hostname else found.hostname
        servers.append(f"{scheme}://{login}{at}{shown}:{port}")
    return Address(tuple(servers), name)
