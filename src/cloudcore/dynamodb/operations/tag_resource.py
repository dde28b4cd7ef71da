"""TagResource.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TagResource.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns, tags
from cloudcore.dynamodb.description import load_tagged, save
from cloudcore.dynamodb.validation import refuse

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Add tags, or give those that are there another value; all or none.

    Raises ApiError: ResourceNotFoundException, ValidationException, AccessDeniedException.
    """
    name = arns.table_of(service, params["ResourceArn"], "TagResource")
    if not params["Tags"]:
        raise refuse("Atleast one Tag needs to be provided as Input.")
    given = tags.read(params["Tags"])
    with service.updating:
        stored = load_tagged(service, name, params["ResourceArn"])
        merged = stored.get("Tags", {}) | given
        tags.check_count(merged)
        save(service, stored | {"Tags": merged})
    return {}
