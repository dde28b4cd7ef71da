"""What a call needs of Ray: CLOUDCORE_RAY among the function's variables, "cpus=8 gpus=1 NAME=2"."""

from __future__ import annotations

import importlib.util
import math
from typing import Any

VARIABLE = "CLOUDCORE_RAY"
_OURS = {"cpus": "CPU", "gpus": "GPU"}


def resources(text: str) -> dict[str, float]:
    """Resources by Ray's names: CPU, GPU, and those that its machines were given names for. Raises
    ValueError."""
    found: dict[str, float] = {}
    for part in text.replace(",", " ").split():
        name, _, number = part.partition("=")
        count = float(number) if number else math.nan
        if not name or not 0 <= count < 1e6 or (count > 1 and count % 1):
            raise ValueError(part)
        found[_OURS.get(name, name)] = count
    if "CPU" not in found:
        raise ValueError("cpus")
    return found


def check(configuration: dict[str, Any]) -> str | None:
    """Why a function cannot be placed on Ray; None when it can, or is not to be."""
    text = configuration.get("Environment", {}).get("Variables", {}).get(VARIABLE)
    if text is None:
        return None
    try:
        resources(text)
    except ValueError:
        return (
            f"{VARIABLE} is what a call needs, as in cpus=8 or cpus=0.5,gpus=1: cpus, gpus and Ray's custom "
            f"resources, whole numbers or parts of one. It was: {text}"
        )
    if not configuration["Runtime"].startswith("python"):
        return f"{VARIABLE} needs a Python runtime."
    if configuration.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions":
        return f"{VARIABLE} and SnapStart do not go together."
    if importlib.util.find_spec("ray") is None:
        return f"{VARIABLE} needs Ray: pip install 'cloudcore[ray]'."
    return None
