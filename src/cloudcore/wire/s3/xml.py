"""XML in S3's form: written from nested lists of pairs, read into an ElementTree without namespaces."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from html import escape
from typing import Any
from xml.etree import ElementTree

from cloudcore.errors import ApiError

HEADERS = [("Content-Type", "application/xml")]
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def document(root: str, members: Iterable[tuple[str, Any]], namespace: bool = True) -> bytes:
    """A document; a member's value is text, or pairs in their turn; None is left out."""
    attribute = f' xmlns="{_NAMESPACE}"' if namespace else ""
    inner = "".join(_element(name, value) for name, value in members)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<{root}{attribute}>{inner}</{root}>'.encode()


def _element(name: str, value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return f"<{name}>{''.join(_element(n, v) for n, v in value)}</{name}>"
    if isinstance(value, bool):
        value = "true" if value else "false"
    return f"<{name}>{escape(str(value), quote=False)}</{name}>"


def parse(body: bytes) -> ElementTree.Element:
    """The root element. Raises ApiError MalformedXML; documents with a DTD are refused."""
    try:
        if b"<!" in body.replace(b"<!--", b""):
            raise ElementTree.ParseError
        root = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        raise ApiError("MalformedXML", "The XML you provided was not well-formed.") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def moment(seconds: float) -> str:
    """ISO 8601 in milliseconds, as listings have it."""
    when = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return when.strftime("%Y-%m-%dT%H:%M:%S.") + f"{when.microsecond // 1000:03d}Z"
