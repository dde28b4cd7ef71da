"""AWS Signature Version 4: what a signature covers, made and checked.

Source: AWS, "Create a signed AWS API request", "Authenticating Requests: Using Query Parameters",
"Signature calculations ... transferring payload in multiple chunks". The asymmetric variant (4A)
is not known here.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

ALGORITHM = "AWS4-HMAC-SHA256"
EMPTY = hashlib.sha256(b"").hexdigest()
SKEW_SECONDS = 900
_PRESIGNED_MAX_SECONDS = 604_800
_FIELD = re.compile(r"\s*([A-Za-z]+)\s*=\s*([^,\s]*)\s*(?:,|$)")
_STAMP = "%Y%m%dT%H%M%SZ"
Headers = Mapping[str, str]


class SignatureError(Exception):
    """`kind`: missing, incomplete, key, mismatch, skewed, expired, payload or algorithm."""

    def __init__(self, kind: str, message: str):
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Credential:
    """What a request says of its signature. `expires`: seconds of a presigned URL, else None."""

    access_key: str
    date: str
    region: str
    service: str
    stamp: str
    signed_headers: tuple[str, ...]
    signature: str
    expires: int | None = None

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def read(query: str, headers: Headers) -> Credential:
    """The credential of a request. Raises SignatureError: missing, incomplete, algorithm."""
    members = dict(_pairs(query))
    if "X-Amz-Signature" in members:
        fields = {name.removeprefix("X-Amz-"): unquote(value) for name, value in members.items()}
        stamp, algorithm = fields.get("Date", ""), fields.get("Algorithm", "")
        expires = int(fields["Expires"]) if fields.get("Expires", "").isdigit() else -1
        if not 0 < expires <= _PRESIGNED_MAX_SECONDS:
            raise SignatureError("incomplete", "X-Amz-Expires must be between 1 and 604800 seconds")
    else:
        text = headers.get("authorization")
        if not text:
            raise SignatureError("missing", "Request is missing Authentication Token")
        algorithm, _, rest = text.partition(" ")
        fields = dict(_FIELD.findall(rest))
        stamp, expires = headers.get("x-amz-date", ""), None
    if algorithm != ALGORITHM:
        raise SignatureError("algorithm", f"Unsupported signature algorithm {algorithm!r}; use {ALGORITHM}")
    for name in ("Credential", "SignedHeaders", "Signature"):
        if not fields.get(name):
            raise SignatureError("incomplete", f"Authorization header requires '{name}' parameter.")
    parts = fields["Credential"].rsplit("/", 4)
    if len(parts) != 5 or parts[4] != "aws4_request" or not parts[0]:
        raise SignatureError(
            "incomplete", "Credential must have five parts: key, date, region, service, aws4_request"
        )
    if _moment(stamp) is None or not stamp.startswith(parts[1]):
        raise SignatureError(
            "incomplete", "Authorization header requires existence of a valid 'X-Amz-Date' header"
        )
    names = tuple(fields["SignedHeaders"].split(";"))
    if "host" not in names:
        raise SignatureError("incomplete", "'Host' must be a signed header")
    key, date, region, service, _ = parts
    return Credential(key, date, region, service, stamp, names, fields["Signature"], expires)


def check(
    credential: Credential, secret: str, method: str, path: str, query: str, headers: Headers, body: bytes,
    now: float,
) -> None:  # fmt: skip
    """Raises SignatureError unless the holder of `secret` made this very request, lately enough."""
    _check_time(credential, now)
    declared = headers.get("x-amz-content-sha256")
    if credential.expires is not None:
        payload = declared or ("UNSIGNED-PAYLOAD" if credential.service == "s3" else _sha256(body))
    elif declared is None or _is_hash(declared):
        payload = _sha256(body)
        if declared not in (None, payload):
            raise SignatureError(
                "payload", "The provided 'x-amz-content-sha256' header does not match what was computed."
            )
    else:
        payload = declared
    unsigned = credential.expires is not None or payload == "UNSIGNED-PAYLOAD"
    if "x-amz-content-sha256" not in credential.signed_headers and not unsigned and not _is_hash(payload):
        raise SignatureError("payload", "x-amz-content-sha256 must be a signed header")
    key = signing_key(secret, credential)
    made = sign(key, credential, canonical(credential, method, path, query, headers, payload))
    if not hmac.compare_digest(made, credential.signature):
        raise SignatureError(
            "mismatch",
            "The request signature we calculated does not match the signature you provided. Check your AWS "
            "Secret Access Key and signing method. Consult the service documentation for details.",
        )
    if payload.startswith(f"STREAMING-{ALGORITHM}-PAYLOAD"):
        _check_chunks(key, credential, body, trailer=payload.endswith("-TRAILER"))


def canonical(
    credential: Credential, method: str, path: str, query: str, headers: Headers, payload: str
) -> str:
    """The canonical request."""
    # S3 signs the path as it is sent; the others encode it once more.
    path = path or "/"
    if credential.service != "s3":
        path = quote(_normal(path), safe="/~")
    pairs = sorted(
        (_encode(name), _encode(value)) for name, value in _pairs(query) if name != "X-Amz-Signature"
    )
    lines = [f"{name}:{' '.join(headers.get(name, '').split())}" for name in credential.signed_headers]
    return "\n".join(
        (
            method,
            path,
            "&".join(f"{name}={value}" for name, value in pairs),
            *lines,
            "",
            ";".join(credential.signed_headers),
            payload,
        )
    )


def sign(key: bytes, credential: Credential, request: str) -> str:
    """The signature of a canonical request, in hex."""
    text = "\n".join((ALGORITHM, credential.stamp, credential.scope, _sha256(request.encode())))
    return _hmac(key, text)


def signing_key(secret: str, credential: Credential) -> bytes:
    """The key of one day, region and service."""
    key = b"AWS4" + secret.encode()
    for word in (credential.date, credential.region, credential.service, "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return key


def sign_request(
    access_key: str, secret: str, region: str, service: str, method: str, target: str, headers: Headers,
    body: bytes, now: float,
) -> dict[str, str]:  # fmt: skip
    """`headers` (by lower-case name, host among them) with X-Amz-Date and Authorization."""
    stamp = datetime.datetime.fromtimestamp(now, datetime.UTC).strftime(_STAMP)
    signed = {**headers, "x-amz-date": stamp, "x-amz-content-sha256": _sha256(body)}
    credential = Credential(access_key, stamp[:8], region, service, stamp, tuple(sorted(signed)), "")
    path, _, query = target.partition("?")
    request = canonical(credential, method, path, query, signed, signed["x-amz-content-sha256"])
    made = sign(signing_key(secret, credential), credential, request)
    signed["authorization"] = (
        f"{ALGORITHM} Credential={access_key}/{credential.scope}, "
        f"SignedHeaders={';'.join(credential.signed_headers)}, Signature={made}"
    )
    return signed


def _check_time(credential: Credential, now: float) -> None:
    made = _moment(credential.stamp)
    assert made is not None
    if credential.expires is not None:
        if now > made + credential.expires:
            raise SignatureError("expired", "Request has expired")
        if now < made - SKEW_SECONDS:
            raise SignatureError("skewed", "Request is not valid yet")
        return
    late = now - SKEW_SECONDS
    if made < late:
        raise SignatureError(
            "skewed",
            f"Signature expired: {credential.stamp} is now earlier than {_stamp(late)} "
            f"({_stamp(now)} - 15 min.)",
        )
    early = now + SKEW_SECONDS
    if made > early:
        raise SignatureError(
            "skewed",
            f"Signature not yet current: {credential.stamp} is still later than {_stamp(early)} "
            f"({_stamp(now)} + 15 min.)",
        )


def _check_chunks(key: bytes, credential: Credential, body: bytes, trailer: bool) -> None:
    """Every chunk's signature covers its bytes and the signature before it."""
    previous, at = credential.signature, 0
    while True:
        end = body.find(b"\r\n", at)
        size_text, _, extension = body[at : max(end, at)].decode("latin-1").partition(";chunk-signature=")
        if end < 0 or not re.fullmatch(r"[0-9A-Fa-f]{1,16}", size_text):
            raise SignatureError("payload", "A chunk of the body is malformed")
        size = int(size_text, 16)
        data = body[end + 2 : end + 2 + size]
        text = "\n".join(
            (f"{ALGORITHM}-PAYLOAD", credential.stamp, credential.scope, previous, EMPTY, _sha256(data))
        )
        previous = _hmac(key, text)
        if len(data) != size or not hmac.compare_digest(previous, extension):
            raise SignatureError("mismatch", "The signature of a chunk does not match")
        at = end + 2 + size + (2 if size else 0)
        if size == 0:
            break
    if trailer:
        found = dict(
            line.partition(":")[::2] for line in body[at:].decode("latin-1").split("\r\n") if ":" in line
        )
        given = found.pop("x-amz-trailer-signature", "")
        named = "".join(f"{name.strip().lower()}:{value.strip()}\n" for name, value in sorted(found.items()))
        text = "\n".join(
            (f"{ALGORITHM}-TRAILER", credential.stamp, credential.scope, previous, _sha256(named.encode()))
        )
        if not hmac.compare_digest(_hmac(key, text), given.strip()):
            raise SignatureError("mismatch", "The signature of the trailer does not match")


def _hmac(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _pairs(query: str) -> list[tuple[str, str]]:
    """Names and values as sent, still percent-encoded."""
    return [(name, value) for name, _, value in (word.partition("=") for word in query.split("&") if word)]


def _encode(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _normal(path: str) -> str:
    """Without empty, . and .. segments; a last / stays."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    return "/" + "/".join(kept) + ("/" if kept and path.endswith("/") else "")


def _moment(stamp: str) -> float | None:
    try:
        return datetime.datetime.strptime(stamp, _STAMP).replace(tzinfo=datetime.UTC).timestamp()
    except ValueError:
        return None


def _stamp(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime(_STAMP)


def _is_hash(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{64}", text) is not None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
