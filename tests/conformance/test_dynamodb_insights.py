"""Contributor insights and the auto scaling of replicas: what is kept, what is refused."""

import datetime

import pytest
from dynamodb_support import create, refused

from cloudcore.dynamodb import DynamoDB

START = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
INDEX = {
    "IndexName": "idx", "KeySchema": [{"AttributeName": "s", "KeyType": "HASH"}], "Projection": {"ProjectionType": "ALL"},
}  # fmt: skip


@pytest.fixture
def db(clock):
    with DynamoDB(clock=clock) as service:
        create(service, GlobalSecondaryIndexes=[INDEX])
        yield service


def update(db, action, table="tab", **more):
    return db.call("UpdateContributorInsights", {"TableName": table, "ContributorInsightsAction": action, **more})


def describe(db, **more):
    return db.call("DescribeContributorInsights", {"TableName": "tab", **more})


def test_insights_are_turned_on_and_off(db, clock):
    both = "ACCESSED_AND_THROTTLED_KEYS"
    assert describe(db) == {"TableName": "tab", "ContributorInsightsStatus": "DISABLED"}
    assert update(db, "ENABLE", ARN) == {
        "TableName": "tab", "ContributorInsightsStatus": "ENABLING", "ContributorInsightsMode": both,
    }  # fmt: skip
    clock.advance(5)
    on = {"TableName": "tab", "ContributorInsightsStatus": "ENABLED", "LastUpdateDateTime": START}
    assert describe(db) == on | {"ContributorInsightsMode": both}
    assert describe(db, IndexName="idx") == {
        "TableName": "tab", "IndexName": "idx", "ContributorInsightsStatus": "DISABLED",
    }  # fmt: skip
    update(db, "ENABLE", IndexName="idx", ContributorInsightsMode="THROTTLED_KEYS")
    found = describe(db, IndexName="idx")
    assert (found["ContributorInsightsStatus"], found["ContributorInsightsMode"]) == ("ENABLED", "THROTTLED_KEYS")
    assert update(db, "DISABLE") == {"TableName": "tab", "ContributorInsightsStatus": "DISABLING"}
    assert describe(db)["ContributorInsightsStatus"] == "DISABLED"


def test_insights_are_refused_for_what_is_not_there(db):
    for operation, more in (("DescribeContributorInsights", {}), ("UpdateContributorInsights", {"ContributorInsightsAction": "ENABLE"})):
        for params, words in (
            ({"TableName": "none"}, "Table: none not found"), ({"TableName": "tab", "IndexName": "none"}, "Index: none not found"),
        ):  # fmt: skip
            refused(db, operation, params | more, f"Requested resource not found: {words}", "ResourceNotFoundException")
    words = "Requested resource not found: Table: none not found"
    refused(db, "ListContributorInsights", {"TableName": "none"}, words, "ResourceNotFoundException")
    refused(db, "ListContributorInsights", {"NextToken": "x"}, "Invalid Request: Provided nextToken is invalid: x")


def test_insights_are_listed(db):
    create(db, "another", GlobalSecondaryIndexes=[INDEX | {"IndexName": name} for name in ("two", "one")])
    update(db, "ENABLE", "another", IndexName="one")
    found, params = [], {"MaxResults": 2}
    while True:
        page = db.call("ListContributorInsights", params)
        found += page["ContributorInsightsSummaries"]
        if "NextToken" not in page:
            break
        params["NextToken"] = page["NextToken"]
    assert [(one["TableName"], one.get("IndexName"), one["ContributorInsightsStatus"]) for one in found] == [
        ("another", None, "DISABLED"), ("another", "one", "ENABLED"), ("another", "two", "DISABLED"), ("tab", None, "DISABLED"),
        ("tab", "idx", "DISABLED"),
    ]  # fmt: skip
    of_one = db.call("ListContributorInsights", {"TableName": ARN})["ContributorInsightsSummaries"]
    assert of_one == found[3:]


def test_insights_go_with_their_index_and_stay_over_a_restart(tmp_path):
    with DynamoDB(tmp_path) as db:
        create(db, GlobalSecondaryIndexes=[INDEX])
        update(db, "ENABLE")
        update(db, "ENABLE", IndexName="idx")
        definitions = [{"AttributeName": "s", "AttributeType": "N"}]
        for change in ({"Delete": {"IndexName": "idx"}}, {"Create": INDEX}):
            asked = {"GlobalSecondaryIndexUpdates": [change], "AttributeDefinitions": definitions}
            db.call("UpdateTable", {"TableName": "tab", **asked})
        assert describe(db, IndexName="idx")["ContributorInsightsStatus"] == "DISABLED"
    with DynamoDB(tmp_path) as db:
        assert describe(db)["ContributorInsightsStatus"] == "ENABLED"


def test_no_table_has_replicas_to_scale(db):
    told = db.call("DescribeTableReplicaAutoScaling", {"TableName": ARN})["TableAutoScalingDescription"]
    assert told == {"TableName": "tab", "TableStatus": "ACTIVE", "Replicas": []}
    words = "Requested resource not found: Table: none not found"
    for operation in ("DescribeTableReplicaAutoScaling", "UpdateTableReplicaAutoScaling"):
        refused(db, operation, {"TableName": "none"}, words, "ResourceNotFoundException")
    scaling = {"MinimumUnits": 1, "MaximumUnits": 10}
    refused(
        db, "UpdateTableReplicaAutoScaling", {"TableName": "tab", "ProvisionedWriteCapacityAutoScalingUpdate": scaling},
        "One or more parameter values were invalid: Table tab is not a global table: it has no replicas whose capacity could be scaled",
    )  # fmt: skip
