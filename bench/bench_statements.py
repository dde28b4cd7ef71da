"""PartiQL statements beside the plain verbs that do the same, as JSON bodies through the whole of an operation.

ITEMS items of 400 bytes in memory, one thread; verb and statement in turn, round by round, CALLS calls each,
values varied. Answers are compared before the clock. "never seen" are texts with their literals inside, each
one new: they compile every time.
"""

from __future__ import annotations

import json
import random
import statistics
import time

import pytest

from cloudcore.dynamodb import DynamoDB

ITEMS, CALLS, ROUNDS, KEYS = 30_000, 300, 60, 300
BOTH = "SELECT * FROM things WHERE p = ? AND s = ?"


def key(i):
    return {"p": {"S": f"p{i % KEYS}"}, "s": {"N": str(i)}}


def get(i):
    return (
        ("GetItem", {"TableName": "things", "Key": key(i)}),
        {"Statement": BOTH, "Parameters": list(key(i).values())},
    )


def get_never_seen(i):
    verb, _ = get(i)
    return verb, {"Statement": f"SELECT * FROM things WHERE p = 'p{i % KEYS}' AND s = {i} -- {random.random()}"}


def query(i):
    values = {":p": {"S": f"p{i % KEYS}"}}
    return (
        ("Query", {"TableName": "things", "KeyConditionExpression": "p = :p", "ExpressionAttributeValues": values}),
        {"Statement": "SELECT * FROM things WHERE p = ?", "Parameters": list(values.values())},
    )


def update(i):
    more = {
        "UpdateExpression": "SET n = n + :one",
        "ConditionExpression": "attribute_exists(p)",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }
    return (
        ("UpdateItem", {"TableName": "things", "Key": key(i)} | more),
        {"Statement": "UPDATE things SET n = n + ? WHERE p = ? AND s = ?",
         "Parameters": [{"N": "1"}, *key(i).values()]},
    )  # fmt: skip


def insert(i):
    fresh = random.randrange(10**15)
    first, second = ({"p": {"S": f"{name}{fresh}"}, "s": {"N": str(i)}, "x": {"S": "x" * 300}} for name in "ab")
    return (
        ("PutItem", {"TableName": "things", "Item": first, "ConditionExpression": "attribute_not_exists(p)"}),
        {"Statement": "INSERT INTO things VALUE {'p': ?, 's': ?, 'x': ?}", "Parameters": list(second.values())},
    )


@pytest.fixture(scope="module")
def db():
    with DynamoDB() as service:
        service.call("CreateTable", {
            "TableName": "things", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"},
                                     {"AttributeName": "s", "AttributeType": "N"}],
        })  # fmt: skip
        for i in range(ITEMS):
            service.tables.put_item("things", key(i) | {"n": {"N": "0"}, "x": {"S": "x" * 340}})
        yield service


@pytest.mark.parametrize("case", [get, get_never_seen, query, update, insert], ids=lambda case: case.__name__)
def test_statement_beside_verb(benchmark, db, case):
    rng = random.Random(1)
    call, spent = db.tables.call_json, {"verb": [], "statement": []}
    (operation, params), statement = case(1)
    if case in (get, get_never_seen, query):
        one, other = db.call(operation, params), db.call("ExecuteStatement", statement)
        assert other["Items"] == (one["Items"] if "Items" in one else [one["Item"]])

    def run():
        for _ in range(ROUNDS):
            made = [case(rng.randrange(ITEMS)) for _ in range(CALLS)]
            verbs = [json.dumps(params).encode() for (_, params), _ in made]
            statements = [json.dumps(params).encode() for _, params in made]
            for name, run_as, bodies in (
                ("verb", operation, verbs),
                ("statement", "ExecuteStatement", statements),
            ):
                begin = time.perf_counter_ns()
                answers = [call(run_as, body)[0] for body in bodies]
                spent[name].append((time.perf_counter_ns() - begin) / CALLS)
                assert set(answers) == {200}

    benchmark.pedantic(run, rounds=1)
    verb, said = statistics.median(spent["verb"]), statistics.median(spent["statement"])
    benchmark.extra_info.update(verb_ns=round(verb), statement_ns=round(said), ratio=round(said / verb, 2))
    print(f" {case.__name__}: {operation} {verb:,.0f} ns, statement {said:,.0f} ns: {said / verb:.2f}x")
