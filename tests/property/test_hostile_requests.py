"""Random expressions, statements and searches over HTTP, and requests made to hurt: each gets its exact answer.

Run under ASan and UBSan by tools/test_doors_sanitized.sh.
"""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cloudcore
from cloudcore.errors import ApiError

VALUES = {
    ":n": {"N": "1.5"}, ":s": {"S": "a"}, ":b": {"B": "AAE="}, ":t": {"BOOL": True}, ":0": {"NULL": True},
    ":l": {"L": [{"N": "1"}, {"M": {"k": {"S": "x"}}}]}, ":m": {"M": {"k": {"L": []}}}, ":w": {"SS": ["a", "b"]},
    ":i": {"NS": ["1", "2"]}, ":e": {"S": ""},
}  # fmt: skip
NAMES = {"#n": "n", "#s": "s", "#m": "m", "#odd": "a.b[0]", "#r": "size", "#p": "p"}
ITEM = {
    "p": {"S": "a"}, "s": {"N": "1"}, "n": {"N": "7"}, "m": {"M": {"k": {"L": [{"N": "1"}, {"S": "é"}]}}},
    "l": {"L": [{"M": {"d": {"N": "2"}}}]}, "w": {"SS": ["a"]}, "t": {"BOOL": False}, "v": {"L": [{"N": "1"}, {"N": "2"}]},
}  # fmt: skip


@pytest.fixture(scope="module")
def ask():
    """Ask the endpoint: (status, body); the same asked in process must say the same."""
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        vectors = {"IndexName": "vix", "VectorAttribute": {"AttributeName": "v"}, "Dimensions": 2}
        vectors |= {"DistanceFunction": "COSINE", "Projection": {"ProjectionType": "ALL"}}
        vectors["SearchSchema"] = [{"AttributeName": "g", "SearchSchemaElementType": "INLINE_FILTER"}]
        types = [{"AttributeName": n, "AttributeType": "N" if n == "s" else "S"} for n in ("p", "s", "g")]
        cloud.dynamodb.call("CreateTable", {
            "TableName": "tab", "BillingMode": "PAY_PER_REQUEST", "AttributeDefinitions": types,
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
            "VectorIndexes": [vectors],
        })  # fmt: skip
        where = urlsplit(endpoint.url)
        connection = http.client.HTTPConnection(where.hostname, where.port, timeout=60)

        def run(operation, request):
            body = request if isinstance(request, bytes) else json.dumps(request).encode()
            connection.request("POST", "/", body, {"X-Amz-Target": f"DynamoDB_20120810.{operation}",
                                                   "Content-Type": "application/x-amz-json-1.0"})  # fmt: skip
            response = connection.getresponse()
            answer = json.loads(response.read())
            assert response.status in (200, 400), answer
            if response.status == 400:
                assert "#" in answer["__type"] and (answer.get("message") or answer.get("Message"))
            return response.status, answer

        run("PutItem", {"TableName": "tab", "Item": ITEM})
        run.cloud = cloud
        yield run


def also_in_process(ask, operation, request, status, answer):
    told = answer.get("message") or answer.get("Message", "")
    refused = None
    try:
        ask.cloud.dynamodb.call(operation, request)
    except ApiError as error:
        refused = error
    assert (status == 200) == (refused is None)
    if refused is not None:
        assert (told, answer["__type"].rpartition("#")[2]) == (refused.message, refused.code)


# ---- expressions ----

path = st.builds(
    lambda first, rest: first + "".join(rest),
    st.sampled_from(["p", "s", "n", "m", "l", "w", "t", "v", "absent", *NAMES, "size", "#undefined"]),
    st.lists(st.sampled_from([".k", "[0]", "[1]", ".#n", ".d", "[99999]", "[-1]", "[01]"]), max_size=3),
)
value = st.sampled_from([*VALUES, ":undefined", "1", "'a'"])
operand = st.recursive(
    path | value,
    lambda inner: st.builds("{}({})".format, st.sampled_from(["size", "if_not_exists", "list_append", "nothing"]),
                            st.lists(inner, max_size=3).map(", ".join))
    | st.builds("{} {} {}".format, inner, st.sampled_from("+-*"), inner),
    max_leaves=4,
)  # fmt: skip
CALLS = [
    "attribute_exists",
    "attribute_not_exists",
    "attribute_type",
    "begins_with",
    "contains",
    "SIZE",
    "between",
]
comparison = (
    st.builds(
        "{} {} {}".format, operand, st.sampled_from(["=", "<>", "<", "<=", ">", ">=", "==", "!="]), operand
    )
    | st.builds("{} BETWEEN {} AND {}".format, operand, operand, operand)
    | st.builds("{} IN ({})".format, operand, st.lists(operand, max_size=4).map(",".join))
    | st.builds("{}({})".format, st.sampled_from(CALLS), st.lists(operand, max_size=3).map(", ".join))
)
condition = st.recursive(
    comparison | operand,
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR", "and", "xor"]), inner)
        | inner.map("NOT {}".format)
        | inner.map("({})".format)
        | inner.map("(({}))".format)
    ),
    max_leaves=12,
)
clause = st.builds(
    "{} {}".format,
    st.sampled_from(["SET", "REMOVE", "ADD", "DELETE", "set", "DROP"]),
    st.lists(st.builds("{} = {}".format, path, operand) | st.builds("{} {}".format, path, value) | path,
             min_size=1, max_size=4).map(", ".join),
)  # fmt: skip
update = st.lists(clause, min_size=1, max_size=3).map(" ".join)


@st.composite
def torn(draw, text):
    """Sometimes with a piece cut out or something put in."""
    whole = draw(text)
    if draw(st.integers(0, 5)):
        return whole
    at = draw(st.integers(0, len(whole)))
    put = draw(
        st.sampled_from(["", "(", ")", " ", ":", "#", "\x00", "💡", "'", '"', "[", "]", ".", "--", "\ud83d"])
    )
    return whole[:at] + put + whole[at + draw(st.integers(0, 3)) :]


def used(text, given, mark):
    return {name: content for name, content in given.items() if name in text} or None


def members(text):
    made = {
        "ExpressionAttributeNames": used(text, NAMES, "#"),
        "ExpressionAttributeValues": used(text, VALUES, ":"),
    }
    return {name: content for name, content in made.items() if content}


SETTINGS = settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


@given(text=torn(condition), kind=st.sampled_from(["filter", "condition", "key", "search"]))
@SETTINGS
def test_conditions(ask, text, kind):
    key = {"TableName": "tab", "Key": {"p": {"S": "zz"}, "s": {"N": "0"}}}
    operation, request = {
        "filter": ("Scan", {"TableName": "tab", "FilterExpression": text}),
        "condition": ("DeleteItem", key | {"ConditionExpression": text}),
        "key": ("Query", {"TableName": "tab", "KeyConditionExpression": text}),
        "search": ("SearchVectors", {"TableName": "tab", "IndexName": "vix", "TopK": 3,
                                     "SearchVector": [{"N": "1"}, {"N": "0"}], "SearchConditionExpression": text}),
    }[kind]  # fmt: skip
    request |= members(text)
    status, answer = ask(operation, request)
    if not any("\ud800" <= c <= "\udfff" for c in text):  # Python's own refusal comes first
        also_in_process(ask, operation, native(request), status, answer)


def native(request):
    """The same with bytes for B."""
    values = request.get("ExpressionAttributeValues")
    if not values:
        return request
    made = {name: {"B": b"\x00\x01"} if "B" in content else content for name, content in values.items()}
    return request | {"ExpressionAttributeValues": made}


@given(text=torn(update), projection=torn(st.lists(path, max_size=4).map(", ".join)))
@SETTINGS
def test_updates_and_projections(ask, text, projection):
    key = {"TableName": "tab", "Key": {"p": {"S": "up"}, "s": {"N": "1"}}}
    ask("UpdateItem", key | {"UpdateExpression": text, "ReturnValues": "UPDATED_NEW"} | members(text))
    names = {"ExpressionAttributeNames": used(projection, NAMES, "#")} if used(projection, NAMES, "#") else {}
    ask("GetItem", key | {"ProjectionExpression": projection} | names)


# ---- statements ----

literal = st.sampled_from(["1", "-2.5e3", "'a'", "'it''s'", "true", "NULL", "?", "[1, 'a', [?]]", "{'k': 1}", "<<1, 2>>",
                           "<<'a'>>", "1E400", "007", "missing", "[]", "{}", "{'k': {'d': ?}}"])  # fmt: skip
place = st.sampled_from(
    ["p", "s", "n", "m.k", "m.k[0]", "l[0].d", '"n"', "w", "absent", '"tab".n', "n[", "m.."]
)
term = st.builds("{} {} {}".format, place, st.sampled_from(["=", "<>", "<", ">=", "!="]), literal | place) | st.sampled_from(
    ["n IS MISSING", "n IS NOT NULL", "begins_with(p, 'a')", "contains(w, ?)", "size(m) > 1", "n BETWEEN 1 AND ?",
     "n IN [1, 2, ?]", "p IN ('a', 'b')", "attribute_type(n, 'N')", "EXISTS(SELECT * FROM tab)", "NOT n = 1"]
)  # fmt: skip
where = st.recursive(
    term,
    lambda inner: (
        st.builds("{} {} {}".format, inner, st.sampled_from(["AND", "OR"]), inner)
        | inner.map("({})".format)
        | inner.map("NOT {}".format)
    ),
    max_leaves=8,
)
statement = (
    st.builds("SELECT {} FROM {} WHERE {}".format, st.lists(place, min_size=1, max_size=3).map(",".join) | st.just("*"),
              st.sampled_from(["tab", '"tab"', '"tab"."vix"', "none", '"tab".']), where)
    | st.builds("UPDATE tab SET {} = {} WHERE {}".format, place, literal | place.map("{} + 1".format), where)
    | st.builds("UPDATE tab REMOVE {} WHERE {}".format, place, where)
    | st.builds("DELETE FROM tab WHERE {} RETURNING ALL OLD *".format, where)
    | st.builds("INSERT INTO tab VALUE {{'p': 'z', 's': {}, 'x': {}}}".format, literal, literal)
)  # fmt: skip


@given(text=torn(statement), parameters=st.lists(st.sampled_from(list(VALUES.values())), max_size=4))
@SETTINGS
def test_statements(ask, text, parameters):
    parameters = (parameters + [{"N": "1"}] * text.count("?"))[: max(1, text.count("?"))]
    request = {"Statement": text} | ({"Parameters": parameters} if "?" in text or len(parameters) > 3 else {})
    ask("ExecuteStatement", request)
    batch = ask("BatchExecuteStatement", {"Statements": [request, request]})
    assert batch[0] == 400 or len(batch[1]["Responses"]) == 2
    ask("ExecuteTransaction", {"TransactStatements": [request]})


# ---- made to hurt ----

DEEP = "The expression has too many nested levels; maximum: 128"
PUT = "1 validation error detected: "
N = {"ExpressionAttributeValues": {":v": {"N": "1"}}}
SCAN, STATEMENT = "Invalid FilterExpression: ", "Statement wasn't well formed, can't be processed: "
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"


def scan(text, **more):
    return "Scan", {"TableName": "tab", "FilterExpression": text} | more


def put(number):
    return "PutItem", {"TableName": "tab", "Item": {"p": {"S": "b"}, "s": {"N": "1"}, "n": {"N": number}}}


def say(text):
    return "ExecuteStatement", {"Statement": text}


def lists(depth):
    head = b'{"TableName":"tab","Item":{"p":{"S":"b"},"s":{"N":"1"},"n":'
    return "PutItem", head + b'{"L":[' * depth + b"]}" * depth + b"}}"


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (scan("(" * 10_000 + "n = :v" + ")" * 10_000, **N),
         SCAN + "Expression size has exceeded the maximum allowed size; expression size: 20006"),
        (scan("(" * 1000 + "n = :v" + ")" * 1000, **N), SCAN + DEEP),
        (scan("(" * 4000), SCAN + DEEP),
        (scan("n ="), SCAN + 'Syntax error; token: "<EOF>", near: "="'),
        (scan("= n"), SCAN + 'Syntax error; token: "=", near: "= n"'),
        (scan(f"n IN ({','.join([':v'] * 101)})", **N),
         SCAN + "The IN operator is provided with too many operands; number of operands: 101"),
        (scan("n" + "[0]" * 500 + " = :v", **N),
         SCAN + "The document path has too many nesting elements; nesting levels: 501"),
        (scan("n[99999999999999999999] = :v", **N),
         SCAN + "List index is not within the allowable range; index: [99999999999999999999]"),
        (put("1E1000000000"),
         PUT + "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (put("1E" + "9" * 5000),
         PUT + "Number overflow. Attempting to store a number with magnitude larger than supported range"),
        (put("1E-1000000000"),
         PUT + "Number underflow. Attempting to store a number with magnitude smaller than supported range"),
        (put("9" * 100_000), PUT + "Attempting to store more than 38 significant digits in a Number"),
        (lists(100_000),
         PUT + "Nesting Levels have exceeded supported limits: Attributes in the item have nested levels beyond "
         "supported limit"),
        (("PutItem", b"[" * 1_000_000), "Start of list found where not expected"),
        (("TagResource", {"ResourceArn": ARN, "Tags": [{"Key": "a"}]}),
         "The Tag Value provided is invalid, Value: null"),
        (("TagResource", {"ResourceArn": ARN, "Tags": [{}]}), "The Tag Key provided is invalid, Key: null"),
        (say("SELECT * FROM tab WHERE " + "(" * 3000 + "n = 1" + ")" * 3000),
         STATEMENT + "Expression is nested too deeply"),
        (say("SELECT * FROM tab WHERE " + "NOT " * 1500 + "n = 1"), STATEMENT + "Expression is nested too deeply"),
        (say("INSERT INTO tab VALUE {'p': 'c', 's': 1, 'n': " + "[" * 3000 + "]" * 3000 + "}"),
         STATEMENT + "Expression is nested too deeply"),
        (say("SELECT * FROM tab WHERE n = 1E1000000000"),
         "Number overflow. Attempting to store a number with magnitude larger than supported range under root"),
    ],
)  # fmt: skip
def test_the_exact_refusal(ask, asked, words):
    status, answer = ask(*asked)
    assert (status, answer.get("message") or answer.get("Message")) == (400, words)


@pytest.mark.parametrize("text", ["absent < n", "n < absent", "absent <= loose", "absent = loose"])
def test_a_missing_side_is_no_error(ask, text):
    status, answer = ask(*scan(text))
    assert (status, answer["Count"]) == (200, 0)
