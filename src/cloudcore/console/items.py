"""A table's items: browsing by query or scan, one item's text, statements."""

from __future__ import annotations

import time
from typing import Any

from cloudcore.console import values
from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.console.tables import describe
from cloudcore.errors import ApiError

Page = tuple[str, dict[str, Any]]
_SORT = {
    "=": "#s = :s",
    "<": "#s < :s",
    "<=": "#s <= :s",
    ">": "#s > :s",
    ">=": "#s >= :s",
    "begins_with": "begins_with(#s, :s)",
    "between": "#s BETWEEN :s AND :t",
}
_FILTER = {
    "=": "#f = :f",
    "<>": "#f <> :f",
    "<": "#f < :f",
    ">": "#f > :f",
    "contains": "contains(#f, :f)",
    "begins_with": "begins_with(#f, :f)",
    "exists": "attribute_exists(#f)",
    "missing": "attribute_not_exists(#f)",
}
_COLUMNS_MAX = 12
_LIMITS = (25, 100, 500)


def browse(view: View, request: Request, name: str) -> Page:
    """A page of items: a query when the partition key is given, else a scan."""
    table = describe(view, name)
    asked = request.query
    index = next((i for i in table["indexes"] if i["IndexName"] == asked.get("index")), None)
    keys = index["keys"] if index else table["keys"]
    context: dict[str, Any] = {
        "title": name,
        "table": table,
        "tab": "items",
        "asked": asked,
        "index": index,
        "keys": keys,
        "sort": list(_SORT),
        "filters": list(_FILTER),
        "limits": _LIMITS,
        "failed": None,
    }
    try:
        operation, params = _read(name, index, keys, asked)
        began = time.perf_counter()
        answer = view.call("dynamodb", operation, params)
        took = time.perf_counter() - began
    except ApiError as error:
        return "items.html", {
            **context,
            "failed": error.message,
            "columns": [],
            "rows": [],
            "next": None,
            "operation": "",
            "took": 0,
            "answer": {"Count": 0, "ScannedCount": 0},
            "units": 0,
        }
    columns = _columns(answer["Items"], [key[0] for key in keys + table["keys"]])
    rows = [
        {
            "token": values.token({k: item[k] for k, _, _ in table["keys"]}),
            "cells": [item.get(c) for c in columns],
            "more": len([n for n in item if n not in columns]),
        }
        for item in answer["Items"]
    ]
    last = answer.get("LastEvaluatedKey")
    units = (answer.get("ConsumedCapacity") or {}).get("CapacityUnits", 0)
    return "items.html", {
        **context,
        "columns": columns,
        "rows": rows,
        "next": values.token(last) if last else None,
        "operation": operation,
        "took": took,
        "answer": answer,
        "units": units,
    }


def _read(
    name: str, index: Any, keys: list[tuple[str, str, str]], asked: dict[str, str]
) -> tuple[str, dict[str, Any]]:
    limit = int(asked["limit"]) if asked.get("limit", "") in map(str, _LIMITS) else _LIMITS[0]
    params: dict[str, Any] = {"TableName": name, "Limit": limit, "ReturnConsumedCapacity": "TOTAL"}
    names: dict[str, str] = {}
    bound: dict[str, Any] = {}
    if index:
        params["IndexName"] = index["IndexName"]
    if asked.get("start"):
        params["ExclusiveStartKey"] = values.of_token(asked["start"])
    hashes = [key for key in keys if key[2] == "HASH"]
    given = [asked.get(f"pk{at}", "") for at in range(len(hashes))]
    operation = "Scan"
    if any(given):
        operation = "Query"
        conditions = []
        for at, ((attribute, kind, _), text) in enumerate(zip(hashes, given, strict=True)):
            names[f"#p{at}"], bound[f":p{at}"] = attribute, values.scalar(kind, text)
            conditions.append(f"#p{at} = :p{at}")
        ranged = next((key for key in keys if key[2] == "RANGE"), None)
        if ranged and asked.get("sk"):
            how = asked.get("op", "=") if asked.get("op") in _SORT else "="
            names["#s"], bound[":s"] = ranged[0], values.scalar(ranged[1], asked["sk"])
            if how == "between":
                bound[":t"] = values.scalar(ranged[1], asked.get("sk2", ""))
            conditions.append(_SORT[how])
        params["KeyConditionExpression"] = " AND ".join(conditions)
        params["ScanIndexForward"] = asked.get("order") != "down"
    if asked.get("fname"):
        how = asked.get("fop", "=") if asked.get("fop") in _FILTER else "="
        params["FilterExpression"] = _FILTER[how]
        names["#f"] = asked["fname"]
        if ":f" in _FILTER[how]:
            kind = asked.get("ftype") or "S"
            bound[":f"] = (
                {"BOOL": asked.get("fvalue", "").lower() == "true"}
                if kind == "BOOL"
                else values.scalar(kind, asked.get("fvalue", ""))
            )
    if names:
        params["ExpressionAttributeNames"] = names
    if bound:
        params["ExpressionAttributeValues"] = bound
    return operation, params


def _columns(items: list[dict[str, Any]], keys: list[str]) -> list[str]:
    """The keys, then the attributes that most items have."""
    seen: dict[str, int] = {}
    for item in items:
        for name in item:
            seen[name] = seen.get(name, 0) + 1
    others = sorted((name for name in seen if name not in keys), key=lambda name: (-seen[name], name))
    return [*dict.fromkeys(key for key in keys if key in seen), *others][:_COLUMNS_MAX]


def edit(view: View, request: Request, name: str) -> Page:
    """One item's text, or that of a new one."""
    table = describe(view, name)
    if "key" not in request.query:
        empty = {k: {kind: {"B": b"", "N": "0"}.get(kind, "")} for k, kind, _ in table["keys"]}
        return _form(name, table, values.written(empty), "")
    key = values.of_token(request.query["key"])
    found = view.call("dynamodb", "GetItem", {"TableName": name, "Key": key, "ConsistentRead": True})
    if "Item" not in found:
        raise ApiError("ResourceNotFoundException", "There is no item with that key any more", 404)
    return _form(name, table, values.written(found["Item"]), values.token(key))


def _form(name: str, table: dict[str, Any], text: str, key: str, failed: str = "") -> Page:
    return "item.html", {
        "title": f"Item of {name}",
        "table": table,
        "tab": "items",
        "text": text,
        "key": key,
        "failed": failed,
    }


def save(view: View, request: Request, name: str) -> Page:
    """PutItem; a new item does not overwrite one that is there. What is refused stays in the form."""
    text, token = request.fields.get("item", ""), request.text("key")
    table = describe(view, name)
    try:
        _put(view, name, table["keys"][0][0], values.read(text), values.of_token(token) if token else None)
    except ApiError as error:
        taken = error.code == "ConditionalCheckFailedException"
        words = "There is an item with that key already" if taken else error.message
        return _form(name, table, text, token, words)
    raise Redirect(f"tables/{name}", "The item is saved.")


def _put(view: View, name: str, first: str, item: dict[str, Any], key: dict[str, Any] | None) -> None:
    params: dict[str, Any] = {"TableName": name, "Item": item}
    if key is None or any(item.get(k) != v for k, v in key.items()):
        params |= {
            "ConditionExpression": "attribute_not_exists(#k)",
            "ExpressionAttributeNames": {"#k": first},
        }
    view.call("dynamodb", "PutItem", params)


def delete(view: View, request: Request, name: str) -> Page:
    """DeleteItem."""
    view.call("dynamodb", "DeleteItem", {"TableName": name, "Key": values.of_token(request.text("key"))})
    raise Redirect(f"tables/{name}", "The item is gone.")


def statement(view: View, request: Request, name: str) -> Page:
    """The box for PartiQL."""
    text = f'SELECT * FROM "{name}"'
    return "statement.html", {
        "title": name,
        "table": describe(view, name),
        "tab": "sql",
        "text": text,
        "columns": [],
        "rows": None,
        "failed": None,
        "took": 0,
        "next": None,
    }


def run_statement(view: View, request: Request, name: str) -> Page:
    """ExecuteStatement, a page of its answer."""
    table = describe(view, name)
    text = request.text("statement")
    context: dict[str, Any] = {"title": name, "table": table, "tab": "sql", "text": text, "failed": None}
    params: dict[str, Any] = {"Statement": text, "Limit": 100}
    if request.text("next"):
        params["NextToken"] = request.text("next")
    began = time.perf_counter()
    try:
        answer = view.call("dynamodb", "ExecuteStatement", params)
    except ApiError as error:
        return "statement.html", {
            **context,
            "failed": f"{error.code}: {error.message}",
            "columns": [],
            "rows": None,
            "took": 0,
            "next": None,
        }
    found = answer.get("Items", [])
    columns = _columns(found, [key[0] for key in table["keys"]])
    return "statement.html", {
        **context,
        "columns": columns,
        "rows": [[item.get(c) for c in columns] for item in found],
        "took": time.perf_counter() - began,
        "next": answer.get("NextToken"),
    }
