"""The door to tables by the thousand: snapshots out, entries in."""

from __future__ import annotations

import threading

import pytest

from cloudcore._table import Snapshot, Tables, load, page_of_lines
from cloudcore.errors import ApiError, BusyError, ClosedError, CorruptError, FullError

DESCRIPTION = (
    b'{"KeySchema":[{"AttributeName":"p","KeyType":"HASH"}],'
    b'"AttributeDefinitions":[{"AttributeName":"p","AttributeType":"S"}]}'
)


@pytest.fixture
def tables():
    with Tables() as made:
        made.create("tab", DESCRIPTION)
        yield made


def fill(tables, count, table="tab", size=10):
    for number in range(count):
        tables.put_item(table, {"p": {"S": str(number)}, "v": {"S": "x" * size}})


def test_a_snapshot_copies_a_table(tables):
    fill(tables, 3000)
    tables.create("copy", DESCRIPTION)
    with Snapshot(tables, "tab") as snapshot:
        fill(tables, 100, size=20)
        total = 0
        while True:
            entries, count = snapshot.read(5000)
            if count == 0:
                assert entries == b""
                break
            total += count
            assert load(tables, "copy", entries) == count
        info = snapshot.info()
    assert total == info["item_count"] == info["read_count"] == 3000
    assert tables.get_item("copy", {"p": {"S": "5"}}) == {"p": {"S": "5"}, "v": {"S": "x" * 10}}
    assert tables.get_item("tab", {"p": {"S": "5"}})["v"] == {"S": "x" * 20}


def test_a_snapshot_and_its_misuse(tables):
    fill(tables, 1000)
    with pytest.raises(ApiError, match="ResourceNotFoundException"):
        Snapshot(tables, "absent")
    with pytest.raises(ApiError, match="ResourceNotFoundException"):
        load(tables, "absent", b"x" * 20)
    with pytest.raises(CorruptError):
        load(tables, "tab", b"x" * 20)
    assert load(tables, "tab", b"") == 0
    small = Snapshot(tables, "tab", memory_max=1)
    fill(tables, 10, size=11)
    with pytest.raises(FullError):
        small.read()
    closed = Snapshot(tables, "tab")
    closed.close()
    closed.close()
    with pytest.raises(ClosedError):
        closed.read()
    left_open = Snapshot(tables, "tab")
    tables.close()
    with pytest.raises(ClosedError):
        left_open.read()


def test_a_snapshot_belongs_to_one_thread_at_a_time(tables):
    fill(tables, 20000)
    snapshot, seen = Snapshot(tables, "tab"), []

    def read():
        try:
            while snapshot.read(1 << 22)[1]:
                pass
        except BusyError as error:
            seen.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) < 4  # one at least got to the end
    snapshot.close()


def test_pages_of_lines():
    """A checksum is that of the items: not of their order, nor of how they are spelled."""
    one = b'{"id": {"S": "a"}, "n": {"N": "1.50"}, "s": {"NS": ["2", "1"]}, "m": {"M": {"x": {"NULL": true}, "y": {"B": "AA=="}}}}'
    same = b'{"s":{"NS":["1.0","2"]},"m":{"M":{"y":{"B":"AA=="},"x":{"NULL":true}}},"n":{"N":"15E-1"},"id":{"S":"\\u0061"}}'
    other = b'{"id": {"S": "b"}}'
    pages = [page_of_lines(b"\n".join(lines)) for lines in ([one, other], [other, same], [one], [other], [])]
    assert [len(page) for page in pages] == [2, 2, 1, 1, 0]
    sums = [page.checksum() for page in pages]
    assert sums[0] == sums[1] == (sums[2] + sums[3]) % 2**64 and len(set(sums)) == 4 and sums[4] == 0
    assert page_of_lines(b'{"id": "a", "n": 1}', "json").items() == [{"id": "a", "n": 1}]
    assert page_of_lines(pages[0].to_json_lines(dynamodb=True)).checksum() == sums[0]
    for bad in (b"{", b'{"id": {"S": 5}}', b'{"id": {"N": "x"}}', b"[]"):
        with pytest.raises(ApiError):
            page_of_lines(one + b"\n" + bad)
    with pytest.raises(ValueError, match="not 'xml'"):
        page_of_lines(one, "xml")
