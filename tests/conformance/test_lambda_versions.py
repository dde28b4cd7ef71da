"""Versions and aliases under unmodified boto3."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lambda_clients import ARN, change, create, invoke, refusal

import cloudcore

ONE, TWO = (
    b"def handler(e, c):\n    return [%d, c.function_version, c.invoked_function_arn]\n" % n for n in (1, 2)
)


def test_versions_are_what_latest_was(functions: Any) -> None:
    made = create(functions, source=ONE, Description="first")
    published = functions.publish_version(FunctionName="fn", Description="one")
    assert published["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (published["Version"], published["FunctionArn"]) == ("1", ARN + ":1")
    assert (published["Description"], published["CodeSha256"]) == ("one", made["CodeSha256"])
    assert functions.get_function_configuration(FunctionName="fn")["RevisionId"] != made["RevisionId"]
    change(functions, TWO)
    assert invoke(functions)[0] == [2, "$LATEST", ARN]
    payload, answer = invoke(functions, Qualifier="1")
    assert (payload, answer["ExecutedVersion"]) == ([1, "1", ARN + ":1"], "1")
    assert invoke(functions, "fn:1")[0] == payload
    found = functions.get_function(FunctionName="fn", Qualifier="1")
    assert found["Configuration"]["FunctionArn"] == ARN + ":1"
    assert found["Configuration"]["CodeSha256"] == made["CodeSha256"]
    _, answer = invoke(functions, "fn:1", LogType="Tail")
    assert answer["LogResult"]


def test_publishing_the_same_again(functions: Any) -> None:
    create(functions, source=ONE, Publish=True)
    again = functions.publish_version(FunctionName="fn", Description="other")
    assert (again["Version"], again["Description"]) == ("1", "")
    assert change(functions, ONE, Publish=True)["Version"] == "1"
    assert change(functions, TWO, Publish=True)["Version"] == "2"
    functions.update_function_configuration(FunctionName="fn", Timeout=9)
    third = functions.publish_version(FunctionName="fn")
    assert (third["Version"], third["Timeout"]) == ("3", 9)
    functions.delete_function(FunctionName="fn", Qualifier="3")
    functions.update_function_configuration(FunctionName="fn", Timeout=8)
    assert functions.publish_version(FunctionName="fn")["Version"] == "4"  # numbers are never used again
    listed = functions.list_versions_by_function(FunctionName="fn")["Versions"]
    assert [v["Version"] for v in listed] == ["$LATEST", "1", "2", "4"]
    assert [v["FunctionArn"] for v in listed[:2]] == [ARN + ":$LATEST", ARN + ":1"]
    pages = functions.get_paginator("list_versions_by_function").paginate(
        FunctionName="fn", PaginationConfig={"PageSize": 3}
    )
    assert [len(page["Versions"]) for page in pages] == [3, 1]


def test_what_publishing_checks(functions: Any) -> None:
    made = create(functions, source=ONE)
    code, status, message = refusal(functions.publish_version, FunctionName="fn", CodeSha256="wrong")
    assert (code, status) == ("InvalidParameterValueException", 400)
    assert message.startswith("CodeSHA256 (wrong) is different from current CodeSHA256 in $LATEST (")
    assert refusal(functions.publish_version, FunctionName="fn", RevisionId="old")[:2] == (
        "PreconditionFailedException", 412,
    )  # fmt: skip
    answer = functions.publish_version(
        FunctionName="fn", CodeSha256=made["CodeSha256"], RevisionId=made["RevisionId"]
    )
    assert answer["Version"] == "1"
    assert refusal(functions.publish_version, FunctionName="none")[:2] == ("ResourceNotFoundException", 404)


def test_publishing_keeps_warm_environments(functions: Any) -> None:
    create(functions, source=b"import os\ndef handler(e, c):\n    return os.getpid()\n")
    before = invoke(functions)[0]
    functions.publish_version(FunctionName="fn")
    assert invoke(functions)[0] == before
    assert invoke(functions, Qualifier="1")[0] != before


def test_packages_live_as_long_as_versions(functions: Any, cloud: cloudcore.Cloud) -> None:
    create(functions, source=ONE, Publish=True)
    location = functions.get_function(FunctionName="fn", Qualifier="1")["Code"]["Location"]
    file = Path(location.removeprefix("file://"))
    change(functions, TWO)
    assert file.exists()
    assert functions.delete_function(FunctionName="fn", Qualifier="1")
    assert not file.exists()
    assert refusal(functions.invoke, FunctionName="fn", Qualifier="1") == (
        "ResourceNotFoundException", 404, f"Function not found: {ARN}:1",
    )  # fmt: skip
    assert invoke(functions)[0][0] == 2


def test_the_life_of_an_alias(functions: Any) -> None:
    create(functions, source=ONE, Publish=True)
    change(functions, TWO, Publish=True)
    made = functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1", Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["AliasArn"], made["FunctionVersion"], made["Description"]) == (ARN + ":live", "1", "d")
    assert "RoutingConfig" not in made
    payload, answer = invoke(functions, Qualifier="live")
    assert (payload, answer["ExecutedVersion"]) == ([1, "1", ARN + ":live"], "1")
    held = functions.get_function_configuration(FunctionName="fn", Qualifier="live")
    assert (held["Version"], held["FunctionArn"]) == ("1", ARN + ":live")
    changed = functions.update_alias(FunctionName="fn", Name="live", FunctionVersion="2")
    assert changed["RevisionId"] != made["RevisionId"] and changed["Description"] == "d"
    assert invoke(functions, "fn:live")[0] == [2, "2", ARN + ":live"]
    assert functions.get_alias(FunctionName="fn", Name="live")["FunctionVersion"] == "2"
    code, status, message = refusal(functions.delete_function, FunctionName="fn", Qualifier="2")
    assert (code, status) == ("ResourceConflictException", 409) and "[live]" in message
    assert functions.delete_alias(FunctionName="fn", Name="live")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refusal(functions.get_alias, FunctionName="fn", Name="live") == (
        "ResourceNotFoundException", 404, f"Cannot find alias arn: {ARN}:live",
    )  # fmt: skip
    assert refusal(functions.invoke, FunctionName="fn", Qualifier="live")[:2] == (
        "ResourceNotFoundException", 404,
    )  # fmt: skip


def test_an_alias_with_weights(functions: Any) -> None:
    create(functions, source=ONE, Publish=True)
    change(functions, TWO, Publish=True)
    alias = {"FunctionName": "fn", "Name": "live"}
    functions.create_alias(
        **alias, FunctionVersion="1", RoutingConfig={"AdditionalVersionWeights": {"2": 0.4}}
    )
    executed = [invoke(functions, Qualifier="live")[1]["ExecutedVersion"] for _ in range(200)]
    assert 40 < executed.count("2") < 120  # outside once in 10^8 runs
    functions.update_alias(**alias, RoutingConfig={"AdditionalVersionWeights": {"2": 1.0}})
    assert invoke(functions, Qualifier="live")[1]["ExecutedVersion"] == "2"
    cleared = functions.update_alias(**alias, RoutingConfig={})
    assert "RoutingConfig" not in cleared
    assert invoke(functions, Qualifier="live")[1]["ExecutedVersion"] == "1"


@pytest.mark.parametrize(
    ("change_to", "code", "message"),
    [
        ({"FunctionVersion": "7"}, "ResourceNotFoundException", f"Function not found: {ARN}:7"),
        (
            {"FunctionVersion": "$LATEST", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            "InvalidParameterValueException",
            "$LATEST is not supported for an alias pointing to more than 1 version",
        ),
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5}}},
            "InvalidParameterValueException",
            "Invalid function version 1. Function version 1 is already included in routing configuration.",
        ),
        (
            {"FunctionVersion": "1", "RoutingConfig": {"AdditionalVersionWeights": {"1": 0.5, "2": 0.1}}},
            "InvalidParameterValueException",
            "Number of items in AdditionalVersionWeights cannot be greater than 1",
        ),
        ({"RevisionId": "old"}, "PreconditionFailedException", None),
        ({"RoutingConfig": {"AdditionalVersionWeights": {"1": 1.5}}}, "ValidationException", None),
    ],
)
def test_what_aliases_refuse(
    functions: Any, change_to: dict[str, Any], code: str, message: str | None
) -> None:
    create(functions, source=ONE, Publish=True)
    change(functions, TWO, Publish=True)
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
    found, _, words = refusal(functions.update_alias, FunctionName="fn", Name="live", **change_to)
    assert found == code
    assert message in (None, words)
    assert functions.get_alias(FunctionName="fn", Name="live")["FunctionVersion"] == "1"
    assert refusal(functions.create_alias, FunctionName="fn", Name="live", FunctionVersion="1") == (
        "ResourceConflictException", 409, f"Alias already exists: {ARN}:live",
    )  # fmt: skip


def test_aliases_are_listed(functions: Any) -> None:
    create(functions, source=ONE, Publish=True)
    for name in ("c", "a", "b"):
        functions.create_alias(
            FunctionName="fn", Name=name, FunctionVersion="$LATEST" if name == "b" else "1"
        )
    pages = functions.get_paginator("list_aliases").paginate(
        FunctionName="fn", PaginationConfig={"PageSize": 2}
    )
    assert [[a["Name"] for a in page["Aliases"]] for page in pages] == [["a", "b"], ["c"]]
    found = functions.list_aliases(FunctionName="fn", FunctionVersion="1")["Aliases"]
    assert [a["Name"] for a in found] == ["a", "c"]


def test_versions_and_aliases_survive(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path / "d") as opened:
        opened.function("fn", _zip(ONE), handler="h.handler")
        opened.lambda_.call("PublishVersion", {"FunctionName": "fn"})
        opened.lambda_.call("CreateAlias", {"FunctionName": "fn", "Name": "live", "FunctionVersion": "1"})
        opened.function("fn", _zip(TWO), handler="h.handler")
    with cloudcore.open(tmp_path / "d") as opened:
        result = opened.lambda_.invoke("fn", qualifier="live")
        assert (result.payload[:4], result.executed_version) == (b"[1, ", "1")


def _zip(source: bytes) -> bytes:
    from cloudcore.lambda_.code import pack

    return pack({"h.py": source})
