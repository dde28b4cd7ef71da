"""Packages while functions come, change and go: none is dropped that a call or a change still needs."""

import os
import socket
import threading
import time

import pytest

import cloudcore
from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_.code import pack


@pytest.fixture
def functions():
    with cloudcore.open(":memory:") as cloud:
        yield cloud.lambda_


def create(functions, name, **files):
    functions.call(
        "CreateFunction",
        {
            "FunctionName": name, "Runtime": "python3.11", "Handler": "index.handler", "Timeout": 60,
            "Role": "arn:aws:iam::000000000000:role/any", "Code": {"ZipFile": packed(**files)},
        },
    )  # fmt: skip


def packed(**files):
    return pack({name + ".py": text.encode() for name, text in files.items()})


class Barrier:
    """Where a function waits in the middle of a call; it sees none of the test's files, but a socket."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(60)
        self.wait = (
            f"  with socket.create_connection({self.listener.getsockname()!r}, 60) as link: link.recv(1)\n"
        )

    def reached(self):
        self.link, _ = self.listener.accept()

    def open(self):
        self.link.close()
        self.listener.close()


def test_a_call_under_way_keeps_its_package_through_an_update(functions):
    barrier = Barrier()
    late = "import socket\ndef handler(e, c):\n" + barrier.wait + "  import other\n  return other.x\n"
    create(functions, "late", index=late, other="x = 1")
    held = []
    calling = threading.Thread(target=lambda: held.append(functions.invoke("late").payload))
    calling.start()
    barrier.reached()
    before = functions.registry.packages()
    functions.call(
        "UpdateFunctionCode", {"FunctionName": "late", "ZipFile": packed(index="def handler(e, c): return 2")}
    )
    assert functions.invoke("late").payload == b"2"
    barrier.open()
    calling.join(60)
    assert held == [b"1"]
    assert not any(os.path.exists(functions.packages.path(name)) for name in before)  # and then it goes


def test_functions_made_at_once_all_have_their_code(functions):
    wrong = []

    def work(number):
        for turn in range(8):
            name = f"f{number}-{turn}"
            try:
                create(functions, name, index=f"def handler(e, c): return {name!r}")
                if functions.invoke(name).payload != f'"{name}"'.encode():
                    wrong.append(name)
                functions.call("DeleteFunction", {"FunctionName": name})
            except Exception as error:
                wrong.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(5)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []
    assert os.listdir(os.path.join(functions.directory, "code")) == []


def test_a_refused_function_leaves_no_package(functions):
    create(functions, "taken", index="def handler(e, c): return 1")
    with pytest.raises(ApiError, match="already exist"):
        create(functions, "taken", index="def handler(e, c): return 2")
    functions.call("DeleteFunction", {"FunctionName": "taken"})
    assert os.listdir(os.path.join(functions.directory, "code")) == []


def slow_call(cloud, wait):
    """A call that waits at a barrier: (thread, what it returned or raised)."""
    create(cloud.lambda_, "slow", index="import socket\ndef handler(e, c):\n" + wait + "  return 5\n")
    functions, held = cloud.lambda_, []

    def call():
        try:
            held.append(functions.invoke("slow").payload)
        except ClosedError as error:
            held.append(error)

    calling = threading.Thread(target=call)
    calling.start()
    return calling, held


def test_closing_waits_for_the_calls_under_way():
    cloud = cloudcore.open(":memory:")
    barrier = Barrier()
    calling, held = slow_call(cloud, barrier.wait)
    barrier.reached()
    closing = threading.Thread(target=cloud.close, args=(60.0,))
    closing.start()
    functions = cloud._services["lambda"]
    while not functions._closed:
        time.sleep(0.01)
    assert closing.is_alive()
    barrier.open()
    calling.join(60)
    closing.join(60)
    assert held == [b"5"]


def test_closing_ends_the_calls_that_take_too_long():
    cloud = cloudcore.open(":memory:")
    barrier = Barrier()
    calling, held = slow_call(cloud, barrier.wait)
    barrier.reached()
    cloud.close(0.2)
    calling.join(60)
    assert isinstance(held[0], ClosedError)
    barrier.open()
