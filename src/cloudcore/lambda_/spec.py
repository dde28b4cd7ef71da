"""What an execution environment runs, and the variables that it sees."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Spec:
    """One version of a function. `root` is the directory of its code, `timeout_s` whole seconds,
    `environment` all the variables that the function sees, `hidden` directories that it does not see
    (`root` may lie in one), `opt` the directory that it sees as /opt ("": the machine's). `runtime` is AWS's
    identifier, `program` what programs.py makes of it. `system_log_level`: the platform's lines
    are JSON from this level on; "": text. `storage_mb`: the size of /tmp. `snap_start`: environments come
    from a snapshot."""

    name: str
    arn: str
    root: str
    handler: str
    timeout_s: int = 3
    memory_mb: int = 128
    environment: dict[str, str] = field(default_factory=dict)
    version: str = "$LATEST"
    hidden: tuple[str, ...] = ()
    opt: str = ""
    runtime: str = ""
    program: dict[str, Any] | None = None
    system_log_level: str = ""
    storage_mb: int = 512
    snap_start: bool = False


def environment_of(
    spec: Spec, region: str, endpoint_url: str | None, account: str, secret: str = "local"
) -> dict[str, str]:
    """The environment variables that a function sees, as AWS sets them, then the function's own."""
    day = time.strftime("%Y/%m/%d", time.gmtime())
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": spec.name,
        "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{spec.name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": f"{day}/[{spec.version}]{uuid.uuid4().hex}",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": account,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_SESSION_TOKEN": "local",
        "_HANDLER": spec.handler,
        "LAMBDA_TASK_ROOT": spec.root,
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "PATH": os.defpath,
    }
    if spec.opt:
        libraries = f"{spec.root}:{spec.root}/lib:/opt/lib"
        variables |= {"PATH": f"{os.defpath}:/opt/bin", "LD_LIBRARY_PATH": libraries}
    if spec.runtime.startswith(("python", "nodejs")):
        variables["AWS_EXECUTION_ENV"] = f"AWS_Lambda_{spec.runtime}"
    if spec.runtime.startswith("nodejs"):
        major = spec.runtime.removeprefix("nodejs").partition(".")[0]
        variables["NODE_PATH"] = f"/opt/nodejs/node{major}/node_modules:/opt/nodejs/node_modules"
    if endpoint_url:
        variables["AWS_ENDPOINT_URL"] = endpoint_url
    return variables | spec.environment
