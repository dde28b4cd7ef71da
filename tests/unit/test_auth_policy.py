"""Identity policies: what they allow, what they deny, and what is no policy."""

from __future__ import annotations

from typing import Any

import pytest

from cloudcore.wire.auth.policy import Policy, PolicyError, decide

TABLE = "arn:aws:dynamodb:us-east-1:000000000000:table/orders"


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def said(statements: Any, action: str = "dynamodb:GetItem", resource: str = TABLE, **context: Any) -> str | None:
    found = {name.replace("__", ":"): value if isinstance(value, list) else [value] for name, value in context.items()}
    return Policy({"Version": "2012-10-17", "Statement": statements}).says(action, resource, found)


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (allow(), "Allow"),
        (allow("dynamodb:GetItem"), "Allow"),
        (allow("DynamoDB:getitem"), "Allow"),
        (allow("dynamodb:Get*"), "Allow"),
        (allow("dynamodb:Get?tem"), "Allow"),
        (allow(["dynamodb:PutItem", "dynamodb:GetItem"]), "Allow"),
        (allow("dynamodb:GetIte"), None),
        (allow("lambda:*"), None),
        (allow(resource=TABLE), "Allow"),
        (allow(resource="arn:aws:dynamodb:*:*:table/ord*"), "Allow"),
        (allow(resource=TABLE + "/index/*"), None),
        (allow(resource="arn:aws:dynamodb:*:table/orders"), None),  # a star stays within its part
        (allow(resource=TABLE.upper()), None),
        ({"Effect": "Allow", "NotAction": "dynamodb:GetItem", "Resource": "*"}, None),
        ({"Effect": "Allow", "NotAction": "dynamodb:PutItem", "Resource": "*"}, "Allow"),
        ({"Effect": "Allow", "Action": "*", "NotResource": TABLE}, None),
        ({"Effect": "Deny", "Action": "*", "Resource": "*"}, "Deny"),
        ([allow(), {"Effect": "Deny", "Action": "dynamodb:Get*", "Resource": TABLE}], "Deny"),
    ],
)
def test_actions_and_resources(statement: Any, expected: str | None) -> None:
    assert said(statement) == expected


@pytest.mark.parametrize(
    ("condition", "context", "holds"),
    [
        ({"StringEquals": {"a:k": "x"}}, "x", True),
        ({"StringEquals": {"A:K": ["y", "x"]}}, "x", True),
        ({"StringEquals": {"a:k": "x"}}, "X", False),
        ({"StringEquals": {"a:k": "x"}}, [], False),
        ({"StringEqualsIfExists": {"a:k": "x"}}, [], True),
        ({"StringEqualsIfExists": {"a:k": "x"}}, "y", False),
        ({"StringEqualsIgnoreCase": {"a:k": "x"}}, "X", True),
        ({"StringNotEquals": {"a:k": "x"}}, "y", True),
        ({"StringNotEquals": {"a:k": ["x", "y"]}}, "y", False),
        ({"StringNotEquals": {"a:k": "x"}}, [], True),
        ({"StringLike": {"a:k": "us*"}}, "us-east-1", True),
        ({"StringLike": {"a:k": "us*"}}, "eu", False),
        ({"StringNotLike": {"a:k": "us*"}}, "eu", True),
        ({"StringLike": {"a:k": "a${*}b"}}, "a*b", True),
        ({"StringLike": {"a:k": "a${*}b"}}, "axb", False),
        ({"StringEquals": {"a:k": "${aws:username}"}}, "ann", True),
        ({"StringLike": {"a:k": "${aws:username}/*"}}, "ann/1", True),
        ({"StringLike": {"a:k": "${aws:absent}*"}}, "ann", False),
        ({"StringEquals": {"a:k": "${aws:absent, 'bob'}"}}, "bob", True),
        ({"NumericLessThan": {"a:k": "10"}}, "9.5", True),
        ({"NumericLessThan": {"a:k": 10}}, "10", False),
        ({"NumericGreaterThanEquals": {"a:k": 10}}, "10", True),
        ({"NumericEquals": {"a:k": 10}}, "ten", False),
        ({"NumericNotEquals": {"a:k": 10}}, "11", True),
        ({"DateLessThan": {"a:k": "2026-01-01T00:00:00Z"}}, "2025-12-31T23:59:59Z", True),
        ({"DateGreaterThan": {"a:k": "1767225600"}}, "2026-01-01T00:00:01Z", True),
        ({"Bool": {"a:k": "true"}}, "true", True),
        ({"Bool": {"a:k": True}}, "false", False),
        ({"IpAddress": {"a:k": "10.0.0.0/8"}}, "10.1.2.3", True),
        ({"IpAddress": {"a:k": "10.0.0.0/8"}}, "11.1.2.3", False),
        ({"NotIpAddress": {"a:k": "10.0.0.0/8"}}, "11.1.2.3", True),
        ({"IpAddress": {"a:k": "2001:db8::/32"}}, "2001:db8::1", True),
        ({"BinaryEquals": {"a:k": "AQI="}}, "AQI=", True),
        ({"ArnLike": {"a:k": "arn:aws:s3:::b/*"}}, "arn:aws:s3:::b/k", True),
        ({"ArnNotLike": {"a:k": "arn:aws:s3:::b/*"}}, "arn:aws:s3:::c/k", True),
        ({"Null": {"a:k": "true"}}, [], True),
        ({"Null": {"a:k": "false"}}, [], False),
        ({"Null": {"a:k": False}}, "x", True),
        ({"ForAllValues:StringEquals": {"a:k": ["x", "y"]}}, ["x", "y", "x"], True),
        ({"ForAllValues:StringEquals": {"a:k": ["x"]}}, ["x", "y"], False),
        ({"ForAllValues:StringEquals": {"a:k": ["x"]}}, [], True),
        ({"ForAnyValue:StringEquals": {"a:k": ["x"]}}, ["z", "x"], True),
        ({"ForAnyValue:StringEquals": {"a:k": ["x"]}}, [], False),
        ({"StringEquals": {"a:k": "x", "aws:username": "ann"}}, "x", True),
        ({"StringEquals": {"a:k": "x"}, "Bool": {"aws:none": "true"}}, "x", False),
    ],
)
def test_conditions(condition: Any, context: Any, holds: bool) -> None:
    assert said(allow(Condition=condition), a__k=context, aws__username="ann") == ("Allow" if holds else None)


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "Version, Id and Statement"),
        ({"Statements": []}, "Version, Id and Statement"),
        ({"Version": "2020-01-01", "Statement": []}, "'2020-01-01' is not known"),
        ({"Statement": [{"Effect": "Maybe", "Action": "*", "Resource": "*"}]}, "Effect is Allow or Deny"),
        ({"Statement": [{"Effect": "Allow", "Resource": "*"}]}, "needs Action or NotAction"),
        ({"Statement": [{"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}]}, "one of them"),
        ({"Statement": [{"Effect": "Allow", "Action": 5, "Resource": "*"}]}, "Action is text or a list"),
        ({"Statement": [{"Effect": "Allow", "Action": "*", "Resource": []}]}, "Resource is text or a list"),
        ({"Statement": [allow(Principal="*")]}, "members are"),
        ({"Statement": [allow(Condition={"StringIs": {"a": "b"}})]}, "operator 'StringIs' is not known"),
        ({"Statement": [allow(Condition={"ForSome:StringEquals": {"a": "b"}})]}, "is not known"),
        ({"Statement": [allow(Condition={"NotBool": {"a": "true"}})]}, "is not known"),
        ({"Statement": [allow(Condition={"StringEquals": "b"})]}, "Condition maps operators to keys"),
        ({"Statement": [allow(Condition=["StringEquals"])]}, "Condition maps operators to keys"),
        ({"Statement": [allow(Condition={"NumericEquals": {"a": "ten"}})]}, "cannot use ['ten']"),
        ({"Statement": [allow(Condition={"IpAddress": {"a": "10.0.0.0/99"}})]}, "cannot use"),
        ({"Statement": "none"}, "statement 1: members are"),
    ],
)
def test_what_is_no_policy(document: Any, words: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Policy(document)
    assert words in str(refused.value)


def test_several_policies_speak_together() -> None:
    read = Policy({"Statement": allow("dynamodb:Get*")})
    never = Policy({"Statement": {"Effect": "Deny", "Action": "*", "Resource": TABLE}})
    assert decide([], "dynamodb:GetItem", TABLE, {}) is None
    assert decide([read], "dynamodb:GetItem", TABLE, {}) == "Allow"
    assert decide([read, never], "dynamodb:GetItem", TABLE, {}) == "Deny"
    assert decide([read], "dynamodb:PutItem", TABLE, {}) is None


ANN = {"aws:principalarn": ["arn:aws:iam::000000000000:user/ann"], "aws:principalaccount": ["000000000000"]}


@pytest.mark.parametrize(
    ("effect", "who", "expected"),
    [
        ("Allow", {"Principal": "*"}, "Allow"),
        ("Allow", {"Principal": {"AWS": "*"}}, "Allow"),
        (
            "Allow",
            {"Principal": {"AWS": ["arn:aws:iam::000000000000:user/bob", ANN["aws:principalarn"][0]]}},
            "Allow",
        ),
        ("Allow", {"Principal": {"AWS": "arn:aws:iam::000000000000:user/bob"}}, None),
        ("Allow", {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}}, None),  # left to her own policies
        ("Allow", {"Principal": {"AWS": "000000000000"}}, None),
        ("Deny", {"Principal": {"AWS": "000000000000"}}, "Deny"),
        ("Deny", {"Principal": {"AWS": "arn:aws:iam::000000000000:root"}}, "Deny"),
        ("Deny", {"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, None),
        ("Allow", {"Principal": {"Service": "s3.amazonaws.com"}}, None),
        ("Deny", {"NotPrincipal": {"AWS": ["000000000000", "arn:aws:iam::000000000000:user/bob"]}}, None),
        ("Deny", {"NotPrincipal": {"AWS": "arn:aws:iam::000000000000:user/bob"}}, "Deny"),
    ],
)
def test_whom_a_resource_speaks_of(effect: str, who: Any, expected: str | None) -> None:
    statement = {"Effect": effect, "Action": "*", "Resource": "*", **who}
    policy = Policy({"Statement": statement}, of_resource=True)
    assert policy.says("dynamodb:GetItem", TABLE, ANN) == expected


@pytest.mark.parametrize(
    ("who", "words"),
    [
        ({}, "needs Principal or NotPrincipal"),
        ({"Principal": "*", "NotPrincipal": "*"}, "one of them"),
        ({"Principal": "ann"}, 'Principal is "*" or has AWS'),
        ({"Principal": {"User": "ann"}}, 'Principal is "*" or has AWS'),
        ({"NotPrincipal": {"AWS": 5}}, "NotPrincipal AWS is text or a list"),
    ],
)
def test_what_is_no_policy_of_a_resource(who: Any, words: str) -> None:
    with pytest.raises(PolicyError) as refused:
        Policy({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", **who}}, of_resource=True)
    assert words in str(refused.value)
