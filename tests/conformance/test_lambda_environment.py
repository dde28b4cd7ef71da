"""What a function finds when it starts: variables, directory, clock and limits, as AWS sets them."""

from __future__ import annotations

from typing import Any

from lambda_clients import create, invoke

SOURCE = b"""
import os, resource, time
def handler(event, context):
    return {"environment": dict(os.environ), "directory": os.getcwd(), "zone": time.tzname[0],
            "files": resource.getrlimit(resource.RLIMIT_NOFILE)[0]}
"""
# AWS_XRAY_CONTEXT_MISSING and AWS_XRAY_DAEMON_ADDRESS are not set: no daemon is there (docs/deviations.md).
EXACT = {
    "AWS_LAMBDA_FUNCTION_NAME": "fn", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/fn", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_EXECUTION_ENV": "AWS_Lambda_python3.12", "AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1",
    "_HANDLER": "h.handler", "LAMBDA_RUNTIME_DIR": "/var/runtime", "TZ": ":UTC", "LANG": "en_US.UTF-8", "MINE": "yes",
}  # fmt: skip


def test_what_a_function_finds(functions: Any) -> None:
    create(functions, source=SOURCE, MemorySize=256, Environment={"Variables": {"MINE": "yes"}})
    found = invoke(functions)[0]
    environment = found["environment"]
    assert {name: environment.get(name) for name in EXACT} == EXACT
    assert environment["AWS_LAMBDA_LOG_STREAM_NAME"].split("[")[1].startswith("$LATEST]")
    assert all(environment[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    assert environment["_X_AMZN_TRACE_ID"].startswith("Root=1-")
    assert environment["LAMBDA_TASK_ROOT"] == found["directory"]
    assert found["zone"] == "UTC" and found["files"] == 1024
    assert "AWS_XRAY_DAEMON_ADDRESS" not in environment
    known = {*EXACT, "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
             "_X_AMZN_TRACE_ID", "LAMBDA_TASK_ROOT", "PATH"}  # fmt: skip
    assert set(environment) == known | {"AWS_ENDPOINT_URL", "TMPDIR"}  # the two are ours
