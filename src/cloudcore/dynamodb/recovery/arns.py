"""ARNs of backups, exports, imports and bulk operations: the table's ARN, a word and an id.

An id is the request's time in milliseconds, 14 digits, and 8 hexadecimal digits: ids sort by time.
"""

from __future__ import annotations

import re
import secrets
from typing import TYPE_CHECKING

from cloudcore.dynamodb.validation import refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

_REGION = re.compile(r"[a-z]{2,3}(-[a-z]+)+-\d{1,2}")


def new_id(service: DynamoDB) -> str:
    """An id of this moment."""
    return f"{service.clock.now_ms():014d}-{secrets.token_hex(4)}"


def id_of(service: DynamoDB, arn: str, word: str, member: str) -> tuple[str, str]:
    """(table name, id) of "TABLE-ARN/word/id"; the region in it is not looked at, as on AWS.

    Raises ApiError: ValidationException, AccessDeniedException (another account).
    """
    parts = arn.split(":", 5)
    invalid = f"Invalid {word.capitalize()} ARN"
    if len(parts) < 6 or parts[0] != "arn":
        raise refuse(invalid)
    if parts[1] not in ("aws", "aws-cn", "aws-us-gov") or parts[2] != "dynamodb":
        raise refuse(f"{member} is not valid")
    names = parts[5].split("/")
    if len(names) != 4 or names[0] != "table" or names[2] != word or not 3 <= len(names[1]) <= 255:
        raise refuse(invalid)
    if parts[3] == "" or parts[4] != service.account:
        raise ApiError("AccessDeniedException", "Access is denied")
    if not _REGION.fullmatch(parts[3]):
        raise refuse(f"{member} is not valid")
    return names[1], names[3]
