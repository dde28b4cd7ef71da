"""Random PartiQL statements against the same thing said with expressions on a table beside it."""

import random
import re

import pytest

from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

PATHS = ("n", "t", "m", "m.k", "m.l[0]", "m.l[1].d", "words", "ns", "b", "absent", "p", "s")

OF_KEYS = (
    "Overlapping conditions",
    "Key attribute's data type",
    "Multiple conditions on same key",
    "The provided key element does not match the schema",
)
"""What only a statement is refused for: what it says of the key beside the key."""


class Said:
    """One thing in both languages, made side by side."""

    def __init__(self, rng):
        self.rng = rng
        self.parameters, self.names, self.values = [], {}, {}

    def path(self, text):
        """(PartiQL, expression)"""
        parts = re.findall(r"[a-z]+|\[\d+\]", text)
        quoted = "".join(
            p if p[0] == "[" else ("." if i else "") + self.rng.choice([p, f'"{p}"']) for i, p in enumerate(parts)
        )
        aliased = ""
        for i, part in enumerate(parts):
            if part[0] != "[":
                self.names[f"#{part}"] = part
            aliased += part if part[0] == "[" else ("." if i else "") + f"#{part}"
        return quoted, aliased

    def value(self, value):
        name = f":v{len(self.values)}"
        self.values[name] = value
        kind = next(iter(value))
        if kind in ("B", "BS") or self.rng.random() < 0.4:
            self.parameters.append(value)
            return "?", name
        return literal(value), name

    def operand(self):
        if self.rng.random() < 0.15:
            return self.path(self.rng.choice(PATHS))
        return self.value(random_value(self.rng))

    def condition(self, depth=0):
        rng = self.rng
        kind = rng.randrange(12 if depth < 3 else 9)
        if kind >= 9:
            parts = [self.condition(depth + 1) for _ in range(rng.randrange(2, 4))]
            word = rng.choice([" AND ", " OR "])
            return tuple("(" + word.join(part[i] for part in parts) + ")" for i in (0, 1))
        left = self.path(rng.choice(PATHS))
        if kind < 3:
            return self.compare(left)
        if kind == 3:
            low, high = self.operand(), self.operand()
            return tuple(f"{left[i]} BETWEEN {low[i]} AND {high[i]}" for i in (0, 1))
        if kind == 4:
            values = [self.operand() for _ in range(rng.randrange(1, 4))]
            open_, close = rng.choice(["()", "[]"])
            listed = [", ".join(value[i] for value in values) for i in (0, 1)]
            return f"{left[0]} IN {open_}{listed[0]}{close}", f"{left[1]} IN ({listed[1]})"
        if kind == 5:
            word = rng.choice(["begins_with", "contains"])
            right = self.operand()
            return tuple(f"{word}({left[i]}, {right[i]})" for i in (0, 1))
        if kind == 6:
            return self.state(left)
        if kind == 7:
            return tuple(f"NOT {inner(part)}" for part in self.condition(depth + 1))
        self.values[":size"] = {"N": "2"}
        return f"size({left[0]}) >= 2", f"size({left[1]}) >= :size"

    def range(self):
        """Some keys of one or two partitions."""
        p, s = self.path("p"), self.path("s")
        if self.rng.random() < 0.7:
            a = self.value({"S": self.rng.choice("abc")})
            partition = tuple(f"{p[i]} = {a[i]}" for i in (0, 1))
        else:
            pair = [self.value({"S": name}) for name in self.rng.sample("abc", 2)]
            partition = tuple(f"{p[i]} IN ({pair[0][i]}, {pair[1][i]})" for i in (0, 1))
        sign = self.rng.choice(["=", "<>", "<", "<=", ">", ">=", None])
        if sign is None:
            return partition
        b = self.value({"N": str(self.rng.randrange(5))})
        return tuple(f"{partition[i]} AND {s[i]} {sign} {b[i]}" for i in (0, 1))

    def compare(self, left):
        sign = self.rng.choice(["=", "<>", "<", "<=", ">", ">="])
        right = self.operand()
        if self.rng.random() < 0.2:
            left, right = right, left
        return tuple(f"{left[i]} {sign} {right[i]}" for i in (0, 1))

    def state(self, left):
        kind = self.rng.choice(["MISSING", "NULL", "STRING", "NUMERIC", "exists"])
        if kind == "exists":
            return f"attribute_exists({left[0]})", f"attribute_exists({left[1]})"
        no = self.rng.random() < 0.5
        text = f"{left[0]} IS {'NOT ' if no else ''}{kind}"
        if kind == "MISSING":
            return text, f"attribute_{'' if no else 'not_'}exists({left[1]})"
        short = {"NULL": "NULL", "STRING": "S", "NUMERIC": "N"}[kind]
        self.values[f":{kind}"] = {"S": short}
        return text, f"{'NOT ' if no else ''}attribute_type({left[1]}, :{kind})"

    def change(self):
        rng = self.rng
        target = self.path(rng.choice(("n", "t", "m.k", "m.l[0]", "m.l[5]", "fresh", "b")))
        kind = rng.randrange(5)
        if kind == 0:
            return "REMOVE", target, None
        if kind == 1:
            sign, left = rng.choice("+-"), self.path(rng.choice(("n", "m.k", "t", "absent")))
            right = self.value({"N": str(rng.randrange(-5, 50))} if rng.random() < 0.9 else {"S": "x"})
            return "SET", target, tuple(f"{left[i]} {sign} {right[i]}" for i in (0, 1))
        if kind == 2:
            left = self.path(rng.choice(("m.l", "absent", "n")))
            right = self.value({"L": [{"N": "7"}]})
            both = [left, right] if rng.random() < 0.5 else [right, left]
            return "SET", target, tuple(f"list_append({both[0][i]}, {both[1][i]})" for i in (0, 1))
        if kind == 3:
            return "SET", target, self.path(rng.choice(PATHS))
        return "SET", target, self.value(random_value(rng))


def bare(text):
    """Without the parentheses of the outermost AND or OR, which conditions never begin with otherwise."""
    return text[1:-1] if text.startswith("(") else text


def inner(text):
    """In parentheses, once: expressions refuse a second pair."""
    return text if text.startswith("(") else f"({text})"


def random_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 2 else 6)
    if kind < 2:
        return {"N": rng.choice(["0", "1", "2", "-3", "1.5", "100", "1E+20"])}
    if kind < 4:
        return {"S": rng.choice(["", "a", "ab", "it's", "é", "x" * 50])}
    if kind == 4:
        return rng.choice([{"BOOL": True}, {"BOOL": False}, {"NULL": True}])
    if kind == 5:
        choices = [{"SS": ["a", "b"]}, {"NS": ["1", "2"]}] + [{"B": b"ab"}, {"BS": [b"a"]}] * (depth == 0)
        return rng.choice(choices)
    if kind == 6:
        return {"L": [random_value(rng, depth + 1) for _ in range(rng.randrange(3))]}
    return {"M": {name: random_value(rng, depth + 1) for name in rng.sample("kld", rng.randrange(3))}}


def literal(value):
    ((kind, content),) = value.items()
    if kind == "S":
        return "'" + content.replace("'", "''") + "'"
    if kind == "N":
        return content
    if kind == "NULL":
        return "null"
    if kind == "BOOL":
        return str(content).lower()
    if kind == "L":
        return "[" + ", ".join(map(literal, content)) + "]"
    if kind == "M":
        return "{" + ", ".join(f"'{name}': {literal(one)}" for name, one in content.items()) + "}"
    return "<<" + ", ".join(literal({kind[0]: one}) for one in content) + ">>"


def answer(call, operation, params):
    used = set(re.findall(r"[#:]\w+", " ".join(v for k, v in params.items() if k.endswith("Expression"))))
    for member in ("ExpressionAttributeNames", "ExpressionAttributeValues"):
        if member in params:
            params = params | {member: {name: v for name, v in params[member].items() if name in used}}
    try:
        return call(operation, {name: value for name, value in params.items() if value not in ({}, [], None)})
    except ApiError as error:
        if error.code == "ValidationException":
            return re.sub(r"^(1 validation error detected: )?(Invalid \w+Expression: )?", "", error.message)
        return error.code


def key_of(rng):
    return {"p": {"S": rng.choice("abc")}, "s": {"N": str(rng.randrange(5))}}


def write(rng, db):
    """One write on both tables; the answers must agree."""
    said, key = Said(rng), key_of(rng)
    kind = rng.randrange(4)
    if kind == 0:
        item = key | {name: random_value(rng) for name in ("n", "t", "b") if rng.random() < 0.7}
        item["m"] = {"M": {"k": {"N": "1"}, "l": {"L": [{"N": "5"}, {"M": {"d": {"S": "x"}}}]}}}
        item = {name: item[name] for name in rng.sample(sorted(item), len(item))}
        members = ", ".join(f"'{name}': {said.value(value)[0]}" for name, value in item.items())
        ours = {"Statement": f"INSERT INTO said VALUE {{{members}}}", "Parameters": said.parameters}
        theirs = {"TableName": "done", "Item": item, "ConditionExpression": "attribute_not_exists(p)"}
        mine, other = answer(db.call, "ExecuteStatement", ours), answer(db.call, "PutItem", theirs)
        assert (mine, other) in (
            ({"Items": []}, {}),
            ("DuplicateItemException", "ConditionalCheckFailedException"),
        ), ours  # fmt: skip
        return
    changes = [said.change() for _ in range(rng.randrange(1, 4))] if kind > 1 else []
    condition = said.condition() if rng.random() < 0.5 else None
    if kind == 1:
        where = where_key(said, key, condition)
        ours = {"Statement": f"DELETE FROM said WHERE {where} RETURNING ALL OLD *", "Parameters": said.parameters}
        theirs = {"TableName": "done", "Key": key, "ReturnValues": "ALL_OLD"} | expressions(said, condition)
        if there(db, key) or condition is None:
            agree(db, ours, "DeleteItem", theirs)
        return
    own, update = "", []
    for verb, target, value in changes:
        own += f" {verb} {target[0]}" + (f" = {value[0]}" if value else "")
        update.append((verb, target[1] + (f" = {value[1]}" if value else "")))
    where = where_key(said, key, condition)
    ours = {"Statement": f"UPDATE said{own} WHERE {where} RETURNING ALL NEW *", "Parameters": said.parameters}
    text = " ".join(
        f"{verb} " + ", ".join(part for v, part in update if v == verb)
        for verb in ("SET", "REMOVE")
        if any(v == verb for v, _ in update)
    )
    said.names["#p"] = "p"
    exists = ("", "attribute_exists(#p)")
    whole = exists if condition is None else ("", f"{exists[1]} AND {inner(condition[1])}")
    theirs = {"TableName": "done", "Key": key, "UpdateExpression": text, "ReturnValues": "ALL_NEW"}
    agree(db, ours, "UpdateItem", theirs | expressions(said, whole))


def where_key(said, key, condition):
    """The key and the condition joined; the values of the key are the last ones said."""
    parts = [] if condition is None else [f"({condition[0]})"]
    for name in said.rng.sample(["p", "s"], 2):
        if said.rng.random() < 0.5:
            said.parameters.append(key[name])
            parts.append(f"{name} = ?")
        else:
            parts.append(f"{name} = {literal(key[name])}")
    return " AND ".join(parts)


def expressions(said, condition):
    if condition is None:
        return {"ExpressionAttributeNames": said.names, "ExpressionAttributeValues": said.values}
    return {
        "ConditionExpression": bare(condition[1]),
        "ExpressionAttributeNames": said.names,
        "ExpressionAttributeValues": said.values,
    }


def there(db, key):
    return "Item" in db.call("GetItem", {"TableName": "said", "Key": key})


def agree(db, ours, operation, theirs):
    mine = answer(db.call, "ExecuteStatement", ours)
    if isinstance(mine, str) and mine.startswith(OF_KEYS):
        return
    other = answer(db.call, operation, theirs)
    if isinstance(mine, dict) and isinstance(other, dict):
        assert mine["Items"] == ([other["Attributes"]] if "Attributes" in other else []), (ours, theirs)
    else:
        assert mine == other, (ours, theirs)


def read(rng, db):
    """A SELECT against a Scan with the same filter; a key in it must not change what is found."""
    said = Said(rng)
    keyed = said.range() if rng.random() < 0.5 else None
    condition = said.condition()
    if keyed is not None:
        condition = tuple(f"({keyed[i]} AND {inner(condition[i])})" for i in (0, 1))
    ours = {"Statement": f"SELECT * FROM said WHERE {condition[0]}", "Parameters": said.parameters}
    theirs = {"TableName": "done", "FilterExpression": bare(condition[1])} | expressions(said, None)
    mine = answer(db.call, "ExecuteStatement", ours)
    if isinstance(mine, str) and mine.startswith(OF_KEYS):
        return
    other = answer(db.call, "Scan", theirs)
    if isinstance(mine, dict) and isinstance(other, dict):
        assert ordered(mine["Items"]) == ordered(other["Items"]), (ours, theirs)
    else:
        assert mine == other, (ours, theirs)


def ordered(items):
    return sorted(items, key=lambda item: (item["p"]["S"], int(item["s"]["N"])))


@pytest.mark.parametrize("seed", range(6))
def test_statements_do_what_expressions_do(seed):
    rng = random.Random(seed)
    with DynamoDB() as db:
        for name in ("said", "done"):
            db.call("CreateTable", {
                "TableName": name, "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
                "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"},
                                         {"AttributeName": "s", "AttributeType": "N"}],
            })  # fmt: skip
        for _ in range(1500):
            (write if rng.random() < 0.5 else read)(rng, db)
        both = [ordered(db.call("Scan", {"TableName": name})["Items"]) for name in ("said", "done")]
        assert both[0] == both[1]
