"""Inside an environment of SnapStart: the runtime hooks that a function has registered.

They are those of the module snapshot_restore_py: a function's own copy of it, else ours (runtimes/python/).
"""

from __future__ import annotations

import os
import sys
from typing import Any

PLACE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "runtimes", "python")
"""What sys.path has for it, last."""
SNAP_START = "snap-start"


def wanted() -> bool:
    """Whether this environment is one of SnapStart."""
    return os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == SNAP_START


def before_snapshot() -> None:
    """Run them once, the last one first. What they raise passes."""
    found = _module()
    calls = found.get_before_snapshot() if found else []
    while calls:
        function, args, named = calls.pop()
        function(*args, **named)


def after_restore() -> None:
    """Run them in their order. What they raise passes."""
    found = _module()
    for function, args, named in found.get_after_restore() if found else ():
        function(*args, **named)


def _module() -> Any:
    # Nobody has registered anything where it was not imported.
    return sys.modules.get("snapshot_restore_py")
