"""Operation names in boto3's snake case: DescribeTimeToLive -> describe_time_to_live."""

from __future__ import annotations

import functools
import re

from cloudcore.validation import load

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake_case(name: str) -> str:
    """boto3's method name of an operation; runs of capitals are one word."""
    return _WORD.sub("_", name).lower()


@functools.cache
def methods(service: str) -> dict[str, str]:
    """Method name -> operation, of every operation of the service's model."""
    return {snake_case(operation): operation for operation in load(service).operations}
