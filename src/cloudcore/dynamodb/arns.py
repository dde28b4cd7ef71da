"""ARNs of tables, as tags and resource policies take them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def check_own(service: DynamoDB, arn: str, operation: str) -> None:
    """An ARN in the place of a TableName is of this account and region. Raises ApiError as table_of."""
    parts = arn.split(":", 5)
    if len(parts) == 6 and parts[5].startswith("table/"):
        _check_account(service, arn, parts[4], operation)
        if parts[3] != service.region:
            raise refuse(f"Invalid TableArn: Invalid ResourceArn provided as input {arn}")


def _check_account(service: DynamoDB, arn: str, account: str, operation: str) -> None:
    if account != service.account:
        raise ApiError(
            "AccessDeniedException",
            f"User: arn:aws:iam::{service.account}:root is not authorized to perform: dynamodb:{operation} "
            f"on resource: {arn} because no resource-based policy allows the dynamodb:{operation} action",
        )


def table_of(service: DynamoDB, arn: str, operation: str) -> str:
    """The table's name in the ARN of a resource of this account and region; it may not exist.

    Raises ApiError: ValidationException, AccessDeniedException (another account).
    """
    if not arn.startswith("arn:"):
        raise invalid(f"ARNs must start with 'arn:': {arn}")
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[2] != "dynamodb" or not parts[5].startswith("table/"):
        raise invalid(f"Provided Arn is not a DynamoDB resource arn: {arn}")
    _check_account(service, arn, parts[4], operation)
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
