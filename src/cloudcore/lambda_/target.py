"""What a name stands for when it is called: the version, or the versions of an alias by their weights."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudcore.lambda_.capacity import Share
    from cloudcore.lambda_.function_log import FunctionLog
    from cloudcore.lambda_.meter import Meter
    from cloudcore.lambda_.runner import Runner


class Target:
    """Found once per name and kept until a function changes, since each call needs all of it."""

    __slots__ = (
        "arn",
        "base",
        "durable",
        "log",
        "meter",
        "name",
        "runner",
        "second",
        "share",
        "stops",
        "weight",
    )

    def __init__(
        self,
        name: str,
        arn: str,
        share: Share,
        meter: Meter,
        log: FunctionLog,
        runner: Runner,
        second: Runner | None = None,
        weight: float = 0.0,
    ):
        self.name, self.arn = name, arn
        self.share, self.meter, self.log = share, meter, log
        self.runner, self.second, self.weight = runner, second, weight
        self.durable, self.base, self.stops = False, arn, True

    def choose(self) -> Runner:
        """The version that takes this call."""
        if self.second is not None and random.random() < self.weight:
            return self.second
        return self.runner
