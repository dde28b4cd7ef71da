"""Host: one environment of a function on a machine of Ray's; an actor, which has one call at a time."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
import tempfile
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from cloudcore.lambda_.metering import members
from cloudcore.lambda_.pool import Pool
from cloudcore.lambda_.spec import Spec

_FOREVER_S = 1e9  # whoever has the actor ends it


class Host:
    """`code` and `layers` are tar files of directories; `layers` may be empty. Raises RuntimeError when this
    machine has another cloudcore."""

    def __init__(self, caller: str, spec: Spec, code: bytes, layers: bytes):
        if caller != (here := version("cloudcore")):
            raise RuntimeError(f"this machine of Ray's has cloudcore {here}, its caller {caller}")
        self._home = tempfile.mkdtemp(prefix="cloudcore-ray-")
        root, opt = os.path.join(self._home, "code"), os.path.join(self._home, "opt") if layers else ""
        _unpacked(code, root)
        if layers:
            _unpacked(layers, opt)
        variables = {name: value.replace(spec.root, root) for name, value in spec.environment.items()}
        self._pool = Pool(
            replace(spec, root=root, opt=opt, hidden=(), environment=variables), idle_s=_FOREVER_S
        )

    def ready(self) -> bool:
        """It is there."""
        return True

    def prewarm(self) -> tuple[bool, bytes]:
        """Initialise the environment; whether that went well, and what it wrote."""
        said: list[bytes] = []
        return self._pool.prewarm(1, said.append), b"".join(said)

    def invoke(self, payload: bytes, more: dict[str, Any]) -> tuple[bytes, bytes, dict[str, Any]]:
        """The Result's payload, log and other members."""
        result = self._pool.invoke(payload, **more)
        return result.payload, result.log, members(result)

    def close(self) -> None:
        """End the environment; nothing of it stays."""
        self._pool.close()
        shutil.rmtree(self._home, ignore_errors=True)


def packed(directory: str) -> bytes:
    """The files of a directory as a tar file, without caches."""
    if not directory:
        return b""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        archive.add(directory, ".", filter=lambda one: None if "__pycache__" in one.name else one)
    return held.getvalue()


def _unpacked(data: bytes, directory: str) -> None:
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        archive.extractall(directory, filter="tar")
