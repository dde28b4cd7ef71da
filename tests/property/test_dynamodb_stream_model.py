"""The stream of a table, replayed onto an empty dict, is the table: whatever was written, in whichever order,
however the stream was read, across restarts, shards and streams that were switched off and on."""

from __future__ import annotations

import tempfile
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB
from cloudcore.errors import ApiError

KEYS = st.tuples(st.sampled_from(["a", "b", "\u00fc"]), st.integers(-2, 2))
VALUES = st.sampled_from([{"S": "x"}, {"S": ""}, {"N": "1"}, {"N": "1.0"}, {"SS": ["p", "q"]}, {"SS": ["q", "p"]},
                          {"L": []}, {"M": {"m": {"NULL": True}}}, {"B": b"\x00"}])  # fmt: skip
ATTRIBUTES = st.dictionaries(st.sampled_from(["v", "w"]), VALUES, max_size=2)


def key_of(pair: tuple[str, int]) -> dict[str, Any]:
    return {"p": {"S": pair[0]}, "s": {"N": str(pair[1])}}


def frozen(key: dict[str, Any]) -> tuple[str, int]:
    return key["p"]["S"], int(key["s"]["N"])


class StreamedTable(RuleBasedStateMachine):
    @initialize()
    def make(self):
        self.directory = tempfile.TemporaryDirectory()
        self.clock = ManualClock()
        self.db = DynamoDB(self.directory.name, clock=self.clock)
        keys = [("p", "HASH", "S"), ("s", "RANGE", "N")]
        self.arn = self.db.call(
            "CreateTable",
            {
                "TableName": "tab",
                "BillingMode": "PAY_PER_REQUEST",
                "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k, _ in keys],
                "AttributeDefinitions": [{"AttributeName": n, "AttributeType": t} for n, _, t in keys],
                "StreamSpecification": {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        )["TableDescription"]["LatestStreamArn"]
        self.replayed: dict[tuple[str, int], dict[str, Any]] = {}
        self.last = ""
        self.ids: set[str] = set()

    def teardown(self):
        if hasattr(self, "db"):
            self.read(3)
            self.db.close()
            self.directory.cleanup()

    # ---- writes ----

    @rule(pair=KEYS, attributes=ATTRIBUTES)
    def put(self, pair, attributes):
        self.db.call("PutItem", {"TableName": "tab", "Item": key_of(pair) | attributes})

    @rule(pair=KEYS, value=VALUES)
    def update(self, pair, value):
        self.db.call("UpdateItem", {"TableName": "tab", "Key": key_of(pair), "UpdateExpression": "SET v = :v REMOVE w",
                                    "ExpressionAttributeValues": {":v": value}})  # fmt: skip

    @rule(pair=KEYS)
    def delete(self, pair):
        self.db.call("DeleteItem", {"TableName": "tab", "Key": key_of(pair)})

    @rule(writes=st.dictionaries(KEYS, st.none() | ATTRIBUTES, min_size=1, max_size=6), transact=st.booleans())
    def many(self, writes, transact):
        if transact:
            actions = [
                {"Delete": {"TableName": "tab", "Key": key_of(pair)}}
                if attributes is None
                else {"Put": {"TableName": "tab", "Item": key_of(pair) | attributes}}
                for pair, attributes in writes.items()
            ]
            self.db.call("TransactWriteItems", {"TransactItems": actions})
            return
        requests = [
            {"DeleteRequest": {"Key": key_of(pair)}}
            if attributes is None
            else {"PutRequest": {"Item": key_of(pair) | attributes}}
            for pair, attributes in writes.items()
        ]
        self.db.call("BatchWriteItem", {"RequestItems": {"tab": requests}})

    @rule(pair=KEYS)
    def refused(self, pair):
        item = key_of(pair) | {"v": {"S": "no"}}
        condition = {"ConditionExpression": "attribute_exists(p) AND attribute_not_exists(p)"}
        with pytest.raises(ApiError, match="ConditionalCheckFailedException"):
            self.db.call("PutItem", {"TableName": "tab", "Item": item, **condition})

    # ---- what else happens ----

    @rule(hours=st.sampled_from([0, 1, 4]))
    def time_passes(self, hours):
        self.read(2)  # not a day goes by unread
        self.clock.advance(hours * 3600)

    @rule()
    def restart(self):
        self.db.close()
        self.db = DynamoDB(self.directory.name, clock=self.clock)

    @precondition(lambda self: hasattr(self, "arn"))
    @rule()
    def off_and_on(self):
        self.read(5)
        specification = {"StreamEnabled": False}
        self.db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": specification})
        self.read(5)
        specification = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        answer = self.db.call("UpdateTable", {"TableName": "tab", "StreamSpecification": specification})
        self.arn = answer["TableDescription"]["LatestStreamArn"]
        self.last = ""

    # ---- reading ----

    @rule(limit=st.integers(1, 5))
    def read(self, limit):
        """Reads every shard from its beginning and goes on behind what is known already."""
        shards = self.db.streams.call("DescribeStream", {"StreamArn": self.arn})["StreamDescription"]["Shards"]
        for shard in shards:
            at = {"StreamArn": self.arn, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
            numbers = shard["SequenceNumberRange"]
            if self.last and numbers["StartingSequenceNumber"] <= self.last:
                if numbers.get("EndingSequenceNumber", "9") < self.last:
                    continue
                at |= {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": self.last}
            token = self.db.streams.call("GetShardIterator", at)["ShardIterator"]
            while token is not None:
                page = self.db.streams.call("GetRecords", {"ShardIterator": token, "Limit": limit})
                for record in page["Records"]:
                    self.replay(record)
                token = page.get("NextShardIterator") if page["Records"] else None
            assert ("EndingSequenceNumber" in numbers) == ("NextShardIterator" not in page)
        items = self.db.call("Scan", {"TableName": "tab"})["Items"]
        assert self.replayed == {frozen(item): item for item in items}

    def replay(self, record):
        data = record["dynamodb"]
        key = frozen(data["Keys"])
        before, after = self.replayed.get(key), data.get("NewImage")
        assert data["SequenceNumber"] > self.last
        assert record["eventID"] not in self.ids
        assert data.get("OldImage") == before
        assert after != before
        expected = "REMOVE" if after is None else "INSERT" if before is None else "MODIFY"
        assert record["eventName"] == expected
        if after is None:
            del self.replayed[key]
        else:
            self.replayed[key] = after
        self.last = data["SequenceNumber"]
        self.ids.add(record["eventID"])


TestStreamedTable = StreamedTable.TestCase
TestStreamedTable.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
