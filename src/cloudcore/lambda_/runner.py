"""One version of a function, ready to run: its pool of environments, made when first called."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cloudcore.lambda_.pool import Pool
from cloudcore.lambda_.registry import Version
from cloudcore.lambda_.spec import Spec, environment_of


class Runner:
    """Starts nothing until `pool` is asked for. Close it when the version changes or goes."""

    def __init__(
        self,
        version: Version,
        root: Callable[[], str],
        endpoint_url: Callable[[], str | None],
        account: str,
        region: str,
        idle_s: float,
    ):
        self.version, self.configuration = version, version.configuration
        self._root, self._endpoint_url = root, endpoint_url
        self._account, self._region, self._idle_s = account, region, idle_s
        self._lock = threading.Lock()
        self._pool: Pool | None = None
        # Calls under way and provisioned environments; the service's lock guards both.
        self.active = self.provisioned = 0

    def pool(self) -> Pool:
        """The version's environments."""
        with self._lock:
            if self._pool is None:
                self._pool = Pool(self._spec(), idle_s=self._idle_s)
            return self._pool

    def close(self) -> None:
        """End the environments; calls under way finish first."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _spec(self) -> Spec:
        c = self.configuration
        spec = Spec(
            name=c["FunctionName"],
            arn=c["FunctionArn"],
            root=self._root(),
            handler=c["Handler"],
            timeout_s=c["Timeout"],
            memory_mb=c["MemorySize"],
            environment=c.get("Environment", {}).get("Variables", {}),
            version=c["Version"],
        )
        spec.environment = environment_of(spec, self._region, self._endpoint_url(), self._account)
        return spec
