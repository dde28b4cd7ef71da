"""Functions: the list, one made from a text or a zip, its code, a test call, its log and what it cost."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

from cloudcore.console import words
from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import ApiError

Page = tuple[str, dict[str, Any]]
_MODULE = "lambda_function"
_EXAMPLE = """import json


def handler(event, context):
    print("got", json.dumps(event))
    return {"hello": event.get("name", "world"), "left_ms": context.get_remaining_time_in_millis()}
"""
_RUNTIMES = ("python3.13", "python3.12", "python3.11")
_LOG_BYTES = 32 << 10
_CODE_MAX = 256 << 10


def listing(view: View, request: Request) -> Page:
    """All functions, with their figures since the cloud was opened."""
    found: list[dict[str, Any]] = []
    page: dict[str, Any] = {}
    while True:
        answer = view.call("lambda_", "ListFunctions", page)
        found += answer["Functions"]
        if not answer.get("NextMarker"):
            break
        page = {"Marker": answer["NextMarker"]}
    rows = [{**entry, "usage": view.cloud.lambda_.usage(entry["FunctionName"])} for entry in found]
    return "functions.html", {"title": "Functions", "functions": rows}


def new(view: View, request: Request) -> Page:
    """The form for a new function."""
    return "function_new.html", {"title": "Create function", "code": _EXAMPLE, "runtimes": _RUNTIMES}


def create(view: View, request: Request) -> Page:
    """CreateFunction, from the text or from the zip."""
    name = request.text("name")
    handler = request.text("handler")
    if "zip" in request.files:
        package = request.files["zip"]
        if not handler:
            raise ApiError("ValidationException", "A zip needs its handler, as module.function")
    else:
        package, handler = _zip(request.fields.get("code", "")), f"{_MODULE}.handler"
    view.call(
        "lambda_",
        "CreateFunction",
        {
            "FunctionName": name,
            "Runtime": request.text("runtime") or _RUNTIMES[-1],
            "Handler": handler,
            "Role": f"arn:aws:iam::{view.cloud.account}:role/console",
            "Code": {"ZipFile": package},
            "Timeout": request.number("timeout", 3),
            "MemorySize": request.number("memory", 128),
            "Description": request.text("description"),
            "Environment": {"Variables": _variables(request)},
        },
    )
    raise Redirect(f"functions/{name}", f"Function {name} is there.")


def show(view: View, request: Request, name: str, **more: Any) -> Page:
    """Configuration, code, figures and log of a function."""
    found = view.call("lambda_", "GetFunction", {"FunctionName": name})
    configuration = found["Configuration"]
    code = _code(found["Code"].get("Location", ""), configuration)
    return "function.html", {
        "title": name,
        "function": configuration,
        "code": code,
        "live": _figures(view, name),
        "variables": configuration.get("Environment", {}).get("Variables", {}),
        "reserved": view.call("lambda_", "GetFunctionConcurrency", {"FunctionName": name}).get(
            "ReservedConcurrentExecutions", ""
        ),
        "event": '{\n  "name": "ann"\n}',
        "result": None,
        **more,
    }


def live(view: View, request: Request, name: str) -> dict[str, Any]:
    """What changes while one looks."""
    view.call("lambda_", "GetFunctionConfiguration", {"FunctionName": name})
    return _figures(view, name)


def _figures(view: View, name: str) -> dict[str, Any]:
    usage = view.cloud.lambda_.usage(name)
    calls = usage["invocations"]
    log = view.cloud.lambda_.log(name).tail(_LOG_BYTES).decode("utf-8", "replace")
    return {
        "invocations": words.number(calls),
        "errors": words.number(usage["errors"]),
        "throttles": words.number(usage["throttles"]),
        "mean": words.duration(usage["duration_ms"] / calls / 1000) if calls else "-",
        "billed": words.duration(usage["billed_ms"] / 1000),
        "gb_seconds": f"{usage['gb_seconds']:.4g}",
        "log": log,
    }


def test(view: View, request: Request, name: str) -> Page:
    """Invoke with the event of the form; what came back is shown with its log lines."""
    event = request.fields.get("event", "")
    try:
        payload = json.dumps(json.loads(event or "null")).encode()
    except ValueError as error:
        raise ApiError("InvalidRequestContentException", f"The event is no JSON: {error}") from None
    result = view.cloud.lambda_.invoke(name, payload)
    return show(
        view,
        request,
        name,
        event=event,
        result={
            "failed": bool(result.function_error),
            "payload": _pretty(result.payload),
            "log": result.log.decode("utf-8", "replace"),
            "duration": words.duration(result.duration_ms / 1000),
            "billed_ms": result.billed_ms,
            "memory_mb": result.max_memory_mb,
            "init": words.duration(result.init_ms / 1000) if result.init_ms is not None else None,
        },
    )


def save_code(view: View, request: Request, name: str) -> Page:
    """UpdateFunctionCode, from the text or from the zip."""
    package = request.files.get("zip")
    if package is None:
        package = _zip(request.fields.get("code", ""))
        view.call(
            "lambda_", "UpdateFunctionConfiguration", {"FunctionName": name, "Handler": f"{_MODULE}.handler"}
        )
    view.call("lambda_", "UpdateFunctionCode", {"FunctionName": name, "ZipFile": package})
    raise Redirect(f"functions/{name}", "The new code is live.")


def save_settings(view: View, request: Request, name: str) -> Page:
    """UpdateFunctionConfiguration, and the reserved concurrency."""
    view.call(
        "lambda_",
        "UpdateFunctionConfiguration",
        {
            "FunctionName": name,
            "Timeout": request.number("timeout", 3),
            "MemorySize": request.number("memory", 128),
            "Description": request.text("description"),
            "Environment": {"Variables": _variables(request)},
        },
    )
    if request.text("reserved"):
        view.call(
            "lambda_",
            "PutFunctionConcurrency",
            {
                "FunctionName": name,
                "ReservedConcurrentExecutions": request.number("reserved", 0),
            },
        )
    else:
        view.call("lambda_", "DeleteFunctionConcurrency", {"FunctionName": name})
    raise Redirect(f"functions/{name}", "The settings are saved.")


def delete(view: View, request: Request, name: str) -> Page:
    """DeleteFunction, when the form repeats the name."""
    if request.text("name") != name:
        raise ApiError("ValidationException", f"Type the function's name, {name}, to delete it")
    view.call("lambda_", "DeleteFunction", {"FunctionName": name})
    raise Redirect("functions", f"Function {name} is gone.")


def _zip(text: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{_MODULE}.py", text.replace("\r\n", "\n"))
    return made.getvalue()


def _code(location: str, configuration: dict[str, Any]) -> str | None:
    """The text of a package that is one file; None when there is more to it than a text field can hold."""
    url = urlsplit(location)
    if url.scheme != "file" or configuration.get("Handler") != f"{_MODULE}.handler":
        return None
    try:
        with zipfile.ZipFile(url2pathname(unquote(url.path))) as archive:
            if archive.namelist() != [f"{_MODULE}.py"] or archive.infolist()[0].file_size > _CODE_MAX:
                return None
            return archive.read(f"{_MODULE}.py").decode()
    except (OSError, zipfile.BadZipFile, UnicodeDecodeError):
        return None


def _variables(request: Request) -> dict[str, str]:
    """NAME=value lines."""
    found = {}
    for line in request.fields.get("environment", "").splitlines():
        if line.strip():
            name, equals, value = line.partition("=")
            if not equals:
                raise ApiError("ValidationException", f"A variable is NAME=value, not {line!r}")
            found[name.strip()] = value
    return found


def _pretty(payload: bytes) -> str:
    try:
        return words.as_json(json.loads(payload))
    except ValueError:
        return payload.decode("utf-8", "replace")
