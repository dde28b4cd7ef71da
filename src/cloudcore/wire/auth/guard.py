"""Guard: one question per request, asked before anything else looks at it: who is this, and may they?

Refusals are ApiErrors in the words and with the codes of the service that the credential scope names.
"""

from __future__ import annotations

import base64
import datetime
import gzip
import hmac
import io
import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from cloudcore.clock import Clock
from cloudcore.errors import ApiError
from cloudcore.validation import rest
from cloudcore.wire.auth import actions, presigned_v2, resources, signature
from cloudcore.wire.auth.actions import Ask
from cloudcore.wire.auth.keys import Key, Keys
from cloudcore.wire.auth.policy import decide

_S3_CODES = {
    "missing": ("AccessDenied", "Access Denied", 403),
    "incomplete": ("AuthorizationHeaderMalformed", None, 400),
    "algorithm": ("InvalidRequest", None, 400),
    "key": ("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.", 403),
    "mismatch": ("SignatureDoesNotMatch", None, 403),
    "skewed": (
        "RequestTimeTooSkewed",
        "The difference between the request time and the current time is too large.",
        403,
    ),
    "expired": ("AccessDenied", "Request has expired", 403),
    "payload": ("XAmzContentSHA256Mismatch", None, 400),
}  # fmt: skip
_CODES = {
    "missing": "MissingAuthenticationTokenException",
    "incomplete": "IncompleteSignatureException",
    "algorithm": "IncompleteSignatureException",
    "key": "UnrecognizedClientException",
}
_BODY_MAX = 16 << 20
_DATED = re.compile(r"/20\d\d-\d\d-\d\d/")
PartitionKey = Callable[[str], str | None]


@dataclass(frozen=True)
class Identity:
    """Who asks. `service` and `region` are those of the credential scope."""

    account: str
    region: str
    service: str
    arn: str
    access_key: str


class Guard:
    """Checks requests against `keys`. `partition_key(table name or ARN)` names a table's partition key;
    `policy_of(ARN)` is the policy of the resource itself; `region` is meant where a signature names none."""

    def __init__(
        self,
        keys: Keys,
        clock: Clock | None = None,
        partition_key: PartitionKey | None = None,
        region: str = "us-east-1",
        policy_of: resources.PolicyOf | None = None,
    ):
        self._keys, self._clock, self._region = keys, clock or Clock(), region
        self._policy_of = policy_of or (lambda arn: None)
        self._partition_key = partition_key or (lambda table: None)

    def check(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes, source_ip: str = "",
        secure: bool = False,
    ) -> Identity:  # fmt: skip
        """The identity behind a request that it may make; `secure`: it came over TLS. Raises ApiError."""
        path, _, query = target.partition("?")
        service = _service(headers, path)
        try:
            key, region = self._signed(service, method, path, query, headers, body)
        except signature.SignatureError as error:
            raise _refused(service, error) from None
        identity = Identity(key.account, region, service, key.arn, key.id)
        ask = self._ask(identity, method, path, query, headers, body)
        context = self._context(key, headers, source_ip, secure) | ask.context
        context["aws:requestedregion"] = [region]
        self._authorize(identity, key, ask, context)
        return identity

    def _signed(
        self, service: str, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[Key, str]:
        """The key that signed the request, and the region it names. Raises SignatureError."""
        now = self._clock.now()
        access_key = presigned_v2.key_of(query) if service == "s3" else None
        if access_key is not None:
            key = self._key(access_key)
            presigned_v2.check(key.secret, method, path, query, headers, now)
            return key, self._region
        credential = signature.read(query, headers)
        key = self._key(credential.access_key)
        signature.check(credential, key.secret, method, path, query, headers, body, now)
        if credential.service != service:
            raise signature.SignatureError(
                "mismatch", f"Credential should be scoped to correct service: '{service}'."
            )
        return key, credential.region

    def _key(self, access_key: str) -> Key:
        key = self._keys.find(access_key)
        if key is None:
            raise signature.SignatureError("key", "The security token included in the request is invalid.")
        return key

    def signer(
        self, service: str, action: str, resource: str, method: str, target: str, headers: Mapping[str, str],
        body: bytes,
    ) -> Identity | None:  # fmt: skip
        """Who signed a request for `service` and may do `action` on `resource`; None: nobody who may."""
        path, _, query = target.partition("?")
        try:
            key, region = self._signed(service, method, path, query, headers, body)
        except signature.SignatureError:
            return None
        if not self._may(key, action, resource):
            return None
        return Identity(key.account, region, service, key.arn, key.id)

    def signed_in(self, headers: Mapping[str, str], write: bool) -> bool:
        """Whether a browser's Basic credentials are an access key and its secret whose holder may look at the
        console ("cloudcore:ReadConsole"), or use it ("cloudcore:WriteConsole")."""
        kind, _, encoded = headers.get("authorization", "").partition(" ")
        try:
            key, _, secret = base64.b64decode(encoded).decode().partition(":")
        except (ValueError, UnicodeDecodeError):
            return False
        action = "cloudcore:WriteConsole" if write else "cloudcore:ReadConsole"
        return kind.lower() == "basic" and self.password(key, secret) and self.may(key, action, "*")

    def may(self, access_key: str, action: str, resource: str) -> bool:
        """Whether the holder of a key may do one thing; for doors with a way of their own to sign in."""
        key = self._keys.find(access_key)
        return key is not None and self._may(key, action, resource)

    def _may(self, key: Key, action: str, resource: str) -> bool:
        return self._decide(key, action, resource, self._context(key, {}))[0] == "Allow"

    def password(self, access_key: str, secret: str) -> bool:
        """Whether `secret` is that of a key."""
        key = self._keys.find(access_key)
        return key is not None and hmac.compare_digest(key.secret.encode(), secret.encode())

    def _ask(
        self, identity: Identity, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes
    ) -> Ask:
        service = identity.service
        if service in ("dynamodb", "firehose"):
            operation = headers.get("x-amz-target", "").partition(".")[2]
            plain = _plain(headers, body)
            ask = actions.of_json(service, operation, plain, identity.account, identity.region)
            if service == "dynamodb":
                self._leading_keys(operation, plain, ask)
                if operation == "PutResourcePolicy":
                    ask.changes = actions.parse(plain)
            return ask
        if service == "lambda":
            match = rest.routes("lambda").match(method, path, parse_qs(query, keep_blank_values=True))
            if match is None:
                return Ask([("lambda:Unknown", "*")])
            qualifier = parse_qs(query).get("Qualifier", [None])[0]
            members: dict[str, Any] = {"Qualifier": qualifier, **match.uri}
            if match.operation in ("CreateFunction", "CreateEventSourceMapping"):
                members |= _named(body, "FunctionName")
            return actions.of_lambda(match.operation, members, identity.account, identity.region)
        if service == "s3":
            return actions.of_s3(method, path, query, headers)
        return Ask()  # STS answers everybody who can sign

    def _leading_keys(self, operation: str, body: bytes, ask: Ask) -> None:
        params = actions.parse(body)
        found: list[str] = []
        for partition in {self._partition_key(arn) for _, arn in ask.pairs if ":table/" in arn} - {None}:
            assert partition is not None
            found += actions.leading_keys(operation, params, partition)
        if found:
            ask.context["dynamodb:leadingkeys"] = found

    def _authorize(self, identity: Identity, key: Key, ask: Ask, context: dict[str, list[str]]) -> None:
        for action, resource in ask.pairs:
            said, whose = self._decide(key, action, resource, context)
            if said == "Allow":
                resources.check_new(action.rpartition(":")[2], ask.changes, resource, context)
                continue
            why = (
                f"with an explicit deny in {whose} policy"
                if said == "Deny"
                else f"because no identity-based policy allows the {action} action"
            )
            s3 = identity.service == "s3"
            named = f'"{resource}"' if s3 else resource
            raise ApiError(
                "AccessDenied" if s3 else "AccessDeniedException",
                f"User: {key.arn} is not authorized to perform: {action} on resource: {named} {why}",
                _status(identity.service),
            )

    def _decide(
        self, key: Key, action: str, resource: str, context: dict[str, list[str]]
    ) -> tuple[str | None, str]:
        """What the policies of who asks and the resource's own say together, and whose a denial is. Within an
        account either of them may allow."""
        own = decide(list(key.policies), action, resource, context)
        if own == "Deny":
            return own, "an identity-based"
        its = resources.says(self._policy_of(resource), action, resource, context)
        return its or own, "a resource-based"

    def _context(
        self, key: Key, headers: Mapping[str, str], source_ip: str = "", secure: bool = False
    ) -> dict[str, list[str]]:
        now = self._clock.now()
        context = {
            "aws:currenttime": [datetime.datetime.fromtimestamp(now, datetime.UTC).isoformat()],
            "aws:epochtime": [str(int(now))],
            "aws:securetransport": ["true" if secure else "false"],
            "aws:principalarn": [key.arn],
            "aws:principalaccount": [key.account],
            "aws:principaltype": ["User"],
            "aws:username": [key.user],
            "aws:userid": [key.id],
        }
        if source_ip:
            context["aws:sourceip"] = [source_ip]
        for header in ("user-agent", "referer"):
            if header in headers:
                context[f"aws:{header.replace('-', '')}"] = [headers[header]]
        return context


def _service(headers: Mapping[str, str], path: str) -> str:
    """The service that a request is for, by its form: what it must be signed for."""
    target = headers.get("x-amz-target", "")
    if target:
        return "firehose" if target.startswith("Firehose") else "dynamodb"
    if _DATED.match(path):
        return "lambda"
    if path == "/" and headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return "sts"
    return "s3"


def _status(service: str) -> int:
    return 400 if service in ("dynamodb", "firehose") else 403


def _refused(service: str, error: signature.SignatureError) -> ApiError:
    if service == "s3":
        code, message, status = _S3_CODES[error.kind]
        return ApiError(code, message or str(error), status)
    return ApiError(_CODES.get(error.kind, "InvalidSignatureException"), str(error), _status(service))


def _plain(headers: Mapping[str, str], body: bytes) -> bytes:
    if headers.get("content-encoding", "").lower() != "gzip":
        return body
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(body)) as packed:
            return packed.read(_BODY_MAX + 1)
    except (OSError, EOFError, zlib.error):
        return b""


def _named(body: bytes, member: str) -> dict[str, Any]:
    found = actions.parse(body).get(member)
    return {member: found} if isinstance(found, str) else {}
