"""Tables: the list, a form that makes one, and a table's settings."""

from __future__ import annotations

from typing import Any

from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import ApiError

Page = tuple[str, dict[str, Any]]
TYPES = [("S", "String"), ("N", "Number"), ("B", "Binary")]


def listing(view: View, request: Request) -> Page:
    """All tables, with what they hold."""
    return "tables.html", {"title": "Tables", "tables": [describe(view, name) for name in names(view)]}


def names(view: View) -> list[str]:
    """The names of all tables."""
    found: list[str] = []
    page: dict[str, Any] = {}
    while True:
        answer = view.call("dynamodb", "ListTables", page)
        found += answer["TableNames"]
        if "LastEvaluatedTableName" not in answer:
            return found
        page = {"ExclusiveStartTableName": answer["LastEvaluatedTableName"]}


def describe(view: View, name: str) -> dict[str, Any]:
    """DescribeTable's answer, with `keys` (name, type) in order and `indexes` of both kinds."""
    table: dict[str, Any] = view.call("dynamodb", "DescribeTable", {"TableName": name})["Table"]
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table["AttributeDefinitions"]}

    def keys(schema: list[dict[str, str]]) -> list[tuple[str, str, str]]:
        return [(k["AttributeName"], types[k["AttributeName"]], k["KeyType"]) for k in schema]

    table["keys"] = keys(table["KeySchema"])
    table["indexes"] = [
        {**index, "kind": kind, "keys": keys(index["KeySchema"])}
        for kind in ("Local", "Global")
        for index in table.get(f"{kind}SecondaryIndexes", [])
    ]
    return table


def new(view: View, request: Request) -> Page:
    """The empty form."""
    return "table_new.html", {"title": "Create table", "types": TYPES}


def create(view: View, request: Request) -> Page:
    """CreateTable by the form's fields."""
    name = request.text("name")
    types: dict[str, str] = {}
    params: dict[str, Any] = {
        "TableName": name,
        "KeySchema": _schema(
            request.text("pk"), request.text("pk_type"), request.text("sk"), request.text("sk_type"), types
        ),
        "BillingMode": request.text("billing") or "PAY_PER_REQUEST",
    }
    if params["BillingMode"] == "PROVISIONED":
        params["ProvisionedThroughput"] = {
            "ReadCapacityUnits": request.number("rcu", 5),
            "WriteCapacityUnits": request.number("wcu", 5),
        }
    indexes = []
    for at, index in enumerate(request.lists.get("index_name", [])):
        if not index.strip():
            continue
        columns = {
            c: request.lists.get(f"index_{c}", [])[at].strip()
            for c in ("pk", "pk_type", "sk", "sk_type", "projection")
        }
        made: dict[str, Any] = {
            "IndexName": index.strip(),
            "KeySchema": _schema(columns["pk"], columns["pk_type"], columns["sk"], columns["sk_type"], types),
            "Projection": {"ProjectionType": columns["projection"]},
        }
        if "ProvisionedThroughput" in params:
            made["ProvisionedThroughput"] = params["ProvisionedThroughput"]
        indexes.append(made)
    if indexes:
        params["GlobalSecondaryIndexes"] = indexes
    params["AttributeDefinitions"] = [{"AttributeName": n, "AttributeType": t} for n, t in types.items()]
    view.call("dynamodb", "CreateTable", params)
    if request.text("ttl"):
        _ttl(view, name, request.text("ttl"), True)
    raise Redirect(f"tables/{name}", f"Table {name} is there.")


def _schema(pk: str, pk_type: str, sk: str, sk_type: str, types: dict[str, str]) -> list[dict[str, str]]:
    if not pk:
        raise ApiError("ValidationException", "A partition key is needed")
    schema = []
    for name, kind, role in ((pk, pk_type or "S", "HASH"), (sk, sk_type or "S", "RANGE")):
        if name:
            if types.setdefault(name, kind) != kind:
                raise ApiError("ValidationException", f"{name} is of two types")
            schema.append({"AttributeName": name, "KeyType": role})
    return schema


def settings(view: View, request: Request, name: str) -> Page:
    """Keys, indexes, capacity, time to live, and the whole description."""
    table = describe(view, name)
    ttl = view.call("dynamodb", "DescribeTimeToLive", {"TableName": name})["TimeToLiveDescription"]
    shown = {key: value for key, value in table.items() if key not in ("keys", "indexes")}
    return "table_settings.html", {
        "title": name,
        "table": table,
        "ttl": ttl,
        "shown": shown,
        "tab": "settings",
    }


def set_ttl(view: View, request: Request, name: str) -> Page:
    """Switch time to live."""
    on = request.text("action") == "on"
    _ttl(view, name, request.text("attribute"), on)
    raise Redirect(f"tables/{name}/settings", "Items expire now." if on else "Items no longer expire.")


def _ttl(view: View, name: str, attribute: str, on: bool) -> None:
    view.call(
        "dynamodb",
        "UpdateTimeToLive",
        {
            "TableName": name,
            "TimeToLiveSpecification": {"Enabled": on, "AttributeName": attribute},
        },
    )


def delete(view: View, request: Request, name: str) -> Page:
    """DeleteTable, when the form repeats the name."""
    if request.text("name") != name:
        raise ApiError("ValidationException", f"Type the table's name, {name}, to delete it")
    view.call("dynamodb", "DeleteTable", {"TableName": name})
    raise Redirect("tables", f"Table {name} is gone.")
