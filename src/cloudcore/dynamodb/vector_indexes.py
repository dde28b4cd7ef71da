"""Vector indexes in the control plane: the rules of CreateTable and UpdateTable, what is stored and shown.

Stored with a table: VectorIndexes, each element with IndexName, VectorAttribute, Dimensions,
DistanceFunction, SearchSchema (where there is one) and Projection as given; the engine reads these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb import indexes
from cloudcore.dynamodb.validation import invalid, refuse
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.service import DynamoDB

TABLE_MAX = 5
DIMENSIONS_MAX = 4096
FILTERS_MAX = 18
"""INLINE_FILTER elements of one search schema, beside at most one HASH element."""
FIXED = ("VectorAttribute", "Dimensions", "DistanceFunction", "SearchSchema", "Projection")
"""What can never be changed of an index."""


def check(params: dict[str, Any]) -> None:
    """The rules of CreateTable about vector indexes; ValidationException for the first one broken."""
    vectors = params.get("VectorIndexes")
    if vectors is None:
        return
    if not vectors:
        raise invalid("List of VectorIndexes is empty")
    others = [*(params.get("LocalSecondaryIndexes") or ()), *(params.get("GlobalSecondaryIndexes") or ())]
    check_billing(params.get("BillingMode", "PROVISIONED"))
    if len(vectors) > TABLE_MAX:
        raise invalid(f"VectorIndex count exceeds the per-table limit of {TABLE_MAX}")
    names = [index["IndexName"] for index in (*others, *vectors)]
    for index in vectors:
        if names.count(index["IndexName"]) > 1:
            raise invalid(f"Duplicate index name: {index['IndexName']}")
        _check_one(index, params["AttributeDefinitions"])
    check_dimensions(vectors)


def check_billing(mode: str) -> None:
    """Only on-demand tables have vector indexes."""
    if mode != "PAY_PER_REQUEST":
        raise invalid("Vector indexes are only supported for PAY_PER_REQUEST tables")


def _check_one(index: dict[str, Any], definitions: list[dict[str, Any]]) -> None:
    defined = indexes.names_of(definitions)
    attribute = index["VectorAttribute"]["AttributeName"]
    if attribute in defined:
        raise invalid(
            f"Conflicting attribute definition for '{attribute}'. An attribute cannot be defined in "
            "AttributeDefinitions when used as a VectorAttribute."
        )
    _check_schema(index.get("SearchSchema") or [], defined)
    if index["Dimensions"] > DIMENSIONS_MAX:
        raise invalid(f"Number of dimensions must be between 1 and {DIMENSIONS_MAX} inclusive.")
    indexes.check_projection(index)


def _check_schema(schema: list[dict[str, Any]], defined: list[str]) -> None:
    names, kinds = indexes.names_of(schema), [element["SearchSchemaElementType"] for element in schema]
    if any(name not in defined for name in names):
        raise invalid("One element in SearchSchema is not defined in attribute definitions")
    if len(set(names)) < len(names):
        raise invalid("The SearchSchema contains multiple elements with the same name")
    if kinds.count("HASH") > 1:
        raise invalid("The SearchSchema exceeds the maximum allowed number of HASH elements")
    if kinds.count("INLINE_FILTER") > FILTERS_MAX:
        raise invalid("The SearchSchema exceeds the maximum allowed number of INLINE_FILTER elements")


def check_dimensions(vectors: list[dict[str, Any]]) -> None:
    """Indexes of one attribute agree about its length."""
    seen: dict[str, int] = {}
    for index in vectors:
        attribute = index["VectorAttribute"]["AttributeName"]
        if seen.setdefault(attribute, index["Dimensions"]) != index["Dimensions"]:
            raise invalid(
                f"Conflicting attribute definition for '{attribute}'. All VectorIndexes on the same vector "
                "attribute must use the same dimensions."
            )


def stored(index: dict[str, Any]) -> dict[str, Any]:
    """What is kept of a VectorIndex."""
    kept = {
        "IndexName": index["IndexName"],
        "VectorAttribute": {"AttributeName": index["VectorAttribute"]["AttributeName"]},
        "Projection": {k: v for k, v in index["Projection"].items() if v is not None},
        "Dimensions": index["Dimensions"],
        "DistanceFunction": index["DistanceFunction"],
    }
    if index.get("SearchSchema"):
        members = ("AttributeName", "SearchSchemaElementType")
        kept["SearchSchema"] = [{k: e[k] for k in members} for e in index["SearchSchema"]]
    return kept


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two are alike in all but the name."""

    def shape(index: dict[str, Any]) -> dict[str, Any]:
        kept = stored(index)
        names = sorted(kept["Projection"].get("NonKeyAttributes") or ())
        return {**kept, "IndexName": "", "Projection": (kept["Projection"].get("ProjectionType"), names)}

    return shape(one) == shape(other)


def describe(service: DynamoDB, table: dict[str, Any], arn: str, status: str) -> dict[str, Any]:
    """VectorIndexes of a TableDescription; `status` is the table's."""
    if not table.get("VectorIndexes"):
        return {}
    found = service.tables.indexes(table["TableName"])
    return {"VectorIndexes": [_describe(index, arn, status, found) for index in table["VectorIndexes"]]}


def _describe(
    index: dict[str, Any], arn: str, status: str, found: dict[str, tuple[int, int, bool]]
) -> dict[str, Any]:
    items, size, filling = found.get(index["IndexName"], (0, 0, False))
    state = status if status in ("CREATING", "DELETING") else "CREATING" if filling else "ACTIVE"
    result = index | {
        "IndexStatus": state,
        "IndexSizeBytes": size,
        "ItemCount": items,
        "IndexArn": f"{arn}/index/{index['IndexName']}",
    }
    return result | {"Backfilling": True} if filling else result


# ---- UpdateTable ----


def actions(params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """The updates of a request as ("Create" or "Delete", index)."""
    updates = params.get("VectorIndexUpdates")
    if updates is not None and not updates:
        raise invalid("List of VectorIndexUpdates is empty")
    result = []
    for update in updates or ():
        given = [(kind, update[kind]) for kind in ("Create", "Delete") if update.get(kind) is not None]
        if not given:
            raise invalid("One of VectorIndexUpdate.Create, VectorIndexUpdate.Delete must not be null")
        if len(given) > 1:
            raise invalid("Only one vector index action is allowed per VectorIndexUpdate object")
        result.append(given[0])
    return result


def create(table: dict[str, Any], index: dict[str, Any], params: dict[str, Any]) -> None:
    """Adds an index to the stored description `table`."""
    check_billing(table["BillingMode"])
    others = [
        *table.get("LocalSecondaryIndexes", ()),
        *table.get("GlobalSecondaryIndexes", ()),
        *table.get("VectorIndexes", ()),
    ]
    if any(index["IndexName"] == other["IndexName"] for other in others):
        raise refuse("Attempting to create an index which already exists")
    given = params.get("AttributeDefinitions") or []
    _check_one(index, given)
    known = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
    for definition in given:
        attribute, kind = definition["AttributeName"], definition["AttributeType"]
        if known.setdefault(attribute, kind) != kind:
            raise refuse(f"Cannot change the type of the key attribute {attribute}")
    _check_key(table, index)
    vectors = [*table.get("VectorIndexes", ()), stored(index)]
    if len(vectors) > TABLE_MAX:
        raise ApiError(
            "LimitExceededException",
            "Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of "
            f"{TABLE_MAX}",
        )
    check_dimensions(vectors)
    table["VectorIndexes"] = vectors
    table["AttributeDefinitions"] = [{"AttributeName": n, "AttributeType": kind} for n, kind in known.items()]


def _check_key(table: dict[str, Any], index: dict[str, Any]) -> None:
    """A key attribute is no list of numbers."""
    attribute = index["VectorAttribute"]["AttributeName"]
    schemas = [table["KeySchema"]]
    schemas += [other["KeySchema"] for other in table.get("LocalSecondaryIndexes", ())]
    schemas += [other["KeySchema"] for other in table.get("GlobalSecondaryIndexes", ())]
    for element in (element for schema in schemas for element in schema):
        if element["AttributeName"] != attribute:
            continue
        types = {d["AttributeName"]: d["AttributeType"] for d in table["AttributeDefinitions"]}
        old = f"{attribute}:{types[attribute]}:{element['KeyType']}"
        raise invalid(
            "Attributes cannot be redefined. Please check that your attribute has the same type as "
            f"previously defined. Existing schema: Schema:[SchemaElement: key{{{old}}}] New schema: "
            f"VectorIndexSchema:[VectorAttribute: key{{{attribute}:L:{index['Dimensions']}}}]"
        )


def delete(table: dict[str, Any], name: str) -> None:
    """Takes an index out of the stored description `table`."""
    left = [index for index in table.get("VectorIndexes", ()) if index["IndexName"] != name]
    if len(left) == len(table.get("VectorIndexes", ())):
        raise ApiError("ResourceNotFoundException", f"Requested resource not found: Index: {name} not found")
    table["VectorIndexes"] = left
    if not left:
        del table["VectorIndexes"]
