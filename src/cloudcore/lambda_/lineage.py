"""Trace headers, and the loops that they show: a function that calls itself, or others that call it, round
and round.

A call's header goes into the function's _X_AMZN_TRACE_ID, from where AWS's SDKs send it with the function's
own calls:

    Root=1-65f0...-...;Parent=...;Sampled=0;Lineage=<hash of a function>:<calls>|<hash>:<calls>

A function that is called for the 17th time in one chain is not run, unless its RecursiveLoop is Allow.
Source: AWS, "Use Lambda recursive loop detection to prevent infinite loops".
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import time

from cloudcore.errors import ApiError

CALLS_MAX = 16
VARIABLE = "_X_AMZN_TRACE_ID"
_PLAIN = re.compile(r"[\x20-\x7e]{0,1024}")
_given = threading.local()


def give(header: str | None) -> None:
    """The trace header of the request that this thread answers; the next next_of() takes it."""
    _given.header = header if header and _PLAIN.fullmatch(header) else None


def take() -> str | None:
    """What was given, once."""
    header: str | None = getattr(_given, "header", None)
    _given.header = None
    return header


def first(arn: str) -> str:
    """The header of a chain that begins with a function."""
    root = f"1-{int(time.time()):08x}-{os.urandom(12).hex()}"
    return f"Root={root};Parent={os.urandom(8).hex()};Sampled=0;Lineage={_hash(arn)}:1"


def follow(header: str, arn: str, stops: bool) -> str:
    """The header for a call of a function in the chain of `header`.

    Raises RecursiveInvocationException when the function is in it too often and `stops`.
    """
    parts = [part for part in header.split(";") if part]
    told = next((part[8:] for part in parts if part.startswith("Lineage=")), "")
    counts = {}
    for one in told.split("|"):
        name, _, count = one.rpartition(":")
        if name and count.isdigit():
            counts[name] = int(count)
    mine = _hash(arn)
    counts[mine] = counts.get(mine, 0) + 1
    if counts[mine] > CALLS_MAX and stops:
        raise ApiError(
            "RecursiveInvocationException",
            f"Lambda stopped the invocation of {arn}: it was invoked {CALLS_MAX} times in one chain.",
        )
    lineage = "|".join(f"{name}:{count}" for name, count in counts.items())
    return ";".join([*(part for part in parts if not part.startswith("Lineage=")), f"Lineage={lineage}"])


def _hash(arn: str) -> str:
    return hashlib.sha256(arn.encode()).hexdigest()[:8]
