"""SplunkDestinationConfiguration, checked and read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cloudcore.firehose.checks import invalid
from cloudcore.firehose.destinations import common
from cloudcore.firehose.destinations.config import Config, Retry
from cloudcore.firehose.destinations.embedded import Kept, collector, is_local, kept
from cloudcore.firehose.destinations.secrets import secret_arn

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around, Sender

SHAPE = common.Shape("Splunk", 5, 60, 300, ("FailedEventsOnly", "AllEvents"), processor_mib=0.25)
ACK_TIMEOUT_S = 180
_MEMBERS = {
    "HECEndpoint", "HECEndpointType", "HECToken", "HECAcknowledgmentTimeoutInSeconds",
    "SecretsManagerConfiguration",
}  # fmt: skip


@dataclass(frozen=True)
class Splunk:
    """Settings. `raw`: the raw endpoint, else the event one. Times in seconds."""

    url: str
    raw: bool
    token: str | None
    secret: str | None
    ack_timeout_seconds: float
    request_timeout_seconds: float
    poll_seconds: float
    error_type: str = "splunk-failed"
    places: int = 8
    stores: bool = False

    def open(self, around: Around) -> Sender:
        from cloudcore.firehose.destinations.splunk.deliver import SplunkSender

        return SplunkSender(self, around)

    def kept(self, around: Around) -> Kept | None:
        """What an embedded collector has of the stream."""
        return kept(collector.ROOM, around) if self.embedded(around) else None

    def embedded(self, around: Around) -> bool:
        """Whether files of this machine take the records."""
        return is_local(around.address(self.url))


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Config:
    """Read a configuration that fits the model. Raises ApiError.

    `ours`: ack_timeout_seconds, poll_seconds, timeout_seconds of a request, and what common.parse takes.
    """
    url = raw["HECEndpoint"]
    parts = urlsplit(url)
    if parts.scheme not in ("https", "http") or not parts.hostname:
        raise invalid(f"HECEndpoint is not a valid URL: {url}")
    if parts.scheme == "http" and url not in ours.get("reach", {}):
        raise invalid(f"HECEndpoint must use https: {url}")
    secret = secret_arn(raw)
    token = raw.get("HECToken")
    if secret is None and not token:
        raise invalid("HECToken is required when SecretsManagerConfiguration is not enabled")
    if token and not (token.isascii() and token.isprintable()):
        raise invalid("HECToken must be printable ASCII: it is sent as a header")
    endpoint = Splunk(
        url, raw["HECEndpointType"] == "Raw", token, secret,
        float(ours.get("ack_timeout_seconds", raw.get("HECAcknowledgmentTimeoutInSeconds", ACK_TIMEOUT_S))),
        float(ours.get("timeout_seconds", 60)), float(ours.get("poll_seconds", 1)),
    )  # fmt: skip
    retry = Retry(common.retry_seconds(SHAPE, raw, ours), "pauses")
    return common.parse(SHAPE, raw, ours, _MEMBERS, retry, endpoint)


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """SplunkDestinationDescription."""
    return {"HECAcknowledgmentTimeoutInSeconds": ACK_TIMEOUT_S, **common.describe(SHAPE, raw)}
