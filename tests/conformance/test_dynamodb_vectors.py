"""Vector indexes and SearchVectors: rules, upkeep, answers value by value against numpy, refusals word by word.

The words are those of answers of the service (2026) as published by others; what nobody has seen is ours.
"""

import json
from decimal import Decimal

import boto3
import numpy
import pytest

import cloudcore
from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

WRONG = "One or more parameter values were invalid: "


def vector(*numbers):
    return [{"N": str(number)} for number in numbers]


def index(name="vix", **more):
    made = {
        "IndexName": name,
        "VectorAttribute": {"AttributeName": "emb"},
        "Dimensions": 3,
        "DistanceFunction": "COSINE",
        "Projection": {"ProjectionType": "ALL"},
    }
    return made | more


def schema(*filters, tenant=True):
    elements = [{"AttributeName": name, "SearchSchemaElementType": "INLINE_FILTER"} for name in filters]
    return elements + ([{"AttributeName": "tenant", "SearchSchemaElementType": "HASH"}] if tenant else [])


def create(db, *indexes, defined="", mode="PAY_PER_REQUEST", name="tab", **more):
    request = {
        "TableName": name,
        "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
        "AttributeDefinitions": [
            {"AttributeName": n, "AttributeType": "N" if n == "size" else "S"}
            for n in ("p", *defined.split())
        ],
        "BillingMode": mode,
        "VectorIndexes": list(indexes),
    }
    if mode == "PROVISIONED":
        request["ProvisionedThroughput"] = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    return db.call("CreateTable", request | more)["TableDescription"]


def put(db, key, *numbers, **more):
    item = {"p": {"S": key}} | ({"emb": {"L": vector(*numbers)}} if numbers else {}) | more
    return db.call("PutItem", {"TableName": "tab", "Item": item, "ReturnConsumedCapacity": "INDEXES"})


def search(db, *numbers, name="vix", k=10, condition=None, values=None, **more):
    request = {"TableName": "tab", "IndexName": name, "SearchVector": vector(*numbers), "TopK": k} | more
    if condition is not None:
        request |= {"SearchConditionExpression": condition, "ExpressionAttributeValues": values}
    return db.call("SearchVectors", request)


def found(db, *numbers, **more):
    return [result["Item"]["p"]["S"] for result in search(db, *numbers, **more)["SearchResults"]]


def refused(run, *arguments, **more):
    with pytest.raises(ApiError) as caught:
        run(*arguments, **more)
    return caught.value.code, caught.value.message


def update(db, *updates, **more):
    request = {"TableName": "tab", "VectorIndexUpdates": list(updates)} | more
    return db.call("UpdateTable", request)["TableDescription"]


# ---- the control plane ----


def test_described_as_created(db):
    made = index("one", SearchSchema=schema("kind"), Projection={"ProjectionType": "KEYS_ONLY"})
    shown = create(db, made, index("two", DistanceFunction="EUCLIDEAN"), defined="tenant kind")
    assert [one["IndexStatus"] for one in shown["VectorIndexes"]] == ["CREATING", "CREATING"]
    put(db, "a", 1, 0, 0, tenant={"S": "t"})
    table = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert {d["AttributeName"] for d in table["AttributeDefinitions"]} == {"p", "tenant", "kind"}
    assert table["VectorIndexes"][0] == made | {
        "IndexStatus": "ACTIVE",
        "ItemCount": 1,
        "IndexSizeBytes": 3 * 4 + len("emb") + len("pa") + len("tenantt"),
        "IndexArn": table["TableArn"] + "/index/one",
    }


@pytest.mark.parametrize(
    ("made", "defined", "words"),
    [
        (
            [index(SearchSchema=schema())],
            "",
            "One element in SearchSchema is not defined in attribute definitions",
        ),
        ([index(Dimensions=4097)], "", "Number of dimensions must be between 1 and 4096 inclusive."),
        ([index(f"vix-{i}") for i in range(6)], "", "VectorIndex count exceeds the per-table limit of 5"),
        (
            [index(), index("vix2", Dimensions=4)],
            "",
            "Conflicting attribute definition for 'emb'. All VectorIndexes on the same vector attribute must use "
            "the same dimensions.",
        ),
        (
            [index()],
            "emb",
            "Conflicting attribute definition for 'emb'. An attribute cannot be defined in AttributeDefinitions "
            "when used as a VectorAttribute.",
        ),
        ([index(), index()], "", "Duplicate index name: vix"),
        (
            [index()],
            "loose",
            "Some AttributeDefinitions are not used. AttributeDefinitions: [p, loose], keys used: [p]",
        ),
        (
            [index(Projection={"ProjectionType": "INCLUDE"})],
            "",
            "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            [index(SearchSchema=schema() + schema())],
            "tenant",
            "The SearchSchema contains multiple elements with the same name",
        ),
    ],
)
def test_create_table_refuses(db, made, defined, words):
    assert refused(create, db, *made, defined=defined) == ("ValidationException", WRONG + words)


def test_only_on_demand(db):
    words = WRONG + "Vector indexes are only supported for PAY_PER_REQUEST tables"
    assert refused(create, db, index(), mode="PROVISIONED") == ("ValidationException", words)
    create(db, index())
    throughput = {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}
    change = {"TableName": "tab", "BillingMode": "PROVISIONED", "ProvisionedThroughput": throughput}
    assert refused(db.call, "UpdateTable", change) == ("ValidationException", words)


def test_update_table_adds_fills_and_removes(db):
    create(db, index())
    for i in range(100):
        put(db, f"k{i}", i, 1, 0, tenant={"S": "odd" if i % 2 else "even"})
    added = {"Create": index("more", DistanceFunction="EUCLIDEAN", SearchSchema=schema())}
    tenant = [{"AttributeName": "tenant", "AttributeType": "S"}]
    assert refused(update, db, added)[1].endswith("not defined in attribute definitions")
    shown = update(db, added, AttributeDefinitions=tenant)["VectorIndexes"]
    assert (shown[1]["IndexStatus"], shown[1]["Backfilling"]) == ("CREATING", True)
    after = db.call("DescribeTable", {"TableName": "tab"})["Table"]["VectorIndexes"][1]
    assert (after["IndexStatus"], after["ItemCount"], "Backfilling" in after) == ("ACTIVE", 100, False)
    odd = {"condition": "tenant = :t", "values": {":t": {"S": "odd"}}}
    first, *others = found(db, 51, 1, 0, name="more", k=3, **odd)
    assert (first, set(others)) == ("k51", {"k49", "k53"})
    assert refused(update, db, {"Create": index("more")}) == (
        "ValidationException",
        "Attempting to create an index which already exists",
    )
    shown = update(db, {"Delete": {"IndexName": "more"}})["VectorIndexes"]
    assert [one["IndexStatus"] for one in shown] == ["ACTIVE", "DELETING"]
    assert refused(update, db, {"Delete": {"IndexName": "more"}}) == (
        "ResourceNotFoundException",
        "Requested resource not found: Index: more not found",
    )
    table = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert [d["AttributeName"] for d in table["AttributeDefinitions"]] == ["p"]
    assert found(db, 0, 1, 0, k=1) == ["k0"]


def test_update_table_limits(db):
    create(db, *(index(f"vix-{i}") for i in range(5)))
    assert refused(update, db, {"Create": index("one-more")}) == (
        "LimitExceededException",
        "Subscriber limit exceeded: Number of vector secondary indexes exceeds per-table limit of 5",
    )
    two = [{"Delete": {"IndexName": f"vix-{i}"}} for i in range(2)]
    assert refused(update, db, *two) == (
        "LimitExceededException",
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
    )
    update(db, two[0])
    key = {"Create": index("key", VectorAttribute={"AttributeName": "p"})}
    assert refused(update, db, key)[1] == (
        WRONG
        + "Attributes cannot be redefined. Please check that your attribute has the same type as previously "
        "defined. Existing schema: Schema:[SchemaElement: key{p:S:HASH}] New schema: "
        "VectorIndexSchema:[VectorAttribute: key{p:L:3}]"
    )


# ---- what an index holds ----


@pytest.mark.parametrize(
    ("item", "words"),
    [
        (
            {"emb": {"L": vector(1, 0)}},
            ". Invalid size for parameter emb, Expected: 3, Actual: 2 IndexName: vix",
        ),
        (
            {"emb": {"L": [{"N": "1"}, {"S": "x"}, {"N": "0"}]}},
            ". Invalid type for parameter emb[1], Expected: 32-bit floating point number, Actual: S. IndexName: vix",
        ),
        (
            {"emb": {"L": vector(1, 0, "1e39")}},
            ". Invalid type for parameter emb[2], Expected: 32-bit floating point number, Actual: N. IndexName: vix",
        ),
        (
            {"emb": {"S": "x"}},
            ". Invalid type for parameter emb, Expected: 32-bit floating point number list IndexName: vix",
        ),
        ({"tenant": {"N": "1"}}, ": Type mismatch for Index Key tenant Expected: S Actual: N IndexName: vix"),
        ({"size": {"S": "1"}}, ": Type mismatch for Index Key size Expected: N Actual: S IndexName: vix"),
    ],
)
def test_writes_that_do_not_fit(db, item, words):
    create(db, index(SearchSchema=schema("size")), defined="tenant size")
    whole = {"p": {"S": "bad"}} | item
    expected = ("ValidationException", "One or more parameter values were invalid" + words)
    assert refused(db.call, "PutItem", {"TableName": "tab", "Item": whole}) == expected
    batch = {"RequestItems": {"tab": [{"PutRequest": {"Item": whole}}]}}
    assert refused(db.call, "BatchWriteItem", batch) == expected
    name, value = next(iter(item.items()))
    change = {
        "TableName": "tab",
        "Key": {"p": {"S": "bad"}},
        "UpdateExpression": "SET #n = :v",
        "ExpressionAttributeNames": {"#n": name},
        "ExpressionAttributeValues": {":v": value},
    }
    assert refused(db.call, "UpdateItem", change) == expected
    with pytest.raises(ApiError) as caught:
        db.call("TransactWriteItems", {"TransactItems": [{"Put": {"TableName": "tab", "Item": whole}}]})
    assert caught.value.fields["CancellationReasons"][0]["Code"] == "ValidationError"
    assert db.call("Scan", {"TableName": "tab"})["Count"] == 0


def test_an_empty_partition_key(db):
    create(db, index(SearchSchema=schema()), defined="tenant")
    assert refused(put, db, "bad", 1, 0, 0, tenant={"S": ""})[1] == (
        "One or more parameter values are not valid. A value specified for a secondary index key is not supported. "
        "The AttributeValue for a key attribute cannot contain an empty string value. IndexName: vix, "
        "IndexKey: tenant"
    )


def test_items_come_and_go(db):
    create(db, index(), index("by-tenant", SearchSchema=schema("kind")), defined="tenant kind")
    put(db, "a", 1, 0, 0, tenant={"S": "t"})
    put(db, "b", 0, 1, 0)  # no partition key: in the other index alone
    put(db, "novec", tenant={"S": "t"})
    t = {"name": "by-tenant", "condition": "tenant = :t", "values": {":t": {"S": "t"}}}
    assert (found(db, 1, 0, 0), found(db, 1, 0, 0, **t)) == (["a", "b"], ["a"])

    def change(key, expression, **values):
        request = {"TableName": "tab", "Key": {"p": {"S": key}}, "UpdateExpression": expression}
        db.call("UpdateItem", request | ({"ExpressionAttributeValues": values["values"]} if values else {}))

    change("b", "SET tenant = :t", values={":t": {"S": "t"}})
    change("novec", "SET emb = :v", values={":v": {"L": vector(-1, 0, 0)}})
    assert found(db, 1, 0, 0, **t) == ["a", "b", "novec"]
    change("a", "REMOVE emb")
    change("b", "SET emb[0] = :x", values={":x": {"N": "-5"}})
    assert found(db, -1, 0, 0) == ["novec", "b"]
    change("novec", "REMOVE tenant")
    assert found(db, -1, 0, 0, **t) == ["b"]
    actions = [
        {"Delete": {"TableName": "tab", "Key": {"p": {"S": "b"}}}},
        {"Put": {"TableName": "tab", "Item": {"p": {"S": "c"}, "emb": {"L": vector(0, 0, 1)}}}},
    ]
    db.call("TransactWriteItems", {"TransactItems": actions})
    assert found(db, 0, 0, 1) == ["c", "novec"]
    db.call("DeleteItem", {"TableName": "tab", "Key": {"p": {"S": "c"}}})
    assert found(db, 0, 0, 1) == ["novec"]


def test_an_index_survives_its_process(tmp_path):
    with DynamoDB(tmp_path) as db:
        create(db, index(SearchSchema=schema()), defined="tenant")
        for i in range(50):
            put(db, f"k{i}", i, 1, 0, tenant={"S": str(i % 5)})
    with DynamoDB(tmp_path) as db:
        three = {"condition": "tenant = :t", "values": {":t": {"S": "3"}}}
        assert found(db, 100, 1, 0, k=2, **three) == ["k48", "k43"]


def test_a_restored_table_has_its_indexes(db):
    create(db, index(), index("two", DistanceFunction="DOT_PRODUCT"))
    put(db, "a", 1, 2, 3)
    arn = db.call("CreateBackup", {"TableName": "tab", "BackupName": "one"})["BackupDetails"]["BackupArn"]
    shown = db.call("DescribeBackup", {"BackupArn": arn})["BackupDescription"]["SourceTableFeatureDetails"]
    assert shown["VectorIndexes"] == [index(), index("two", DistanceFunction="DOT_PRODUCT")]


# ---- searches against numpy ----


def scores_of(function, matrix, query):
    matrix, query = matrix.astype(numpy.float64), query.astype(numpy.float64)
    if function == "DOT_PRODUCT":
        return matrix @ query
    if function == "EUCLIDEAN":
        return numpy.linalg.norm(matrix - query, axis=1)
    return 1 - (matrix @ query) / numpy.linalg.norm(matrix, axis=1) / numpy.linalg.norm(query)


@pytest.mark.parametrize("function", ["COSINE", "EUCLIDEAN", "DOT_PRODUCT"])
@pytest.mark.parametrize("dimensions", [1, 7, 64, 769, 4096])
def test_value_by_value_against_numpy(db, function, dimensions):
    random = numpy.random.default_rng(dimensions)
    rows = 40 if dimensions > 1000 else 400
    create(db, index(Dimensions=dimensions, DistanceFunction=function, SearchSchema=schema("kind", tenant=False)),
           defined="kind")  # fmt: skip
    matrix = random.standard_normal((rows, dimensions), numpy.float32)
    kinds = random.integers(0, 3, rows)
    for i in range(rows):
        put(db, str(i), *matrix[i], kind={"S": str(kinds[i])})
    for _ in range(5):
        query = random.standard_normal(dimensions, numpy.float32)
        scores = scores_of(function, matrix, query)
        for kind in (None, 1):
            rows_in = numpy.flatnonzero(kinds == kind) if kind is not None else numpy.arange(rows)
            sign = -1 if function == "DOT_PRODUCT" else 1
            best = rows_in[numpy.argsort(sign * scores[rows_in], kind="stable")][:10]
            condition = {} if kind is None else {"condition": "kind = :k", "values": {":k": {"S": str(kind)}}}
            results = search(db, *query, **condition)["SearchResults"]
            told = numpy.array([result["Score"] for result in results])
            picked = [int(result["Item"]["p"]["S"]) for result in results]
            scale = numpy.abs(scores).max()
            assert len(picked) == min(10, len(rows_in)) and len(set(picked)) == len(picked)
            assert numpy.allclose(told, scores[picked], rtol=1e-5, atol=2e-6 * scale)  # each its own
            assert numpy.allclose(told, scores[best], rtol=1e-5, atol=2e-6 * scale)  # and the best there are


def test_scores_are_floats_of_32_bits(db):
    create(
        db,
        index(),
        index("euclid", DistanceFunction="EUCLIDEAN"),
        index("dot", DistanceFunction="DOT_PRODUCT"),
    )
    for key, numbers in {"a": (1, 0, 0), "b": (0, 1, 0), "c": (-1, 0, 0), "d": (0.6, 0.8, 0)}.items():
        put(db, key, *numbers)
    expected = {
        "vix": [0.0, 0.3999999761581421, 1.0, 2.0],
        "euclid": [0.0, 0.8944271802902222, 1.4142135381698608, 2.0],
        "dot": [1.0, 0.6000000238418579, 0.0, -1.0],
    }
    for name, scores in expected.items():
        results = search(db, 1, 0, 0, name=name)["SearchResults"]
        assert [result["Item"]["p"]["S"] for result in results] == ["a", "d", "b", "c"]
        assert [result["Score"] for result in results] == scores


# ---- what a search shows ----


def test_projections(db):
    include = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["title"]}
    keys = {"ProjectionType": "KEYS_ONLY"}
    create(db, index(), index("some", Projection=include, SearchSchema=schema("kind")), index("keys", Projection=keys),
           defined="tenant kind")  # fmt: skip
    more = {"tenant": {"S": "t"}, "kind": {"S": "k"}, "title": {"S": "x"}, "price": {"N": "1"}}
    put(db, "a", 0.1234567890123, 0, 0, **more)
    t = {"condition": "tenant = :t AND kind = :k", "values": {":t": {"S": "t"}, ":k": {"S": "k"}}}

    def shown(**arguments):
        return search(db, 1, 0, 0, **arguments)["SearchResults"][0]["Item"]

    assert set(shown()) == {"p", *more}
    assert set(shown(name="some", **t)) == {"p", "tenant", "kind", "title"}
    assert set(shown(name="keys")) == {"p"}
    wanted = {"ProjectionExpression": "p, price, emb"}
    assert set(shown(**wanted)) == {"p", "price", "emb"}
    assert set(shown(name="some", **t, **wanted)) == {"p", "emb"}
    # The index's copy, of 32 bits, not the item's.
    assert shown(name="keys", ProjectionExpression="emb[0]") == {"emb": {"L": [{"N": "0.12345679"}]}}
    stored = db.call("GetItem", {"TableName": "tab", "Key": {"p": {"S": "a"}}})["Item"]
    assert stored["emb"]["L"][0] == {"N": "0.1234567890123"}


def test_capacity(db):
    create(db, index(Dimensions=512, Projection={"ProjectionType": "KEYS_ONLY"}))
    used = put(db, "a", *range(512), other={"S": "x" * 5000})["ConsumedCapacity"]
    assert used["VectorIndexes"] == {"vix": {"VectorWriteRequestBytes": 4 * 512 + len("emb") + len("pa")}}
    assert used["CapacityUnits"] == used["Table"]["CapacityUnits"]
    assert "VectorIndexes" not in put(db, "a", *range(512), other={"S": "y"})["ConsumedCapacity"]
    assert "VectorIndexes" not in put(db, "b")["ConsumedCapacity"]
    put(db, "c", *range(512))
    for mode in ("TOTAL", "INDEXES"):
        reply = search(db, *range(512), ReturnConsumedCapacity=mode)
        assert reply["ConsumedCapacity"] == {"VectorSearchRequestBytes": 2 * 4 * 512 + 2 * len("pa")}
    assert "ConsumedCapacity" not in search(db, *range(512))


def test_a_reply_has_16_megabytes_at_most(db):
    create(db, index(Dimensions=1))
    for i in range(50):
        put(db, str(i), i, big={"S": "x" * 390_000})
    assert len(search(db, 1, k=40)["SearchResults"]) == 40
    assert refused(search, db, 1, k=50)[1].startswith("The response of SearchVectors exceeds 16 MB")


# ---- refusals ----

OUTSIDE = "SearchConditionExpression must not contain any attributes that is not in SearchSchema. Invalid attribute: "
BAD = "Invalid SearchConditionExpression: "


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (
            {"TopK": 101},
            "Provided TopK value '101' is out of valid range. The value must be between 1 and 100 inclusive",
        ),
        (
            {"TopK": 0},
            "1 validation error detected: Value '0' at 'topK' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1",
        ),
        (
            {"SearchVector": []},
            "1 validation error detected: Value '[]' at 'searchVector' failed to satisfy constraint: Member must have "
            "length greater than or equal to 1",
        ),
        (
            {"SearchVector": None, "TopK": None, "IndexName": None},
            "3 validation errors detected: Value null at 'indexName' failed to satisfy constraint: Member must not be "
            "null; Value null at 'searchVector' failed to satisfy constraint: Member must not be null; Value null at "
            "'topK' failed to satisfy constraint: Member must not be null",
        ),
        ({"IndexName": "nope"}, "The table does not have the specified index: nope"),
        (
            {"SearchVector": vector(1, 0)},
            "Input search vector dimension 2 does not match vector index dimension 3",
        ),
        *(
            (
                {"SearchVector": bad},
                "Search vector contains invalid values. All values in the search vector must be a 32-bit "
                "floating-point number attribute",
            )
            for bad in ([{"L": vector(1, 0, 0)}], vector(1, 2, "1e39"), [*vector(1, 2), {"S": "3"}])
        ),
        ({}, "SearchConditionExpression must be provided when SearchSchema has a HASH key"),
        (
            {"SearchConditionExpression": "kind = :k", "ExpressionAttributeValues": {":k": {"S": "x"}}},
            "SearchConditionExpression must be provided when SearchSchema has a HASH key",
        ),
        *(
            (
                {"SearchConditionExpression": text, "ExpressionAttributeValues": {":t": {"S": "x"}}},
                BAD + f"Invalid {what} used in SearchConditionExpression",
            )
            for text, what in (
                ("tenant < :t", "comparator"),
                ("tenant <> :t", "comparator"),
                ("tenant = :t AND kind >= :t", "comparator"),
                ("tenant = :t AND kind = tenant", "comparator"),
                ("tenant = :t OR kind = :t", "operator"),
                ("NOT tenant = :t", "operator"),
                ("tenant BETWEEN :t AND :t", "operator"),
                ("tenant IN (:t)", "operator"),
                ("begins_with(tenant, :t)", "operator"),
                ("tenant = :t AND attribute_exists(kind)", "operator"),
            )
        ),
        (
            {"SearchConditionExpression": "loose = :t", "ExpressionAttributeValues": {":t": {"S": "x"}}},
            OUTSIDE + "loose",
        ),
        (
            {
                "SearchConditionExpression": "tenant.deep = :t",
                "ExpressionAttributeValues": {":t": {"S": "x"}},
            },
            OUTSIDE + "[tenant, deep]",
        ),
        (
            {"SearchConditionExpression": "tenant = :t", "ExpressionAttributeValues": {":t": {"N": "1"}}},
            WRONG + "Condition parameter type does not match schema type",
        ),
        (
            {"SearchConditionExpression": "tenant =", "ExpressionAttributeValues": {":t": {"N": "1"}}},
            BAD + 'Syntax error; token: "<EOF>", near: "="',
        ),
        (
            {"ExpressionAttributeValues": {":t": {"N": "1"}}},
            "ExpressionAttributeValues can only be specified when using expressions: SearchConditionExpression is null",
        ),
        (
            {
                "SearchConditionExpression": "tenant = :t",
                "ExpressionAttributeValues": {":t": {"S": "1"}, ":u": {"S": "1"}},
            },
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:u}",
        ),
        ({"IndexName": "gsi"}, "SearchVectors operation not supported on this index type."),
    ],
)
def test_search_refuses(db, more, words):
    wide = {"IndexName": "gsi", "KeySchema": [{"AttributeName": "kind", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"}}  # fmt: skip
    create(db, index(SearchSchema=schema("kind")), defined="tenant kind", GlobalSecondaryIndexes=[wide])
    request = {"TableName": "tab", "IndexName": "vix", "SearchVector": vector(1, 0, 0), "TopK": 3} | more
    request = {name: value for name, value in request.items() if value is not None}
    assert refused(db.call, "SearchVectors", request) == ("ValidationException", words)
    status, body = db.call_json("SearchVectors", json.dumps(request).encode())
    assert (status, json.loads(body)["message"]) == (400, words)


def test_no_other_verb_reads_a_vector_index(db):
    create(db, index())
    query = {"TableName": "tab", "IndexName": "vix", "KeyConditionExpression": "p = :p",
             "ExpressionAttributeValues": {":p": {"S": "a"}}}  # fmt: skip
    assert refused(db.call, "Query", query)[1] == "Query operation not supported on this index type."
    scan = {"TableName": "tab", "IndexName": "vix"}
    assert refused(db.call, "Scan", scan)[1] == "Scan operation not supported on this index type."
    select = {"Statement": 'SELECT * FROM "tab"."vix"'}
    assert (
        refused(db.call, "ExecuteStatement", select)[1] == "Scan operation not supported on this index type."
    )
    assert refused(search, db, 1, 0, 0, TableName="absent")[0] == "ResourceNotFoundException"


# ---- doors ----


def test_over_http_in_process_and_native():
    with cloudcore.open(":memory:") as cloud, cloud.serve() as endpoint:
        wire = boto3.client(
            "dynamodb", endpoint_url=endpoint.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip
        create(cloud.dynamodb, index(SearchSchema=schema("size", tenant=False)), defined="size")
        table = cloud.table("tab")
        random = numpy.random.default_rng(1)
        with table.batch() as batch:
            for i in range(200):
                numbers = [float(x) for x in random.standard_normal(3, numpy.float32)]
                batch.put({"p": str(i), "size": i % 2, "emb": [Decimal(repr(x)) for x in numbers]})
        request = {"TableName": "tab", "IndexName": "vix", "SearchVector": vector(1, 2, 3), "TopK": 5}
        over = wire.search_vectors(**request)["SearchResults"]
        assert over == cloud.client("dynamodb").search_vectors(**request)["SearchResults"]
        native = table.nearest("vix", numpy.array([1, 2, 3], numpy.float32), 5)
        assert [(item["p"], score) for item, score in native] == [
            (result["Item"]["p"]["S"], result["Score"]) for result in over
        ]
        odd = table.nearest("vix", [1, 2, 3], 50, size=1, attributes=["p", "size"])
        assert len(odd) == 50 and all(item.keys() == {"p", "size"} and item["size"] == 1 for item, _ in odd)
