"""Glue: the columns of the table that SchemaConfiguration names, from a Glue-compatible endpoint.

Which endpoint is `remote`'s to know: what `reach` names for the table's ARN, or AWS_ENDPOINT_URL_GLUE. Where
none is configured, the service's own catalogue (catalogue.py) has the tables. VersionId LATEST, or none, is
the table as it is when the stream is made or updated. Partition keys of the table are no columns of its
files, as on AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.errors import ApiError, CloudcoreError
from cloudcore.firehose.checks import invalid


def client_of(remote: Callable[[str], Any] | None, table: dict[str, Any], account: str, region: str) -> Any:
    """The client that reaches the table's catalogue; None when no endpoint of Glue is configured."""
    if remote is None:
        return None
    arn = (
        f"arn:aws:glue:{table.get('Region') or region}:{table.get('CatalogId') or account}:table/"
        f"{table['DatabaseName']}/{table['TableName']}"
    )
    try:
        return remote(arn)
    except CloudcoreError:
        return None


def find(client: Any, table: dict[str, Any]) -> str:
    """The table's dumped schema. Raises ApiError InvalidArgumentException."""
    from cloudcore._stream import Columns
    from cloudcore.firehose import schema as schemas

    name = f"{table['DatabaseName']}.{table['TableName']}"
    columns = _columns(client, table, name)
    if not columns:
        raise invalid(f"The Glue table {name} has no columns")
    try:
        found = schemas.to_arrow([{"name": c["Name"], "type": c.get("Type", "string")} for c in columns])
        Columns(found)
    except (ValueError, CloudcoreError) as error:
        raise invalid(f"The Glue table {name} cannot be used: {error}") from None
    return schemas.dump(found)


def _columns(client: Any, table: dict[str, Any], name: str) -> list[dict[str, Any]]:
    from botocore.exceptions import BotoCoreError, ClientError

    version = table.get("VersionId", "LATEST")
    where = {"DatabaseName": table["DatabaseName"]}
    if table.get("CatalogId"):
        where["CatalogId"] = table["CatalogId"]
    try:
        if version == "LATEST":
            found = client.get_table(Name=table["TableName"], **where)["Table"]
        else:
            asked = client.get_table_version(TableName=table["TableName"], VersionId=version, **where)
            found = asked["TableVersion"]["Table"]
    except ClientError as error:
        told = error.response["Error"]
        raise ApiError(
            "InvalidArgumentException",
            f"Access was denied when calling Glue, or the table {name} (version {version}) is not there: "
            f"{told.get('Code')}: {told.get('Message')}",
        ) from None
    except BotoCoreError as error:
        raise invalid(f"Glue could not be asked for the table {name}: {error}") from None
    columns: list[dict[str, Any]] = found.get("StorageDescriptor", {}).get("Columns", [])
    return columns
