"""The three configurations of search destinations, checked and read: Elasticsearch,
Amazonopensearchservice and AmazonOpenSearchServerless."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cloudcore.firehose.checks import invalid
from cloudcore.firehose.destinations import common
from cloudcore.firehose.destinations.config import Config, Retry
from cloudcore.firehose.destinations.embedded import LOCAL, Kept, index, is_local, kept

if TYPE_CHECKING:
    from cloudcore.firehose.destinations.sending import Around, Sender

SHAPE = common.Shape("Amazonopensearchservice", 5, 300, 300, ("FailedDocumentsOnly", "AllDocuments"))
SERVERLESS = "AmazonOpenSearchServerless"
_MEMBERS = {
    "ClusterEndpoint", "DomainARN", "IndexName", "TypeName", "IndexRotationPeriod", "DocumentIdOptions",
}  # fmt: skip
_SERVERLESS_MEMBERS = {"CollectionEndpoint", "IndexName"}
_WHY = {
    "VpcConfiguration": "VpcConfiguration is not supported: there is no VPC",
}


@dataclass(frozen=True)
class OpenSearch:
    """Settings. `url` may be a domain's ARN: `reach` says where that is, else it is kept in files
    (embedded/index.py). `sign`: the service that requests are signed for ("es", "aoss"), "" where none asks
    for it, None: as the address says."""

    url: str
    index: str
    type_name: str
    rotation: str
    ids: bool
    sign: str | None
    timeout_seconds: float
    error_type: str = "AmazonOpenSearchService-failed"
    places: int = 4
    stores: bool = False

    def open(self, around: Around) -> Sender:
        from cloudcore.firehose.destinations.opensearch.deliver import OpenSearchSender

        return OpenSearchSender(self, around)

    def address(self, around: Around) -> str:
        """Where the cluster is; "local:DOMAIN" for an embedded one."""
        found = around.address(self.url)
        return found if not found.startswith("arn:") else f"{LOCAL}{found.rpartition('domain/')[2]}"

    def kept(self, around: Around) -> Kept | None:
        """What an embedded index has of the stream."""
        address = self.address(around)
        return kept(index.ROOM, around, index.folder_of(address)) if self.embedded(around) else None

    def embedded(self, around: Around) -> bool:
        """Whether files of this machine take the records."""
        return is_local(self.address(around))


def parse(raw: dict[str, Any], ours: dict[str, Any]) -> Config:
    """Read a configuration that fits the model. Raises ApiError.

    `ours`: kind, sign, timeout_seconds of a request, and what common.parse takes.
    """
    kind = ours["kind"]
    for name, why in _WHY.items():
        if raw.get(name) is not None:
            raise invalid(why)
    serverless = kind == SERVERLESS
    address = "CollectionEndpoint" if serverless else "ClusterEndpoint"
    if not serverless and raw.get("DomainARN") and raw.get(address):
        raise invalid("DomainARN and ClusterEndpoint cannot be specified together")
    url = raw.get(address) or ("" if serverless else raw.get("DomainARN") or "")
    if not url:
        raise invalid(f"{address} is required")
    options = raw.get("DocumentIdOptions") or {}
    endpoint = OpenSearch(
        url,
        raw["IndexName"],
        raw.get("TypeName") or "",
        "NoRotation" if serverless else raw.get("IndexRotationPeriod", "OneDay"),
        options.get("DefaultDocumentIdFormat", "FIREHOSE_DEFAULT") == "FIREHOSE_DEFAULT",
        ours.get("sign"),
        float(ours.get("timeout_seconds", 60)),
    )
    shape = common.Shape(kind, SHAPE.size_mib, SHAPE.seconds, SHAPE.retry_seconds, SHAPE.modes)
    retry = Retry(common.retry_seconds(shape, raw, ours), "attempts")
    members = _SERVERLESS_MEMBERS if serverless else _MEMBERS
    return common.parse(shape, raw, ours, members, retry, endpoint)


def describe(raw: dict[str, Any]) -> dict[str, Any]:
    """The description of any of the three."""
    out = common.describe(SHAPE, raw)
    if "CollectionEndpoint" not in raw:
        out.setdefault("IndexRotationPeriod", "OneDay")
        out.setdefault("DocumentIdOptions", {"DefaultDocumentIdFormat": "FIREHOSE_DEFAULT"})
    return out
