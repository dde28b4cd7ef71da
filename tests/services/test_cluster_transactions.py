"""Transactions over several ranges of keys: two nodes in this process on a real NATS JetStream server, and one machine that is
asked the same."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cluster_support import until
from test_cluster_ranges import _items, _pages, _ranges, _split

import cloudcore
from cloudcore._table import place
from cloudcore.clock import Clock
from cloudcore.cluster.tables.entry import WRITE
from cloudcore.cluster.tables.transacting import DECIDE, FINISH, FORGET, PREPARE, Busy, packed

MIDDLE = 1 << 63
COUNT = 40
ACCOUNTS = 12
TOTAL = 100 * ACCOUNTS


@pytest.fixture(scope="module")
def three(pair: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Clients of both nodes, the tables in four ranges, and of one machine with the same items."""
    with cloudcore.open(":memory:") as alone:
        clients = pair[0].client("dynamodb"), pair[1].client("dynamodb"), alone.client("dynamodb")
        for client in (clients[0], clients[2]):
            _filled(client)
        _split(pair)
        _split(pair, "all", 1 << 62)
        _split(pair, f"{MIDDLE:016x}")
        yield clients


def _filled(client: Any) -> None:
    for name in ("one", "two"):
        client.create_table(
            TableName=name, BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": each, "AttributeType": "S"} for each in ("id", "s", "kind")],
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            LocalSecondaryIndexes=[{
                "IndexName": "local", "Projection": {"ProjectionType": "ALL"},
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}, {"AttributeName": "kind", "KeyType": "RANGE"}]}],
        )  # fmt: skip
        for first in range(0, COUNT, 20):
            puts = [{"PutRequest": {"Item": _item(number)}} for number in range(first, first + 20)]
            assert client.batch_write_item(RequestItems={name: puts})["UnprocessedItems"] == {}


def _key(number: int) -> dict[str, Any]:
    return {"id": {"S": f"i{number}"}, "s": {"S": "a"}}


def _item(number: int, **more: Any) -> dict[str, Any]:
    return {**_key(number), "kind": {"S": f"k{number % 3}"}, "n": {"N": str(number)}, **more}


def _put(number: int, table: str = "one", **more: Any) -> dict[str, Any]:
    item = more.pop("item", {})
    return {"Put": {"TableName": table, "Item": _item(number, **item), **more}}


def _add(number: int, by: int = 1, table: str = "one", **more: Any) -> dict[str, Any]:
    values = {":by": {"N": str(by)}, **more.pop("values", {})}
    return {"Update": {"TableName": table, "Key": _key(number), "UpdateExpression": "ADD n :by",
                       "ExpressionAttributeValues": values, **more}}  # fmt: skip


def _delete(number: int, **more: Any) -> dict[str, Any]:
    return {"Delete": {"TableName": "one", "Key": _key(number), **more}}


def _holds(number: int, condition: str, **more: Any) -> dict[str, Any]:
    return {"ConditionCheck": {"TableName": "one", "Key": _key(number), "ConditionExpression": condition, **more}}


def _get(number: int, table: str = "one", **more: Any) -> dict[str, Any]:
    return {"Get": {"TableName": table, "Key": _key(number), **more}}


def _told(call: Callable[[], Any]) -> Any:
    """An answer without what differs from call to call, or a refusal with all that it says."""
    from botocore.exceptions import ClientError

    try:
        answer = call()
    except ClientError as error:
        answer = error.response
    return _sorted({name: value for name, value in answer.items() if name != "ResponseMetadata"})


def _sorted(answer: dict[str, Any]) -> dict[str, Any]:
    for name in ("ConsumedCapacity",):
        if isinstance(answer.get(name), list):
            answer[name] = sorted(answer[name], key=lambda each: each["TableName"])
    for table, some in answer.get("ItemCollectionMetrics", {}).items():
        answer["ItemCollectionMetrics"][table] = sorted(some, key=str)
    return answer


_SEVEN = {"ConditionExpression": "n = :seven", "ExpressionAttributeValues": {":seven": {"N": "7"}},
          "ReturnValuesOnConditionCheckFailure": "ALL_OLD"}  # fmt: skip
_SAY = {"ReturnConsumedCapacity": "INDEXES", "ReturnItemCollectionMetrics": "SIZE"}
_WRITES: dict[str, Any] = {
    "puts": ([_put(number, table) for number in range(12) for table in ("one", "two")], _SAY),
    "everything": ([_put(1), _add(2, 5), _delete(3), _holds(4, "attribute_exists(id)"), _add(50), _put(60, "two")], _SAY),
    "total": ([_add(number, table=table) for number in range(8) for table in ("two", "one")], {"ReturnConsumedCapacity": "TOTAL"}),
    "one condition": ([_put(1), _put(2, **_SEVEN), _put(3), _put(9)], {}),
    "conditions": ([_holds(number, "attribute_not_exists(id)", ReturnValuesOnConditionCheckFailure="ALL_OLD")
                    if number % 2 else _add(number) for number in range(10, 20)], {}),
    "a key that does not fit": ([_put(1), {"Delete": {"TableName": "one", "Key": {"id": {"S": "x"}}}}, _put(2, **_SEVEN)], {}),
    "an update that does not fit": ([_add(1), _add(2), {"Update": {
        "TableName": "one", "Key": _key(3), "UpdateExpression": "ADD kind :n", "ExpressionAttributeValues": {":n": {"N": "1"}}}}], {}),
    "twice": ([_put(1), _put(2), _put(3), _add(1)], {}),
    "too many": ([_put(number) for number in range(101)], {}),
    "none": ([], {}),
    "no table": ([_put(1), _put(2, "none"), _put(3)], {}),
    "no expression": ([_put(1), _put(2), _add(3, UpdateExpression="ADD n"), _put(4, ConditionExpression="nonsense(")], {}),
    "unused": ([_put(1), _add(2, values={":unused": {"N": "1"}}), _put(3), _add(4, UpdateExpression="")], {}),
    "too large": ([_put(number, item={"pad": {"S": "x" * 390_000}}) for number in range(12)], {}),
    "nearly too large": ([_put(number, item={"pad": {"S": "x" * 380_000}}) for number in range(10)], _SAY),
    "small again": ([_put(number) for number in range(10)], _SAY),
    "an item too large": ([_put(1), _put(2, item={"pad": {"S": "x" * 410_000}}), _put(3)], {}),
}


@pytest.mark.parametrize("what", _WRITES)
def test_writes_are_answered_as_on_one_machine(three: Any, what: str) -> None:
    actions, more = _WRITES[what]
    a, _, alone = three
    told = [_told(lambda each=each: each.transact_write_items(TransactItems=actions, **more)) for each in (a, alone)]
    assert told[0] == told[1]
    _same(three)


def _same(three: Any) -> None:
    """Both nodes have what one machine has, and nothing is locked."""
    contents = [
        [sorted(_items(_pages(client.scan, TableName=name, ConsistentRead=True)), key=str) for name in ("one", "two")]
        for client in three
    ]
    assert contents[0] == contents[1] == contents[2]


_READS: dict[str, Any] = {
    "items": ([_get(number, table) for number in range(16) for table in ("one", "two")], {"ReturnConsumedCapacity": "TOTAL"}),
    "in part": ([_get(number, ProjectionExpression="#k, n", ExpressionAttributeNames={"#k": "kind"}) for number in range(70, 80)]
                + [_get(number, ProjectionExpression="n") for number in range(5)], {}),
    "twice": ([_get(1), _get(2), _get(1)], {}),
    "no table": ([_get(1), _get(2, "none"), _get(3)], {}),
    "a key that does not fit": ([_get(1), {"Get": {"TableName": "one", "Key": {"id": {"S": "x"}}}}, _get(2)], {}),
    "too many": ([_get(number) for number in range(101)], {}),
}  # fmt: skip


@pytest.mark.parametrize("what", _READS)
def test_reads_are_answered_as_on_one_machine(three: Any, what: str) -> None:
    actions, more = _READS[what]
    told = [_told(lambda each=each: each.transact_get_items(TransactItems=actions, **more)) for each in three]
    assert told[0] == told[1] == told[2]


_STATEMENTS: dict[str, list[str]] = {
    "writes": [f"UPDATE one SET n = {number + 500} WHERE id = 'i{number}' AND s = 'a'" for number in range(10)]
    + ["INSERT INTO two VALUE {'id': 'new', 's': 'a', 'n': 1}", "DELETE FROM one WHERE id = 'i11' AND s = 'a'",
       "EXISTS(SELECT * FROM two WHERE id = 'i5' AND s = 'a' AND n = 5)"],
    "conditions": [f"INSERT INTO one VALUE {{'id': 'i{number}', 's': 'a'}}" for number in (1, 90, 2, 91, 92)]
    + ["EXISTS(SELECT * FROM one WHERE id = 'i5' AND s = 'a' AND n = 77)"],
    "reads": [f"SELECT * FROM one WHERE id = 'i{number}' AND s = 'a'" for number in range(12)],
    "both": ["SELECT * FROM one WHERE id = 'i1' AND s = 'a'", "DELETE FROM one WHERE id = 'i2' AND s = 'a'"],
    "no key": [f"UPDATE one SET n = 1 WHERE id = 'i{number}' AND s = 'a'" for number in range(6)] + ["UPDATE one SET n = 1 WHERE n = 2"],
    "no statement": [f"UPDATE one SET n = 1 WHERE id = 'i{number}' AND s = 'a'" for number in range(6)] + ["UPDATE"],
    "no table": [f"UPDATE one SET n = 1 WHERE id = 'i{number}' AND s = 'a'" for number in range(6)]
    + ["DELETE FROM none WHERE id = 'a' AND s = 'b'"],
}  # fmt: skip


@pytest.mark.parametrize("what", _STATEMENTS)
def test_statements_are_answered_as_on_one_machine(three: Any, what: str) -> None:
    asked = [{"Statement": text} for text in _STATEMENTS[what]]
    a, _, alone = three
    told = [_told(lambda each=each: each.execute_transaction(TransactStatements=asked, ReturnConsumedCapacity="TOTAL")) for each in (a, alone)]
    assert told[0] == told[1]
    _same(three)


def test_tokens_are_answered_as_on_one_machine(three: Any) -> None:
    a, b, alone = three
    done: list[list[Any]] = [[], []]
    for at, asked in enumerate(((a, b), (alone, alone))):
        for turn, client in enumerate((*asked, *asked)):
            actions = [_add(number) for number in range(9)]
            if turn == 3:
                actions[8] = _add(8, 2)
            done[at].append(_told(lambda client=client, actions=actions: client.transact_write_items(
                TransactItems=actions, ClientRequestToken="t-1", ReturnConsumedCapacity="TOTAL")))  # fmt: skip
    assert done[0] == done[1]
    assert "IdempotentParameterMismatch" in str(done[0][3])
    _same(three)


# -- what is under way -------------------------------------------------------------------------------------


def _spread(cloud: Any) -> tuple[int, int]:
    """Numbers of an item of the first range, and of one of the last."""
    tables = _ranges(cloud).root.replica.tables
    hashes = {number: place(tables, "one", _key(number))[0] for number in range(COUNT)}
    low = next(number for number, each in hashes.items() if each < 1 << 62)
    return low, next(number for number, each in hashes.items() if each >= MIDDLE + (1 << 62))


class _Left:
    """A transaction of which nobody knows how far it came: this test is its coordinator, and goes."""

    def __init__(self, cloud: Any, low: int, high: int, reads: bool = False):
        self.router, self.txn = cloud.dynamodb.router, f"left-{next(_NUMBERS)}"
        tables = _ranges(cloud).root.replica.tables
        self.low, self.high = (place(tables, "one", _key(number))[0] for number in (low, high))
        self.head = {"txn": self.txn, "at": self.low, "until": _ranges(cloud).root.now_ms() + 600_000, "token": None,
                     "operation": "TransactGetItems" if reads else "TransactWriteItems",
                     "digest": (5, 6), "reads": reads, "bytes": 0}  # fmt: skip
        actions = [_get(number) if reads else _add(number, 1000) for number in (low, high)]
        self.bodies = [json.dumps({"TransactItems": [action]}).encode() for action in actions]

    def step(self, operation: str, hash_: int, told: dict[str, Any], body: bytes = b"") -> bytes:
        """What the range says; nothing while another transaction has it locked."""
        try:
            status, data = self.router.ask(WRITE, self.router.ranges.owner(hash_), operation, packed(told, body), hash_)
        except Busy:
            return b""
        assert status == 200, data
        return bytes(data)

    def prepare(self) -> bool:
        return b'"yes"' in self.step(PREPARE, self.high, {**self.head, "keep": True}, self.bodies[1])

    def decide(self) -> bytes:
        return self.step(DECIDE, self.low, {**self.head, "others": [self.high]}, self.bodies[0])


_NUMBERS = itertools.count()


def _of(client: Any, number: int) -> int:
    return int(client.get_item(TableName="one", Key=_key(number), ConsistentRead=True)["Item"]["n"]["N"])


def _nothing(number: int) -> dict[str, Any]:
    """An UpdateItem that changes nothing."""
    told: dict[str, Any] = _add(number, 0)["Update"]
    return told


def _quiet(pair: Any) -> bool:
    found = [each.replica.transactions for cloud in pair for each in _ranges(cloud).order]
    return not any(each.prepared or each.locks or each.decided for each in found)


def test_what_was_prepared_is_given_up_when_nobody_decides(pair: Any, three: Any) -> None:
    low, high = _spread(pair[0])
    a, b, _ = three
    before = _of(a, low), _of(a, high)
    left = _Left(pair[0], low, high)
    assert left.prepare()
    assert (_of(a, low), _of(b, high)) == before  # reads go on
    until("who wants to write may", lambda: "Error" not in _told(lambda: b.update_item(**_nothing(high))))
    assert b'"late"' in left.decide()
    until("nothing is locked", lambda: _quiet(pair))
    assert (_of(a, low), _of(b, high)) == before


def test_what_was_decided_comes_in_all_ranges(pair: Any, three: Any) -> None:
    low, high = _spread(pair[0])
    a, b, _ = three
    before = _of(a, low), _of(a, high)
    after = [before[0] + 1000, before[1] + 1000]
    found: list[_Left] = []

    def decided() -> bool:
        left = _Left(pair[0], low, high)
        if not left.prepare() or b'"yes"' not in left.decide():
            return False  # it was given up in between
        found.append(left)
        return True

    def read(*numbers: int) -> list[int] | None:
        told = _told(lambda: b.transact_get_items(TransactItems=[_get(number) for number in numbers]))
        return None if "Error" in told else [int(each["Item"]["n"]["N"]) for each in told["Responses"]]

    until("it is decided", decided)
    assert until("both parts are seen", lambda: read(low, high)) == after  # never one
    assert read(high) == after[1:]
    until("nothing is locked", lambda: _quiet(pair))
    (left,) = found
    assert b'"held": false' in left.step(FINISH, left.high, {"txn": left.txn, "hash": left.high, "commit": True})
    left.step(FORGET, left.low, {"txn": left.txn})
    a.transact_write_items(TransactItems=[_add(number, -1000) for number in (low, high)])
    assert (_of(a, low), _of(b, high)) == before


def test_nodes_whose_clocks_disagree(pair: Any, three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The node that is asked has it an hour earlier than the leaders."""

    class Behind(Clock):
        def now(self) -> float:
            return super().now() - 3600

    for range_ in _ranges(pair[1]).order:
        monkeypatch.setattr(range_, "_clock", Behind())
    low, high = _spread(pair[0])
    before = _of(three[0], low)
    three[1].transact_write_items(TransactItems=[_add(low), _add(high)])
    assert _of(three[0], low) == before + 1
    three[0].transact_write_items(TransactItems=[_add(low, -1), _add(high, -1)])


def test_who_waits_too_long_is_told_of_the_conflict(pair: Any, three: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Locks that are shared are taken again and again."""
    low, high = _spread(pair[0])
    a = three[0]
    stop = threading.Event()
    monkeypatch.setattr("cloudcore.cluster.tables.router._CONFLICT_S", 0.2)
    item = a.get_item(TableName="one", Key=_key(high))["Item"]
    put = [{"PutRequest": {"Item": item}}]
    text = {"Statement": f"UPDATE one SET n = n WHERE id = 'i{high}' AND s = 'a'"}
    absent = _holds(high + COUNT, "attribute_not_exists(id)")

    def hold() -> None:
        while not stop.wait(0.02):
            _Left(pair[1], low, high, reads=True).prepare()

    def told(call: Callable[[], Any]) -> Any:
        return until("the conflict is told", lambda: (answer := _told(call)) and "Conflict" in str(answer) and answer)

    holder = threading.Thread(target=hold)
    holder.start()
    try:
        single = told(lambda: a.update_item(**_nothing(high)))
        together = told(lambda: a.transact_write_items(TransactItems=[_add(low, 0), _add(high, 0)]))
        alone = told(lambda: a.transact_write_items(TransactItems=[_add(high, 0), absent]))
        statement = told(lambda: a.batch_execute_statement(Statements=[text]))
        until("a batch is left", lambda: a.batch_write_item(RequestItems={"one": put})["UnprocessedItems"] == {"one": put})
    finally:
        stop.set()
        holder.join()
    assert (single["Error"]["Code"], single["Error"]["Message"]) == ("TransactionConflictException", "Transaction is ongoing for the item")
    assert [each["Code"] for each in together["CancellationReasons"]] == ["None", "TransactionConflict"]
    assert together["Error"]["Message"].endswith("[None, TransactionConflict]")
    assert [each["Code"] for each in alone["CancellationReasons"]] == ["TransactionConflict", "None"]
    assert statement["Responses"][0]["Error"]["Code"] == "TransactionConflict"
    until("nothing is locked", lambda: _quiet(pair))
    _same(three)


def test_transfers_while_ranges_split_and_move(pair: Any, three: Any) -> None:
    """What is in all accounts stays the same, to whoever reads them together; each acknowledged transfer is there once."""
    a, b, _ = three
    for account in range(ACCOUNTS):
        a.put_item(TableName="two", Item={**_account(account), "n": {"N": "100"}})
    stop = threading.Event()
    errors: list[str] = []
    looks: list[int] = []
    paid = [0, 0]

    def transfer(at: int) -> list[int]:
        done = [0] * ACCOUNTS
        for turn in range(1_000_000):
            if stop.is_set():
                break
            client = (a, b)[(at + turn) % 2]
            source, target, by = (at + turn) % ACCOUNTS, (at * 5 + turn * 7 + 1) % ACCOUNTS, turn % 9
            if source == target:
                continue
            told = _told(lambda client=client, source=source, target=target, by=by: client.transact_write_items(
                TransactItems=[_pay(source, -by), _pay(target, by)]))  # fmt: skip
            if not told:
                done[source] -= by
                done[target] += by
                paid[at] += by > 0
            elif "TransactionConflict" not in str(told):
                errors.append(str(told))
        return done

    def look() -> None:
        while not stop.is_set():
            client = (a, b)[len(looks) % 2]
            told = _told(lambda client=client: client.transact_get_items(
                TransactItems=[{"Get": {"TableName": "two", "Key": _account(each)}} for each in range(ACCOUNTS)]))  # fmt: skip
            if "Responses" in told:
                total = sum(int(each["Item"]["n"]["N"]) for each in told["Responses"])
                looks.append(total)
            elif "TransactionConflict" not in str(told):
                errors.append(str(told))

    with ThreadPoolExecutor(4) as pool:
        moved = [pool.submit(transfer, at) for at in range(2)]
        looked = pool.submit(look)
        try:
            for range_, at in (("all", 1 << 61), (f"{MIDDLE:016x}", MIDDLE + (1 << 61))):
                made = _split(pair, range_, at)
                heir = next(cloud for cloud in pair if not _ranges(cloud).all[made].leading)
                told = json.dumps({"to": heir.node.name}).encode()
                assert pair[0].dynamodb.manage(f"#move/{made}", told)[0] == 200
                until("it moved", lambda heir=heir, made=made: _ranges(heir).all[made].leading)
            before = [len(looks) + 5, *paid]  # looks and both who pay
            until("it went on behind that", lambda: all(now > one for now, one in zip((len(looks), *paid), before, strict=True)))
        finally:
            stop.set()
        looked.result(60)
        totals = [sum(each) for each in zip(*(each.result(60) for each in moved), strict=True)]
    assert not errors and set(looks) == {TOTAL}
    found = [int(a.get_item(TableName="two", Key=_account(each), ConsistentRead=True)["Item"]["n"]["N"]) for each in range(ACCOUNTS)]
    assert found == [100 + total for total in totals]
    until("nothing is locked", lambda: _quiet(pair))


def _account(number: int) -> dict[str, Any]:
    return {"id": {"S": f"account{number}"}, "s": {"S": "a"}}


def _pay(number: int, by: int) -> dict[str, Any]:
    return {"Update": {"TableName": "two", "Key": _account(number), "UpdateExpression": "ADD n :by",
                       "ExpressionAttributeValues": {":by": {"N": str(by)}}}}  # fmt: skip


