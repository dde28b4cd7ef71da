"""What a client raises. botocore's classes where it is installed, the same shape where it is not."""

from __future__ import annotations

import functools
from typing import Any

from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.validation import load


class OwnClientError(CloudcoreError):
    """In botocore's absence: `response["Error"]` has Code and Message, `operation_name` the operation."""

    def __init__(self, error_response: dict[str, Any], operation_name: str):
        error = error_response.get("Error", {})
        super().__init__(
            f"An error occurred ({error.get('Code', 'Unknown')}) "
            f"when calling the {operation_name} operation: "
            f"{error.get('Message', 'Unknown')}"
        )
        self.response = error_response
        self.operation_name = operation_name


class OwnParamValidationError(CloudcoreError):
    """In botocore's absence: parameters that the operation does not have, or lacks."""

    def __init__(self, report: str):
        super().__init__(f"Parameter validation failed:\n{report}")


class OwnWaiterError(CloudcoreError):
    """In botocore's absence: what was waited for did not come."""

    def __init__(self, name: str, reason: str, last_response: Any):
        super().__init__(f"Waiter {name} failed: {reason}")
        self.last_response = last_response


@functools.cache
def bases() -> tuple[type[Any], type[Any], type[Any]]:
    """(ClientError, ParamValidationError, WaiterError); looked for when the first error is raised."""
    try:
        from botocore import exceptions
    except ImportError:
        return OwnClientError, OwnParamValidationError, OwnWaiterError
    return exceptions.ClientError, exceptions.ParamValidationError, exceptions.WaiterError


@functools.cache
def error_classes(service: str) -> dict[str, type[Any]]:
    """Error code -> subclass of ClientError, for every error of the service's model."""
    base = bases()[0]
    return {code: type(code, (base,), {"__module__": __name__}) for code in load(service).errors}


class Exceptions:
    """client.exceptions: one class per error of the service, and ClientError."""

    def __init__(self, service: str):
        self._service = service

    def __getattr__(self, name: str) -> Any:
        if name == "ClientError":
            return bases()[0]
        found = error_classes(self._service).get(name)
        if found is None:
            valid = ", ".join(sorted(error_classes(self._service)))
            raise AttributeError(f"{self._service} has no exception {name}; it has: {valid}")
        return found

    def __dir__(self) -> list[str]:
        return ["ClientError", *error_classes(self._service)]


def client_error(service: str, operation: str, error: ApiError, metadata: dict[str, Any]) -> Exception:
    """The exception that boto3 would raise for this refusal."""
    response = {
        "Error": {"Message": error.message, "Code": error.code},
        "ResponseMetadata": metadata | {"HTTPStatusCode": error.status},
        **error.fields,
    }
    made: Exception = error_classes(service).get(error.code, bases()[0])(response, operation)
    return made


def bad_parameters(given: set[str], known: set[str], missing: list[str]) -> Exception:
    """A ParamValidationError that names what is missing and what is unknown."""
    lines = [f'Missing required parameter in input: "{name}"' for name in missing]
    lines += [
        f'Unknown parameter in input: "{name}", must be one of: {", ".join(sorted(known))}'
        for name in sorted(given - known)
    ]
    made: Exception = bases()[1](report="\n".join(lines))
    return made
