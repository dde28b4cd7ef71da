"""Home: the directory in which the embedded destinations of a service keep what they are given."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading


class Home:
    """The service's own directory, or for one in memory a directory that is made when it is first asked for
    and goes with the service, at the latest with the process. Any thread."""

    def __init__(self, directory: str | None = None):
        self._directory, self._scratch = directory, ""
        self._lock = threading.Lock()

    def path(self) -> str:
        with self._lock:
            if self._directory is None:
                self._directory = self._scratch = tempfile.mkdtemp(prefix="cloudcore-")
                atexit.register(self.close)
            return self._directory

    def close(self) -> None:
        """Remove what was made. Idempotent."""
        with self._lock:
            scratch, self._scratch = self._scratch, ""
        if scratch:
            atexit.unregister(self.close)
            shutil.rmtree(scratch, ignore_errors=True)
