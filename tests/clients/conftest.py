"""Clients of other projects, unmodified: an environment each (build/clients, made by `make test-clients`), and a fresh
endpoint each, of which they know by environment variables only.

With CI=true an environment that is missing fails the suite; elsewhere the test is skipped with the line that makes it.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import cloudcore

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(__file__).parent / "programs"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.clients)


@pytest.fixture
def environment() -> Callable[[str], Path]:
    """The directory of a client's own environment."""

    def find(name: str) -> Path:
        path = ROOT / "build" / "clients" / name
        if not any((path / stamp).exists() for stamp in (".pip", ".npm")):
            text = f"the environment of {name} is missing: make test-clients"
            if os.environ.get("CI") == "true":
                pytest.fail(text, pytrace=False)
            pytest.skip(text)
        return path

    return find


@pytest.fixture
def served(tmp_path):
    """The environment variables by which a program finds a fresh cloud, and nothing else of AWS."""
    with cloudcore.open(tmp_path / "data") as cloud, cloud.serve() as endpoint:
        yield variables_of(cloud, endpoint, tmp_path)


def variables_of(cloud, endpoint, home: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8",
        "AWS_ENDPOINT_URL": endpoint.url, "AWS_REGION": cloud.region, "AWS_DEFAULT_REGION": cloud.region,
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_EC2_METADATA_DISABLED": "true",
    }  # fmt: skip


def run(command: list[str], variables: dict[str, str], directory: Path) -> None:
    """A program that must end well and say that it came to its end."""
    process = subprocess.Popen(
        command, env=variables, cwd=directory, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        out, _ = process.communicate(timeout=300)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        out = process.communicate()[0] + "\n(killed after 300 s)"
    assert process.returncode == 0 and out.splitlines()[-1:] == ["done"], out
