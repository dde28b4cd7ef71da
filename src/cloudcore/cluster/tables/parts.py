"""Parts: files as messages of a JetStream stream, one subject each, in order.

Thread rule: coroutines on the link's loop; files are read and written on threads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import BinaryIO

from cloudcore.cluster.link import Link, Lost, Reader

PART_BYTES = (1 << 20) - 8192


async def put(link: Link, subject: str, file: BinaryIO) -> int:
    """Append what a file holds from where it is; the number of parts. Raises Lost, FullError."""
    parts = 0
    while part := await asyncio.to_thread(file.read, PART_BYTES):
        await link.append(subject, part, {}, 30)
        parts += 1
    return parts


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
