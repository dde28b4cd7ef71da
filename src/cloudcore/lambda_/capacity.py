"""How many calls may run at once: of the account, of a function with a reserve, of a provisioned version.

A reserve is taken out of the account's total and belongs to its function alone. Provisioned concurrency
of a function without a reserve is taken out of the total too; calls beyond it use the common rest.
Source: AWS, "Understanding Lambda function scaling".
"""

from __future__ import annotations

from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_.configuration import refused

UNRESERVED_MIN = 100


class Share:
    """The calls of one function. The service's lock guards it. `limit`: how many of `reserved` may run
    in this process: all of them, unless others run them too."""

    __slots__ = ("active", "limit", "provisioned", "reserved")

    def __init__(self) -> None:
        self.active = 0
        self.reserved: int | None = None
        self.limit: int | None = None
        self.provisioned = 0


class Capacity:
    """Counts calls in and out. The service's lock guards it."""

    def __init__(self, limit: int):
        self.limit = limit
        self.common = 0  # calls that use neither a reserve nor provisioned concurrency
        self.shares: dict[str, Share] = {}
        self._taken = 0

    def share(self, name: str) -> Share:
        """The counts of a function."""
        return self.shares.setdefault(name, Share())

    def enter(self, share: Share, runner: Any) -> bool:
        """Count one more call; whether it uses the common rest. Raises TooManyRequestsException."""
        common = False
        if share.limit is not None:
            if share.active >= share.limit:
                raise _throttled("ReservedFunctionConcurrentInvocationLimitExceeded")
        elif runner.active >= runner.provisioned:
            if self.common >= self.unreserved:
                raise _throttled("ConcurrentInvocationLimitExceeded")
            self.common += 1
            common = True
        share.active += 1
        runner.active += 1
        return common

    def leave(self, share: Share, runner: Any, common: bool) -> None:
        """Count a call out; `common` is what enter() said."""
        share.active -= 1
        runner.active -= 1
        self.common -= common

    def settle(self, share: Share, reserved: int | None, provisioned: int) -> None:
        """Set what belongs to a function alone."""
        share.reserved, share.limit, share.provisioned = reserved, reserved, provisioned
        self._taken = sum(_taken(each) for each in self.shares.values())

    @property
    def unreserved(self) -> int:
        """What calls of functions without a reserve have in common."""
        return self.limit - self._taken

    def unreserved_without(self, name: str) -> int:
        """The account's unreserved concurrency if the function `name` took nothing of it."""
        return self.limit - sum(share.reserved or 0 for other, share in self.shares.items() if other != name)


def check_reserve(capacity: Capacity, name: str, wanted: int) -> None:
    """Refuse a reserve that leaves too little for others or for the function's provisioned concurrency."""
    if capacity.unreserved_without(name) - wanted < UNRESERVED_MIN:
        raise refused(
            "Specified ReservedConcurrentExecutions for function decreases account's "
            f"UnreservedConcurrentExecution below its minimum value of [{UNRESERVED_MIN}]."
        )
    provisioned = capacity.share(name).provisioned
    if wanted < provisioned:
        raise refused(
            f"ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned "
            f"concurrency [{provisioned}]."
        )


def check_provision(capacity: Capacity, name: str, total: int) -> None:
    """Refuse provisioned concurrency (of all versions of a function together) that there is no room for."""
    share = capacity.share(name)
    if share.reserved is not None:
        if total > share.reserved:
            raise refused(
                "Requested Provisioned Concurrency should not be greater than the "
                "reservedConcurrentExecution for function"
            )
        return
    left = capacity.unreserved + _taken(share)
    if total > left:
        raise refused(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency "
            f"[{left}]."
        )
    if left - total < UNRESERVED_MIN:
        raise refused(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
            f"below its minimum value of [{UNRESERVED_MIN}]."
        )


def _taken(share: Share) -> int:
    return share.provisioned if share.reserved is None else share.reserved


def _throttled(reason: str) -> ApiError:
    return ApiError("TooManyRequestsException", "Rate Exceeded.", 429, {"Reason": reason})
