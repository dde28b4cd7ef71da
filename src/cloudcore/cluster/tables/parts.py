"""Parts: files as messages of a JetStream stream, one subject each, in order.

Thread rule: coroutines on the link's loop, files are read and written on threads; all else not on the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterator
from typing import BinaryIO, cast

from cloudcore.cluster.link import Link, Lost, Reader
from cloudcore.errors import CloudcoreError

PART_BYTES = (1 << 20) - 8192


async def put(link: Link, subject: str, file: BinaryIO) -> int:
    """Append what a file holds from where it is; the number of parts. Raises Lost, FullError."""
    parts = 0
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        await link.append(subject, part, {}, 30)
        parts += 1
    return parts


async def keep(link: Link, stream: str, every: str, subject: str, file: BinaryIO) -> int:
    """As put(), of a stream for the subjects `every`, which is made if it is absent."""
    from nats.js.api import DiscardPolicy

    await link.ensure(stream, every, discard=DiscardPolicy.NEW)
    return await put(link, subject, file)


async def get(link: Link, stream: str, subject: str, parts: int, file: BinaryIO) -> None:
    """Write what put() appended. Raises Lost when parts are missing."""
    async with Reader(link, stream, filter_subject=subject) as reader:
        for number in range(parts):
            message = await reader.next(1, 2.0)
            if not message:
                raise Lost(f"{subject} ends before part {number}")
            await asyncio.to_thread(file.write, message[0].data)


async def purge(link: Link, stream: str, every: str, which: Callable[[str], bool]) -> None:
    """Remove the files whose subjects' last word is one of which(); `every`: with "*" in the place of it."""
    from nats.js.errors import NotFoundError

    try:
        found = await link.until(lambda: link.js.stream_info(stream, every), 20)
    except NotFoundError:
        return  # there never was a file
    for subject in found.state.subjects or {}:
        if which(subject.rpartition(".")[2]):
            await link.until(lambda s=subject: link.js.purge_stream(stream, subject=s), 60)


@contextlib.contextmanager
def scratch(path: str) -> Iterator[str]:
    """A path for a file that is there as long as the block lasts; its directory is made."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    try:
        yield path
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


@contextlib.contextmanager
def brought(link: Link, stream: str, subject: str, parts: int, path: str, what: str) -> Iterator[str]:
    """What keep() appended, as a file at `path` for as long as the block lasts. Raises CloudcoreError, which
    says of what, when parts are missing."""
    with scratch(path):
        with open(path, "wb") as file:
            try:
                link.run(get(link, stream, subject, parts, cast(BinaryIO, file)))
            except Lost as error:
                raise CloudcoreError(f"{what}: {error}") from None
        yield path
