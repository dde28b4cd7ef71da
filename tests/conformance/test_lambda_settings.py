"""Code signing, runtime management, recursion, resource policies, capacity providers under unmodified boto3."""

from __future__ import annotations

import json
from typing import Any

from lambda_clients import ARN, change, create, invoke, refusal

PUBLISHER = "arn:aws:signer:us-east-1:000000000000:/signing-profiles/mine/abc"


def test_code_signing_configurations(functions: Any) -> None:
    publishers = {"SigningProfileVersionArns": [PUBLISHER]}
    made = functions.create_code_signing_config(AllowedPublishers=publishers, Description="d")
    config = made["CodeSigningConfig"]
    arn = config["CodeSigningConfigArn"]
    assert arn.endswith(config["CodeSigningConfigId"]) and config["AllowedPublishers"] == publishers
    assert config["CodeSigningPolicies"] == {"UntrustedArtifactOnDeployment": "Warn"}
    create(functions, CodeSigningConfigArn=arn)  # a warning in the log
    found = functions.get_function_code_signing_config(FunctionName="fn")
    assert (found["CodeSigningConfigArn"], found["FunctionName"]) == (arn, "fn")
    assert functions.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == [ARN]
    functions.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}
    )
    assert refusal(change, functions, b"def handler(e, c): return 2\n")[0] == "CodeVerificationFailedException"
    assert refusal(create, functions, "other", CodeSigningConfigArn=arn)[0] == "CodeVerificationFailedException"
    assert refusal(functions.delete_code_signing_config, CodeSigningConfigArn=arn)[1] == 409
    functions.delete_function_code_signing_config(FunctionName="fn")
    assert "CodeSigningConfigArn" not in functions.get_function_code_signing_config(FunctionName="fn")
    change(functions, b"def handler(e, c): return 2\n")
    assert invoke(functions)[0] == 2
    (listed,) = functions.list_code_signing_configs()["CodeSigningConfigs"]
    assert listed["CodeSigningConfigArn"] == arn
    functions.delete_code_signing_config(CodeSigningConfigArn=arn)
    assert refusal(functions.get_code_signing_config, CodeSigningConfigArn=arn)[:2] == (
        "ResourceNotFoundException", 404,
    )  # fmt: skip
    gone = {"FunctionName": "fn", "CodeSigningConfigArn": arn}
    assert refusal(functions.put_function_code_signing_config, **gone)[0] == "CodeSigningConfigNotFoundException"


def test_runtime_management(functions: Any) -> None:
    create(functions)
    found = functions.get_runtime_management_config(FunctionName="fn")
    assert (found["UpdateRuntimeOn"], found["FunctionArn"]) == ("Auto", ARN)
    functions.put_runtime_management_config(FunctionName="fn", UpdateRuntimeOn="FunctionUpdate")
    assert functions.get_runtime_management_config(FunctionName="fn")["UpdateRuntimeOn"] == "FunctionUpdate"
    other = "arn:aws:lambda:us-east-1::runtime:" + "0" * 64
    for wrong in ({"UpdateRuntimeOn": "Manual"}, {"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": other}):
        assert refusal(functions.put_runtime_management_config, FunctionName="fn", **wrong)[1] == 400
    manual = {"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": other}
    assert "is not found" in refusal(functions.put_runtime_management_config, FunctionName="fn", **manual)[2]


def test_recursion_configuration(functions: Any) -> None:
    create(functions)
    assert functions.get_function_recursion_config(FunctionName="fn")["RecursiveLoop"] == "Terminate"
    functions.put_function_recursion_config(FunctionName="fn", RecursiveLoop="Allow")
    assert functions.get_function_recursion_config(FunctionName="fn")["RecursiveLoop"] == "Allow"


def test_resource_policies_are_the_policy_that_permissions_add_to(functions: Any) -> None:
    create(functions)
    assert refusal(functions.get_resource_policy, ResourceArn=ARN)[:2] == ("ResourceNotFoundException", 404)
    statement = {
        "Sid": "s", "Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "lambda:InvokeFunction", "Resource": ARN,
    }  # fmt: skip
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = functions.put_resource_policy(ResourceArn=ARN, Policy=document)
    assert json.loads(made["Policy"])["Statement"] == [statement]
    functions.add_permission(
        FunctionName="fn", StatementId="t", Action="lambda:InvokeFunction", Principal="s3.amazonaws.com"
    )
    held = functions.get_resource_policy(ResourceArn=ARN)
    assert [one["Sid"] for one in json.loads(held["Policy"])["Statement"]] == ["s", "t"]
    assert functions.get_policy(FunctionName="fn")["RevisionId"] == held["RevisionId"] != made["RevisionId"]
    old = {"ResourceArn": ARN, "RevisionId": made["RevisionId"]}
    assert refusal(functions.delete_resource_policy, **old)[:2] == ("PreconditionFailedException", 412)
    for wrong in ("{", "[]", "{}", json.dumps({"Statement": [{"Effect": "Perhaps"}]})):
        assert refusal(functions.put_resource_policy, ResourceArn=ARN, Policy=wrong)[1] == 400
    functions.delete_resource_policy(ResourceArn=ARN)
    assert refusal(functions.get_policy, FunctionName="fn")[1] == 404


def test_there_are_no_capacity_providers(functions: Any) -> None:
    create(functions)
    assert functions.list_capacity_providers()["CapacityProviders"] == []
    assert refusal(functions.get_capacity_provider, CapacityProviderName="p")[:2] == (
        "ResourceNotFoundException", 404,
    )  # fmt: skip
    code, status, said = refusal(
        functions.create_capacity_provider, CapacityProviderName="p",
        VpcConfig={"SubnetIds": ["subnet-0123456789abcdef0"], "SecurityGroupIds": ["sg-0123456789abcdef0"]},
        PermissionsConfig={"CapacityProviderOperatorRoleArn": "arn:aws:iam::000000000000:role/r"},
    )  # fmt: skip
    assert (code, status) == ("InvalidParameterValueException", 400) and "not supported by this endpoint" in said
    scaling = {"FunctionName": "fn", "Qualifier": "1"}
    assert refusal(functions.get_function_scaling_config, **scaling)[0] == "InvalidParameterValueException"
