"""Layers under unmodified boto3: versions, lists, permissions, what functions see of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from lambda_clients import create, invoke, refusal

from cloudcore.lambda_.code import pack

LAYER = "arn:aws:lambda:us-east-1:000000000000:layer:"
LOOKS = b"""
import os, sys
import helper
def handler(event, context):
    files = {path: open(path).read() if os.path.exists(path) else None for path in event or ()}
    return {"value": helper.VALUE, "files": files, "path": [p for p in sys.path if p.startswith("/opt")]}
"""


def publish(client: Any, name: str, files: dict[str, bytes], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = client.publish_layer_version(
        LayerName=name, Content={"ZipFile": pack(files)}, **more
    )
    return answer


def test_versions_of_a_layer(functions: Any) -> None:
    made = publish(
        functions, "tools", {"a": b"1"}, Description="first", CompatibleRuntimes=["python3.12"], LicenseInfo="MIT"
    )
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["LayerArn"], made["LayerVersionArn"]) == (LAYER + "tools", LAYER + "tools:1")
    assert (made["Version"], made["Description"], made["LicenseInfo"]) == (1, "first", "MIT")
    package = Path(made["Content"]["Location"].removeprefix("file://")).read_bytes()
    assert package == pack({"a": b"1"}) and made["Content"]["CodeSize"] == len(package)
    assert publish(functions, LAYER + "tools", {"a": b"2"})["Version"] == 2
    found = functions.get_layer_version(LayerName="tools", VersionNumber=1)
    assert found["Content"] == made["Content"] and found["CompatibleRuntimes"] == ["python3.12"]
    assert functions.get_layer_version_by_arn(Arn=LAYER + "tools:1")["Version"] == 1
    listed = functions.list_layer_versions(LayerName="tools")["LayerVersions"]
    assert [one["Version"] for one in listed] == [2, 1] and "Content" not in listed[0]
    first = functions.list_layer_versions(LayerName="tools", MaxItems=1)
    second = functions.list_layer_versions(LayerName="tools", Marker=first["NextMarker"])
    assert [one["Version"] for one in first["LayerVersions"] + second["LayerVersions"]] == [2, 1]
    only = functions.list_layer_versions(LayerName="tools", CompatibleRuntime="python3.12")["LayerVersions"]
    assert [one["Version"] for one in only] == [1]
    (layer,) = functions.list_layers()["Layers"]
    assert (layer["LayerName"], layer["LatestMatchingVersion"]["Version"]) == ("tools", 2)
    functions.delete_layer_version(LayerName="tools", VersionNumber=2)
    functions.delete_layer_version(LayerName="tools", VersionNumber=2)
    assert refusal(functions.get_layer_version, LayerName="tools", VersionNumber=2) == (
        "ResourceNotFoundException", 404, "The resource you requested does not exist.",
    )  # fmt: skip
    assert publish(functions, "tools", {"a": b"3"})["Version"] == 3  # numbers are not given twice


def test_a_function_sees_its_layers_merged_in_their_order(functions: Any) -> None:
    publish(functions, "low", {"python/helper.py": b"VALUE = 1\n", "data/a": b"low", "data/b": b"low"})
    publish(functions, "high", {"python/helper.py": b"VALUE = 2\n", "data/b": b"high"})
    made = create(functions, source=LOOKS, Layers=[LAYER + "low:1", LAYER + "high:1"], Timeout=20)
    assert [one["Arn"] for one in made["Layers"]] == [LAYER + "low:1", LAYER + "high:1"]
    assert all(one["CodeSize"] > 100 for one in made["Layers"])
    if os.path.isdir("/opt"):
        seen, answer = invoke(functions, event=["/opt/data/a", "/opt/data/b"])
        assert "FunctionError" not in answer, seen
        assert (seen["value"], seen["files"]) == (2, {"/opt/data/a": "low", "/opt/data/b": "high"})
        assert seen["path"][-1] == "/opt/python"
    functions.update_function_configuration(FunctionName="fn", Layers=[LAYER + "low:1"])
    assert invoke(functions)[0]["value"] == 1
    functions.delete_layer_version(LayerName="low", VersionNumber=1)
    functions.update_function_configuration(FunctionName="fn", Timeout=21)
    assert invoke(functions)[0]["value"] == 1  # a function keeps what it has
    version = functions.publish_version(FunctionName="fn")["Version"]
    functions.update_function_configuration(FunctionName="fn", Layers=[])
    assert "Layers" not in functions.get_function_configuration(FunctionName="fn")
    assert invoke(functions)[0]["errorType"] == "Runtime.ImportModuleError"
    assert invoke(functions, Qualifier=version)[0]["value"] == 1


@pytest.mark.parametrize(
    ("arns", "said"),
    [
        (["tools:9"], f"Layer version {LAYER}tools:9 does not exist."),
        (["absent:1"], f"Layer version {LAYER}absent:1 does not exist."),
        (
            ["tools:1", "tools:2"],
            "Two different versions of the same layer are not allowed to be referenced in the same function. "
            f"{LAYER}tools:1 and {LAYER}tools:2 are versions of the same layer.",
        ),
        ([f"l{n}:1" for n in range(6)], "Cannot reference more than 5 layers."),
    ],
)
def test_layers_that_are_refused(functions: Any, arns: list[str], said: str) -> None:
    publish(functions, "tools", {"a": b"1"})
    publish(functions, "tools", {"a": b"2"})
    refused = ("InvalidParameterValueException", 400, said)
    assert refusal(create, functions, Layers=[LAYER + arn for arn in arns]) == refused
    create(functions)
    wanted = [LAYER + arn for arn in arns]
    assert refusal(functions.update_function_configuration, FunctionName="fn", Layers=wanted) == refused


def test_permissions_of_a_version(functions: Any) -> None:
    publish(functions, "tools", {"a": b"1"})
    place = {"LayerName": "tools", "VersionNumber": 1}
    say = place | {"StatementId": "all", "Action": "lambda:GetLayerVersion", "Principal": "*"}
    made = functions.add_layer_version_permission(**say, OrganizationId="o-0123456789")
    assert json.loads(made["Statement"]) == {
        "Sid": "all", "Effect": "Allow", "Principal": "*", "Action": "lambda:GetLayerVersion",
        "Resource": LAYER + "tools:1", "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-0123456789"}},
    }  # fmt: skip
    held = functions.get_layer_version_policy(**place)
    assert held["RevisionId"] == made["RevisionId"]
    assert json.loads(held["Policy"])["Statement"] == [json.loads(made["Statement"])]
    assert refusal(functions.add_layer_version_permission, **say)[:2] == ("ResourceConflictException", 409)
    wrong = {**place, "StatementId": "all", "RevisionId": "x"}
    assert refusal(functions.remove_layer_version_permission, **wrong)[0] == "PreconditionFailedException"
    functions.remove_layer_version_permission(**place, StatementId="all")
    code, status, _ = refusal(functions.get_layer_version_policy, **place)
    assert (code, status) == ("ResourceNotFoundException", 404)


def test_layers_with_extensions_are_refused(functions: Any) -> None:
    made = publish(functions, "agent", {"extensions/agent": b"#!/bin/sh\n", "python/agent.py": b"\n"})["LayerVersionArn"]
    assert refusal(create, functions, Layers=[made]) == (
        "InvalidParameterValueException", 400,
        f"Extensions are not supported by this endpoint: layer version {made} has extensions/agent.",
    )  # fmt: skip
    create(functions)
    assert refusal(functions.update_function_configuration, FunctionName="fn", Layers=[made])[1] == 400
