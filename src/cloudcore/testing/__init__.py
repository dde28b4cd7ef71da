"""For test suites: `cloudcore.mock()` and the pytest plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__all__ = ["Mock", "mock"]

if TYPE_CHECKING:
    from cloudcore.testing.mocks import Mock, mock


def __getattr__(name: str) -> Any:
    # pytest loads the plugin in every run; what only a mock needs is loaded with the first one.
    if name in __all__:
        from cloudcore.testing import mocks

        return getattr(mocks, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
