"""STS, as far as clients ask who they are: GetCallerIdentity."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qs

Reply = tuple[int, list[tuple[str, str]], bytes]
_XML = [("Content-Type", "text/xml")]
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


def answer(body: bytes, account: str, request: str, arn: str | None = None) -> Reply:
    """Answer one form-encoded request of the caller `arn`: the account's root if nobody looked who it is."""
    arn = arn or f"arn:aws:iam::{account}:root"
    action = parse_qs(body.decode("utf-8", "replace")).get("Action", [""])[0]
    if action == "GetCallerIdentity":
        text = (
            f'<GetCallerIdentityResponse xmlns="{_NAMESPACE}"><GetCallerIdentityResult>'
            f"<Arn>{escape(arn)}</Arn><UserId>{account}</UserId><Account>{account}</Account>"
            f"</GetCallerIdentityResult><ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata>"
            "</GetCallerIdentityResponse>"
        )
        return 200, list(_XML), text.encode()
    return refusal("InvalidAction", f"Could not find operation {action}", request)


def refusal(code: str, message: str, request: str, status: int = 400) -> Reply:
    """An error document."""
    text = (
        f'<ErrorResponse xmlns="{_NAMESPACE}"><Error><Type>Sender</Type><Code>{code}</Code>'
        f"<Message>{escape(message, quote=False)}</Message></Error><RequestId>{request}</RequestId>"
        "</ErrorResponse>"
    )
    return status, list(_XML), text.encode()
