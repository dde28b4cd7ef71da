"""Secondary indexes in CreateTable, UpdateTable and DescribeTable: every rule word by word."""

import pytest
from dynamodb_support import refused

from cloudcore.dynamodb import Table

INVALID = "One or more parameter values were invalid: "


def schema(*keys):
    """ "a b:RANGE" style: names, HASH unless said otherwise."""
    return [dict(zip(("AttributeName", "KeyType"), (*k.split(":"), "HASH")[:2], strict=True)) for k in keys]


def index(name, *keys, projection=None, **more):
    return {"IndexName": name, "KeySchema": schema(*keys), "Projection": projection or ALL} | more


ALL = {"ProjectionType": "ALL"}
KEYS = {"ProjectionType": "KEYS_ONLY"}


def table(attributes="p s a", local=None, wide=None, keys=("p", "s:RANGE"), **more):
    params = {
        "TableName": "tab",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": schema(*keys),
        "AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in attributes.split()],
    }
    if local is not None:
        params["LocalSecondaryIndexes"] = local
    if wide is not None:
        params["GlobalSecondaryIndexes"] = wide
    return params | more


PROVISIONED = {
    "BillingMode": "PROVISIONED",
    "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 5},
}
UNDEFINED = INVALID + "Some index key attributes are not defined in AttributeDefinitions. "
SAME_NAME = "Both the Hash Key and the Range Key element in the KeySchema have the same name"
NOT_HASH = "Invalid KeySchema: The first KeySchemaElement is not a HASH key type"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (table(local=[]), INVALID + "List of LocalSecondaryIndexes is empty"),
        (table(wide=[]), INVALID + "List of GlobalSecondaryIndexes is empty"),
        (
            table("p a", local=[index("lsi", "p", "a:RANGE")], keys=("p",)),
            INVALID + "Table KeySchema does not have a range key, which is required when specifying a "
            "LocalSecondaryIndex",
        ),
        (
            table(local=[index("lsi", "p", "x:RANGE")]),
            UNDEFINED + "Keys: [p, x], AttributeDefinitions: [p, s, a]",
        ),
        (table(wide=[index("gsi", "x")]), UNDEFINED + "Keys: [x], AttributeDefinitions: [p, s, a]"),
        (table(local=[index("lsi", "p", "p:RANGE")]), SAME_NAME),
        (table(wide=[index("gsi", "a", "a:RANGE")]), SAME_NAME),
        (table(local=[index("lsi", "p:RANGE", "a:RANGE")]), NOT_HASH),
        (table(wide=[index("gsi", "a:RANGE")]), NOT_HASH),
        (
            table(local=[index("lsi", "p", "a:HASH")]),
            "Invalid KeySchema: The second KeySchemaElement is not a RANGE key type",
        ),
        (
            table(local=[index("lsi", "p")]),
            INVALID + "Index KeySchema does not have a range key for index: lsi",
        ),
        (
            table(local=[index("lsi", "a", "s:RANGE")]),
            INVALID + "Index KeySchema does not have the same leading hash key as table KeySchema for index: "
            "lsi. index hash key: a, table hash key: p",
        ),
        (
            table(wide=[index("gsi", "a", projection={"NonKeyAttributes": ["x"]})]),
            INVALID + "Unknown ProjectionType: null",
        ),
        (
            table(wide=[index("gsi", "a", projection={"ProjectionType": "INCLUDE"})]),
            INVALID + "ProjectionType is INCLUDE, but NonKeyAttributes is not specified",
        ),
        (
            table(wide=[index("gsi", "a", projection=KEYS | {"NonKeyAttributes": ["x"]})]),
            INVALID + "ProjectionType is KEYS_ONLY, but NonKeyAttributes is specified",
        ),
        (
            table(local=[index("lsi", "p", "a:RANGE", projection=ALL | {"NonKeyAttributes": ["x"]})]),
            INVALID + "ProjectionType is ALL, but NonKeyAttributes is specified",
        ),
        (
            table(
                wide=[
                    index(
                        "gsi", "a", projection={"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "x"]}
                    )
                ]
            ),
            INVALID + "Duplicate element in NonKeyAttributes: x",
        ),
        (
            table(local=[index("one", "p", "a:RANGE")], wide=[index("one", "a")]),
            INVALID + "Duplicate index name: one",
        ),
        (
            table(local=[index(f"lsi{i}", "p", "a:RANGE") for i in range(6)]),
            INVALID + "Number of LocalSecondaryIndexes exceeds per-table limit of 5",
        ),
        (
            table(wide=[index(f"gsi{i}", "a") for i in range(21)]),
            INVALID + "GlobalSecondaryIndex count exceeds the per-table limit of 20",
        ),
        (
            table("p s a b", wide=[index("gsi", "a")]),
            INVALID
            + "Some AttributeDefinitions are not used. AttributeDefinitions: [p, s, a, b], keys used: "
            "[p, s, a]",
        ),
        (
            table(wide=[index("gsi", "a", ProvisionedThroughput=PROVISIONED["ProvisionedThroughput"])]),
            INVALID + "ProvisionedThroughput should not be specified for index: gsi when BillingMode is "
            "PAY_PER_REQUEST",
        ),
        (
            table(wide=[index("gsi", "a")], **PROVISIONED),
            INVALID + "ProvisionedThroughput is not specified for index: gsi",
        ),
        (
            table("p s a b", wide=[index("gsi", "a", "s:RANGE", "b:HASH")]),
            INVALID + "All HASH key attributes must precede RANGE key attributes in the KeySchema",
        ),
        (
            table("p s a b c d e", wide=[index("gsi", "a", "b", "c", "d", "e")]),
            INVALID + "The KeySchema exceeds the maximum allowed number of HASH key attributes",
        ),
        (
            table("p s a b", wide=[index("gsi", "a", "b", "a:RANGE")]),
            "The KeySchema contains multiple key attributes with the same name",
        ),
    ],
)
def test_create_refused(db, params, message):
    refused(db, "CreateTable", params, message)
    assert db.call("ListTables", {}) == {"TableNames": []}


def test_create_describe_delete(db):
    local = [index("lsi", "p", "a:RANGE", projection=KEYS)]
    include = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["x", "y"]}
    wide = [index("gsi", "a", "s:RANGE", projection=include)]
    made = db.call("CreateTable", table(local=local, wide=wide))["TableDescription"]
    assert made["GlobalSecondaryIndexes"][0]["IndexStatus"] == "CREATING"
    for s in "abc":
        db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "p"}, "s": {"S": s}, "a": {"S": "x"}}})
    db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "p"}, "s": {"S": "none"}}})
    found = db.call("DescribeTable", {"TableName": "tab"})["Table"]
    arn = found["TableArn"]
    assert found["LocalSecondaryIndexes"] == [
        local[0] | {"ItemCount": 3, "IndexSizeBytes": 3 * 6, "IndexArn": f"{arn}/index/lsi"}
    ]
    (shown,) = found["GlobalSecondaryIndexes"]
    assert shown == wide[0] | {
        "ItemCount": 3,
        "IndexSizeBytes": 3 * 6,
        "IndexArn": f"{arn}/index/gsi",
        "IndexStatus": "ACTIVE",
        "ProvisionedThroughput": {
            "NumberOfDecreasesToday": 0,
            "ReadCapacityUnits": 0,
            "WriteCapacityUnits": 0,
        },
        "WarmThroughput": {"ReadUnitsPerSecond": 12000, "WriteUnitsPerSecond": 4000, "Status": "ACTIVE"},
    }
    gone = db.call("DeleteTable", {"TableName": "tab"})["TableDescription"]
    assert gone["GlobalSecondaryIndexes"][0]["IndexStatus"] == "DELETING"


# ---- UpdateTable ----


def update(*actions, **more):
    return {"TableName": "tab", "GlobalSecondaryIndexUpdates": list(actions)} | more


def definitions(*names):
    return {"AttributeDefinitions": [{"AttributeName": n, "AttributeType": "S"} for n in names]}


@pytest.fixture
def indexed(db):
    db.call("CreateTable", table(local=[index("lsi", "p", "a:RANGE")], wide=[index("gsi", "a")]))
    return db


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (update(), INVALID + "List of GlobalSecondaryIndexUpdates is empty"),
        (
            update({}),
            INVALID + "One of GlobalSecondaryIndexUpdate.Update, GlobalSecondaryIndexUpdate.Create, "
            "GlobalSecondaryIndexUpdate.Delete must not be null",
        ),
        (
            update({"Create": index("new", "a"), "Delete": {"IndexName": "gsi"}}),
            INVALID
            + "Only one global secondary index action is allowed per GlobalSecondaryIndexUpdate object",
        ),
        (
            update({"Delete": {"IndexName": "gsi"}}, {"Create": index("gsi", "a")}),
            INVALID
            + "Only one global secondary index update per index is allowed simultaneously. Index: gsi",
        ),
        (update({"Create": index("gsi", "a")}), "Attempting to create an index which already exists"),
        (update({"Create": index("lsi", "a")}), "Attempting to create an index which already exists"),
        (
            update({"Delete": {"IndexName": "lsi"}}),
            "Cannot delete an index that is not a GlobalSecondaryIndex: lsi",
        ),
        (
            update({"Create": index("new", "b")}),
            INVALID + "AttributeDefinitions is not specified for index: new",
        ),
        (
            update({"Create": index("new", "b")}, **definitions("c")),
            UNDEFINED + "Keys: [b], AttributeDefinitions: [p, s, a, c]",
        ),
        (
            update({"Create": index("new", "a", ProvisionedThroughput=PROVISIONED["ProvisionedThroughput"])}),
            INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: new when "
            "BillingMode is PAY_PER_REQUEST",
        ),
    ],
)
def test_update_refused(indexed, params, message):
    before = indexed.call("DescribeTable", {"TableName": "tab"})
    refused(indexed, "UpdateTable", params, message)
    assert indexed.call("DescribeTable", {"TableName": "tab"}) == before


def test_update_limits(indexed):
    refused(
        indexed,
        "UpdateTable",
        update({"Delete": {"IndexName": "gsi"}}, {"Create": index("new", "a")}),
        "Subscriber limit exceeded: Only 1 online index can be created or deleted simultaneously per table",
        "LimitExceededException",
    )
    refused(
        indexed,
        "UpdateTable",
        update({"Delete": {"IndexName": "none"}}),
        "Requested resource not found: Index: none not found",
        "ResourceNotFoundException",
    )


def names(db, name, value, attribute):
    page = db.call(
        "Query",
        {
            "TableName": "tab",
            "IndexName": name,
            "KeyConditionExpression": f"{attribute} = :v",
            "ExpressionAttributeValues": {":v": {"S": value}},
        },
    )
    return [item["s"]["S"] for item in page["Items"]]


def test_create_fills_and_skips_what_does_not_fit(indexed):
    for s, b in (("1", {"S": "x"}), ("2", {"N": "1"}), ("3", {"S": "x"}), ("4", {"S": ""}), ("5", None)):
        item = {"p": {"S": "p"}, "s": {"S": s}} | ({} if b is None else {"b": b})
        indexed.call("PutItem", {"TableName": "tab", "Item": item})
    answer = indexed.call("UpdateTable", update({"Create": index("new", "b", "s:RANGE")}, **definitions("b")))
    assert answer["TableDescription"]["TableStatus"] == "UPDATING"
    assert names(indexed, "new", "x", "b") == ["1", "3"]
    found = indexed.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert [(i["IndexName"], i["IndexStatus"], i["ItemCount"]) for i in found["GlobalSecondaryIndexes"]] == [
        ("gsi", "ACTIVE", 0),
        ("new", "ACTIVE", 2),
    ]
    # An item that did not fit can be changed elsewhere, and put right.
    change = {"TableName": "tab", "Key": {"p": {"S": "p"}, "s": {"S": "2"}}}
    indexed.call("UpdateItem", change | {"UpdateExpression": "SET z = s"})
    indexed.call(
        "UpdateItem",
        change | {"UpdateExpression": "SET b = :x", "ExpressionAttributeValues": {":x": {"S": "x"}}},
    )
    assert names(indexed, "new", "x", "b") == ["1", "2", "3"]


def test_delete_frees_name_and_definition(indexed):
    indexed.call("UpdateTable", update({"Create": index("new", "b")}, **definitions("b")))
    shown = indexed.call("UpdateTable", update({"Delete": {"IndexName": "new"}}))["TableDescription"]
    assert {i["IndexName"]: i["IndexStatus"] for i in shown["GlobalSecondaryIndexes"]} == {
        "gsi": "ACTIVE",
        "new": "DELETING",
    }
    found = indexed.call("DescribeTable", {"TableName": "tab"})["Table"]
    assert [i["IndexName"] for i in found["GlobalSecondaryIndexes"]] == ["gsi"]
    assert [d["AttributeName"] for d in found["AttributeDefinitions"]] == ["p", "s", "a"]
    indexed.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "p"}, "s": {"S": "1"}, "b": {"N": "1"}}})


def test_update_throughput(db):
    db.call(
        "CreateTable",
        table(
            wide=[index("gsi", "a", ProvisionedThroughput=PROVISIONED["ProvisionedThroughput"])],
            **PROVISIONED,
        ),
    )
    change = {"IndexName": "gsi", "ProvisionedThroughput": {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}}
    shown = db.call("UpdateTable", update({"Update": change}))["TableDescription"]
    assert shown["GlobalSecondaryIndexes"][0]["IndexStatus"] == "UPDATING"
    refused(
        db,
        "UpdateTable",
        update({"Update": change}),
        "The provisioned throughput for the index gsi will not change. The requested value equals the current "
        "value. Current ReadCapacityUnits provisioned for the index: 5. Requested ReadCapacityUnits: 5. Current "
        "WriteCapacityUnits provisioned for the index: 7. Requested WriteCapacityUnits: 7. Refer to the Amazon "
        "DynamoDB Developer Guide for current limits and how to request higher limits.",
    )


def shown_index(db):
    return db.call("DescribeTable", {"TableName": "tab"})["Table"]["GlobalSecondaryIndexes"][0]


def test_warm_and_on_demand_throughput_of_an_index(db):
    more = {
        "WarmThroughput": {"ReadUnitsPerSecond": 13_000},
        "OnDemandThroughput": {"MaxReadRequestUnits": 9},
    }
    db.call("CreateTable", table(wide=[index("gsi", "a", **more)]))
    found = shown_index(db)
    assert found["WarmThroughput"] == {
        "ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 4_000, "Status": "ACTIVE",
    }  # fmt: skip
    assert found["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    answer = db.call(
        "UpdateTable",
        update({"Update": {"IndexName": "gsi", "WarmThroughput": {"WriteUnitsPerSecond": 4_001}}}),
    )["TableDescription"]
    assert answer["TableStatus"] == "ACTIVE"
    assert answer["GlobalSecondaryIndexes"][0]["IndexStatus"] == "ACTIVE"
    assert answer["GlobalSecondaryIndexes"][0]["WarmThroughput"]["Status"] == "UPDATING"
    db.call(
        "UpdateTable",
        update({"Update": {"IndexName": "gsi", "OnDemandThroughput": {"MaxReadRequestUnits": -1}}}),
    )
    found = shown_index(db)
    assert found["WarmThroughput"]["WriteUnitsPerSecond"] == 4_001
    assert "OnDemandThroughput" not in found


def test_an_index_follows_its_table_s_billing(db):
    db.call("CreateTable", table(wide=[index("gsi", "a", OnDemandThroughput={"MaxReadRequestUnits": 9})]))
    units = {"ReadCapacityUnits": 5, "WriteCapacityUnits": 7}
    switch = {"TableName": "tab", "BillingMode": "PROVISIONED", "ProvisionedThroughput": units}
    refused(db, "UpdateTable", switch, INVALID + "ProvisionedThroughput must be specified for index: gsi")
    assert shown_index(db)["OnDemandThroughput"] == {"MaxReadRequestUnits": 9}
    db.call("UpdateTable", switch | update({"Update": {"IndexName": "gsi", "ProvisionedThroughput": units}}))
    found = shown_index(db)
    assert found["ProvisionedThroughput"]["WriteCapacityUnits"] == 7
    assert found["WarmThroughput"]["ReadUnitsPerSecond"] == 12_000
    assert "OnDemandThroughput" not in found
    db.call("UpdateTable", {"TableName": "tab", "BillingMode": "PAY_PER_REQUEST"})
    assert shown_index(db)["ProvisionedThroughput"]["WriteCapacityUnits"] == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"WarmThroughput": {}},
            "WarmThroughput must have at least one of ReadUnitsPerSecond or WriteUnitsPerSecond specified for "
            "index: gsi",
        ),
        (
            {},
            "The only Updates for index: gsi when TableThroughputMode is PAY_PER_REQUEST can be to "
            "OnDemandThroughput, WarmThroughput",
        ),
        (
            {"WarmThroughput": {"ReadUnitsPerSecond": 11_999}},
            "Requested ReadUnitsPerSecond for WarmThroughput for index gsi is lower than current "
            "WarmThroughput, decreasing WarmThroughput is not supported",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 0}},
            "Requested MaxReadRequestUnits for OnDemandThroughput for index : gsi is outside of valid range",
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 1, "WriteCapacityUnits": 1}},
            "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified for index: gsi when "
            "BillingMode is PAY_PER_REQUEST",
        ),
    ],
)
def test_bad_throughput_of_an_index(indexed, change, message):
    refused(indexed, "UpdateTable", update({"Update": {"IndexName": "gsi", **change}}), INVALID + message)


def test_an_index_to_update_that_is_not_there(indexed):
    refused(
        indexed, "UpdateTable",
        update({"Update": {"IndexName": "ghost", "OnDemandThroughput": {"MaxReadRequestUnits": 1}}}),
        "Requested resource not found: Index ghost for table tab", "ResourceNotFoundException",
    )  # fmt: skip


def test_table_helper_reads_an_index(indexed):
    things = Table(indexed, "tab")
    for i in range(5):
        things.put({"p": "x", "s": str(i), "a": "even" if i % 2 == 0 else "odd"})
    found = things.query("even", index="gsi")
    assert [item["s"] for item in found] == ["0", "2", "4"]
    assert len(list(things.scan(index="lsi", limit=3))) == 3
    with pytest.raises(TypeError, match="unexpected keyword argument 'index'"):
        things.put({"p": "x", "s": "9"}, index="gsi")
