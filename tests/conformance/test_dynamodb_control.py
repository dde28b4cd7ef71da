"""UpdateTable, tags, resource policies, limits: answers and refusals word for word."""

import json
import threading

import pytest
from dynamodb_support import create, refused

from cloudcore.clock import Clock
from cloudcore.dynamodb import DynamoDB

ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/"
INVALID = "One or more parameter values were invalid: "
DAY = 86_400


class Ticking(Clock):
    """A clock that a test moves."""

    at = 1_790_000_000.0

    def now(self):
        return self.at


@pytest.fixture
def clock():
    return Ticking()


@pytest.fixture
def db(clock):
    with DynamoDB(clock=clock) as service:
        yield service


def make(db, name="tab", units=None, **more):
    """A table: on demand, or with provisioned units (read, write)."""
    billing = {"BillingMode": "PAY_PER_REQUEST"}
    if units:
        billing = {"ProvisionedThroughput": throughput(*units)}
    return db.call(
        "CreateTable",
        {
            "TableName": name,
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
            **billing,
            **more,
        },
    )["TableDescription"]


def throughput(read, write):
    return {"ReadCapacityUnits": read, "WriteCapacityUnits": write}


def table(db, name="tab"):
    return db.call("DescribeTable", {"TableName": name})["Table"]


def update(db, **change):
    return db.call("UpdateTable", {"TableName": "tab", **change})["TableDescription"]


def test_throughput_goes_up_and_down(db, clock):
    make(db, units=(1, 1))
    answer = update(db, ProvisionedThroughput=throughput(2, 2))
    assert answer["TableStatus"] == "UPDATING"
    assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 1  # as it was, with the time of the change
    assert answer["ProvisionedThroughput"]["LastIncreaseDateTime"].timestamp() == clock.at
    shown = table(db)
    assert shown["TableStatus"] == "ACTIVE"
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 2
    assert "LastDecreaseDateTime" not in shown["ProvisionedThroughput"]
    update(db, ProvisionedThroughput=throughput(1, 2))
    update(db, ProvisionedThroughput=throughput(1, 1))
    shown = table(db)["ProvisionedThroughput"]
    assert shown["NumberOfDecreasesToday"] == 2
    assert shown["LastDecreaseDateTime"].timestamp() == clock.at
    clock.at += DAY
    assert table(db)["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 0
    update(db, ProvisionedThroughput=throughput(5, 5))
    update(db, ProvisionedThroughput=throughput(4, 4))
    assert table(db)["ProvisionedThroughput"]["NumberOfDecreasesToday"] == 1
    assert table(db)["WarmThroughput"] == {
        "ReadUnitsPerSecond": 5, "WriteUnitsPerSecond": 5, "Status": "ACTIVE",
    }  # fmt: skip


def test_billing_mode_there_and_back(db, clock):
    make(db, units=(3, 4))
    clock.at += 10
    answer = update(db, BillingMode="PAY_PER_REQUEST")
    assert answer["BillingModeSummary"] == {"BillingMode": "PAY_PER_REQUEST"}
    shown = table(db)
    assert shown["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"].timestamp() == clock.at
    assert shown["ProvisionedThroughput"]["ReadCapacityUnits"] == 0
    assert shown["WarmThroughput"]["ReadUnitsPerSecond"] == 12_000
    assert update(db, BillingMode="PAY_PER_REQUEST")["TableStatus"] == "UPDATING"  # again: nothing changes
    assert table(db) == shown
    answer = update(db, BillingMode="PROVISIONED", ProvisionedThroughput=throughput(1, 1))
    assert answer["ProvisionedThroughput"]["ReadCapacityUnits"] == 1
    after = table(db)
    assert after["BillingModeSummary"]["BillingMode"] == "PROVISIONED"
    assert after["BillingModeSummary"]["LastUpdateToPayPerRequestDateTime"].timestamp() == clock.at
    assert after["WarmThroughput"]["ReadUnitsPerSecond"] == 12_000  # it never sinks


def test_on_demand_throughput(db):
    make(db, OnDemandThroughput={"MaxReadRequestUnits": 10})
    assert table(db)["OnDemandThroughput"] == {"MaxReadRequestUnits": 10}
    update(db, OnDemandThroughput={"MaxWriteRequestUnits": 5})
    assert table(db)["OnDemandThroughput"] == {"MaxReadRequestUnits": 10, "MaxWriteRequestUnits": 5}
    update(db, OnDemandThroughput={"MaxReadRequestUnits": -1})
    assert table(db)["OnDemandThroughput"] == {"MaxWriteRequestUnits": 5}
    update(db, OnDemandThroughput={"MaxWriteRequestUnits": -1})
    assert "OnDemandThroughput" not in table(db)
    update(db, BillingMode="PAY_PER_REQUEST", OnDemandThroughput={"MaxReadRequestUnits": 7})
    update(db, BillingMode="PROVISIONED", ProvisionedThroughput=throughput(1, 1))
    assert "OnDemandThroughput" not in table(db)
    refused(
        db, "UpdateTable", {"TableName": "tab", "OnDemandThroughput": {"MaxReadRequestUnits": 1}},
        INVALID + "MaxReadRequestUnits for OnDemandThroughput cannot be specified when the table "
        "BillingMode is PROVISIONED",
    )  # fmt: skip


def test_warm_throughput_only_rises(db):
    made = make(db, WarmThroughput={"ReadUnitsPerSecond": 13_000})
    assert made["WarmThroughput"] == {
        "ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 4_000, "Status": "UPDATING",
    }  # fmt: skip
    answer = update(db, WarmThroughput={"WriteUnitsPerSecond": 5_000})
    assert (answer["TableStatus"], answer["WarmThroughput"]["Status"]) == ("ACTIVE", "UPDATING")
    assert answer["WarmThroughput"]["WriteUnitsPerSecond"] == 4_000
    assert table(db)["WarmThroughput"] == {
        "ReadUnitsPerSecond": 13_000, "WriteUnitsPerSecond": 5_000, "Status": "ACTIVE",
    }  # fmt: skip
    refused(
        db, "UpdateTable", {"TableName": "tab", "WarmThroughput": {"WriteUnitsPerSecond": 4_999}},
        INVALID + "Requested WriteUnitsPerSecond for WarmThroughput for table is lower than current "
        "WarmThroughput, decreasing WarmThroughput is not supported",
    )  # fmt: skip


def test_table_class(db, clock):
    make(db, TableClass="STANDARD_INFREQUENT_ACCESS")
    assert table(db)["TableClassSummary"] == {"TableClass": "STANDARD_INFREQUENT_ACCESS"}
    assert update(db, TableClass="STANDARD")["TableStatus"] == "UPDATING"
    shown = table(db)["TableClassSummary"]
    assert (shown["TableClass"], shown["LastUpdateDateTime"].timestamp()) == ("STANDARD", clock.at)


def test_deletion_protection(db):
    make(db, DeletionProtectionEnabled=True)
    assert table(db)["DeletionProtectionEnabled"] is True
    refused(
        db, "DeleteTable", {"TableName": "tab"},
        "Resource cannot be deleted as it is currently protected against deletion. Disable deletion "
        "protection first.",
    )  # fmt: skip
    assert update(db, DeletionProtectionEnabled=False)["DeletionProtectionEnabled"] is False
    assert db.call("DeleteTable", {"TableName": "tab"})["TableDescription"]["TableStatus"] == "DELETING"


REQUIRED = (
    "At least one of ProvisionedThroughput, BillingMode, UpdateStreamEnabled, GlobalSecondaryIndexUpdates, "
    "SSESpecification, ReplicaUpdates, MultiAccountReplicaReady, ReplicaTransitRoleArn, "
    "MultiRegionConsistency, DeletionProtectionEnabled, OnDemandThroughput, WarmThroughput or TableClass is "
    "required"
)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, REQUIRED),
        ({"AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}]}, REQUIRED),
        ({"WarmThroughput": {}}, REQUIRED),
        (
            {"TableClass": "STANDARD", "DeletionProtectionEnabled": True},
            INVALID + "TableClass modification must be the only operation in the request",
        ),
        (
            {"DeletionProtectionEnabled": False, "WarmThroughput": {"ReadUnitsPerSecond": 20_000}},
            INVALID + "DeletionProtection modification must be the only operation in the request",
        ),
        (
            {"BillingMode": "PAY_PER_REQUEST", "WarmThroughput": {"ReadUnitsPerSecond": 20_000}},
            INVALID + "WarmThroughput must be the only operation in the request",
        ),
        (
            {"BillingMode": "PAY_PER_REQUEST", "ProvisionedThroughput": throughput(1, 1)},
            INVALID + "ProvisionedThroughput cannot be specified when BillingMode is PAY_PER_REQUEST",
        ),
        (
            {"BillingMode": "PROVISIONED"},
            INVALID + "ProvisionedThroughput must be specified when BillingMode is PROVISIONED",
        ),
        (
            {"ProvisionedThroughput": throughput(1, 1)},
            INVALID + "Neither ReadCapacityUnits nor WriteCapacityUnits can be specified when BillingMode is "
            "PAY_PER_REQUEST",
        ),
        (
            {"ProvisionedThroughput": {"ReadCapacityUnits": 0}},
            "2 validation errors detected: Value null at 'provisionedThroughput.writeCapacityUnits' failed to "
            "satisfy constraint: Member must not be null; Value '0' at "
            "'provisionedThroughput.readCapacityUnits' failed to satisfy constraint: Member must have value "
            "greater than or equal to 1",
        ),
        (
            {"ProvisionedThroughput": throughput(1, 1_000_000_000_001)},
            "Given value 1000000000001 for WriteCapacityUnits is out of bounds",
        ),
        (
            {"TableClass": "COLD"},
            "Invalid table-class parameter provided. Please try again with a valid table-class value: "
            "[STANDARD, STANDARD_INFREQUENT_ACCESS].",
        ),
        (
            {"OnDemandThroughput": {"MaxReadRequestUnits": 0}},
            INVALID
            + "Requested MaxReadRequestUnits for OnDemandThroughput for table is outside of valid range",
        ),
        (
            {"SSESpecification": {"Enabled": True}},
            INVALID + "SSESpecification is not supported by cloudcore",
        ),
        (
            {"ReplicaUpdates": [{"Create": {"RegionName": "us-west-2"}}]},
            INVALID + "ReplicaUpdates is not supported by cloudcore",
        ),
    ],
)
def test_bad_updates(db, change, message):
    make(db)
    before = table(db)
    refused(db, "UpdateTable", {"TableName": "tab", **change}, message)
    assert table(db) == before


def test_a_name_that_no_table_can_have(db):
    refused(
        db, "UpdateTable", {"TableName": "ab", "WarmThroughput": {}},
        "1 validation error detected: Value 'ab' at 'tableName' failed to satisfy constraint: Member must "
        "have length greater than or equal to 3",
    )  # fmt: skip


def test_the_same_throughput_again(db):
    make(db, units=(5, 6))
    refused(
        db, "UpdateTable", {"TableName": "tab", "ProvisionedThroughput": throughput(5, 6)},
        "The provisioned throughput for the table will not change. The requested value equals the current "
        "value. Current ReadCapacityUnits provisioned for the table: 5. Requested ReadCapacityUnits: 5. "
        "Current WriteCapacityUnits provisioned for the table: 6. Requested WriteCapacityUnits: 6. Refer to "
        "the Amazon DynamoDB Developer Guide for current limits and how to request higher limits.",
    )  # fmt: skip


def test_a_table_that_is_not_there(db):
    missing = "Requested resource not found: Table: gone not found"
    refused(
        db,
        "UpdateTable",
        {"TableName": "gone", "TableClass": "STANDARD"},
        missing,
        "ResourceNotFoundException",
    )
    for operation in ("GetResourcePolicy", "DeleteResourcePolicy"):
        refused(db, operation, {"ResourceArn": ARN + "gone"}, missing, "ResourceNotFoundException")
    refused(
        db, "ListTagsOfResource", {"ResourceArn": ARN + "gone"},
        f"Requested resource not found: ResourcArn: {ARN}gone not found", "ResourceNotFoundException",
    )  # fmt: skip
    refused(db, "DescribeTimeToLive", {"TableName": "gone"}, missing, "ResourceNotFoundException")
    refused(
        db,
        "DescribeContinuousBackups",
        {"TableName": "gone"},
        "Table not found: gone",
        "TableNotFoundException",
    )


# -- tags ----------------------------------------------------------------------------------------


def tag(db, **tags):
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    return db.call("TagResource", {"ResourceArn": ARN + "tab", "Tags": pairs})


def tags_of(db):
    return {t["Key"]: t["Value"] for t in db.call("ListTagsOfResource", {"ResourceArn": ARN + "tab"})["Tags"]}


def test_tags(db):
    make(db, Tags=[{"Key": "env", "Value": "test"}])
    assert tag(db, team="ключ café", env="") == {}
    assert tags_of(db) == {"env": "", "team": "ключ café"}
    assert db.call("UntagResource", {"ResourceArn": ARN + "tab", "TagKeys": ["env", "never"]}) == {}
    assert tags_of(db) == {"team": "ключ café"}
    update(db, DeletionProtectionEnabled=True)
    assert tags_of(db) == {"team": "ключ café"}


@pytest.mark.parametrize(
    ("tags", "message"),
    [
        ([], "Atleast one Tag needs to be provided as Input."),
        ([{}], "The Tag Key provided is invalid, Key: null"),
        ([{"Key": ""}], "The Tag Key provided is invalid, Key: "),
        ([{"Key": "k"}], "The Tag Value provided is invalid, Value: null"),
        ([{"Key": "k" * 129, "Value": ""}], f"The Tag Key provided is invalid, Key: {'k' * 129}"),
        ([{"Key": "k", "Value": "v" * 257}], f"The Tag Value provided is invalid, Value: {'v' * 257}"),
        ([{"Key": "k", "Value": "100%"}], "The Tag Value provided is invalid, Value: 100%"),
        ([{"Key": "🔑", "Value": ""}], "The Tag Key provided is invalid, Key: 🔑"),
        ([{"Key": "AWS:x", "Value": ""}], "Tag Key cannot be prefixed with aws:, Key: AWS:x"),
        (
            [{"Key": "good", "Value": ""}, {"Key": "dup", "Value": ""}, {"Key": "dup", "Value": "2"}],
            "Duplicate Tag Keys provided as input: Duplicate Tag Key found dup",
        ),
        (
            [{"Key": f"k{i}", "Value": ""} for i in range(51)],
            "Number of Tags exceed the current limit for the provided ResourceArn",
        ),
    ],
)
def test_bad_tags(db, tags, message):
    make(db)
    refused(db, "TagResource", {"ResourceArn": ARN + "tab", "Tags": tags}, message)
    assert tags_of(db) == {}
    if tags:
        refused(db, "CreateTable", CREATE | {"TableName": "other", "Tags": tags}, message)
        assert db.call("ListTables", {})["TableNames"] == ["tab"]


CREATE = {
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
    "BillingMode": "PAY_PER_REQUEST",
}


def test_fifty_tags_are_the_most(db):
    make(db, Tags=[{"Key": f"k{i}", "Value": ""} for i in range(50)])
    with pytest.raises(Exception, match="Number of Tags exceed"):
        tag(db, one_more="")
    tag(db, k1="changed")
    assert len(tags_of(db)) == 50
    refused(
        db, "UntagResource", {"ResourceArn": ARN + "tab", "TagKeys": []},
        "Atleast one Tag Key needs to be provided as Input.",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("arn", "message", "code"),
    [
        ("tab", INVALID + "ARNs must start with 'arn:': tab", "ValidationException"),
        (
            "arn:aws:s3:::bucket",
            INVALID + "Provided Arn is not a DynamoDB resource arn: arn:aws:s3:::bucket",
            "ValidationException",
        ),
        ("arn:", INVALID + "Provided Arn is not a DynamoDB resource arn: arn:", "ValidationException"),
        (
            ARN + "tab/backup/1",
            INVALID + f"Provided Arn is not a DynamoDB resource arn: {ARN}tab/backup/1",
            "ValidationException",
        ),
        (
            ARN + "tab/index/i",
            INVALID + "Invalid resource arn provided, only table or stream is accepted. Provided resource "
            f"arn: {ARN}tab/index/i",
            "ValidationException",
        ),
        (
            ARN.replace("east", "west") + "tab",
            f"Invalid TableArn: Invalid ResourceArn provided as input {ARN.replace('east', 'west')}tab",
            "ValidationException",
        ),
        (
            ARN + "ab",
            f"Invalid TableArn: Invalid ResourceArn provided as input {ARN}ab",
            "ValidationException",
        ),
        (
            ARN.replace("0" * 12, "1" * 12) + "tab",
            "User: arn:aws:iam::000000000000:root is not authorized to perform: dynamodb:ListTagsOfResource "
            f"on resource: {ARN.replace('0' * 12, '1' * 12)}tab because no resource-based policy allows the "
            "dynamodb:ListTagsOfResource action",
            "AccessDeniedException",
        ),
        (
            ARN + "tab/stream/2026",
            "Requested resource not found: Stream: 2026 not found for Table: tab",
            "ResourceNotFoundException",
        ),
    ],
)
def test_arns(db, arn, message, code):
    make(db)
    refused(db, "ListTagsOfResource", {"ResourceArn": arn}, message, code)


# -- resource policies ---------------------------------------------------------------------------

STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": ARN + "tab"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
NOT_FOUND = "Resource-based policy not found for the provided ResourceArn: "


def put_policy(db, policy=POLICY, **more):
    return db.call("PutResourcePolicy", {"ResourceArn": ARN + "tab", "Policy": policy, **more})["RevisionId"]


def get_policy(db):
    return db.call("GetResourcePolicy", {"ResourceArn": ARN + "tab"})


def test_a_policy_comes_and_goes(db, clock):
    make(db)
    first = put_policy(db, ExpectedRevisionId="NO_POLICY")
    assert get_policy(db) == {"Policy": POLICY, "RevisionId": first}
    assert put_policy(db) == first  # the same document
    other = POLICY.replace("GetItem", "Query")
    second = put_policy(db, other, ExpectedRevisionId=first)
    assert int(second) > int(first)
    refused(
        db, "PutResourcePolicy", {"ResourceArn": ARN + "tab", "Policy": POLICY, "ExpectedRevisionId": first},
        NOT_FOUND + f"Requested update for policy with revision id {first}, but the policy associated to "
        f"target table tab has revision id {second}.", "PolicyNotFoundException",
    )  # fmt: skip
    refused(
        db, "PutResourcePolicy", {"ResourceArn": ARN + "tab", "Policy": POLICY, "ExpectedRevisionId": "NO_POLICY"},
        NOT_FOUND + "Requested policy update expecting none to be present for table tab, but a policy exists "
        f"with revision id {second}.", "PolicyNotFoundException",
    )  # fmt: skip
    assert db.call("DeleteResourcePolicy", {"ResourceArn": ARN + "tab"}) == {"RevisionId": second}
    assert db.call("DeleteResourcePolicy", {"ResourceArn": ARN + "tab"}) == {}
    refused(
        db, "GetResourcePolicy", {"ResourceArn": ARN + "tab"}, NOT_FOUND + ARN + "tab",
        "PolicyNotFoundException",
    )  # fmt: skip


def test_a_policy_from_the_beginning(db):
    make(db, ResourcePolicy=POLICY)
    assert get_policy(db)["Policy"] == POLICY


def document(**change):
    return json.dumps({"Statement": [{k: v for k, v in {**STATEMENT, **change}.items() if v is not None}]})


@pytest.mark.parametrize(
    ("policy", "reason"),
    [
        ("{", "This policy contains invalid Json"),
        ("[]", "This policy contains invalid Json"),
        ("null", "This text appears not to be a policy"),
        ("{}", "Syntax error at position (1,3)"),
        ('{"Statement": []}', "Could not parse the policy: Statement is empty!"),
        ('{"Statement": [{}]}', "Missing required field Effect"),
        (document(Resource=None), "Missing required field Resource"),
        (document(Action=[]), "Missing required field Action"),
        (json.dumps({"Statement": [STATEMENT | {"Sid": "a"}] * 2}),
         "The Statement Ids in the policy are not unique"),
    ],
)  # fmt: skip
def test_bad_policies(db, policy, reason):
    make(db)
    refused(
        db, "PutResourcePolicy", {"ResourceArn": ARN + "tab", "Policy": policy},
        f"{INVALID}Invalid policy document: {reason}",
    )  # fmt: skip


def test_a_policy_of_more_than_20_kb(db):
    make(db)
    refused(
        db, "PutResourcePolicy", {"ResourceArn": ARN + "tab", "Policy": document(Sid="x" * 20_480)},
        INVALID + "Maximum policy size of 20480 bytes exceeded",
    )  # fmt: skip


# -- the rest ------------------------------------------------------------------------------------


def test_what_an_account_is_told(db):
    assert db.call("DescribeLimits", {}) == {
        "AccountMaxReadCapacityUnits": 80_000, "AccountMaxWriteCapacityUnits": 80_000,
        "TableMaxReadCapacityUnits": 40_000, "TableMaxWriteCapacityUnits": 40_000,
    }  # fmt: skip
    assert db.call("DescribeEndpoints", {}) == {"Endpoints": []}
    make(db)
    assert db.call("DescribeContinuousBackups", {"TableName": "tab"})["ContinuousBackupsDescription"] == {
        "ContinuousBackupsStatus": "ENABLED",
        "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
    }
    assert db.call("DescribeTimeToLive", {"TableName": ARN + "tab"}) == {
        "TimeToLiveDescription": {"TimeToLiveStatus": "DISABLED"}
    }


LEGACY = (
    "DynamoDB global tables version 2017.11.29 is not supported. We recommend using DynamoDB global tables "
    "version 2019.11.21, instead of version 2017.11.29 (Legacy)."
)
CREATE_REPLICA = {"Create": {"RegionName": "us-west-2"}}
DELETE_REPLICA = {"Delete": {"RegionName": "us-west-2"}}


@pytest.mark.parametrize(
    ("operation", "more", "code", "message"),
    [
        ("CreateGlobalTable", {"ReplicationGroup": []}, "ValidationException", INVALID + LEGACY),
        ("UpdateGlobalTable", {"ReplicaUpdates": [CREATE_REPLICA]}, "ValidationException", INVALID + LEGACY),
        ("UpdateGlobalTable", {"ReplicaUpdates": []}, "ValidationException", INVALID.removesuffix(": ")),
        ("UpdateGlobalTable", {"ReplicaUpdates": [{}]}, "ValidationException", INVALID.removesuffix(": ")),
        (
            "UpdateGlobalTable", {"ReplicaUpdates": [DELETE_REPLICA]}, "GlobalTableNotFoundException",
            "Global table not found: Global table with name: 'tab' does not exist.",
        ),
        (
            "DescribeGlobalTable", {}, "GlobalTableNotFoundException",
            "Global table not found: Global table with name: 'tab' does not exist.",
        ),
        (
            "DescribeGlobalTableSettings", {}, "GlobalTableNotFoundException",
            "Global table with name: 'tab' does not exist.",
        ),
        (
            "UpdateGlobalTableSettings", {"GlobalTableBillingMode": "PAY_PER_REQUEST"},
            "GlobalTableNotFoundException", "Global table with name: 'tab' does not exist.",
        ),
    ],
)  # fmt: skip
def test_global_tables_of_2017_are_gone(db, operation, more, code, message):
    make(db)
    refused(db, operation, {"GlobalTableName": "tab", **more}, message, code)
    assert db.call("ListGlobalTables", {}) == {"GlobalTables": []}


def test_an_operation_that_nobody_knows(db):
    refused(db, "Nonsense", {}, "", "UnknownOperationException")


def test_settings_survive_a_restart(tmp_path):
    with DynamoDB(tmp_path / "store") as db:
        make(db, Tags=[{"Key": "k", "Value": "v"}], ResourcePolicy=POLICY, TableClass="STANDARD")
        update(db, BillingMode="PROVISIONED", ProvisionedThroughput=throughput(2, 3))
        update(db, DeletionProtectionEnabled=True)
        before, policy = table(db), get_policy(db)
    with DynamoDB(tmp_path / "store") as db:
        assert table(db) == before
        assert get_policy(db) == policy
        assert tags_of(db) == {"k": "v"}


def test_changes_at_once_lose_nothing(db):
    """Tags from many threads: none is lost between reading a description and writing it back."""
    make(db)
    threads = [threading.Thread(target=tag, args=(db,), kwargs={f"k{i}": str(i)}) for i in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert tags_of(db) == {f"k{i}": str(i) for i in range(40)}


def test_items_stay_through_updates(db):
    create(db, sk=None)
    db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "a"}}})
    update(db, TableClass="STANDARD_INFREQUENT_ACCESS")
    tag(db, k="v")
    assert db.call("GetItem", {"TableName": "tab", "Key": {"p": {"S": "a"}}})["Item"] == {"p": {"S": "a"}}
