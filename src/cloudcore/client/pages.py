"""Paginators: the pages of a listing operation, with MaxItems, PageSize and StartingToken."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple


class Pages(NamedTuple):
    """How an operation's pages hang together."""

    input_token: str
    output_token: str
    limit: str | None
    result: str
    counts: tuple[str, ...] = ()


def _marked(result: str) -> Pages:
    return Pages("Marker", "NextMarker", "MaxItems", result)


_ITEMS = Pages("ExclusiveStartKey", "LastEvaluatedKey", "Limit", "Items", ("Count", "ScannedCount"))
PAGES: dict[str, dict[str, Pages]] = {
    "dynamodb": {
        "ListBackups": Pages("ExclusiveStartBackupArn", "LastEvaluatedBackupArn", "Limit", "BackupSummaries"),
        "ListTables": Pages("ExclusiveStartTableName", "LastEvaluatedTableName", "Limit", "TableNames"),
        "ListTagsOfResource": Pages("NextToken", "NextToken", None, "Tags"),
        "ListBulkOperations": Pages("NextToken", "NextToken", "MaxResults", "BulkOperationsSummaryList"),
        "Query": _ITEMS,
        "Scan": _ITEMS,
    },
    "lambda": {
        "ListAliases": _marked("Aliases"),
        "ListCodeSigningConfigs": _marked("CodeSigningConfigs"),
        "ListEventSourceMappings": _marked("EventSourceMappings"),
        "ListFunctionEventInvokeConfigs": _marked("FunctionEventInvokeConfigs"),
        "ListFunctionUrlConfigs": _marked("FunctionUrlConfigs"),
        "ListFunctions": _marked("Functions"),
        "ListFunctionsByCodeSigningConfig": _marked("FunctionArns"),
        "ListLayerVersions": _marked("LayerVersions"),
        "ListLayers": _marked("Layers"),
        "ListProvisionedConcurrencyConfigs": _marked("ProvisionedConcurrencyConfigs"),
        "ListVersionsByFunction": _marked("Versions"),
    },
    "dynamodbstreams": {},
    "firehose": {},
}
"""Service -> operation -> its pages; the operations for which boto3 has paginators."""


class Paginator:
    """Made by Client.get_paginator."""

    def __init__(self, method: Callable[..., dict[str, Any]], pages: Pages):
        self._method, self._pages = method, pages

    def paginate(self, PaginationConfig: dict[str, Any] | None = None, **params: Any) -> PageIterator:
        """An iterable of pages. PaginationConfig: MaxItems, PageSize, StartingToken."""
        return PageIterator(self._method, self._pages, PaginationConfig or {}, params)


class PageIterator:
    """The pages of one listing; `resume_token` after it was cut short by MaxItems."""

    def __init__(
        self,
        method: Callable[..., dict[str, Any]],
        pages: Pages,
        config: dict[str, Any],
        params: dict[str, Any],
    ):
        unknown = set(config) - {"MaxItems", "PageSize", "StartingToken"}
        if unknown:
            raise ValueError(f"PaginationConfig has no {sorted(unknown)[0]}")
        self._method, self._pages, self._params = method, pages, params
        self._max = None if config.get("MaxItems") is None else int(config["MaxItems"])
        self._size = config.get("PageSize")
        self._start = config.get("StartingToken")
        self.resume_token: str | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        params, pages, left = dict(self._params), self._pages, self._max
        if self._size is not None and pages.limit is not None:
            params[pages.limit] = int(self._size)
        token, skip = _decode(self._start) if self._start else (None, 0)
        if left is not None and left <= 0:
            return
        while True:
            if token is not None:
                params[pages.input_token] = token
            page = self._method(**params)
            found = page.get(pages.result, [])
            end = len(found) if left is None else min(len(found), skip + left)
            cut, more = end < len(found), page.get(pages.output_token)
            page[pages.result] = found[skip:end]
            if left is not None:
                left -= end - skip
            if cut or (left == 0 and more):
                self.resume_token = _encode(token, end) if cut else _encode(more, 0)
            yield page
            if cut or not more or left == 0:
                return
            token, skip = more, 0

    def build_full_result(self) -> dict[str, Any]:
        """All pages as one; NextToken when MaxItems cut it short."""
        whole: dict[str, Any] = {self._pages.result: []}
        for page in self:
            whole[self._pages.result] += page[self._pages.result]
            for name in self._pages.counts:
                whole[name] = whole.get(name, 0) + page[name]
        if self.resume_token is not None:
            whole["NextToken"] = self.resume_token
        return whole

    def search(self, expression: str) -> Iterator[Any]:
        """What a JMESPath expression finds in each page. Needs the package jmespath."""
        import jmespath

        compiled = jmespath.compile(expression)
        for page in self:
            found = compiled.search(page)
            if isinstance(found, list):
                yield from found
            else:
                yield found


def _encode(token: Any, skip: int) -> str:
    def pack(data: bytes) -> dict[str, str]:
        return {"cloudcore:bytes": base64.b64encode(data).decode()}

    text = json.dumps([token, skip], default=pack)
    return base64.b64encode(text.encode()).decode()


def _decode(text: str) -> tuple[Any, int]:
    def restore(value: dict[str, Any]) -> Any:
        packed = value.get("cloudcore:bytes")
        return value if packed is None else base64.b64decode(packed)

    try:
        token, skip = json.loads(base64.b64decode(text), object_hook=restore)
        return token, int(skip)
    except (ValueError, TypeError):
        raise ValueError("StartingToken is none that this paginator gave") from None
