"""What runs inside an execution environment: loads the handler, then answers invocations.

    request   head_size u32, deadline i64 (ms since 1970), lengths of request id, ARN, trace and tenant
              (u16) and client context (u32), these five; then the event's bytes
    answer    one letter: I initialised, X not initialised (the process ends), R result, E error;
              B begins a stream (its content type), S is a piece of it: the owner answers either by GO

The first request, which has no request id, asks for the initialisation. Source: AWS, "Building
Lambda functions with Python"; the shapes of errors as AWS's runtime returns them.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import struct
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from cloudcore.lambda_ import context, debugging, hooks, logs, payload

if TYPE_CHECKING:
    from cloudcore._channel import Channel

HEAD = struct.Struct("<IqHHHHI")
RESULT, ERROR, READY, FAILED = ord("R"), ord("E"), ord("I"), ord("X")
BEGIN, PIECE = ord("B"), ord("S")
GO = struct.pack("<I", 4)
"""The owner's answer to a piece of a stream."""
_WAIT_MS = 3_600_000

Handler = Callable[[Any, Any], Any]


class Fault(Exception):
    """An error of the runtime's own, by AWS's name for it."""

    def __init__(self, kind: str, message: str, trace: list[str] | None = None):
        super().__init__(message)
        self.kind, self.trace = kind, trace or []


class Head(NamedTuple):
    """What comes with an event; all but the client context is ASCII."""

    deadline_ms: int
    request_id: str
    arn: str
    client_context: bytes = b""
    trace: str = ""
    tenant: str = ""

    def pack(self) -> bytes:
        """The head of a request."""
        body = f"{self.request_id}{self.arn}{self.trace}{self.tenant}".encode("ascii", "replace")
        sizes = (len(self.request_id), len(self.arn), len(self.trace), len(self.tenant))
        size = HEAD.size + len(body) + len(self.client_context)
        packed = HEAD.pack(size, self.deadline_ms, *sizes, len(self.client_context))
        return packed + body + self.client_context

    @classmethod
    def unpack(cls, head: bytes) -> Head:
        """The other way."""
        _, deadline, size, arn, trace, tenant, _ = HEAD.unpack_from(head)
        arn, trace, tenant = size + arn, size + arn + trace, size + arn + trace + tenant
        at = HEAD.size + tenant
        text = head[HEAD.size : at].decode("ascii")
        return cls(deadline, text[:size], text[size:arn], head[at:], text[arn:trace], text[trace:tenant])


def load(name: str) -> Handler:
    """The function that a handler name ("module.function", "dir/module.function") stands for."""
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise Fault(
            "Runtime.MalformedHandlerName",
            f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)",
        )
    if module_name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", f"Cannot use built-in module {module_name} as a handler module"
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        raise Fault(
            "Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}"
        ) from error
    except SyntaxError as error:
        line = f'  File "{error.filename}" Line {error.lineno}\n    {error.text}'
        raise Fault(
            "Runtime.UserCodeSyntaxError", f"Syntax error in module '{module_name}': {error}", [line]
        ) from error
    try:
        function: Handler = getattr(module, function_name)
    except AttributeError as error:
        raise Fault(
            "Runtime.HandlerNotFound", f"Handler '{function_name}' missing on module '{module_name}'"
        ) from error
    return function


def _trace(found: TracebackType | None) -> list[str]:
    frames = list(traceback.extract_tb(found))
    while frames and frames[0].filename == __file__:
        del frames[0]
    # Plain tuples: AWS's runtime does not underline the part of the line.
    return traceback.format_list([(one.filename, one.lineno or 0, one.name, one.line) for one in frames])


def error_payload(error: BaseException, request_id: str) -> bytes:
    """The payload of a function's error, after it was written to the log."""
    if isinstance(error, Fault):
        kind, message, trace = error.kind, str(error), error.trace
    else:
        kind, message, trace = type(error).__name__, str(error), _trace(error.__traceback__)
    body = {"errorMessage": message, "errorType": kind, "requestId": request_id, "stackTrace": trace}
    logs.error(body)
    return json.dumps(body).encode()


class Runtime:
    """The state of one environment's loop."""

    def __init__(self, function: Handler):
        self.function = function
        self.encoder = payload.Encoder()
        self.own_trace, self.traced = os.environ.get("_X_AMZN_TRACE_ID", ""), False

    def answer(self, head: Head, event: bytes, long_integers: bool) -> tuple[int, bytes]:
        """Run one invocation. SystemExit and its like pass: they end the process, as on AWS."""
        logs.request_id = request_id = head.request_id
        if head.trace or self.traced:
            self.traced = bool(head.trace)
            os.environ["_X_AMZN_TRACE_ID"] = head.trace or self.own_trace
        try:
            try:
                made = context.Context(
                    request_id, head.arn, head.deadline_ms, head.client_context, head.tenant or None
                )
            except Exception as error:
                raise Fault(
                    "Runtime.LambdaContextUnmarshalError", f"Unable to parse Client Context JSON: {error}"
                ) from error
            try:
                value = payload.decode(event, long_integers)
            except Exception as error:
                raise Fault("Runtime.UnmarshalError", f"Unable to unmarshal input: {error}") from error
            result = self.function(value, made)
            try:
                encoded = self.encoder.encode(result)
            except Exception as error:
                raise Fault("Runtime.MarshalError", f"Unable to marshal response: {error}") from error
        except Exception as error:
            return ERROR, error_payload(error, request_id)
        if len(encoded) > payload.RESPONSE_MAX:
            return ERROR, payload.too_large()
        return RESULT, encoded


def exit_code(ending: SystemExit) -> int:
    """The interpreter's own rule for what sys.exit() was given: a number, or words to say and 1."""
    if ending.code is None or isinstance(ending.code, int):
        return (ending.code or 0) & 0xFF
    print(ending.code, file=sys.stderr)
    return 1


def _libraries(before: set[str], root: str) -> bytes:
    """Names of the modules imported since, from outside the code: what a zygote may import ahead."""
    inside = os.path.join(os.path.realpath(root), "")
    names = []
    for name, module in list(sys.modules.items()):
        source = getattr(module, "__file__", None)
        if name in before or not isinstance(source, str):
            continue
        if not os.path.realpath(source).startswith(inside):
            names.append(name)
    return json.dumps(names).encode()


def serve(channel: Channel, handler: str, root: str, before: set[str] | None) -> None:
    """Load the handler, tell how that went, and answer until the channel is shut.

    `before` are the names of the modules that the zygote had imported; None when nobody wants to
    know which ones were added.
    """
    context.prepare()
    logs.prepare()
    channel.receive(_WAIT_MS)
    debugging.listen()
    try:
        function = load(handler)
        if hooks.wanted():  # of a version whose snapshot cannot be forked from
            hooks.before_snapshot()
            hooks.after_restore()
    except Exception as error:
        channel.reply(FAILED, error_payload(error, ""))
        os._exit(1)
    channel.reply(READY, b"" if before is None else _libraries(before, root))
    # What initialisation made stays; collections during calls need not look at it again.
    gc.freeze()
    answer_all(channel, function)


def answer_all(channel: Channel, function: Handler) -> NoReturn:
    """Answer until the channel is shut, which ClosedError tells."""
    runtime = Runtime(function)
    while True:
        request = channel.receive(_WAIT_MS)
        if request is not None:
            head, event, long_integers = request
            channel.reply(*runtime.answer(Head.unpack(head), event, long_integers))
