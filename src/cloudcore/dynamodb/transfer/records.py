"""What exports, imports and bulk operations share: their records, client tokens and lists."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.recovery import arns
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

Record = dict[str, Any]
EXPORT, IMPORT, BULK = "export", "import", "bulk"
"""Kinds of records; also the word in their ARNs."""
TOKEN_SECONDS = 8 * 3600
LISTED_SECONDS = 90 * 86_400
PAGE = 10
TOKEN_BYTES = 56
"""Of a NextToken before it is hexadecimal: ListImports takes 112 digits at least, in groups of 16."""


def plain(params: Any) -> Any:
    """What was asked for, as JSON has it: bytes in base64."""
    return json.loads(json.dumps(params, default=lambda blob: base64.b64encode(bytes(blob)).decode()))


def table_of(service: DynamoDB, arn: str) -> str:
    """The table's name in an ARN of this account and region.

    Raises ApiError: ValidationException, AccessDeniedException, TableNotFoundException.
    """
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[:3:2] != ["arn", "dynamodb"]:
        raise invalid("tableArn is not a valid ARN")
    if not parts[5].startswith("table/") or parts[5].count("/") != 1:
        raise refuse("Invalid Request: Table ARN is invalid.")
    if parts[4] != service.account:
        raise ApiError("AccessDeniedException", "Access is denied")
    if parts[3] != service.region:
        raise ApiError("TableNotFoundException", f"Table not found: {arn}")
    return parts[5].removeprefix("table/")


def repeated(service: DynamoDB, kind: str, asked: Record, code: str, what: str) -> tuple[str, Record] | None:
    """(id, record) of the one that an earlier request with the ClientToken of `asked` began, for eight hours.

    Raises ApiError `code` when that one asked for something else.
    """
    token, since = asked.get("ClientToken"), service.clock.now() - TOKEN_SECONDS
    for id_, record in reversed(service.catalogue.all(kind)):
        if token is not None and record["asked"].get("ClientToken") == token:
            if record.get("end", since) < since:
                return None
            if record["asked"] != asked:
                words = f"{what} conflict: Duplicate request detected with conflicting parameters"
                raise ApiError(code, words)
            return id_, record
    return None


def find(service: DynamoDB, arn: str, word: str, code: str) -> tuple[str, Record]:
    """(id, record) of the export, import or .. of an ARN. Raises ApiError `code` and those of arns.id_of."""
    _, id_ = arns.id_of(service, arn, word, f"{word.capitalize()}Arn")
    shown = word.capitalize()
    if arn.split(":")[3] != service.region:
        raise ApiError(code, f"{shown} not found: Invalid {word} arn")
    record = service.catalogue.get(word, id_)
    if record is None or arn_of(record, word, id_) != arn:
        raise ApiError(code, f"{shown} not found: {shown} not found: {arn}")
    return id_, record


def arn_of(record: Record, word: str, id_: str) -> str:
    """The ARN of an export, import or .."""
    return f"{record['arn']}/{word}/{id_}"


def listed(
    service: DynamoDB, word: str, table_arn: str | None, token: str | None, limit: int
) -> tuple[list[tuple[str, Record]], str | None]:
    """(a page of ids and records, the newest first; NextToken): those of a table, as long as it is there.

    Raises ApiError ValidationException for a token that is none of this list's.
    """
    since = service.clock.now() - LISTED_SECONDS
    found = [one for one in reversed(service.catalogue.all(word)) if one[1]["start"] >= since]
    if table_arn is not None and word == IMPORT:  # one that failed may have left no table
        found = [one for one in found if one[1]["arn"] == table_arn]
    elif table_arn is not None:
        table = service.tables.describe(table_arn.rpartition("/")[2])
        id_ = None if table is None else json.loads(table[0]).get("TableId")
        found = [one for one in found if one[1]["arn"] == table_arn and one[1]["table_id"] == id_]
    if token is not None:
        try:
            kind, _, last = bytes.fromhex(token).decode().rstrip().partition(" ")
        except ValueError:
            kind = ""
        if kind != word:
            raise refuse(f"Invalid Request: Provided nextToken is invalid: {token}")
        found = [one for one in found if one[0] < last]
    if len(found) <= limit:
        return found, None
    return found[:limit], f"{word} {found[limit - 1][0]}".ljust(TOKEN_BYTES).encode().hex()
