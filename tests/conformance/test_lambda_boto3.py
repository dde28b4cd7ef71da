"""Functions under unmodified boto3, over HTTP: life cycle, invocations, refusals, what survives."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from lambda_clients import ECHO, ROLE, create, invoke, refusal

import cloudcore
from cloudcore.errors import ApiError, BusyError
from cloudcore.lambda_.code import pack

SAYS = b"def handler(event, context):\n    print('saw', event)\n"


def test_the_life_of_a_function(functions: Any) -> None:
    package = pack({"h.py": ECHO})
    made = create(functions, Description="says it", Timeout=7, MemorySize=256, Tags={"team": "a"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["FunctionArn"] == "arn:aws:lambda:us-east-1:000000000000:function:fn"
    assert made["CodeSha256"] == base64.b64encode(hashlib.sha256(package).digest()).decode()
    assert (made["CodeSize"], made["Version"], made["Timeout"]) == (len(package), "$LATEST", 7)
    functions.get_waiter("function_active_v2").wait(FunctionName="fn")
    found = functions.get_function(FunctionName="fn")
    assert found["Configuration"]["Description"] == "says it"
    assert found["Tags"] == {"team": "a"}
    assert Path(found["Code"]["Location"].removeprefix("file://")).read_bytes() == package
    payload, answer = invoke(functions, event={"a": 1})
    assert payload == {"event": {"a": 1}, "arn": made["FunctionArn"]}
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert "FunctionError" not in answer
    assert functions.delete_function(FunctionName="fn")["ResponseMetadata"]["HTTPStatusCode"] == 204
    code, status, message = refusal(functions.get_function, FunctionName="fn")
    assert (code, status) == ("ResourceNotFoundException", 404)
    assert message == "Function not found: arn:aws:lambda:us-east-1:000000000000:function:fn"


@pytest.mark.parametrize(
    "name",
    [
        "fn",
        "fn:$LATEST",
        "000000000000:function:fn",
        "arn:aws:lambda:us-east-1:000000000000:function:fn:$LATEST",
    ],
)
def test_every_form_of_a_name(functions: Any, name: str) -> None:
    create(functions)
    payload, _ = invoke(functions, name, 5)
    assert payload["event"] == 5


def test_names_of_elsewhere_are_not_ours(functions: Any) -> None:
    create(functions)
    for name in (
        "111111111111:function:fn",
        "arn:aws:lambda:eu-west-1:000000000000:function:fn",
        "fn:7",
        "other",
    ):
        code, status, _ = refusal(functions.invoke, FunctionName=name)
        assert (code, status) == ("ResourceNotFoundException", 404), name


def test_log_tail_has_the_lines(functions: Any, cloud: cloudcore.Cloud) -> None:
    create(functions, source=SAYS)
    _, answer = invoke(functions, event="first", LogType="Tail")
    log = base64.b64decode(answer["LogResult"]).decode()
    lines = log.splitlines()
    assert lines[0].startswith("INIT_START Runtime Version: python:3.")
    assert lines[1].startswith("START RequestId: ") and lines[1].endswith(" Version: $LATEST")
    assert lines[2] == "saw first"
    assert lines[3].startswith("END RequestId: ")
    assert "\tBilled Duration: " in lines[4] and "\tInit Duration: " in lines[4]
    assert cloud.lambda_.log("fn").tail().decode() == log


def test_the_log_result_is_at_most_4_kb(functions: Any) -> None:
    create(functions, source=b"def handler(e, c):\n    print('x' * 100_000)\n")
    _, answer = invoke(functions, LogType="Tail")
    assert len(base64.b64decode(answer["LogResult"])) == 4096


def test_errors_of_the_function_are_its_answer(functions: Any, cloud: cloudcore.Cloud) -> None:
    create(functions, source=b"def handler(e, c):\n    raise KeyError('no ' + e)\n")
    payload, answer = invoke(functions, event="such")
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert (payload["errorType"], payload["errorMessage"]) == ("KeyError", "'no such'")
    assert payload["stackTrace"]
    assert cloud.lambda_.usage("fn")["errors"] == 1


def test_a_timeout(functions: Any) -> None:
    create(
        functions,
        source=b"import time\ndef handler(e, c):\n    time.sleep(e)\n    return 'done'\n",
        Timeout=1,
    )
    payload, answer = invoke(functions, event=5)
    assert answer["FunctionError"] == "Unhandled"
    assert payload["errorType"] == "Sandbox.Timedout"
    assert payload["errorMessage"].endswith("Error: Task timed out after 1.00 seconds")
    assert invoke(functions, event=0)[0] == "done"


def test_client_context_reaches_the_handler(functions: Any) -> None:
    source = b"def handler(e, c):\n    return [c.client_context.custom, c.client_context.client.app_title]\n"
    create(functions, source=source)
    context = base64.b64encode(b'{"custom": {"k": "v"}, "client": {"app_title": "t"}}').decode()
    assert invoke(functions, ClientContext=context)[0] == [{"k": "v"}, "t"]
    large = base64.b64encode(b'{"custom": {"k": "%s"}}' % (b"v" * 2700)).decode()
    assert len(large) > 3583
    with pytest.raises(functions.exceptions.InvalidRequestContentException, match="no longer than 3583 bytes"):
        invoke(functions, ClientContext=large)


def test_dry_run_runs_nothing(functions: Any, cloud: cloudcore.Cloud) -> None:
    create(functions)
    answer = functions.invoke(FunctionName="fn", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    assert cloud.lambda_.usage("fn")["invocations"] == 0


def test_functions_reach_tables_through_boto3(functions: Any, cloud: cloudcore.Cloud) -> None:
    table = cloud.table("seen", pk="id:S")
    source = b"""
import boto3
dynamodb = boto3.resource("dynamodb")
def handler(event, context):
    dynamodb.Table("seen").put_item(Item={"id": event})
    return dynamodb.Table("seen").scan()["Count"]
"""
    create(functions, source=source, Timeout=20)
    assert invoke(functions, event="a")[0] == 1
    assert invoke(functions, event="b")[0] == 2
    assert table.get("b") == {"id": "b"}


def test_functions_call_functions_deeply(functions: Any) -> None:
    """More calls at once than the listener has threads to begin with."""
    source = b"""
import boto3, json
functions = boto3.client("lambda")
def handler(depth, context):
    if depth == 0:
        return 0
    reply = functions.invoke(FunctionName="fn", Payload=json.dumps(depth - 1))
    return 1 + json.loads(reply["Payload"].read())
"""
    create(functions, source=source, Timeout=30)
    assert invoke(functions, event=5)[0] == 5


def test_calls_at_once_have_environments_of_their_own(functions: Any) -> None:
    source = b"""import os, socket
def handler(e, c):
    with socket.create_connection(("127.0.0.1", e), 60) as link: link.recv(1)
    return os.getpid()
"""
    create(functions, source=source, Timeout=60)
    found: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(60)
        port = listener.getsockname()[1]
        threads = [
            threading.Thread(target=lambda: found.append(invoke(functions, event=port)[0])) for _ in range(6)
        ]
        for thread in threads:
            thread.start()
        for link in [listener.accept()[0] for _ in threads]:  # all six run now
            link.close()
        for thread in threads:
            thread.join()
    assert len(set(found)) == 6


def test_new_code_and_settings_reach_the_next_call(functions: Any) -> None:
    create(functions)
    answer = functions.update_function_code(
        FunctionName="fn",
        ZipFile=pack({"h.py": b"import os\ndef handler(e, c):\n    return os.environ.get('MODE')\n"}),
    )
    functions.get_waiter("function_updated_v2").wait(FunctionName="fn")
    assert invoke(functions)[0] is None
    changed = functions.update_function_configuration(
        FunctionName="fn", Environment={"Variables": {"MODE": "b"}}
    )
    assert changed["RevisionId"] != answer["RevisionId"]
    assert invoke(functions)[0] == "b"
    code, status, _ = refusal(
        functions.update_function_configuration, FunctionName="fn", RevisionId="old", Timeout=9
    )
    assert (code, status) == ("PreconditionFailedException", 412)
    assert functions.get_function_configuration(FunctionName="fn")["Timeout"] == 30
    assert create(functions, "plain", Timeout=None)["Timeout"] == 3


def test_lists_in_pages(functions: Any) -> None:
    for n in range(5):
        create(functions, f"fn-{n}")
    pages = list(functions.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": 2}))
    assert [len(page["Functions"]) for page in pages] == [2, 2, 1]
    assert [f["FunctionName"] for page in pages for f in page["Functions"]] == [f"fn-{n}" for n in range(5)]


def test_code_from_the_object_store(functions: Any, cloud: cloudcore.Cloud) -> None:
    cloud.objects.put("code", "fn.zip", [pack({"h.py": ECHO})])
    create(functions, Code={"S3Bucket": "code", "S3Key": "fn.zip"})
    assert invoke(functions, event=1)[0]["event"] == 1
    code, _, message = refusal(create, functions, "other", Code={"S3Bucket": "code", "S3Key": "none.zip"})
    assert code == "InvalidParameterValueException" and "NoSuchKey" in message


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"Timeout": 901}, "ValidationException"),
        ({"MemorySize": 64}, "ValidationException"),
        ({"Runtime": "java21"}, "InvalidParameterValueException"),
        ({"PackageType": "Image", "Code": {"ImageUri": "i"}}, "InvalidParameterValueException"),
        ({"Code": {"ZipFile": b"this is no zip"}}, "InvalidParameterValueException"),
        ({"Code": {"ZipFile": pack({"h.py": ECHO})[:-30]}}, "InvalidParameterValueException"),
        ({"Code": {}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"AWS_REGION": "x"}}}, "InvalidParameterValueException"),
        ({"Environment": {"Variables": {"BIG": "x" * 5000}}}, "InvalidParameterValueException"),
        ({"VpcConfig": {"SubnetIds": ["subnet-1"]}}, "InvalidParameterValueException"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]}, "InvalidParameterValueException"),
    ],
)
def test_what_has_no_effect_here_is_refused(functions: Any, more: dict[str, Any], code: str) -> None:
    found, status, _ = refusal(create, functions, **more)
    assert (found, status) == (code, 400)
    assert functions.list_functions()["Functions"] == []


def test_tracing_is_kept_and_shown_and_said_to_be_none(functions: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert create(functions, TracingConfig={"Mode": "Active"})["TracingConfig"] == {"Mode": "Active"}
    assert [one.message for one in caplog.records if "X-Ray" in one.message]
    functions.update_function_configuration(FunctionName="fn", Timeout=7)
    assert functions.get_function_configuration(FunctionName="fn")["TracingConfig"] == {"Mode": "Active"}
    assert invoke(functions, event=5)[0]["event"] == 5
    changed = functions.update_function_configuration(FunctionName="fn", TracingConfig={"Mode": "PassThrough"})
    assert changed["TracingConfig"] == {"Mode": "PassThrough"}


def test_the_same_name_twice(functions: Any) -> None:
    create(functions)
    assert refusal(create, functions) == ("ResourceConflictException", 409, "Function already exist: fn")


@pytest.mark.parametrize("payload", [b"{x", b"\xff\xfe", b"[1,"])
def test_an_event_that_is_no_json(functions: Any, payload: bytes) -> None:
    create(functions)
    code, status, message = refusal(functions.invoke, FunctionName="fn", Payload=payload)
    assert (code, status) == ("InvalidRequestContentException", 400)
    assert message.startswith("Could not parse request body into json: ")


def test_an_event_too_large(functions: Any) -> None:
    create(functions)
    code, status, _ = refusal(functions.invoke, FunctionName="fn", Payload=b'"' + b"x" * 6_291_456 + b'"')
    assert (code, status) == ("RequestTooLargeException", 413)


def test_a_throttle(cloud: cloudcore.Cloud) -> None:
    cloud.lambda_.concurrency = 0
    cloud.function("fn", pack({"h.py": ECHO}), handler="h.handler")
    with pytest.raises(ApiError) as caught:
        cloud.lambda_.invoke("fn")
    assert (caught.value.code, caught.value.status) == ("TooManyRequestsException", 429)
    assert caught.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"


def test_functions_survive_kill_9(tmp_path: Path) -> None:
    script = f"""
import os, signal, cloudcore
from cloudcore.lambda_.code import pack
cloud = cloudcore.open({str(tmp_path / "d")!r})
cloud.function("fn", pack({{"h.py": {ECHO!r}}}), handler="h.handler", timeout=9)
assert cloud.lambda_.invoke("fn", b"1").function_error is None
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], timeout=120, check=False).returncode == -9
    with cloudcore.open(str(tmp_path / "d")) as cloud:
        assert json.loads(cloud.lambda_.invoke("fn", b"2").payload)["event"] == 2
        answer = cloud.lambda_.call("GetFunction", {"FunctionName": "fn"})
        assert answer["Configuration"]["Timeout"] == 9
        with pytest.raises(BusyError):
            cloudcore.open(str(tmp_path / "d")).lambda_  # noqa: B018


def test_a_package_cannot_write_outside(tmp_path: Path) -> None:
    from cloudcore.lambda_.code import Packages

    packages = Packages(str(tmp_path / "d"))
    name = packages.add(pack({"../../escaped.py": b"x", "/absolute.py": b"y", "h.py": ECHO}))
    root = Path(packages.root(name))
    assert not (tmp_path / "escaped.py").exists() and not os.path.exists("/absolute.py")
    assert (root / "h.py").read_bytes() == ECHO


def plain(event: Any, context: Any) -> Any:
    return {"plain": event}


def test_callables(cloud: cloudcore.Cloud) -> None:
    by_name = cloud.function("by-name", plain)
    assert by_name.invoke(1) == {"plain": 1}

    offset = 40

    @cloud.function("closure", timeout=5)
    def closure(event: Any, context: Any) -> Any:
        return event + offset

    assert closure.invoke(2) == 42
    assert closure.usage()["invocations"] == 1
    assert "REPORT RequestId" in closure.log()

    @cloud.function("failing")
    def failing(event: Any, context: Any) -> Any:
        raise ValueError("on purpose")

    with pytest.raises(cloudcore.FunctionError) as caught:
        failing.invoke({})
    assert (caught.value.kind, caught.value.message) == ("ValueError", "on purpose")


def test_deploying_again_changes_what_changed(cloud: cloudcore.Cloud, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def handler(e, c):\n    return 'one'\n")
    function = cloud.function("fn", tmp_path, handler="mine.handler")
    assert function.invoke() == "one"
    revision = cloud.lambda_.call("GetFunction", {"FunctionName": "fn"})["Configuration"]["RevisionId"]
    cloud.function("fn", tmp_path, handler="mine.handler")
    same = cloud.lambda_.call("GetFunction", {"FunctionName": "fn"})["Configuration"]["RevisionId"]
    assert same == revision
    cloud.function("fn", pack({"mine.py": b"def handler(e, c):\n    return 'two'\n"}), handler="mine.handler")
    assert function.invoke() == "two"


def test_another_python_is_said_to_be_ours(cloud: cloudcore.Cloud, caplog: pytest.LogCaptureFixture) -> None:
    cloud.lambda_.call(
        "CreateFunction",
        {"FunctionName": "fn", "Runtime": "python3.8", "Role": ROLE, "Handler": "h.handler",
         "Code": {"ZipFile": pack({"h.py": ECHO})}},
    )  # fmt: skip
    assert cloud.lambda_.invoke("fn", b"1").function_error is None
    assert f"fn asks for python3.8 and runs on python3.{sys.version_info[1]}" in caplog.text
