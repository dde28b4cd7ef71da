"""Load on the tables of a cluster, and what must hold afterwards: for the tests that end, stop and cut off what runs it.

Workers read strongly, put, compare and set registers, count, insert, and move in transactions over two tables and from account
to account, one thing after the other at all nodes, and write down what they did.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from collections import defaultdict
from typing import Any

from cluster_support import Nodes, Servers, until
from linearizable import ANY, KEEPS, NEVER, Done, explained

SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
NAMES = ("n0", "n1", "n2")
REGISTERS = 6
ACCOUNTS = 8
TABLES = ("left", "right")
ATTRIBUTES = [{"AttributeName": "id", "AttributeType": "S"}]
SCHEMA = [{"AttributeName": "id", "KeyType": "HASH"}]


def key(name: str) -> dict[str, Any]:
    return {"id": {"S": name}}


class Worker(threading.Thread):
    """Does one thing after the other, each at the next node, and writes down what it did."""

    values = itertools.count(1)

    def __init__(self, nodes: Nodes, at: int):
        super().__init__(daemon=True)
        self.nodes, self.at = nodes, at
        self.dice = random.Random(f"{SEED}/{at}")
        self.history: dict[str, list[Done]] = defaultdict(list)
        self.inserted: list[str] = []
        self.paid: list[str] = []
        self.audits = 0
        self.added = self.perhaps = self.moved = self.perhaps_moved = self.done = 0
        self.wrong: list[str] = []
        self.stop = False
        self.clients: dict[str, tuple[str, Any]] = {}

    def client(self, turn: int) -> Any:
        name = NAMES[turn % len(NAMES)]
        url = self.nodes.urls[name]
        if self.clients.get(name, ("", None))[0] != url:
            self.clients[name] = url, self.nodes.client(name, "dynamodb", read_timeout=12)
        return self.clients[name][1]

    def run(self) -> None:
        known: dict[str, int | None] = {}
        for turn in itertools.count(self.at):
            if self.stop:
                return
            client, register = self.client(turn), f"r{self.dice.randrange(REGISTERS)}"
            what = self.dice.randrange(10)
            if what < 3:
                self.read(client, register, known)
            elif what < 5:
                self.replace(client, register, known)
            elif what < 6:
                self.put(client, register)
            elif what < 7:
                self.count(client)
            elif what < 8:
                self.insert(client, turn)
            elif what < 9:
                self.dice.choice((self.move, self.pay))(client, turn)
            else:
                self.dice.choice((self.compare, self.audit))(client, turn)
            self.done += 1

    def read(self, client: Any, register: str, known: dict[str, int | None]) -> None:
        begin = time.monotonic()
        try:
            found = client.get_item(TableName="left", Key=key(register), ConsistentRead=True)
        except Exception:
            return
        value = _value(found.get("Item"))
        known[register] = value
        self.history[register].append(Done(begin, time.monotonic(), value, KEEPS))

    def put(self, client: Any, register: str) -> None:
        value, begin = next(self.values), time.monotonic()
        try:
            client.put_item(TableName="left", Item={**key(register), "v": {"N": str(value)}})
            end = time.monotonic()
        except Exception:
            end = NEVER
        self.history[register].append(Done(begin, end, ANY, value))

    def replace(self, client: Any, register: str, known: dict[str, int | None]) -> None:
        """Compare and set; who is refused is shown what is there."""
        value, old, begin = next(self.values), known.get(register), time.monotonic()
        held = "attribute_not_exists(v)" if old is None else "v = :old"
        values = {":new": {"N": str(value)}} | ({} if old is None else {":old": {"N": str(old)}})
        try:
            client.update_item(
                TableName="left", Key=key(register), UpdateExpression="SET v = :new", ConditionExpression=held,
                ExpressionAttributeValues=values, ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )  # fmt: skip
            known[register] = value
            done = Done(begin, time.monotonic(), old, value)
        except client.exceptions.ConditionalCheckFailedException as refused:
            known[register] = seen = _value(refused.response.get("Item"))
            done = Done(begin, time.monotonic(), seen, KEEPS)
            if seen == old:
                self.wrong.append(f"{register} was {old}, and was refused to be replaced by who knew it")
        except Exception:
            done = Done(begin, NEVER, old, value)
        self.history[register].append(done)

    def count(self, client: Any) -> None:
        try:
            client.update_item(TableName="left", Key=key("counter"), UpdateExpression="ADD n :one",
                               ExpressionAttributeValues={":one": {"N": "1"}})  # fmt: skip
            self.added += 1
        except Exception:
            self.perhaps += 1

    def insert(self, client: Any, turn: int) -> None:
        name = f"i{self.at}-{turn}"
        try:
            client.put_item(TableName="right", Item={**key(name), "pad": {"S": "x" * (turn % 500)}},
                            ConditionExpression="attribute_not_exists(id)")  # fmt: skip
            self.inserted.append(name)
        except client.exceptions.ConditionalCheckFailedException:
            self.wrong.append(f"{name} was there before it was put: it was put twice")
        except Exception:
            return

    def move(self, client: Any, turn: int) -> None:
        """One more in two tables, or in none."""
        add = {"UpdateExpression": "ADD n :one", "ExpressionAttributeValues": {":one": {"N": "1"}}}
        actions = [{"Update": {"TableName": table, "Key": key("pair"), **add}} for table in TABLES]
        try:
            client.transact_write_items(TransactItems=actions)
            self.moved += 1
        except Exception:
            self.perhaps_moved += 1

    def compare(self, client: Any, turn: int) -> None:
        both = [{"Get": {"TableName": table, "Key": key("pair")}} for table in TABLES]
        try:
            found = client.transact_get_items(TransactItems=both)["Responses"]
        except Exception:
            return
        one, other = (response.get("Item", {}).get("n") for response in found)
        if one != other:
            self.wrong.append(f"a transaction was seen in part: {one}, {other}")


    def pay(self, client: Any, turn: int) -> None:
        """From one account to another, with a receipt."""
        name, by = f"p{self.at}-{turn}", self.dice.randrange(1, 9)
        source, target = self.dice.sample(range(ACCOUNTS), 2)
        told = {"source": {"N": str(source)}, "target": {"N": str(target)}, "by": {"N": str(by)}}
        actions: list[dict[str, Any]] = [
            {"Update": {"TableName": "left", "Key": key(f"account{account}"), "UpdateExpression": "ADD n :by",
                        "ExpressionAttributeValues": {":by": {"N": str(amount)}}}}
            for account, amount in ((source, -by), (target, by))
        ]  # fmt: skip
        actions.append({"Put": {"TableName": "left", "Item": {**key(name), **told}, "ConditionExpression": "attribute_not_exists(id)"}})
        try:
            client.transact_write_items(TransactItems=actions)
            self.paid.append(name)
        except client.exceptions.TransactionCanceledException as refused:
            if any(reason["Code"] not in ("None", "TransactionConflict") for reason in refused.response["CancellationReasons"]):
                self.wrong.append(f"{name} was refused: {refused}")
        except Exception:
            return

    def audit(self, client: Any, turn: int) -> None:
        """No payment is seen in part."""
        gets = [{"Get": {"TableName": "left", "Key": key(f"account{account}")}} for account in range(ACCOUNTS)]
        try:
            found = client.transact_get_items(TransactItems=gets)["Responses"]
        except Exception:
            return
        total = sum(int(each["Item"]["n"]["N"]) for each in found if "Item" in each)
        if total:
            self.wrong.append(f"{total} in all accounts")
        self.audits += 1


def _value(item: dict[str, Any] | None) -> int | None:
    return int(item["v"]["N"]) if item else None


def begun(nodes: Nodes) -> list[Worker]:
    """Three nodes served, two tables made, workers at work."""
    for name in NAMES:
        nodes.start(name)
    for name in NAMES:
        nodes.wait(name)
    for table in TABLES:
        nodes.client("n0", "dynamodb").create_table(
            TableName=table, AttributeDefinitions=ATTRIBUTES, KeySchema=SCHEMA, BillingMode="PAY_PER_REQUEST"
        )
    workers = [Worker(nodes, at) for at in range(4)]
    for worker in workers:
        worker.start()
    until("all workers have done something", lambda: all(worker.done > 20 for worker in workers))
    return workers


def ended(workers: list[Worker]) -> None:
    """Enough was done to say anything, and all have stopped."""
    until("enough was done to say anything", lambda: enough(workers), 300)
    for worker in workers:
        worker.stop = True
    for worker in workers:
        worker.join(60)
        assert not worker.is_alive()


def enough(workers: list[Worker]) -> bool:
    read = sum(len(history) for worker in workers for history in list(worker.history.values()))
    done = [sum(each) for each in zip(*((len(w.inserted), len(w.paid), w.audits) for w in workers), strict=True)]
    return read > 300 and min(done) > 10 and done[0] > 60


def leader(servers: Servers) -> str:
    """Who leads the tables, as the log has it."""
    return str(log(servers)[0]["node"])


def log(servers: Servers) -> tuple[dict[str, Any], int, int]:
    """The last lease, how many messages the log holds, and its last sequence."""
    found: tuple[dict[str, Any], int, int] = until("the log of tables answers", lambda: _log(servers))
    return found


def _log(servers: Servers) -> tuple[dict[str, Any], int, int] | None:
    from cloudcore.cluster.address import parse
    from cloudcore.cluster.layout import tables_log, tables_subject
    from cloudcore.cluster.link import Link

    place = ("000000000000", "us-east-1")
    link = Link(parse(servers.url).servers, "")
    try:
        found = link.run(link.newest(tables_log(*place), f"{tables_subject(*place)}.lease"), 30)
        state = link.run(link.until(lambda: link.js.stream_info(tables_log(*place)), 10), 30).state
        return None if found is None else (json.loads(found.data), state.messages, state.last_seq)
    finally:
        link.close()


def shortened(servers: Servers) -> None:
    """Checkpoints were made all the while: what is left of the log is behind the newest one. One that was begun is waited for:
    nothing comes behind it any more."""

    def short() -> bool:
        lease, messages, last = log(servers)
        behind = (lease["checkpoint"] or {}).get("sequence", 0)
        print(f"the log holds {messages} messages of {last}; the checkpoint is behind {behind}")
        return bool(behind > last / 4 and messages < last * 3 / 4)

    until("the log is short", short)


def works(nodes: Nodes, name: str) -> None:
    client = nodes.client(name, "dynamodb")

    def done() -> bool:
        try:
            client.put_item(TableName="right", Item=key("probe"))
            return "Item" in client.get_item(TableName="right", Key=key("probe"), ConsistentRead=True)
        except Exception:
            return False

    until(f"{name} reads and writes", done)


def check(nodes: Nodes, workers: list[Worker]) -> None:
    assert [wrong for worker in workers for wrong in worker.wrong] == [], f"seed {SEED}"
    clients = [nodes.client(name, "dynamodb", retries={"total_max_attempts": 10, "mode": "standard"}) for name in NAMES]

    def strong(table: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = clients[0].get_item(TableName=table, Key=key(name), ConsistentRead=True)["Item"]
        return found

    checked = 0
    for register in (f"r{number}" for number in range(REGISTERS)):
        history = [done for worker in workers for done in worker.history[register]]
        now = time.monotonic()
        last = clients[0].get_item(TableName="left", Key=key(register), ConsistentRead=True).get("Item")
        history.append(Done(now, time.monotonic(), _value(last), KEEPS))
        assert explained(history), f"{register} is not linearizable; seed {SEED}"
        checked += len(history)
    for table, name, done, perhaps in (
        ("left", "counter", "added", "perhaps"),
        ("left", "pair", "moved", "perhaps_moved"),
        ("right", "pair", "moved", "perhaps_moved"),
    ):
        sure = sum(getattr(worker, done) for worker in workers)
        found = int(strong(table, name)["n"]["N"])
        most = sure + sum(getattr(worker, perhaps) for worker in workers)
        print(f"{table}.{name}: {sure} acknowledged, {found} found, {most} asked for")
        assert sure <= found <= most, f"seed {SEED}"
    _check_payments(clients, workers)
    contents = [_scanned(clients[0], table, True) for table in TABLES]
    inserted = {name for worker in workers for name in worker.inserted}
    assert inserted <= contents[1].keys(), f"lost {sorted(inserted - contents[1].keys())}; seed {SEED}"
    for name, client in zip(NAMES, clients, strict=True):
        until(f"the replica of {name} is the same",
              lambda client=client: all(_scanned(client, table, False) == _scanned(clients[0], table, True) for table in TABLES))  # fmt: skip
    print(f"{checked} operations of registers explained, {len(inserted)} inserts found, 3 replicas alike")
    assert checked > 200 and len(inserted) > 50


def _check_payments(clients: list[Any], workers: list[Worker]) -> None:
    """Whoever was told so has paid, once and in whole; nothing is locked any more."""
    paid = {name for worker in workers for name in worker.paid}
    receipts: dict[str, Any] = {}

    def settled() -> bool:
        """What nobody waited for any more may still be on its way, and nothing stays half done."""
        left = _scanned(clients[0], "left", True)
        receipts.update({name: item for name, item in left.items() if "by" in item})
        balance = [0] * ACCOUNTS
        for item in receipts.values():
            balance[int(item["source"]["N"])] -= int(item["by"]["N"])
            balance[int(item["target"]["N"])] += int(item["by"]["N"])
        return [int(left.get(f"account{each}", {"n": {"N": "0"}})["n"]["N"]) for each in range(ACCOUNTS)] == balance

    until(f"all accounts are what their receipts say (seed {SEED})", settled)
    assert paid <= receipts.keys(), f"lost {sorted(paid - receipts.keys())}; seed {SEED}"
    for account in range(ACCOUNTS):
        clients[account % len(clients)].update_item(
            TableName="left", Key=key(f"account{account}"), UpdateExpression="ADD n :none",
            ExpressionAttributeValues={":none": {"N": "0"}})  # fmt: skip
    print(f"{len(paid)} payments acknowledged, {len(receipts)} done, {sum(worker.audits for worker in workers)} times seen whole")


def _scanned(client: Any, table: str, consistent: bool) -> dict[str, Any]:
    pages = client.get_paginator("scan").paginate(TableName=table, ConsistentRead=consistent)
    return {item["id"]["S"]: item for page in pages for item in page["Items"]}
