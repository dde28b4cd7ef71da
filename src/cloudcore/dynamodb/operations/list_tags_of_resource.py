"""ListTagsOfResource.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ListTagsOfResource.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns
from cloudcore.dynamodb.description import load_tagged
from cloudcore.dynamodb.validation import refuse

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """All tags in the order of their keys; 50 fit in one page, so no NextToken is ever given out.

    Raises ApiError: ResourceNotFoundException, ValidationException, AccessDeniedException.
    """
    name = arns.table_of(service, params["ResourceArn"], "ListTagsOfResource")
    if params.get("NextToken") is not None:
        raise refuse("Invalid NextToken")
    found = load_tagged(service, name, params["ResourceArn"]).get("Tags", {})
    return {"Tags": [{"Key": key, "Value": found[key]} for key in sorted(found)]}
