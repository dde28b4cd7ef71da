"""What the same work would have cost on AWS: usage, held against a file of list prices."""

from cloudcore.billing.ledger import Ledger, add
from cloudcore.billing.prices import Line, Prices

__all__ = ["Ledger", "Line", "Prices", "add"]
