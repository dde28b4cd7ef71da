"""The wire: AWS's HTTP protocols in front of the services."""

from cloudcore.wire.endpoint import Endpoint

__all__ = ["Endpoint"]
