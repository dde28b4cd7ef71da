"""The functions of one account and region: one JSON file each, replaced as a whole.

    <directory>/functions/<name>.json

A file holds the function's versions ("$LATEST" and published numbers) with their configuration and
package, its aliases, tags and reserved concurrency; by qualifier ("" for none)
provisioned concurrency, resource policies, URLs and settings of asynchronous events.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from cloudcore.errors import ApiError
from cloudcore.lambda_ import snapstart
from cloudcore.lambda_.code import merged_name
from cloudcore.lambda_.names import LATEST
from cloudcore.lambda_.shelf import Shelf

_NOT_SEEN = snapstart.STATES | {"RevisionId", "LastModified", "Description", "DeadLetterConfig"}
"""What a function's environments cannot tell."""


@dataclass
class Version:
    """One version: the configuration as GetFunctionConfiguration returns it, and its code.

    `package` is the SHA-256 of a zip; `directory` a path on this machine instead, read where it is.
    `origin`: the description that $LATEST had when this version was published. `layers`: the packages of
    its layers, in their order.
    """

    configuration: dict[str, Any]
    package: str | None = None
    directory: str | None = None
    origin: str = ""
    layers: list[str] = field(default_factory=list)

    def packages(self) -> set[str]:
        """What must be kept for this version."""
        names = {*self.layers, merged_name(self.layers)}
        return {name for name in (self.package, *names) if name}

    def code(self) -> tuple[Any, ...]:
        """What the version runs, to be compared."""
        return self.package, self.directory, tuple(self.layers)

    def runs_as(self, other: Version) -> bool:
        """Whether environments made for one are good for the other."""
        return self.code() == other.code() and all(
            self.configuration.get(name) == other.configuration.get(name)
            for name in self.configuration.keys() | other.configuration.keys()
            if name not in _NOT_SEEN
        )


@dataclass
class FunctionRecord:
    """A function and everything that hangs on its name.

    `settings` are those of the function as a whole: CodeSigningConfigArn, RecursiveLoop; `runtimes` its
    runtime management by version.
    """

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
    runtimes: dict[str, dict[str, Any]] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)

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
        for held in (self.provisioned, self.policies, self.urls, self.events, self.runtimes):
            held.pop(qualifier, None)


class Registry:
    """Functions by name, in memory and on their shelf. The service's lock guards it."""

    def __init__(self, shelf: Shelf):
        self._shelf = shelf
        self.functions = {name: function_of(held) for name, held in shelf.documents.items()}

    def get(self, name: str) -> FunctionRecord | None:
        return self.functions.get(name)

    def save(self, function: FunctionRecord) -> None:
        """Make `function` what its name stands for, durably."""
        self._shelf.save(function.name, asdict(function))
        self.functions[function.name] = function

    def remove(self, name: str) -> None:
        self._shelf.remove(name)
        self.functions.pop(name, None)

    def packages(self) -> set[str]:
        """Every package that a version needs."""
        versions = [v for f in self.functions.values() for v in f.versions.values()]
        return {name for v in versions for name in v.packages()}


def function_of(held: dict[str, Any]) -> FunctionRecord:
    """A function as asdict() made a document of it."""
    versions = {name: Version(**version) for name, version in held["versions"].items()}
    return FunctionRecord(**held | {"versions": versions})


def not_found(arn: str) -> ApiError:
    """The refusal for a function, version or alias that is not there."""
    return ApiError("ResourceNotFoundException", f"Function not found: {arn}", 404)
