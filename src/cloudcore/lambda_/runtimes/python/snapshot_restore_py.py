"""Runtime hooks of SnapStart: what runs before the snapshot of an initialised function is taken, and after it
was restored. Functions import this module by its name, as on AWS.

    @register_before_snapshot
    def close_connections(): ...

    register_after_restore(connect, "db")

Source: AWS, "Lambda SnapStart runtime hooks for Python".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

Hook = tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]
_F = TypeVar("_F", bound=Callable[..., Any])
_before: list[Hook] = []
_after: list[Hook] = []


def register_before_snapshot(func: _F, *args: Any, **kwargs: Any) -> _F:
    """Have `func(*args, **kwargs)` called before the snapshot; the last one that is registered runs first."""
    _before.append((func, args, kwargs))
    return func


def register_after_restore(func: _F, *args: Any, **kwargs: Any) -> _F:
    """Have `func(*args, **kwargs)` called after every restore, in the order of registration."""
    _after.append((func, args, kwargs))
    return func


def get_before_snapshot() -> list[Hook]:
    """What is registered, for the runtime."""
    return _before


def get_after_restore() -> list[Hook]:
    """What is registered, for the runtime."""
    return _after
