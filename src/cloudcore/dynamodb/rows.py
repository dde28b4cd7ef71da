"""Rows: what a query or scan finds, read page by page whenever it is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import arrow

if TYPE_CHECKING:
    from cloudcore._table import Item, Page
    from cloudcore.dynamodb.verbs import Verbs


class Rows:
    """The items of a Query or Scan, as dicts of native values; made by Table.query and Table.scan.

    Every method runs the request anew, as many pages as it needs. A page is one state of the store; between
    two of them others may write.

    >>> from cloudcore.dynamodb import DynamoDB, Table
    >>> things = Table.create(DynamoDB(), "things", pk="id:S")
    >>> things.put({"id": "a", "n": 1})
    >>> [row["n"] for row in things.scan()], things.scan().count()
    ([1], 1)
    """

    def __init__(
        self, table: Verbs, operation: str, params: dict[str, Any], limit: int | None, page: int | None
    ):
        if limit is not None and limit < 0:
            raise ValueError(f"a limit is not negative: {limit}")
        self.table = table
        self._operation, self._params, self._limit, self._page = operation, params, limit, page

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for page in self._read("native"):
            yield from page["Items"]

    def views(self) -> Iterator[Item]:
        """The items as Item, which decode an attribute when it is asked for."""
        for page in self._read("view"):
            yield from page["Items"]

    def pages(self) -> Iterator[Page]:
        """The items page by page, encoded: 1 MB each, or what `page` says."""
        for page in self._read("page"):
            yield page["Items"]

    def first(self) -> dict[str, Any] | None:
        """The first item, or None."""
        return next(iter(self._with(limit=1 if self._limit is None else min(1, self._limit))), None)

    def count(self) -> int:
        """How many items there are; none of them is given out."""
        if self._limit is not None:
            return sum(len(page) for page in self.pages())
        params = {name: value for name, value in self._params.items() if name != "ProjectionExpression"}
        return sum(page["Count"] for page in self._read("page", params | {"Select": "COUNT"}))

    def to_json(self, *, dynamodb: bool = False) -> bytes:
        """The items as one JSON array; plain, or with `dynamodb` typed ({"S": "text"})."""
        lines = b"".join(page.to_json_lines(dynamodb=dynamodb) for page in self.pages())
        return b"[" + lines.removesuffix(b"\n").replace(b"\n", b",\n") + b"]"

    def to_json_lines(self, *, dynamodb: bool = False) -> Iterator[bytes]:
        """The items as JSON, one a line, in pieces of a page."""
        for page in self.pages():
            yield page.to_json_lines(dynamodb=dynamodb)

    def schema(self, *, numbers: str = "exact", nested: str = "struct") -> Any:
        """The pyarrow.Schema that takes every item, by a walk through all of them.

        numbers: "exact" (int64, else decimal128, else double), "float" (int64, else double) or "decimal"
        (decimal128, else double). nested: maps and lists as "struct" and list, or as "json" text.
        """
        return arrow.infer(self.pages(), self.table.keys, numbers, nested)

    def to_arrow(self, schema: Any = None, *, numbers: str = "exact", nested: str = "struct") -> Any:
        """The items as a pyarrow.Table, an attribute a column.

        schema: the columns wanted (a pyarrow.Schema), by the attributes' names; attributes without one are
        left out, ValueError says which value does not fit. Without a schema one is made that takes them all,
        as `schema` makes it. The items are read once.
        """
        import pyarrow as pa

        if schema is not None:
            return pa.Table.from_batches(arrow.batches(self.pages(), schema, False), schema)
        pages = list(self.pages())
        schema = arrow.infer(pages, self.table.keys, numbers, nested)
        pages.reverse()  # and let each go once it is in the columns
        found = arrow.batches((pages.pop() for _ in range(len(pages))), schema, True)
        return pa.Table.from_batches(found, schema)

    def to_batches(self, schema: Any = None, *, numbers: str = "exact", nested: str = "struct") -> Any:
        """The items as a pyarrow.RecordBatchReader, read as it is; no more than a batch is in memory.

        Without a schema the items are gone through twice; an item that another writer puts in between and
        that does not fit what was seen is a ValueError of the reader (pyarrow.ArrowInvalid).
        """
        import pyarrow as pa

        given = schema is not None
        schema = schema if given else self.schema(numbers=numbers, nested=nested)
        return pa.RecordBatchReader.from_batches(schema, arrow.batches(self.pages(), schema, not given))

    def __arrow_c_stream__(self, requested_schema: Any = None) -> Any:
        """The items for whoever reads Arrow streams (polars.DataFrame, DuckDB, pandas, pyarrow.table)."""
        return self.to_arrow().__arrow_c_stream__(requested_schema)

    def to_pandas(self, **options: Any) -> Any:
        """The items as a pandas.DataFrame; numbers with a fraction as float. Options are to_arrow's."""
        return self.to_arrow(**{"numbers": "float"} | options).to_pandas()

    def to_polars(self, **options: Any) -> Any:
        """The items as a polars.DataFrame. Options are to_arrow's."""
        import polars

        return polars.from_arrow(self.to_arrow(**options))

    def _repr_html_(self) -> str:
        from cloudcore.dynamodb.html import rows_html

        return rows_html(self)

    def __repr__(self) -> str:
        return f"<Rows of {self._operation} on {self.table.name}>"

    def _with(self, limit: int | None) -> Rows:
        return Rows(self.table, self._operation, self._params, limit, self._page)

    def _read(self, shape: str, params: dict[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The replies of all pages, the last one cut to the limit."""
        execute, floats = self.table.tables.execute, self.table.floats
        params = dict(params or self._params)
        left = self._limit
        while left is None or left > 0:
            size = self._page_size(left)
            if size is not None:
                params["Limit"] = size
            page = execute(self._operation, params, shape, floats)
            if left is not None:
                if page["Count"] > left:
                    items = page["Items"]
                    page["Items"] = items.head(left) if shape == "page" else items[:left]
                left -= page["Count"]
            yield page
            if "LastEvaluatedKey" not in page:
                return
            params["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _page_size(self, left: int | None) -> int | None:
        """Without a filter no more is read than is wanted; with one, nobody knows how much that takes."""
        if left is None or "FilterExpression" in self._params:
            return self._page
        return left if self._page is None else min(left, self._page)
