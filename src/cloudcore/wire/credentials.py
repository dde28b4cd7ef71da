"""Whose request it is: the access key names the account if it is 12 digits, the credential scope the region.

Nobody checks signatures; that is why the endpoint serves loopback only.
"""

from __future__ import annotations

from collections.abc import Mapping

Scope = tuple[str | None, str | None]


def scope(headers: Mapping[str, str], query: str = "") -> Scope:
    """(account, region); None for what a request does not name. `headers` by lower-case name.

    Read from Authorization (SigV4; SigV2 of S3 has no region) or from a presigned URL.
    """
    authorization = headers.get("authorization", "")
    if authorization.startswith("AWS "):
        return account_of(authorization[4:].partition(":")[0]), None
    _, found, credential = authorization.partition("Credential=")
    if found:
        return _scope(credential.partition(",")[0])
    if "X-Amz-Credential=" in query:
        return _scope(_fields(query)["X-Amz-Credential"][0])
    if "AWSAccessKeyId=" in query:
        return account_of(_fields(query)["AWSAccessKeyId"][0]), None
    return None, None


def service(headers: Mapping[str, str]) -> str | None:
    """The service that a request was signed for; None where Authorization names none."""
    _, found, credential = headers.get("authorization", "").partition("Credential=")
    parts = credential.partition(",")[0].split("/")
    return parts[3] if found and len(parts) == 5 else None


def account_of(key: str) -> str | None:
    """The account that an access key names."""
    return key if len(key) == 12 and key.isascii() and key.isdigit() else None


def _scope(credential: str) -> Scope:
    parts = credential.split("/")
    return (account_of(parts[0]), parts[2]) if len(parts) >= 5 else (None, None)


def _fields(query: str) -> dict[str, list[str]]:
    from urllib.parse import parse_qs

    return parse_qs(query)
