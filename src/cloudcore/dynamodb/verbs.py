"""Verbs: what one does with a table, as requests of DynamoDB's operations; whoever executes them.

Table (table.py) has them executed by the store of this process, RemoteTable (endpoint/table.py)
by an endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import and_
from typing import TYPE_CHECKING, Any, Protocol

from cloudcore.dynamodb.batch import Batch
from cloudcore.dynamodb.expressions import Aliases, attr, expression, key_condition, projection, update
from cloudcore.dynamodb.rows import Rows
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore._table import Page
    from cloudcore.dynamodb.load import Loaded

GET_MAX = 100
"""Keys of one BatchGetItem."""


class Executor(Protocol):
    """Whoever runs an operation on values of a shape: "native", "view" or "page" (_table.Tables.execute)."""

    def execute(
        self, operation: str, params: dict[str, Any], shape: str = "dynamodb", floats: bool = False
    ) -> dict[str, Any]:
        """The operation's reply. Raises ApiError."""


class Writer(Protocol):
    """Whoever stores many items; _table.Loader says what its methods are."""

    @property
    def stored(self) -> int:
        """Items stored."""

    def put(self, item: Mapping[str, Any], number: int = 0) -> bool:
        """Take an item; whether it is time to flush."""

    def extend(self, items: Iterator[Mapping[str, Any]]) -> bool:
        """Take items until it is time to flush; whether it is, and there may be more."""

    def delete(self, key: Mapping[str, Any], number: int = 0) -> bool:
        """Take the removal of a key; whether it is time to flush."""

    def flush(self) -> list[tuple[int, str, str]]:
        """Store what waits; what was refused: (number, code, message)."""

    def page(self, page: Page) -> list[tuple[int, str, str]]:
        """Store the items of a page."""

    def lines(self, data: bytes, form: str = "json", first_line: int = 1) -> list[tuple[int, str, str]]:
        """Store an item a line."""

    def columns(self, schema: Any, wanted: Mapping[str, str], keep_nulls: bool = False) -> None:
        """Say what batch() is going to be given."""

    def batch(self, batch: Any, first_row: int = 0) -> list[tuple[int, str, str]]:
        """Store the rows of a record batch."""


class Verbs:
    """The methods of a table that are requests. Values, conditions and keys are as `Table` says."""

    if TYPE_CHECKING:

        @property
        def tables(self) -> Executor:
            """Who executes."""

        @property
        def name(self) -> str:
            """The table's name."""

        @property
        def keys(self) -> tuple[str, ...]:
            """The names of the key's attributes."""

        @property
        def floats(self) -> bool:
            """Whether numbers with a fraction are floats."""

        def key_of(self, key: tuple[Any, ...]) -> dict[str, Any]:
            """The key as a dict."""

    def call(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """An operation on the table itself, in boto3's shape. Raises ApiError."""
        raise NotImplementedError

    def loader(self) -> Writer:
        """A writer of many items."""
        raise NotImplementedError

    def info(self) -> dict[str, int]:
        """Items and their bytes."""
        raise NotImplementedError

    def describe(self) -> dict[str, Any]:
        """DescribeTable's description."""
        found: dict[str, Any] = self.call("DescribeTable", {"TableName": self.name})["Table"]
        return found

    # ---- one item ----

    def _get_with(
        self,
        key: tuple[Any, ...],
        wanted: str | Iterable[Any] | None,
        names: Mapping[str, str] | None,
        consistent: bool,
    ) -> dict[str, Any] | None:
        aliases = Aliases(names)
        params: dict[str, Any] = {"Key": self.key_of(key), "ConsistentRead": consistent}
        if wanted is not None:
            params["ProjectionExpression"] = projection(wanted, aliases)
        found: dict[str, Any] | None = self._run("GetItem", params | aliases.members()).get("Item")
        return found

    def _put_with(
        self,
        item: Mapping[str, Any],
        condition: Any,
        names: Mapping[str, str] | None,
        values: Mapping[str, Any] | None,
        old: bool,
    ) -> dict[str, Any] | None:
        params = action("Item", item, condition, names, values)
        found: dict[str, Any] | None = self._run(
            "PutItem", params | {"ReturnValues": "ALL_OLD" if old else "NONE"}
        ).get("Attributes")
        return found

    def update(
        self,
        *key: Any,
        update: str | None = None,
        set: Mapping[Any, Any] | None = None,
        add: Mapping[Any, Any] | None = None,
        remove: Iterable[Any] | None = None,
        delete: Mapping[Any, Any] | None = None,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        returns: str = "ALL_NEW",
    ) -> dict[str, Any]:
        """Change one item, or make it; by default the whole new item.

        set, add, remove, delete: AWS's four clauses, their keys names or `attr` paths; a value of `set` may
        be computed (`attr("n") + 1`, `.if_missing(0)`, `.append([..])`). update: an update expression, in
        their place. returns: AWS's ReturnValues; {} when there is nothing to return.
        """
        params = update_action(self.key_of(key), update, set, add, remove, delete, condition, names, values)
        found: dict[str, Any] = self._run("UpdateItem", params | {"ReturnValues": returns}).get(
            "Attributes", {}
        )
        return found

    def delete(
        self,
        *key: Any,
        condition: Any = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """Remove an item; what it was, or None."""
        params = action("Key", self.key_of(key), condition, names, values)
        found: dict[str, Any] | None = self._run("DeleteItem", params | {"ReturnValues": "ALL_OLD"}).get(
            "Attributes"
        )
        return found

    # ---- many items ----

    def get_many(
        self,
        keys: Iterable[Any],
        *,
        projection: str | Iterable[Any] | None = None,
        names: Mapping[str, str] | None = None,
        consistent: bool = False,
    ) -> list[dict[str, Any] | None]:
        """The items of many keys in their order, None where there is none.

        A key is a tuple of its values, a mapping, or, where the table has no sort key, its value. Reads of
        100 keys each see one state of the store. A projection must keep the key attributes.
        """
        wanted = [self.key_of(key if isinstance(key, tuple) else (key,)) for key in keys]
        given = {tuple(key.values()): key for key in wanted}
        shared = self._many_members(projection, names, consistent)
        found: dict[tuple[Any, ...], dict[str, Any]] = {}
        waiting = list(given.values())
        while waiting:
            request = {self.name: {**shared, "Keys": waiting[:GET_MAX]}}
            reply = self.tables.execute("BatchGetItem", {"RequestItems": request}, "native", self.floats)
            rest = reply["UnprocessedKeys"].get(self.name, {}).get("Keys", [])
            waiting = rest + waiting[GET_MAX:]
            for item in reply["Responses"][self.name]:
                found[tuple(item[name] for name in self.keys)] = item
        return [found.get(tuple(key.values())) for key in wanted]

    def _many_members(
        self, wanted: str | Iterable[Any] | None, names: Mapping[str, str] | None, consistent: bool
    ) -> dict[str, Any]:
        aliases = Aliases(names)
        members: dict[str, Any] = {"ConsistentRead": consistent}
        if wanted is not None:
            members["ProjectionExpression"] = projection(wanted, aliases)
        return members | aliases.members()

    def query(
        self,
        *key: Any,
        where: Any = None,
        index: str | None = None,
        filter: Any = None,
        projection: str | Sequence[Any] | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        limit: int | None = None,
        page: int | None = None,
        forward: bool = True,
        consistent: bool = False,
        **ranges: Any,
    ) -> Rows:
        """The items of one partition in the order of the sort key, of the table or a secondary `index`.

        key: the partition key's value, and one or a range (between, begins_with, gt, ge, lt, le) of the sort
        key: `query("ann", between(1, 9))`, or the latter by its name: `query("ann", ts=between(1, 9))`.
        where: the whole key condition, in their place. filter, limit: which items, and how many, are given;
        page: how many are read at a time. Nothing is read before the Rows are.
        """
        aliases = Aliases(names, values)
        if where is not None:
            if key or ranges:
                raise TypeError("the key condition is either `where` or the key's values, not both")
            condition = expression(where, aliases)
        else:
            condition = key_condition(self._key_parts(key, ranges, index), aliases)
        params = {"KeyConditionExpression": condition, "ScanIndexForward": forward}
        return self._rows("Query", params, aliases, index, filter, projection, limit, page, consistent)

    def scan(
        self,
        *,
        index: str | None = None,
        filter: Any = None,
        projection: str | Sequence[Any] | None = None,
        names: Mapping[str, str] | None = None,
        values: Mapping[str, Any] | None = None,
        limit: int | None = None,
        page: int | None = None,
        segment: tuple[int, int] | None = None,
        consistent: bool = False,
    ) -> Rows:
        """All items, or those in a secondary `index`. segment: (i, n), the i-th of n parts, from 0.

        The other arguments are those of `query`.
        """
        params = {} if segment is None else {"Segment": segment[0], "TotalSegments": segment[1]}
        return self._rows(
            "Scan", params, Aliases(names, values), index, filter, projection, limit, page, consistent
        )

    def _rows(
        self,
        operation: str,
        params: dict[str, Any],
        aliases: Aliases,
        index: str | None,
        filter: Any,
        wanted: str | Sequence[Any] | None,
        limit: int | None,
        page: int | None,
        consistent: bool,
    ) -> Rows:
        params |= {"TableName": self.name, "ConsistentRead": consistent}
        if index is not None:
            params["IndexName"] = index
        if filter is not None:
            params["FilterExpression"] = expression(filter, aliases)
        if wanted is not None:
            params["ProjectionExpression"] = projection(wanted, aliases)
        return Rows(self, operation, params | aliases.members(), limit, page)

    def _key_parts(
        self, key: tuple[Any, ...], ranges: Mapping[str, Any], index: str | None
    ) -> Iterator[tuple[str, Any]]:
        names = self.keys if index is None else self._index_keys(index)
        if len(key) > len(names):
            raise TypeError(f"the key is ({', '.join(names)}), and {len(key)} values are given")
        yield from zip(names, key, strict=False)
        for name, wanted in ranges.items():
            if name not in names:
                raise TypeError(f"{name!r} is no option, nor in the key ({', '.join(names)})")
            yield name, wanted

    def _index_keys(self, index: str) -> tuple[str, ...]:
        table = self.describe()
        known = table.get("GlobalSecondaryIndexes", []) + table.get("LocalSecondaryIndexes", [])
        for description in known:
            if description["IndexName"] == index:
                return key_names(description)
        listed = ", ".join(description["IndexName"] for description in known) or "none"
        raise KeyError(f"table {self.name!r} has no index {index!r}; it has: {listed}")

    def nearest(
        self,
        index: str,
        vector: Any,
        k: int = 10,
        *,
        attributes: Iterable[str] | None = None,
        **equal: Any,
    ) -> list[tuple[dict[str, Any], float]]:
        """The `k` items (1 to 100) nearest to a vector in a vector index, each with its score, nearest first.

        `vector`: numbers, a numpy array for one, as many as the index has dimensions, each taken as a 32-bit
        float. `equal` names attributes of the index's search schema and the values they must have;
        `attributes` those to show, all that are projected but the vector itself otherwise. Every vector is
        looked at. Raises ApiError: ValidationException, ResourceNotFoundException.

        Source: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_SearchVectors.html
        """
        aliases = Aliases()
        params: dict[str, Any] = {"TableName": self.name, "IndexName": index, "TopK": k}
        params["SearchVector"] = [float(number) for number in vector]
        if equal:
            condition = reduce(and_, (attr(name) == value for name, value in equal.items()))
            params["SearchConditionExpression"] = expression(condition, aliases)
        if attributes is not None:
            params["ProjectionExpression"] = projection(attributes, aliases)
        params |= aliases.members()
        reply = self.tables.execute("SearchVectors", params, "native", True)
        return [(result["Item"], result["Score"]) for result in reply["SearchResults"]]

    def batch(self) -> Batch:
        """A context manager that collects puts and deletes and writes them many at a time."""
        return Batch(self)

    def load(
        self,
        source: Any,
        *,
        format: str | None = None,
        types: Mapping[str, str] | None = None,
        nulls: str = "omit",
        errors: str = "raise",
        progress: bool | Callable[[int, float | None], Any] | None = None,
    ) -> Loaded:
        """Store many items, each replacing one with its key, and say how many.

        source: a path (.parquet .arrow .csv .tsv .json .jsonl .ndjson, text also .gz) or binary file of
        `format`; NDJSON as bytes; anything with `__arrow_c_stream__` (pyarrow, polars, pandas, DuckDB); the
        Rows of another table; an iterable of mappings. format: of lines "json" (plain), "dynamodb-json"
        (typed) or "dynamodb-export" ({"Item": ..}), or "csv", "tsv", "parquet", "arrow".

        types: {column: DynamoDB type} for columns of Arrow data and CSV that are to become another type: text
        N, B (base64) or, in CSV, BOOL; numbers S; lists SS, NS, BS. Other columns of CSV are text, but the
        key's. nulls: "omit" them, or "keep" them as NULL. errors: "raise" the first refusal, behind which
        nothing more is read, or "skip" and report. progress: None for a bar on a terminal, False, or a
        function of (items stored, share of the source or None).

        Raises ApiError, UnsupportedValue, OSError, ValueError (a broken file); items in front of it are
        stored.
        """
        from cloudcore.dynamodb.load import load

        return load(self, source, format=format, types=types, nulls=nulls, errors=errors, progress=progress)

    def key_types(self) -> dict[str, str]:
        """The types of the attributes in the keys of the table and its indexes: {"id": "S"}."""
        return {one["AttributeName"]: one["AttributeType"] for one in self.describe()["AttributeDefinitions"]}

    def _repr_html_(self) -> str:
        from cloudcore.dynamodb.html import table_html

        return table_html(self)

    def _run(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        return self.tables.execute(operation, {"TableName": self.name, **params}, "native", self.floats)


def key_names(description: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the key's attributes, of a table's or an index's description."""
    return tuple(element["AttributeName"] for element in description["KeySchema"])


def create_params(name: str, pk: str, sk: str | None) -> dict[str, Any]:
    """CreateTable's members, for a table on demand; `pk`, `sk` are "attribute:TYPE", TYPE S when left out."""
    parts = [(*key.rsplit(":", 1), "S")[:2] for key in (pk, sk) if key is not None]
    return {
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [
            {"AttributeName": attribute, "KeyType": kind}
            for (attribute, _), kind in zip(parts, ("HASH", "RANGE"), strict=False)
        ],
        "AttributeDefinitions": [
            {"AttributeName": attribute, "AttributeType": kind} for attribute, kind in parts
        ],
    }


def check_keys(description: Mapping[str, Any], pk: str, sk: str | None) -> None:
    """Raises ApiError ResourceInUseException for a table that is there with other keys than these."""
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in description["AttributeDefinitions"]}
    held = [f"{name}:{types[name]}" for name in key_names(description)]
    asked = [":".join((*key.rsplit(":", 1), "S")[:2]) for key in (pk, sk) if key is not None]
    if held != asked:
        name = description["TableName"]
        raise ApiError(
            "ResourceInUseException",
            f"Table {name} exists with the key ({', '.join(held)}), not ({', '.join(asked)}); "
            "open it without keys, or with its own",
        )


# ---- what a write and the same write in a transaction share ----


def _condition(condition: Any, aliases: Aliases) -> dict[str, Any]:
    return {} if condition is None else {"ConditionExpression": expression(condition, aliases)}


def action(
    member: str,
    content: Mapping[str, Any],
    condition: Any,
    names: Mapping[str, str] | None,
    values: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The members of a put ("Item"), or of a delete or condition check ("Key")."""
    aliases = Aliases(names, values)
    return {member: content, **_condition(condition, aliases), **aliases.members()}


def update_action(
    key: Mapping[str, Any],
    text: str | None,
    set: Mapping[Any, Any] | None,
    add: Mapping[Any, Any] | None,
    remove: Iterable[Any] | None,
    delete: Mapping[Any, Any] | None,
    condition: Any,
    names: Mapping[str, str] | None,
    values: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """The members of an update."""
    aliases = Aliases(names, values)
    made = update(set, add, remove, delete, aliases)
    if text is not None and made:
        raise TypeError("an update is either an expression or its clauses, not both")
    members = {"Key": key, **_condition(condition, aliases)}
    if text is not None or made:
        members["UpdateExpression"] = text if text is not None else made
    return members | aliases.members()
