"""To: the destinations that `cloud.stream(..., to=...)` takes.

    from cloudcore.firehose import to
    cloud.stream("logs", to=to.http_endpoint("https://logs.example.com/in", access_key="k"), buffer_seconds=5)

Addresses of the library may be http:// ones; over the wire AWS's rules hold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from cloudcore.firehose.destinations.embedded import ADDRESS, LOCAL

__all__ = ["Destination", "http_endpoint", "iceberg", "opensearch", "redshift", "splunk"]


_DOMAIN = "arn:aws:es:us-east-1:000000000000:domain/local"


@dataclass(frozen=True)
class Destination:
    """A destination as a user of the library says it: kind, members of CreateDeliveryStream, what is ours."""

    kind: str
    members: dict[str, Any]
    ours: dict[str, Any] = field(default_factory=dict)


def http_endpoint(
    url: str | None = None,
    *,
    access_key: str | None = None,
    attributes: Mapping[str, str] | None = None,
    gzip: bool = False,
    retry_seconds: int = 300,
    timeout_seconds: float = 180,
) -> Destination:
    """An HTTP endpoint that takes requests of the published specification. Times in seconds.

    `url` None: a receiver of our own, in process, whose records Stream.read() gives.

    Source: AWS, "Understand HTTP endpoint delivery request and response specifications".
    """
    address, reach = _secure(url or ADDRESS.format("http"))
    if url is None:
        reach = {"reach": {address: LOCAL}}
    endpoint = {"Url": address} | ({} if access_key is None else {"AccessKey": access_key})
    pairs = [{"AttributeName": n, "AttributeValue": v} for n, v in (attributes or {}).items()]
    request = {"ContentEncoding": "GZIP" if gzip else "NONE", "CommonAttributes": pairs}
    members = {
        "EndpointConfiguration": endpoint, "RequestConfiguration": request,
        "RetryOptions": {"DurationInSeconds": retry_seconds},
    }  # fmt: skip
    return Destination("HttpEndpoint", members, {"timeout_seconds": timeout_seconds, **reach})


def iceberg(
    *tables: str,
    keys: Mapping[str, Sequence[str]] | None = None,
    append_only: bool = False,
    rest: str | None = None,
    warehouse: str | None = None,
    retry_seconds: int = 300,
) -> Destination:
    """Iceberg tables, "database.table" each, which have to be there.

    One table takes every record; of several, a transform or a query says destinationDatabaseName,
    destinationTableName and operation (insert, update, delete) of each record. `keys`: the unique keys of a
    table, by its name, that updates and deletes go by. `rest`: the address of a REST catalog, with its
    `warehouse` (s3://...); None: the local one, `Firehose.iceberg()`.
    """
    listed = []
    for table in tables:
        database, _, name = table.rpartition(".")
        unique = {"UniqueKeys": list(keys[table])} if keys and table in keys else {}
        listed.append({"DestinationDatabaseName": database, "DestinationTableName": name, **unique})
    arn = "arn:aws:glue:us-east-1:000000000000:catalog"
    catalog = {"CatalogARN": arn} | ({"WarehouseLocation": warehouse} if warehouse else {})
    members = {
        "DestinationTableConfigurationList": listed, "AppendOnly": append_only,
        "CatalogConfiguration": catalog,
        "RetryOptions": {"DurationInSeconds": retry_seconds},
    }  # fmt: skip
    return Destination("Iceberg", members, {"reach": {arn: rest}} if rest else {})


def opensearch(
    url: str | None = None,
    index: str = "records",
    *,
    rotation: str = "NoRotation",
    type_name: str = "",
    ids: bool = True,
    retry_seconds: int = 300,
    sign: str | None = None,
) -> Destination:
    """An OpenSearch or Elasticsearch node: https://[user:password@]host[:port][/path].

    `url` None: an index of our own, in files of JSON lines that Stream.read() gives (no search).
    `rotation`: OneHour, OneDay, OneWeek or OneMonth put the time of arrival behind the index's name.
    `type_name` is for Elasticsearch before version 7. `ids=False` leaves ids to the node: a record that is
    sent again is there twice. `sign`: "es" or "aoss" signs requests; AWS's own hosts need no word for it.
    """
    where, reach = {"DomainARN": _DOMAIN}, dict[str, Any]()
    if url is not None:
        address, reach = _secure(url)
        where = {"ClusterEndpoint": address}
    members = {
        **where, "IndexName": index, "TypeName": type_name,
        "IndexRotationPeriod": rotation,
        "DocumentIdOptions": {"DefaultDocumentIdFormat": "FIREHOSE_DEFAULT" if ids else "NO_DOCUMENT_ID"},
        "RetryOptions": {"DurationInSeconds": retry_seconds},
    }  # fmt: skip
    return Destination("Amazonopensearchservice", members, {**reach, **({"sign": sign} if sign else {})})


def redshift(
    table: str,
    *,
    columns: str = "",
    options: str = "json 'auto'",
    url: str | None = None,
    database: str = "dev",
    user: str = "cloudcore",
    password: str = "unused",
    retry_seconds: int = 3600,
) -> Destination:
    """A table of Redshift, or of what stands in for it: an object in the bucket, then COPY.

    `url`: jdbc:redshift://HOST:PORT/DATABASE (and objects go to S3), postgresql://[USER:PASSWORD@]HOST/DB,
    duckdb:PATH; None: a DuckDB file <service's directory>/@redshift/<database>.duckdb. `columns`: names with
    commas between them; `options`: CopyOptions. The table has to be there.
    """
    jdbc, reach = url or "", {}
    if not jdbc.startswith("jdbc:"):
        jdbc = f"jdbc:redshift://local.cloudcore.redshift.local:5439/{database}"
        reach = {"reach": {jdbc: url or "duckdb:"}}
    command = {"DataTableName": table, "DataTableColumns": columns, "CopyOptions": options}
    members = {
        "ClusterJDBCURL": jdbc, "CopyCommand": command, "Username": user, "Password": password,
        "RetryOptions": {"DurationInSeconds": retry_seconds},
    }  # fmt: skip
    return Destination("Redshift", members, reach)


def splunk(
    url: str | None = None,
    token: str = "",
    *,
    raw: bool = False,
    ack_timeout_seconds: int = 180,
    retry_seconds: int = 300,
) -> Destination:
    """A Splunk HTTP Event Collector with indexer acknowledgements, at its event endpoint or its raw one.

    `url` None: a collector of our own, in process, whose events Stream.read() gives.
    At the event endpoint every record is an event object, {"event": ...}. Times in seconds.
    Source: AWS, "Create a Firehose stream: Splunk"; Splunk, "HTTP Event Collector Indexer Acknowledgment".
    """
    if url is None:
        url, token = ADDRESS.format("splunk"), token or "local"
        reach = {"reach": {url: LOCAL}}
    else:
        reach = {"reach": {url: url}} if url.startswith("http://") else {}
    members = {
        "HECEndpoint": url, "HECEndpointType": "Raw" if raw else "Event", "HECToken": token,
        "HECAcknowledgmentTimeoutInSeconds": ack_timeout_seconds,
        "RetryOptions": {"DurationInSeconds": retry_seconds},
    }  # fmt: skip
    return Destination("Splunk", members, reach)


def of(given: Any) -> Destination:
    """The destination that the command line and TOML say: a name of this module, or {name: its options}.

    Raises ValueError, TypeError."""
    if isinstance(given, Destination):
        return given
    name, options = (given, {}) if isinstance(given, str) else next(iter(dict(given).items()), ("", {}))
    makers = {each.__name__: each for each in (http_endpoint, iceberg, opensearch, redshift, splunk)}
    if name not in makers or not isinstance(options, Mapping) or (name != given and len(given) != 1):
        raise ValueError(f"to is one of {', '.join(makers)}, or one of them with its options, not {given!r}")
    options = dict(options)
    tables = options.pop("tables", ()) if name == "iceberg" else ()
    return makers[name](*tables, **options)


def _secure(url: str) -> tuple[str, dict[str, Any]]:
    """The https:// address that the model asks for, and that it is reached as it was given."""
    if not url.startswith("http://"):
        return url, {}
    address = "https://" + url[len("http://") :]
    return address, {"reach": {address: url}}
