"""STS, as far as clients ask who they are: GetCallerIdentity."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

Reply = tuple[int, list[tuple[str, str]], bytes]
_XML = [("Content-Type", "text/xml")]
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def answer(body: bytes, account: str, request: str) -> Reply:
    """Answer one form-encoded request."""
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if action == "GetCallerIdentity":
        text = (
            f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
            f"<Arn>arn:aws:iam::{account}:root</Arn><UserId>{account}</UserId><Account>{account}</Account>"
            f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>"
            "</GetCallerIdentityResponse>"
        )
        return 200, list(_XML), text.encode()
    text = (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>InvalidAction</Code>'
        f"<Message>Could not find operation {escape(action, quote=False)}</Message></Error>"
        f"<RequestId>{request}</RequestId></ErrorResponse>"
    )
    return 400, list(_XML), text.encode()
