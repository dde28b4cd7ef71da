"""Progress: a line that says how far long work is; on a terminal alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

WIDTH = 24
"""Characters of the bar."""
EVERY = 0.1
"""Seconds between two looks."""


class Progress:
    """show(items, share) as often as one likes; close() at the end.

    how: None for a line on standard error if that is a terminal, True for one in any case, False for none, or
    a function of (items, share of the whole or None).
    """

    def __init__(self, how: bool | Callable[[int, float | None], Any] | None, what: str):
        self._call = how if callable(how) else None
        self._line = how is True or (how is None and sys.stderr.isatty())
        self._what = what
        self._began = self._shown = time.monotonic()
        self._written = 0

    def show(self, items: int, share: float | None) -> None:
        """So many items are done, and that part of all."""
        if self._call is not None:
            self._call(items, share)
        now = time.monotonic()
        if self._line and now - self._shown >= EVERY:
            self._shown = now
            self._write(items, share, now - self._began)

    def _write(self, items: int, share: float | None, seconds: float) -> None:
        text = f"{self._what}: {items:,} items, {items / seconds:,.0f}/s"
        if share:
            full = round(min(share, 1.0) * WIDTH)
            left = seconds / share - seconds
            text = f"{text} [{'#' * full}{'.' * (WIDTH - full)}] {left:.0f} s left"
        sys.stderr.write(f"\r{text}{' ' * (self._written - len(text))}")
        sys.stderr.flush()
        self._written = len(text)

    def close(self) -> None:
        """Take the line away."""
        if self._written:
            sys.stderr.write(f"\r{' ' * self._written}\r")
            sys.stderr.flush()
