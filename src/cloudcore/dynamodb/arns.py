"""ARNs of tables, as tags and resource policies take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def table_of(service: DynamoDB, arn: str, operation: str) -> str:
    """The table's name in the ARN of a resource of this account and region; it may not exist.

    Raises ApiError: ValidationException, AccessDeniedException (another account).
    """
    if not arn.startswith("arn:"):
        raise invalid(f"ARNs must start with 'arn:': {arn}")
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "dynamodb" or not parts[5].startswith("table/"):
        raise invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    if parts[4] != service.account:
        caller = f"arn:aws:iam::{service.account}:root"
        raise ApiError(
            "AccessDeniedException",
            f"User: {caller} is not authorized to perform: dynamodb:{operation} on resource: {arn}",
        )
    name, _, rest = parts[5].removeprefix("table/").partition("/")
    if rest.startswith("index/"):
        raise invalid(
            "Invalid resource arn provided, only table or stream is accepted. Provided resource arn: " + arn
        )
    if rest.startswith("stream/"):
        label = rest.removeprefix("stream/")
        raise ApiError(
            "ResourceNotFoundException",
            f"Requested resource not found: Stream: {label} not found for Table: {name}",
        )
    if rest:
        raise invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    if parts[3] != service.region or len(name) < 3:
        raise refuse(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")
    return name
