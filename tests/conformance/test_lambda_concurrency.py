"""Reserved and provisioned concurrency and the account's limit, under unmodified boto3."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from typing import Any

import pytest
from lambda_clients import ARN, create, invoke, refusal, until

import cloudcore
from cloudcore.errors import ApiError

SLOW = b"""import socket
def handler(e, c):
    if e:
        with socket.create_connection(("127.0.0.1", e), 60) as link: link.recv(1)
    return e
"""
PID = b"import os\nprint('imported')\ndef handler(e, c):\n    return os.getpid()\n"


def ready(client: Any, qualifier: str, status: str = "READY") -> dict[str, Any]:
    for _ in range(1200):
        answer: dict[str, Any] = client.get_provisioned_concurrency_config(
            FunctionName="fn", Qualifier=qualifier
        )
        if answer["Status"] == status:
            return answer
        time.sleep(0.05)
    raise AssertionError(answer)


def test_a_reserve(functions: Any) -> None:
    create(functions, source=SLOW, Timeout=60)
    assert "ReservedConcurrentExecutions" not in functions.get_function_concurrency(FunctionName="fn")
    put = functions.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=1)
    assert put["ReservedConcurrentExecutions"] == 1
    assert functions.get_function(FunctionName="fn")["Concurrency"] == {"ReservedConcurrentExecutions": 1}
    limits = functions.get_account_settings()["AccountLimit"]
    assert (limits["ConcurrentExecutions"], limits["UnreservedConcurrentExecutions"]) == (1000, 999)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        busy = threading.Thread(target=invoke, args=(functions, "fn", listener.getsockname()[1]))
        busy.start()
        link, _ = listener.accept()
    with pytest.raises(functions.exceptions.TooManyRequestsException) as caught:
        functions.invoke(FunctionName="fn", Payload=b"0")
    answer = caught.value.response
    assert answer["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert (answer["Error"]["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]) == (
        "Rate Exceeded.",
        429,
    )
    link.close()
    busy.join()
    assert invoke(functions, event=0)[0] == 0
    functions.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=0)
    assert refusal(functions.invoke, FunctionName="fn")[:2] == ("TooManyRequestsException", 429)
    functions.delete_function_concurrency(FunctionName="fn")
    assert invoke(functions, event=0)[0] == 0
    assert functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


def test_a_reserve_leaves_a_hundred(functions: Any) -> None:
    create(functions)
    create(functions, "other")
    functions.put_function_concurrency(FunctionName="other", ReservedConcurrentExecutions=500)
    assert refusal(
        functions.put_function_concurrency, FunctionName="fn", ReservedConcurrentExecutions=401
    ) == (
        "InvalidParameterValueException",
        400,
        "Specified ReservedConcurrentExecutions for function decreases account's "
        "UnreservedConcurrentExecution below its minimum value of [100].",
    )
    functions.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=400)
    functions.delete_function(FunctionName="other")
    functions.put_function_concurrency(FunctionName="fn", ReservedConcurrentExecutions=900)
    code, _, message = refusal(
        functions.put_function_concurrency, FunctionName="fn:1", ReservedConcurrentExecutions=1
    )
    assert code == "InvalidParameterValueException" and message.startswith("This operation is permitted on")


def test_the_rest_is_common(cloud: cloudcore.Cloud) -> None:
    from cloudcore.lambda_.code import pack

    for name in ("a", "b"):
        cloud.function(name, pack({"h.py": SLOW}), handler="h.handler", timeout=20)
    service = cloud.lambda_
    service.concurrency = 101
    service.call("PutFunctionConcurrency", {"FunctionName": "a", "ReservedConcurrentExecutions": 1})
    service.concurrency = 1
    with pytest.raises(ApiError) as caught:
        service.invoke("b", b"0")
    assert caught.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"
    assert service.invoke("a", b"0").payload == b"0"
    assert (service.capacity.common, service.usage("b")["throttles"]) == (0, 1)


def test_account_usage(functions: Any) -> None:
    size = create(functions, Publish=True)["CodeSize"]
    assert functions.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 2 * size, "FunctionCount": 1}


def test_provisioned_environments_are_there_before_the_call(functions: Any, cloud: cloudcore.Cloud) -> None:
    create(functions, source=PID, Publish=True)
    put = functions.put_provisioned_concurrency_config(
        FunctionName="fn", Qualifier="1", ProvisionedConcurrentExecutions=2
    )
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (put["Status"], put["RequestedProvisionedConcurrentExecutions"]) == ("IN_PROGRESS", 2)
    assert ready(functions, "1")["AvailableProvisionedConcurrentExecutions"] == 2
    assert cloud.lambda_.log("fn").tail().count(b"imported") == 2
    runner = cloud.lambda_.runner("fn", cloud.lambda_.registry.functions["fn"].versions["1"])
    runner.pool().retire(0)
    assert runner.pool().warm == 2  # idle times do not end them
    pid, answer = invoke(functions, Qualifier="1", LogType="Tail")
    assert b"Init Duration" not in __import__("base64").b64decode(answer["LogResult"])
    stats = cloud.function("fn").stats()
    assert stats["provisioned_gb_seconds"] > 0 and stats["cost"]["provisioned"] > 0
    assert stats["provisioned_call_gb_seconds"] == stats["gb_seconds"] > 0
    os.kill(pid, signal.SIGKILL)
    until(lambda: runner.pool().warm == 2 and pid not in {one.pid for one in runner.pool()._warm})
    ready(functions, "1")
    listed = functions.list_provisioned_concurrency_configs(FunctionName="fn")[
        "ProvisionedConcurrencyConfigs"
    ]
    assert [row["FunctionArn"] for row in listed] == [ARN + ":1"]
    assert functions.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"] == 998
    functions.delete_provisioned_concurrency_config(FunctionName="fn", Qualifier="1")
    assert refusal(functions.get_provisioned_concurrency_config, FunctionName="fn", Qualifier="1") == (
        "ProvisionedConcurrencyConfigNotFoundException", 404,
        "No Provisioned Concurrency Config found for this function",
    )  # fmt: skip
    until(lambda: (runner.pool().retire(0), runner.pool().warm)[1] == 0)


def test_a_provisioned_alias_follows_its_version(functions: Any) -> None:
    create(functions, source=PID, Publish=True)
    functions.create_alias(FunctionName="fn", Name="live", FunctionVersion="1")
    functions.put_provisioned_concurrency_config(
        FunctionName="fn", Qualifier="live", ProvisionedConcurrentExecutions=1
    )
    ready(functions, "live")
    message = refusal(
        functions.put_provisioned_concurrency_config,
        FunctionName="fn", Qualifier="1", ProvisionedConcurrentExecutions=1,
    )[2]  # fmt: skip
    assert message == "Version is pointed by a Provisioned Concurrency alias"
    functions.update_function_configuration(FunctionName="fn", Timeout=9)
    functions.publish_version(FunctionName="fn")
    functions.update_alias(FunctionName="fn", Name="live", FunctionVersion="2")
    ready(functions, "live")
    functions.delete_alias(FunctionName="fn", Name="live")
    assert (
        functions.list_provisioned_concurrency_configs(FunctionName="fn")["ProvisionedConcurrencyConfigs"]
        == []
    )


def test_what_cannot_initialise_fails(functions: Any) -> None:
    create(functions, source=b"raise ValueError('never')\n", Publish=True)
    functions.put_provisioned_concurrency_config(
        FunctionName="fn", Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    assert ready(functions, "1", "FAILED")["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"


@pytest.mark.parametrize(
    ("qualifier", "count", "message"),
    [
        ("$LATEST", 1, "Provisioned Concurrency Configs cannot be applied to unpublished function versions."),
        (
            "1", 901,
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            "below its minimum value of [100].",
        ),
        (
            "1", 1001,
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            "[1000].",
        ),
    ],
)  # fmt: skip
def test_what_provisioning_refuses(functions: Any, qualifier: str, count: int, message: str) -> None:
    create(functions, Publish=True)
    found = refusal(
        functions.put_provisioned_concurrency_config,
        FunctionName="fn", Qualifier=qualifier, ProvisionedConcurrentExecutions=count,
    )  # fmt: skip
    assert found == ("InvalidParameterValueException", 400, message)


def test_environments_know_how_they_came_to_be(functions: Any) -> None:
    source = b"import os\nKIND = os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']\ndef handler(e, c): return KIND\n"
    create(functions, source=source, Publish=True)
    functions.put_provisioned_concurrency_config(
        FunctionName="fn", Qualifier="1", ProvisionedConcurrentExecutions=1
    )
    ready(functions, "1")
    assert invoke(functions, Qualifier="1")[0] == "provisioned-concurrency"
    assert invoke(functions)[0] == "on-demand"
