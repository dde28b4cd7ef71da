"""What runs inside an execution environment: imports the handler, then answers invocations.

A request is one line of JSON (id, deadline, ARN, log names, client context), a newline, the event's
bytes. A response is one letter (R result, E function error, X error after which the process ends),
then the payload. Source: AWS, "Building Lambda functions with Python"; the shapes of errors as AWS
returns them.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from cloudcore._channel import Channel

RESPONSE_MAX = 6_291_556


class InitError(Exception):
    """The handler cannot be loaded; `payload` is the error as the caller sees it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None):
        super().__init__(message)
        self.payload = {
            "errorMessage": message,
            "errorType": kind,
            "requestId": "",
            "stackTrace": trace or [],
        }


class Context:
    """The second argument of a handler, with the members that AWS documents."""

    def __init__(self, head: dict[str, Any]):
        self.aws_request_id: str = head["id"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.invoked_function_arn: str = head["arn"]
        self.tenant_id = None
        self.client_context = None
        self.identity = None
        self._deadline_ms: int = head["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation times out, never below 0."""
        return max(self._deadline_ms - int(time.time() * 1000), 0)

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


def load(name: str) -> Callable[[Any, Any], Any]:
    """The function that a handler name ("module.function", "dir/module.function") stands for."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitError(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    module_name = module_name.replace("/", ".")
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise InitError(
            "Runtime.BuiltInModuleConflict",
            f"Cannot use built-in module {module_name} as a handler module",
        )
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise InitError(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise InitError(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [line]
        ) from error
    try:
        function: Callable[[Any, Any], Any] = getattr(module, function_name)
    except AttributeError as error:
        raise InitError(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from error
    return function


def _number(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value) if value % 1 else int(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def _error(error: BaseException, request_id: str, kind: str | None = None, message: str = "") -> bytes:
    frames = traceback.extract_tb(error.__traceback__)
    kept = [frame for frame in frames if frame.filename != __file__]
    body = {
        "errorMessage": message or str(error),
        "errorType": kind or type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(kept) if kind is None else [],
    }
    return json.dumps(body).encode()


def answer(function: Callable[[Any, Any], Any], request: bytes) -> bytes:
    """Run one invocation; never raises. The first byte of the answer tells what it is."""
    line, _, event = request.partition(b"\n")
    head = json.loads(line)
    request_id = head["id"]
    try:
        value = json.loads(event)
    except ValueError as error:
        message = f"Unable to unmarshal input: {error}"
        return b"E" + _error(error, request_id, "Runtime.UnmarshalError", message)
    try:
        result = function(value, Context(head))
    except SystemExit as error:
        message = f"RequestId: {request_id} Error: Runtime exited without providing a reason"
        body = {"errorType": "Runtime.ExitError", "errorMessage": message}
        del error
        return b"X" + json.dumps(body).encode()
    except BaseException as error:
        traceback.print_exc()
        return b"E" + _error(error, request_id)
    try:
        # As AWS's own runtime writes it: from Python 3.12 on, characters are not escaped.
        encoded = json.dumps(result, default=_number, ensure_ascii=sys.version_info < (3, 12)).encode()
    except Exception as error:
        message = f"Unable to marshal response: {error}"
        return b"E" + _error(error, request_id, "Runtime.MarshalError", message)
    if len(encoded) > RESPONSE_MAX:
        text = f"Response payload size exceeded maximum allowed payload size ({RESPONSE_MAX} bytes)."
        oversize = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": text}
        return b"E" + json.dumps(oversize).encode()
    return b"R" + encoded


def serve(channel: Channel, handler: str) -> None:
    """Load the handler and answer until the channel is shut. Init runs before the first request."""
    failed: InitError | None = None
    function: Callable[[Any, Any], Any] | None = None
    try:
        function = load(handler)
    except InitError as error:
        failed = error
    except BaseException as error:
        traceback.print_exc()
        failed = InitError(type(error).__name__, str(error), traceback.format_tb(error.__traceback__)[1:])
    while True:
        request = channel.receive(3_600_000)
        if request is None:
            continue
        if function is None:
            assert failed is not None
            response = b"X" + json.dumps(failed.payload).encode()
        else:
            response = answer(function, request)
        sys.stdout.flush()
        sys.stderr.flush()
        channel.reply(response)
        if response[:1] == b"X":
            os._exit(1)
