"""A PostgreSQL server of its own for tests: Debian's, which stands in for Redshift."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


class PostgresTarget:
    def __init__(self, url: str):
        self.url = url

    def run(self, text: str) -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(text)
            return cursor.fetchall() if cursor.description else []


def missing(text: str) -> Any:
    if os.environ.get("CI") == "true":
        pytest.fail(text, pytrace=False)
    pytest.skip(text)


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """Its URL: on a Unix socket, and as another user where this one is root."""
    programs = [*sorted(Path("/usr/lib/postgresql").glob("*/bin")), Path(shutil.which("postgres") or "/-").parent]
    found = [path for path in programs if (path / "postgres").exists() and (path / "initdb").exists()]
    if not found:
        missing("PostgreSQL is missing: apt-get install postgresql")
    home = Path("/tmp") / f"cloudcore-pg-{os.getpid()}"
    home.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = {"user": "postgres", "group": "postgres", "extra_groups": []}
        shutil.chown(home, "postgres", "postgres")
    process = None
    try:
        subprocess.run(
            [found[0] / "initdb", "-D", home / "data", "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"],
            check=True, capture_output=True, cwd=home, **user,
        )  # fmt: skip
        process = subprocess.Popen(
            [found[0] / "postgres", "-D", home / "data", "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"],
            stdout=subprocess.DEVNULL, stderr=open(home / "log", "wb"), cwd=home, **user,  # noqa: SIM115
        )  # fmt: skip
        url = f"postgresql:///postgres?host={home}&user=postgres"
        deadline = time.monotonic() + 60
        while True:
            try:
                PostgresTarget(url).run("select 1")
                break
            except Exception:
                assert process.poll() is None and time.monotonic() < deadline, (home / "log").read_text()
                time.sleep(0.05)
        yield url
    finally:
        if process is not None:
            process.send_signal(signal.SIGINT)  # whoever is connected still
            process.wait(60)
        shutil.rmtree(home, ignore_errors=True)
