"""provided.al2023: a bootstrap over the Runtime API, and what the API refuses."""

from __future__ import annotations

import io
import json
import os
import sys
import zipfile
from typing import Any

import pytest

import cloudcore
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import pack

CLIENT = f"""#!{sys.executable} -u
import http.client, json, os, sys, time
link = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
def send(method, path, body=None, **headers):
    link.request(method, "/2018-06-01/runtime/" + path, body, {{k.replace("_", "-"): v for k, v in headers.items()}})
    answer = link.getresponse()
    return answer.status, answer.headers, answer.read()
"""


@pytest.fixture(scope="module")
def cloud():
    with cloudcore.open(":memory:") as made:
        yield made


def executable(name: str, source: str | bytes) -> bytes:
    """A package with one file that may be executed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        entry = zipfile.ZipInfo(name)
        entry.external_attr = 0o755 << 16
        archive.writestr(entry, source)
    return packed.getvalue()


def invoke(cloud: Any, name: str, event: Any = None) -> tuple[Any, Any]:
    result = cloud.lambda_.invoke(name, json.dumps(event).encode())
    return json.loads(result.payload), result


def deploy(cloud: Any, name: str, source: str, **settings: Any) -> None:
    settings = {"handler": "any.name", "runtime": "provided.al2023", "timeout": 20} | settings
    cloud.function(name, executable("bootstrap", source), **settings)


def test_a_bootstrap_has_the_whole_contract(cloud):
    deploy(
        cloud, "whole",
        CLIENT + """
print("initialising")
while True:
    _, headers, event = send("GET", "invocation/next")
    told = {name: headers["Lambda-Runtime-" + name] for name in ("Aws-Request-Id", "Deadline-Ms", "Invoked-Function-Arn")}
    told |= {"event": json.loads(event), "handler": os.environ["_HANDLER"], "type": headers["Content-Type"]}
    print("handling")
    status, _, body = send("POST", f"invocation/{told['Aws-Request-Id']}/response", json.dumps(told))
    assert (status, json.loads(body)) == (202, {"status": "OK"})
""",
    )  # fmt: skip
    body, first = invoke(cloud, "whole", {"a": "ä"})
    assert body["event"] == {"a": "ä"} and body["handler"] == "any.name" and body["type"] == "application/json"
    assert body["Aws-Request-Id"] == first.request_id and body["Invoked-Function-Arn"].endswith(":function:whole")
    log = first.log.decode()
    assert log.startswith("INIT_START Runtime Version: provided:al2023.v1\t") and first.init_ms is not None
    assert log.index("initialising") < log.index("START RequestId") < log.index("handling") < log.index("END ")
    _, second = invoke(cloud, "whole")
    assert second.init_ms is None and b"initialising" not in second.log


def test_out_of_turn_and_out_of_place(cloud):
    deploy(
        cloud, "odd",
        CLIENT + """
_, headers, event = send("GET", "invocation/next")
mine = headers["Lambda-Runtime-Aws-Request-Id"]
seen = [
    send("GET", "invocation/next"), send("POST", "invocation/other/response", "1"),
    send("POST", "invocation/other/error", "1"), send("POST", "init/error", "{}"), send("GET", "nothing"),
    send("GET", "../../2020-01-01/extension/register"),
]
send("POST", f"invocation/{mine}/response", json.dumps([[status, json.loads(body)["errorType"]] for status, _, body in seen]))
send("GET", "invocation/next")
""",
    )  # fmt: skip
    assert invoke(cloud, "odd")[0] == [
        [403, "InvalidStateTransition"], [400, "InvalidRequestID"], [400, "InvalidRequestID"],
        [403, "InvalidStateTransition"], [404, "NotFound"], [404, "NotFound"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ('send("POST", f"invocation/{mine}/error", json.dumps({"errorType": "Own", "errorMessage": "m", "x": 1}))',
         {"errorType": "Own", "errorMessage": "m", "x": 1}),
        ('send("POST", f"invocation/{mine}/error", "no json", Lambda_Runtime_Function_Error_Type="Own.Type")',
         {"errorType": "Own.Type", "errorMessage": ""}),
        ('assert send("POST", f"invocation/{mine}/response", b"x" * 6291557)[0] == 413',
         {"errorType": "Function.ResponseSizeTooLarge",
          "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes)."}),
        ("sys.exit(7)", "Runtime exited with error: exit status 7"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os.kill(os.getpid(), 11)", "Runtime exited with error: signal: segmentation fault"),
    ],
    ids=["error", "error without json", "too large", "exit 7", "exit 0", "signal"],
)  # fmt: skip
def test_errors(cloud, source, error):
    deploy(
        cloud, "errs", CLIENT + f"""
while True:
    _, headers, event = send("GET", "invocation/next")
    mine = headers["Lambda-Runtime-Aws-Request-Id"]
    {source}
""",
    )  # fmt: skip
    body, result = invoke(cloud, "errs")
    if isinstance(error, str):
        error = {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {result.request_id} Error: {error}"}
    assert (result.function_error, body) == ("Unhandled", error)


def test_initialisation_that_fails(cloud):
    told = '{"errorType": "Own.Init", "errorMessage": "no"}'
    deploy(cloud, "init", CLIENT + f"send('POST', 'init/error', {told!r})\nsys.exit(1)\n")
    body, result = invoke(cloud, "init")
    assert body == json.loads(told) and b"Phase: init\tStatus: error\tError Type: Runtime.Unknown\n" in result.log
    deploy(cloud, "init", CLIENT + "sys.exit(5)\n")
    body, _ = invoke(cloud, "init")
    assert body["errorMessage"].endswith("Error: Runtime exited with error: exit status 5")


def test_a_package_without_a_bootstrap(cloud):
    cloud.function("bare", pack({"x": b""}), handler="x", runtime="provided.al2")
    body, result = invoke(cloud, "bare")
    assert body == {
        "errorType": "Runtime.InvalidEntrypoint",
        "errorMessage": f"RequestId: {result.request_id} Error: Couldn't find valid bootstrap(s): "
        "[/var/task/bootstrap /opt/bootstrap]",
    }
    cloud.function("bare", pack({"bootstrap": b"#!/bin/sh\n"}), handler="x", runtime="provided.al2")
    body, _ = invoke(cloud, "bare")
    assert "fork/exec" in body["errorMessage"] and body["errorMessage"].endswith("permission denied")


def test_a_wrapper_script_runs_python_as_a_program(cloud):
    code = b"import os\ndef handler(event, context): return [event, os.environ['SET_BY'], context.aws_request_id]\n"
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/tmp/wrap"}
    cloud.function("wrapped", pack({"h.py": code}), handler="h.handler", environment=variables, timeout=20)
    body, _ = invoke(cloud, "wrapped", 1)
    assert body["errorMessage"].endswith("Error: Runtime exited with error: exit status 127")
    script = b'#!/bin/sh\nexport SET_BY=wrapper\nexec "$@"\n'
    layer = cloud.client("lambda").publish_layer_version(
        LayerName="wrap", Content={"ZipFile": executable("wrap", script)}
    )
    variables = {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}
    cloud.function(
        "wrapped", pack({"h.py": code}), handler="h.handler", environment=variables, timeout=20,
        layers=[layer["LayerVersionArn"]],
    )  # fmt: skip
    if os.path.isdir("/opt"):
        body, result = invoke(cloud, "wrapped", 1)
        assert body == [1, "wrapper", result.request_id]


def test_runtimes_that_are_refused(cloud):
    for name in ("java21", "ruby3.3", "dotnet8"):
        with pytest.raises(ApiError, match="is not supported by this endpoint"):
            cloud.function("no", pack({"x": b""}), handler="x", runtime=name)
    client = cloud.client("lambda")
    with pytest.raises(client.exceptions.InvalidParameterValueException, match='"Image" is not supported'):
        client.create_function(
            FunctionName="no", Role="arn:aws:iam::000000000000:role/r", PackageType="Image", Code={"ImageUri": "x"}
        )
