"""What this machine runs for each runtime identifier; the owner's side.

| runtime | program |
| --- | --- |
| python3.x | none: environments of this interpreter (runtime.py); with a wrapper, loop.py |
| nodejsN.x | node (CLOUDCORE_NODE, else on PATH) with node/runtime.mjs |
| provided, provided.al2, provided.al2023 | bootstrap, of the package, else below /opt |

Source: AWS, "Lambda runtimes"; "Using a wrapper script" (AWS_LAMBDA_EXEC_WRAPPER).
"""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import sys
from typing import Any

from cloudcore.errors import ApiError

_HERE = os.path.dirname(os.path.abspath(__file__))
_PROVIDED = ("provided", "provided.al2", "provided.al2023")


def is_python(runtime: str) -> bool:
    """Whether a runtime is one of Python's."""
    return re.fullmatch(r"python3\.\d{1,2}", runtime) is not None


def check(runtime: str) -> None:
    """Refuse a runtime that this machine has no program for. Raises InvalidParameterValueException."""
    if is_python(runtime) or runtime in _PROVIDED:
        return
    if re.fullmatch(r"nodejs\d+\.x", runtime):
        if node() is None:
            raise _refused(
                f"The runtime {runtime} needs Node.js on this machine: put node on PATH, or its path into "
                "CLOUDCORE_NODE."
            )
        return
    raise _refused(
        f"The runtime parameter of {runtime} is not supported by this endpoint: python3.x, nodejs<N>.x and "
        "provided.al2023 are."
    )


def node() -> str | None:
    """Node.js on this machine, when there is one."""
    return shutil.which(os.environ.get("CLOUDCORE_NODE") or "node")


@functools.cache
def version_of(program: str) -> str:
    """What a program says to --version, without its v: "20.20.2"; "" when it says nothing."""
    try:
        told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    return told.stdout.strip().removeprefix("v")


def label(runtime: str) -> tuple[str, str]:
    """(how INIT_START names the interpreter, the text whose hash names it)."""
    major, minor, micro = sys.version_info[:3]
    if runtime.startswith("nodejs"):
        version = version_of(node() or "") if node() else ""
        return f"nodejs:{version.partition('.')[0]}.v{version.rpartition('.')[2]}", f"node {version}"
    if runtime in _PROVIDED:
        return f"{runtime.replace('.', ':')}.v1", runtime
    return f"python:{major}.{minor}.v{micro}", sys.version


def mismatch(runtime: str) -> str:
    """What another version of the interpreter runs the function; "" when it is the one that was asked for."""
    if is_python(runtime):
        ours = f"python3.{sys.version_info[1]}"
        return "" if ours == runtime else ours
    if runtime.startswith("nodejs"):
        ours = f"nodejs{version_of(node() or '').partition('.')[0]}.x"
        return "" if ours == runtime else ours
    return ""


def program(
    runtime: str, handler: str, root: str, opt: str, variables: dict[str, str]
) -> dict[str, Any] | None:
    """What an environment starts: {"command", "absent", "needs"}; None: Python, in the environment itself.

    `needs` are directories that must stay visible.
    """
    wrapper = variables.get("AWS_LAMBDA_EXEC_WRAPPER")
    if runtime in _PROVIDED:
        return _bootstrap(root, opt)
    if runtime.startswith("nodejs"):
        found = node()
        command = [found, os.path.join(_HERE, "node", "runtime.mjs"), handler] if found else []
        needs = [_HERE, os.path.dirname(os.path.dirname(os.path.realpath(found)))] if found else []
        made = {"command": command, "absent": "node is not on this machine", "needs": needs}
    elif wrapper:
        source = os.path.dirname(os.path.dirname(os.path.dirname(_HERE)))
        command = [sys.executable, os.path.join(_HERE, "loop.py"), handler]
        made = {"command": command, "absent": "", "needs": [source, *filter(None, sys.path)]}
    else:
        return None
    if wrapper and made["command"]:
        made["command"] = ["/bin/sh", "-c", '"$0" "$@"', wrapper, *made["command"]]
    return made


def _bootstrap(root: str, opt: str) -> dict[str, Any]:
    for place in (root, opt):
        path = os.path.join(place, "bootstrap") if place else ""
        if path and os.path.isfile(path):
            return {"command": [path], "absent": "", "needs": []}
    absent = "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    return {"command": [], "absent": absent, "needs": []}


def _refused(message: str) -> ApiError:
    return ApiError("InvalidParameterValueException", message)
