"""The functions of one account and region: one JSON file each, replaced as a whole.

    <directory>/functions/<name>.json

A file holds the function's versions ("$LATEST" and published numbers) with their configuration and
package, its aliases, tags and reserved concurrency; by qualifier ("" for none)
provisioned concurrency, resource policies, URLs and settings of asynchronous events.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from typing import Any

from cloudcore.errors import ApiError, FormatError
from cloudcore.lambda_.names import LATEST

FORMAT = 1
_NOT_SEEN = frozenset({"RevisionId", "LastModified", "Description"})
"""What a function's environments cannot tell."""


@dataclass
class Version:
    """One version: the configuration as GetFunctionConfiguration returns it, and its code.

    `package` is the SHA-256 of a zip; `directory` a path on this machine instead, read where it is.
    `origin`: the description that $LATEST had when this version was published.
    """

    configuration: dict[str, Any]
    package: str | None = None
    directory: str | None = None
    origin: str = ""

    def runs_as(self, other: Version) -> bool:
        """Whether environments made for one are good for the other."""
        return (self.package, self.directory) == (other.package, other.directory) and all(
            self.configuration.get(name) == other.configuration.get(name)
            for name in self.configuration.keys() | other.configuration.keys()
            if name not in _NOT_SEEN
        )


@dataclass
class FunctionRecord:
    """A function and everything that hangs on its name."""

    name: str
    versions: dict[str, Version]
    aliases: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    reserved: int | None = None
    published: int = 0
    provisioned: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    urls: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def latest(self) -> Version:
        return self.versions[LATEST]

    def resolve(self, qualifier: str) -> str:
        """The number of the version that a qualifier names, an alias by the first of its two."""
        alias = self.aliases.get(qualifier)
        number: str = alias["FunctionVersion"] if alias else qualifier
        return number

    def forget(self, qualifier: str) -> None:
        """Drop what hangs on a version or an alias that is being deleted."""
        for held in (self.provisioned, self.policies, self.urls, self.events):
            held.pop(qualifier, None)


class Registry:
    """Functions by name, in memory and on disk. The service's lock guards it."""

    def __init__(self, directory: str):
        self._directory = os.path.join(directory, "functions")
        os.makedirs(self._directory, exist_ok=True)
        self.functions: dict[str, FunctionRecord] = {}
        for entry in sorted(os.listdir(self._directory)):
            path = os.path.join(self._directory, entry)
            if entry.endswith(".json"):
                function = _read(path)
                self.functions[function.name] = function
            else:
                os.unlink(path)  # a file that a kill left half written

    def get(self, name: str) -> FunctionRecord | None:
        return self.functions.get(name)

    def save(self, function: FunctionRecord) -> None:
        """Make `function` what its name stands for, durably."""
        text = json.dumps({"format": FORMAT} | asdict(function))
        with tempfile.NamedTemporaryFile("w", dir=self._directory, suffix=".part", delete=False) as part:
            part.write(text)
            part.flush()
            os.fsync(part.fileno())
        os.replace(part.name, self._path(function.name))
        self._sync()
        self.functions[function.name] = function

    def remove(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self._path(name))
        self._sync()
        self.functions.pop(name, None)

    def packages(self) -> set[str]:
        """Every package that a version needs."""
        return {v.package for f in self.functions.values() for v in f.versions.values() if v.package}

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, name + ".json")

    def _sync(self) -> None:
        handle = os.open(self._directory, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _read(path: str) -> FunctionRecord:
    with open(path, encoding="utf-8") as file:
        try:
            held = json.load(file)
        except ValueError as error:
            raise FormatError(f"{path}: {error}", "format") from None
    if held.pop("format", None) != FORMAT:
        raise FormatError(f"{path}: this build reads format {FORMAT} only", "format")
    held["versions"] = {name: Version(**version) for name, version in held["versions"].items()}
    return FunctionRecord(**held)


def not_found(arn: str) -> ApiError:
    """The refusal for a function, version or alias that is not there."""
    return ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404)
