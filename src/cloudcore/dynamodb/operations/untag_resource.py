"""UntagResource.

Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_UntagResource.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arns, tags
from cloudcore.dynamodb.description import load_tagged, save
from cloudcore.dynamodb.validation import refuse

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB


def run(service: DynamoDB, params: dict[str, Any]) -> dict[str, Any]:
    """Remove tags; a key that is not there is no error.

    Raises ApiError: ResourceNotFoundException, ValidationException, AccessDeniedException.
    """
    name = arns.table_of(service, params["ResourceArn"], "UntagResource")
    keys = params["TagKeys"]
    if not keys:
        raise refuse("Atleast one Tag Key needs to be provided as Input.")
    for key in keys:
        tags.check_key(key)
    tags.check_count(keys)
    with service.updating:
        stored = load_tagged(service, name, params["ResourceArn"])
        left = {key: value for key, value in stored.get("Tags", {}).items() if key not in keys}
        save(service, stored | {"Tags": left})
    return {}
