"""The endpoint's threads when there is no room for another, and while it is being closed."""

import json
import threading
import urllib.request

import pytest

import cloudcore


def tables(url):
    request = urllib.request.Request(
        url,
        b"{}",
        {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "application/x-amz-json-1.0"},
    )
    with urllib.request.urlopen(request, timeout=60) as reply:
        return json.loads(reply.read())


@pytest.fixture
def served():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        yield endpoint


def test_requests_are_answered_when_no_thread_can_be_started(served, monkeypatch):
    def refuse(self):
        raise RuntimeError("can't start new thread")

    start = threading.Thread.start
    busy = served._threads_min
    held, go = threading.Semaphore(0), threading.Event()
    answer = served._router.answer

    def slow(*request):
        held.release()
        go.wait(60)
        return answer(*request)

    monkeypatch.setattr(served._router, "answer", slow)
    asking = [threading.Thread(target=tables, args=(served.url,)) for _ in range(busy + 2)]
    for one in asking:
        one.start()
    monkeypatch.setattr(
        threading.Thread, "start", lambda self: (refuse if self.name == "cloudcore-wire" else start)(self)
    )
    asking.append(threading.Thread(target=tables, args=(served.url,)))
    asking[-1].start()
    for _ in range(busy):
        assert held.acquire(timeout=60)
    go.set()
    for one in asking:
        one.join(60)
        assert not one.is_alive()
    for _ in range(3):
        assert tables(served.url) == {"TableNames": []}
    served.close()  # joins every thread; none that never ran
