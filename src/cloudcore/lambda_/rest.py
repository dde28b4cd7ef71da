"""The REST-JSON wire of Lambda; cloudcore.validation.rest knows where each member stands."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from cloudcore.errors import ApiError, ClosedError
from cloudcore.lambda_ import lineage, streaming
from cloudcore.validation.rest import read_request, routes, write_answer

Reply = tuple[int, list[tuple[str, str]], bytes]
Start = Callable[[int, list[tuple[str, str]]], Callable[[bytes], bool]]
Streamed = Callable[[Start], "Reply | None"]
_JSON = ("Content-Type", "application/json")


def handle(
    service: Any, method: str, path: str, query: str, headers: dict[str, str], body: bytes
) -> Reply | Streamed:
    """Answer one request; errors are answers too."""
    try:
        given = parse_qs(query, keep_blank_values=True)
        found = routes("lambda").match(method, path, given)
        if found is None:
            raise ApiError("UnknownOperationException", f"There is no {method} {path} here.", 404)
        lineage.give(headers.get("x-amzn-trace-id"))
        answer = service.run(
            found.operation, read_request("lambda", found.operation, found.uri, given, headers, body)
        )
        if "EventStream" in answer and answer["StatusCode"] == 200:
            return _streamed(answer)
        if hasattr(answer.get("Payload"), "read"):
            answer["Payload"] = answer["Payload"].read()
        status, out, data = write_answer("lambda", found.operation, answer)
        return status, [_JSON, *out] if status != 204 else out, data
    except ClosedError:
        return _refusal(ApiError("ServiceException", "The service is shutting down.", 503))
    except ApiError as error:
        return _refusal(error)
    finally:
        lineage.give(None)


def _streamed(answer: dict[str, Any]) -> Streamed:
    def run(start: Start) -> None:
        headers = [
            ("Content-Type", answer["ResponseStreamContentType"]),
            ("X-Amz-Executed-Version", answer["ExecutedVersion"]),
        ]
        write = start(200, headers)
        for event in answer["EventStream"]:
            if not write(streaming.encode(event)):
                answer["EventStream"].close()
                return

    return run


def _refusal(error: ApiError) -> Reply:
    kind = "User" if error.status < 500 else "Service"
    member = "message" if error.code in ("ValidationException", "TooManyRequestsException") else "Message"
    body = {"Type": kind, member: error.message} | error.fields
    return error.status, [_JSON, ("x-amzn-ErrorType", error.code)], json.dumps(body).encode()
