"""Whether a history of one register can have happened in some order, each operation at one moment between its call and its
return (Wing and Gong, with Lowe's memory of configurations)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

NEVER = float("inf")


@dataclass(frozen=True)
class Done:
    """An operation: `sees` must be the value before it (ANY: whatever it was), `leaves` is the value after it (KEEPS:
    the one before). `end` NEVER: nobody knows whether it happened."""

    begin: float
    end: float
    sees: Any
    leaves: Any


ANY, KEEPS = object(), object()


def explained(history: Sequence[Done], first: Any = None) -> bool:
    """Whether the history of a register that begins as `first` is linearizable. Values that are left are unlike each
    other, so that what was seen says who left it: an operation without an end whose value nobody saw is left out, and the
    others have happened before their value was seen."""
    ops = sorted(_known(history), key=lambda op: op.begin)
    left = (1 << len(ops)) - 1
    seen: set[tuple[int, Any]] = set()
    stack = [(left, first)]
    while stack:
        left, value = stack.pop()
        if not left:
            return True
        if (left, value) in seen:
            continue
        seen.add((left, value))
        soonest, rest = NEVER, left
        while rest:  # those that began before any other one that is left has ended
            at = (rest & -rest).bit_length() - 1
            op = ops[at]
            if op.begin > soonest:
                break
            soonest = min(soonest, op.end)
            rest &= rest - 1
            if op.sees is ANY or op.sees == value:
                stack.append((left & ~(1 << at), value if op.leaves is KEEPS else op.leaves))
    return False


def _known(history: Sequence[Done]) -> list[Done]:
    observed: dict[Any, float] = {}
    for op in history:
        if op.sees is not ANY and op.end != NEVER:
            observed[op.sees] = min(observed.get(op.sees, NEVER), op.end)
    waiting = [op for op in history if op.end == NEVER]
    known = [op for op in history if op.end != NEVER]
    while True:  # what one of unknown end saw is observed as well, if that one happened
        found = [op for op in waiting if op.leaves in observed]
        if not found:
            return known
        for op in found:
            waiting.remove(op)
            end = observed[op.leaves]
            known.append(Done(op.begin, end, op.sees, op.leaves))
            if op.sees is not ANY:
                observed[op.sees] = min(observed.get(op.sees, NEVER), end)
