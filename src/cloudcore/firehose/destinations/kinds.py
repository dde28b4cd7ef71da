"""Kinds of destinations: which members of the wire each has, and the module that reads them.

A module `destinations/<name>/config.py` has MEMBERS, parse(raw, ours) -> Config and describe(raw), the
description with AWS's defaults filled in and without secrets.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from cloudcore.firehose.checks import invalid
from cloudcore.firehose.destinations.config import Config
from cloudcore.firehose.destinations.s3.config import PLAIN_MEMBERS

S3 = "ExtendedS3"


@dataclass(frozen=True)
class Kind:
    """One kind; `name` is the word in front of Destination{Configuration,Update,Description}."""

    name: str
    room: str

    @property
    def configuration(self) -> str:
        return f"{self.name}DestinationConfiguration"

    @property
    def update(self) -> str:
        return f"{self.name}DestinationUpdate"

    @property
    def stored(self) -> str:
        """What stream.json says: a stream made by the plain S3 configuration is an extended one."""
        return S3 if self.name == "S3" else self.name

    def parse(self, raw: dict[str, Any], ours: dict[str, Any] | None) -> Config:
        """Read a configuration that fits the model. Raises ApiError."""
        config: Config = self._module().parse(raw, {**(ours or {}), "kind": self.name})
        return config

    def describe(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The members of DestinationDescription."""
        found = self._module().describe(raw)
        if self.name != S3:
            return {f"{self.name}DestinationDescription": found}
        plain = {each: found[each] for each in sorted(PLAIN_MEMBERS & set(found))}
        return {"S3DestinationDescription": plain, "ExtendedS3DestinationDescription": found}

    def shape(self) -> Any:
        """The defaults of an endpoint's kind (common.Shape)."""
        return self._module().SHAPE

    def _module(self) -> Any:
        return import_module(f"cloudcore.firehose.destinations.{self.room}.config")


KINDS = {
    kind.name: kind
    for kind in (
        Kind(S3, "s3"),
        Kind("S3", "s3"),
        Kind("HttpEndpoint", "http_endpoint"),
        Kind("Splunk", "splunk"),
        Kind("Redshift", "redshift"),
        Kind("Iceberg", "iceberg"),
        Kind("Elasticsearch", "opensearch"),
        Kind("Amazonopensearchservice", "opensearch"),
        Kind("AmazonOpenSearchServerless", "opensearch"),
    )
}
_REFUSED = {
    "SnowflakeDestinationConfiguration": "Snowflake is not supported: no server of it runs but its own",
    "SnowflakeDestinationUpdate": "Snowflake is not supported: no server of it runs but its own",
}


def of(description: dict[str, Any]) -> Kind:
    """The kind of a stream, or of an earlier version of it."""
    return KINDS[description.get("Kind") or S3]


def parse(description: dict[str, Any]) -> Config:
    """The configuration of a stream, or of an earlier version of it."""
    return of(description).parse(description["Destination"], description.get("Ours"))


def chosen(params: dict[str, Any], member: str) -> tuple[Kind, dict[str, Any]]:
    """The one kind that a request names; `member`: "configuration" or "update". Raises ApiError."""
    for name, why in _REFUSED.items():
        if params.get(name) is not None:
            raise invalid(why)
    given = [kind for kind in KINDS.values() if params.get(getattr(kind, member)) is not None]
    if len(given) != 1:
        raise invalid(f"Exactly one destination {member} is supported for a Firehose")
    return given[0], params[getattr(given[0], member)]
