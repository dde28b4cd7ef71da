"""Names of functions: plain names, partial and full ARNs, with or without a qualifier."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cloudcore.errors import ApiError

LATEST = "$LATEST"
_NAME = re.compile(
    r"(?:arn:aws[a-zA-Z-]*:lambda:(?P<region>[a-z0-9-]+):(?=\d{12}:function:))?"
    r"(?:(?P<account>\d{12}):)?(?:function:)?"
    r"(?P<name>[a-zA-Z0-9_-]{1,64})(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]{1,128}))?"
)


@dataclass(frozen=True)
class Reference:
    """What a FunctionName and a Qualifier say together. qualifier None: none was given."""

    name: str
    qualifier: str | None
    account: str | None
    region: str | None


def parse(function: str, qualifier: str | None = None) -> Reference:
    """Read a FunctionName. Raises ApiError ValidationException or InvalidParameterValueException."""
    found = _NAME.fullmatch(function)
    if found is None:
        raise ApiError(
            "ValidationException",
            f"1 validation error detected: Value '{function}' at 'functionName' failed to satisfy "
            "constraint: Member must satisfy regular expression pattern: "
            r"(arn:(aws[a-zA-Z-]*)?:lambda:)?([a-z]{2}(-gov)?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
            r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?",
        )
    inside = found["qualifier"]
    if inside and qualifier and inside != qualifier:
        raise ApiError(
            "InvalidParameterValueException",
            "The derived qualifier from the function name does not match the specified qualifier.",
        )
    return Reference(found["name"], qualifier or inside, found["account"], found["region"])
