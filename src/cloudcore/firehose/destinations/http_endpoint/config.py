"""HttpEndpointDestinationConfiguration, checked and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore.firehose.checks import invalid, only
from cloudcore.firehose.destinations import common
from cloudcore.firehose.destinations.config import Config, Retry
from cloudcore.firehose.destinations.embedded import Kept, is_local, kept, receiver
from cloudcore.firehose.destinations.secrets import secret_arn

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around, Sender

SHAPE = common.Shape("HttpEndpoint", 5, 300, 300, ("FailedDataOnly", "AllData"))
TIMEOUT_S = 180.0
_MEMBERS = {"EndpointConfiguration", "RequestConfiguration", "SecretsManagerConfiguration"}


@dataclass(frozen=True)
class HttpEndpoint:
    """Settings; `attributes` are the common attributes in their order."""

    url: str
    access_key: str | None
    attributes: tuple[tuple[str, str], ...]
    gzip: bool
    secret: str | None
    timeout_seconds: float
    error_type: str = "http-endpoint-failed"
    places: int = 8
    stores: bool = False

    def open(self, around: Around) -> Sender:
        from cloudcore.firehose.destinations.http_endpoint.deliver import HttpSender

        return HttpSender(self, around)

    def kept(self, around: Around) -> Kept | None:
        """What an embedded receiver has of the stream."""
        return kept(receiver.ROOM, around) if self.embedded(around) else None

    def embedded(self, around: Around) -> bool:
        """Whether files of this machine take the records."""
        return is_local(around.address(self.url))


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Config:
    """Read a configuration that fits the model. Raises ApiError.

    `ours`: timeout_seconds of a request, and what common.parse takes.
    """
    block = raw["EndpointConfiguration"]
    only(block, {"Url", "Name", "AccessKey"}, "EndpointConfiguration")
    hints = raw.get("BufferingHints") or {}
    if len(hints) == 1:
        raise invalid("BufferingHints: SizeInMBs and IntervalInSeconds must be specified together")
    request = raw.get("RequestConfiguration") or {}
    only(request, {"ContentEncoding", "CommonAttributes"}, "RequestConfiguration")
    pairs = tuple((a["AttributeName"], a["AttributeValue"]) for a in request.get("CommonAttributes") or ())
    if len({name for name, _ in pairs}) != len(pairs):
        raise invalid("CommonAttributes must have different names")
    key = block.get("AccessKey")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise invalid("AccessKey must be printable ASCII: it is sent as a header")
    endpoint = HttpEndpoint(
        block["Url"], key, pairs, request.get("ContentEncoding") == "GZIP", secret_arn(raw),
        float(ours.get("timeout_seconds", TIMEOUT_S)),
    )  # fmt: skip
    retry = Retry(common.retry_seconds(SHAPE, raw, ours), "pauses", jitter=0.15)
    return common.parse(SHAPE, raw, ours, _MEMBERS, retry, endpoint)


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """HttpEndpointDestinationDescription; the access key is not shown."""
    out = common.describe(SHAPE, raw)
    block = raw["EndpointConfiguration"]
    out["EndpointConfiguration"] = {name: block[name] for name in ("Url", "Name") if name in block}
    out["RequestConfiguration"] = {"ContentEncoding": "NONE", **(raw.get("RequestConfiguration") or {})}
    return out
