"""mock(): inside it, boto3 reaches clouds in memory instead of AWS, whoever made the client and when.

Requests to hosts of AWS are taken where botocore would open a socket; what goes elsewhere goes there.
Regions and accounts are apart, as on AWS: 12 digits as an access key name an account, any other key means
the mock's own. Nested mocks share what the outermost one made.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import re
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeVar, overload
from unittest import mock as unittest_mock
from urllib.parse import urlsplit

from cloudcore.clock import Clock
from cloudcore.cloud import DEFAULT_REGION, Cloud
from cloudcore.errors import CloudcoreError
from cloudcore.place import Place
from cloudcore.wire.boto import respond, sign_scope
from cloudcore.wire.elsewhere import SERVED
from cloudcore.wire.router import Router

ACCOUNT = "123456789012"
"""The account that test suites written for moto expect."""
_AWS = re.compile(r"(?:^|\.)(?P<rest>[a-z0-9.-]+)\.amazonaws\.com(?:\.cn)?$")
_SERVICES = frozenset((*SERVED, "ddb", "streams-ddb"))
"""Words of a host that name a service which is served; those in ddb are of an account's own endpoints."""
_F = TypeVar("_F", bound=Callable[..., Any])
_lock = threading.RLock()
_active: Mock | None = None


class Mock(contextlib.AbstractContextManager["Cloud"]):
    """What mock() gives: a context manager and a decorator of functions, coroutines and classes.

    As a context manager it gives the Cloud of the default region. `over`: a Cloud that the
    caller made and closes.
    """

    def __init__(self, account: str = ACCOUNT, clock: Clock | None = None, over: Cloud | None = None):
        self.account, self.clock = account, clock
        self._over = over
        self._cloud: Cloud | None = None
        self._stack = contextlib.ExitStack()
        self._outer: list[Mock] = []

    def cloud(self, region: str | None = None) -> Place:
        """What the account has in a region; of the outermost mock when they are nested."""
        with _lock:
            active = self._outer[-1] if self._outer else self
            if active._cloud is None:
                raise CloudcoreError("this mock is not active")
            return active._cloud.at(region)

    def start(self) -> Cloud:
        """Begin; stop() ends it."""
        global _active
        with _lock:
            if _active is not None:
                self._outer.append(_active)
                assert _active._cloud is not None
                return _active._cloud
            self._stack.enter_context(_environment())
            region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION") or DEFAULT_REGION
            self._cloud = self._over or Cloud(
                ":memory:", account=self.account, region=region, clock=self.clock
            )
            self._stack.enter_context(_patched(Router(self._cloud)))
            _active = self
            return self._cloud

    def stop(self) -> None:
        """End what start() began; the cloud is closed when the outermost mock ends."""
        global _active
        with _lock:
            if self._outer:
                self._outer.pop()
                return
            _active = None
            self._stack.close()
            cloud, self._cloud = self._cloud, None
        if cloud is not None and cloud is not self._over:
            cloud.close()

    def __enter__(self) -> Cloud:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __call__(self, decorated: _F) -> _F:
        if isinstance(decorated, type):
            _decorate_class(decorated, self)
            return decorated
        if inspect.iscoroutinefunction(decorated):

            @functools.wraps(decorated)
            async def run_async(*args: Any, **options: Any) -> Any:
                with self._again():
                    return await decorated(*args, **options)

            return run_async  # type: ignore[return-value]

        @functools.wraps(decorated)
        def run(*args: Any, **options: Any) -> Any:
            with self._again():
                return decorated(*args, **options)

        return run  # type: ignore[return-value]

    def _again(self) -> Mock:
        """A fresh one: every call of a decorated function begins with nothing."""
        return Mock(self.account, self.clock)


@overload
def mock(function: _F, /) -> _F: ...
@overload
def mock(*, account: str = ACCOUNT, clock: Clock | None = None) -> Mock: ...


def mock(function: Any = None, /, *, account: str = ACCOUNT, clock: Clock | None = None) -> Any:
    """Decorator and context manager in the place of moto's mock_aws, with or without parentheses.

    `clock`: a ManualClock moves the services' time. Needs boto3 (botocore).
    """
    made = Mock(account, clock)
    return made if function is None else made(function)


def _decorate_class(decorated: type, template: Mock) -> None:
    """Each test begins with nothing; what setUp or setup_method makes is there for its test."""
    setup = next((name for name in ("setUp", "setup_method") if name in decorated.__dict__), None)
    if setup is None:
        for name, value in list(vars(decorated).items()):
            if name.startswith("test") and callable(value):
                setattr(decorated, name, template(value))
        return
    teardown = "tearDown" if setup == "setUp" else "teardown_method"
    begin, end = decorated.__dict__[setup], getattr(decorated, teardown, None)

    def started(self: Any, *args: Any, **options: Any) -> Any:
        self._cloudcore_mock = template._again()
        self._cloudcore_mock.start()
        try:
            return begin(self, *args, **options)
        except BaseException:
            self._cloudcore_mock.stop()
            raise

    def stopped(self: Any, *args: Any, **options: Any) -> Any:
        try:
            return None if end is None else end(self, *args, **options)
        finally:
            self._cloudcore_mock.stop()

    for name, made, original in ((setup, started, begin), (teardown, stopped, end)):
        if original is not None:
            made = functools.wraps(original)(_of_as_many(made, original))
        setattr(decorated, name, made)


def _of_as_many(made: Callable[..., Any], original: Any) -> Callable[..., Any]:
    """`made` with as many parameters as `original`: pytest counts them, and gives two the test's method."""
    if original.__code__.co_argcount < 2:
        return made
    return lambda self, method: made(self, method)


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Credentials that are nobody's, and no endpoint but AWS's own."""
    wanted = {
        "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_SECURITY_TOKEN": "testing",
        "AWS_SESSION_TOKEN": "testing", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    }  # fmt: skip
    if "AWS_DEFAULT_REGION" not in os.environ and "AWS_REGION" not in os.environ:
        wanted["AWS_DEFAULT_REGION"] = DEFAULT_REGION
    with unittest_mock.patch.dict(os.environ, wanted):
        os.environ.pop("AWS_PROFILE", None)
        yield


def _answer(router: Router, request: Any) -> Any:
    """The response to a request for a host of AWS; None for another host's."""
    host = urlsplit(request.url).hostname or ""
    found = _AWS.search(host)
    if found is None:
        return None
    words = host[: -len(".amazonaws.com")].split(".")
    if not _SERVICES.intersection(words) and not any(word.startswith("s3-") for word in words):
        raise CloudcoreError(f"{host}: there is no such service here; there are {', '.join(SERVED)}")
    return respond(router, request)


@contextlib.contextmanager
def _patched(router: Router) -> Iterator[None]:
    from botocore.httpsession import URLLib3Session
    from botocore.signers import RequestSigner

    send, sign = URLLib3Session.send, RequestSigner.sign

    def answered(self: Any, request: Any) -> Any:
        found = _answer(router, request)
        return send(self, request) if found is None else found

    def signed(
        self: Any, operation_name: str, request: Any, region_name: Any = None, signing_type: str = "standard",
        *args: Any, **options: Any,
    ) -> Any:  # fmt: skip
        # A client that was made before, without credentials, can sign nothing: then only its region is said.
        host = urlsplit(request.url).hostname or ""
        if signing_type == "standard" and self._credentials is None and _AWS.search(host):
            return sign_scope(request, region_name or self.region_name, self.signing_name)
        return sign(self, operation_name, request, region_name, signing_type, *args, **options)

    with (
        unittest_mock.patch.object(URLLib3Session, "send", answered),
        unittest_mock.patch.object(RequestSigner, "sign", signed),
    ):
        yield
