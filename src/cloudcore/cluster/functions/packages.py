"""Packages whose zip files are the cluster's; a node has those that it needs in its own directory too."""

from __future__ import annotations

import os
import threading

from cloudcore.cluster.functions.blobs import Blobs
from cloudcore.cluster.link import Link, Lost
from cloudcore.errors import ApiError
from cloudcore.lambda_.code import Packages


class ClusterPackages(Packages):
    """As Packages. Any call from any thread but the link's loop."""

    def __init__(self, directory: str, link: Link, blobs: Blobs):
        super().__init__(directory)
        self._link, self._blobs = link, blobs
        self._fetching = threading.Lock()

    def add(self, data: bytes) -> str:
        name = super().add(data)
        try:
            self._link.run(self._blobs.put(data))
        except BaseException as error:
            self.release(name)
            if isinstance(error, Lost):
                raise ApiError("ServiceException", str(error), 500) from None
            raise
        return name

    def path(self, name: str) -> str:
        """The zip file of a package, fetched if it is not here."""
        self._fetch([name])
        return self._place(name)

    def root(self, name: str) -> str:
        self._fetch([name])  # in front of the lock, which others wait for
        return super().root(name)

    def merged(self, names: list[str]) -> str:
        self._fetch(names)
        return super().merged(names)

    def _fetch(self, names: list[str]) -> None:
        for name in names:
            place = self._place(name)
            if os.path.exists(place):
                continue
            with self._fetching:
                if os.path.exists(place):
                    continue
                try:
                    self._write(name, self._link.run(self._blobs.get(name)))
                except (Lost, KeyError) as error:
                    words = f"The package {name} cannot be had: {error}"
                    raise ApiError("ServiceException", words, 500) from None
