"""ImportTable.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ImportTable.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import imports

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """A new table of the items in objects; CREATING, and unknown to item operations, until they are in.

    Items that the table cannot hold are counted, logged (transfer/importing.py) and left out; the import
    is then FAILED and the table holds the others. Raises ApiError: ResourceInUseException,
    ImportConflictException, LimitExceededException, ValidationException.
    """
    return {"ImportTableDescription": imports.begin(service, params)}
