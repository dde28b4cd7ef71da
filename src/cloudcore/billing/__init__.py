"""What the same work would have cost on AWS: usage, held against a file of list prices.

Usage is counted from the start, prices are read when somebody asks.
"""

from typing import TYPE_CHECKING, Any

from cloudcore.billing.ledger import Ledger, add

if TYPE_CHECKING:
    from cloudcore.billing.prices import Line, Prices

__all__ = ["Ledger", "Line", "Prices", "add"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from cloudcore.billing import prices

    return getattr(prices, name)
