"""Client: every operation of a service as a method with keyword parameters.

A method is made when it is first asked for and then is an attribute of the client, so that later calls
cost a check of the parameters' names, the service's own work and one small dict.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from cloudcore._http import request_id
from cloudcore.client.errors import Exceptions, bad_parameters, client_error
from cloudcore.client.names import methods, snake_case
from cloudcore.errors import ApiError
from cloudcore.validation import load

if TYPE_CHECKING:
    from cloudcore.client.pages import Paginator
    from cloudcore.client.waiters import Waiter

SERVICES = {
    "dynamodb": "dynamodb",
    "dynamodbstreams": "dynamodbstreams",
    "firehose": "firehose",
    "lambda": "lambda_",
}
"""boto3's name of a service -> the attribute of Cloud."""
_serial = itertools.count(time.monotonic_ns())


class Body(io.BytesIO):
    """A payload that is read like botocore's StreamingBody."""

    def iter_chunks(self, chunk_size: int = 1024) -> Iterator[bytes]:
        """The rest, `chunk_size` bytes at a time."""
        while chunk := self.read(chunk_size):
            yield chunk

    def iter_lines(self, chunk_size: int = 1024, keepends: bool = False) -> Iterator[bytes]:
        """The rest, by lines."""
        del chunk_size
        yield from self.read().splitlines(keepends)


class Meta:
    """client.meta: where the client's calls go."""

    def __init__(self, service: str, region: str):
        self.service_name, self.region_name, self.endpoint_url = service, region, "cloudcore:in-process"
        self.method_to_api_mapping = methods(service)


class Client:
    """A boto3-shaped client of one service of `cloud`.

    Methods raise botocore's ClientError and ParamValidationError (see errors.py), ClosedError when the
    cloud is closed. Any thread may call.
    """

    def __init__(self, cloud: Any, service: str):
        if service not in SERVICES:
            raise ValueError(f"no service {service!r} here; there are {', '.join(sorted(SERVICES))}")
        self._target = getattr(cloud, SERVICES[service])
        self._service = service
        self.meta = Meta(service, cloud.region)
        self.exceptions = Exceptions(service)

    def __getattr__(self, name: str) -> Any:
        operation = None if name.startswith("_") else methods(self._service).get(name)
        if operation is None:
            raise AttributeError(f"{self._service} client has no attribute {name!r}")
        method = _method(self._service, operation, self._target.call, name)
        self.__dict__[name] = method
        return method

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *map(snake_case, self._target.operations)]

    def __repr__(self) -> str:
        return f"<cloudcore client of {self._service}>"

    def can_paginate(self, operation_name: str) -> bool:
        """Whether get_paginator knows this method."""
        from cloudcore.client.pages import PAGES

        return methods(self._service).get(operation_name) in PAGES[self._service]

    def get_paginator(self, operation_name: str) -> Paginator:
        """A paginator of the method `operation_name`. Raises ValueError when it has no pages."""
        from cloudcore.client.pages import PAGES, Paginator

        if not self.can_paginate(operation_name):
            raise ValueError(f"{self._service} {operation_name} has no pages")
        operation = methods(self._service)[operation_name]
        return Paginator(getattr(self, operation_name), PAGES[self._service][operation])

    @property
    def waiter_names(self) -> list[str]:
        """The names that get_waiter takes."""
        from cloudcore.client.waiters import WAITERS

        return sorted(WAITERS[self._service])

    def get_waiter(self, waiter_name: str) -> Waiter:
        """A waiter. Raises ValueError for a name that is not in waiter_names."""
        from cloudcore.client.waiters import WAITERS, Waiter

        if waiter_name not in WAITERS[self._service]:
            raise ValueError(
                f"{self._service} has no waiter {waiter_name}; it has {', '.join(self.waiter_names)}"
            )
        spec = WAITERS[self._service][waiter_name]
        return Waiter(waiter_name, getattr(self, spec.method), spec)

    def close(self) -> None:
        """There is nothing to close: the Cloud is, by its owner."""


def _method(
    service: str, operation: str, call: Callable[[str, dict[str, Any]], dict[str, Any]], name: str
) -> Callable[..., dict[str, Any]]:
    model = load(service)
    shape = model.shapes.get(model.input(operation) or "", {})
    known = set(shape.get("members", ()))
    required = set(shape.get("required", ()))
    fits, covers = known.issuperset, required.issubset
    streams = service == "lambda" and operation == "Invoke"

    def method(**params: Any) -> dict[str, Any]:
        if not fits(params) or not covers(params):
            missing = [member for member in shape.get("required", ()) if member not in params]
            raise bad_parameters(set(params), known, missing)
        if streams and hasattr(params.get("Payload"), "read"):
            params["Payload"] = params["Payload"].read()
        try:
            answer = call(operation, params)
        except ApiError as error:
            raise client_error(service, operation, error, _metadata(error.status)) from None
        if streams:
            answer["Payload"] = Body(answer["Payload"].read())
            answer["ResponseMetadata"] = _metadata(answer["StatusCode"])
        else:
            answer["ResponseMetadata"] = _metadata(200)
        return answer

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"{operation}, as boto3 has it. Parameters: {', '.join(sorted(known)) or 'none'}."
    return method


def _metadata(status: int) -> dict[str, Any]:
    return {
        "RequestId": request_id(next(_serial)),
        "HTTPStatusCode": status,
        "HTTPHeaders": {},
        "RetryAttempts": 0,
    }
