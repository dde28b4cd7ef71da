"""For test suites: `cloudcore.mock()` and the pytest plugin."""

from cloudcore.testing.mock import Mock, mock

__all__ = ["Mock", "mock"]
