"""Random histories of two tables with point-in-time recovery, beside a plain dict of what they should hold.

A history is puts, updates, deletes, batches and transactions over both, with passes of the archiver, new base
images, and the service closed and opened again in between.
"""

from __future__ import annotations

import copy
import datetime
import random
import time

from cloudcore._table import Snapshot
from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.recovery import continuous

KEYS = 12


class History:
    def __init__(self, directory, seed, objects=None):
        self.directory, self.dice, self.objects = directory, random.Random(seed), objects
        self.db = DynamoDB(directory, objects=objects)
        self.model = {"one": {}, "two": {}}
        self.moments = []
        self.serial = 0
        for name in self.model:
            self.db.call(
                "CreateTable",
                {"TableName": name, "BillingMode": "PAY_PER_REQUEST",
                 "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
                 "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"},
                                          {"AttributeName": "g", "AttributeType": "S"}],
                 "GlobalSecondaryIndexes": [{"IndexName": "gsi", "KeySchema": [{"AttributeName": "g", "KeyType": "HASH"}],
                                             "Projection": {"ProjectionType": "ALL"}}]},
            )  # fmt: skip

    def recover(self):
        for name in self.model:
            self.db.call(
                "UpdateContinuousBackups",
                {"TableName": name, "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True}},
            )

    def key(self):
        n = self.dice.randrange(KEYS)
        return {"p": {"S": f"p{n % 3}"}, "s": {"N": str(n)}}

    def item(self):
        self.serial += 1
        size = self.dice.choice((0, 10, 3000))
        more = {} if self.dice.random() < 0.3 else {"g": {"S": f"g{self.dice.randrange(3)}"}}
        return self.key() | {"v": {"N": str(self.serial)}, "pad": {"S": "x" * size}} | more

    def put(self, table, item):
        self.model[table][item["s"]["N"]] = item

    def step(self):
        table, other = self.dice.sample(sorted(self.model), 2)
        kind = self.dice.randrange(5)
        if kind == 0:
            item = self.item()
            self.db.call("PutItem", {"TableName": table, "Item": item})
            self.put(table, item)
        elif kind == 1:
            key = self.key()
            self.db.call("DeleteItem", {"TableName": table, "Key": key})
            self.model[table].pop(key["s"]["N"], None)
        elif kind == 2:
            key, self.serial = self.key(), self.serial + 1
            self.db.call(
                "UpdateItem",
                {"TableName": table, "Key": key, "UpdateExpression": "SET v = :v",
                 "ExpressionAttributeValues": {":v": {"N": str(self.serial)}}},
            )  # fmt: skip
            self.put(table, self.model[table].get(key["s"]["N"], key) | {"v": {"N": str(self.serial)}})
        elif kind == 3:
            items = {item["s"]["N"]: item for item in (self.item() for _ in range(5))}
            puts = [{"PutRequest": {"Item": item}} for item in items.values()]
            self.db.call("BatchWriteItem", {"RequestItems": {table: puts}})
            for item in items.values():
                self.put(table, item)
        else:
            here, there = self.item(), self.item()
            actions = [{"Put": {"TableName": table, "Item": here}}, {"Put": {"TableName": other, "Item": there}}]
            self.db.call("TransactWriteItems", {"TransactItems": actions})
            self.put(table, here)
            self.put(other, there)

    def note(self):
        """Remember this moment; no write shares its millisecond."""
        time.sleep(0.002)
        self.moments.append((datetime.datetime.now(datetime.UTC), copy.deepcopy(self.model)))
        time.sleep(0.002)

    def settle(self):
        for archive in list(self.db.recovery._archives.values()):
            assert self.db.jobs.wait(continuous._job(archive), 60)

    def disturb(self):
        what = self.dice.randrange(8)
        if what == 0:
            self.db.recovery.run_once()
        elif what == 1:  # a new base image, now
            for archive in list(self.db.recovery._archives.values()):
                if not self.db.jobs.running(continuous._job(archive)):
                    self.db.recovery._base(archive, *fresh(self.db, archive))
        elif what == 2:
            self.settle()  # an open before the first base would begin anew
            self.db.close()
            self.db = DynamoDB(self.directory, objects=self.objects)


def fresh(db, archive):
    return Snapshot(db.tables, archive.record["table"]), db.clock.now_ms()


def lived_through(directory, seed, objects=None):
    """A history whose `moments` are (time, model) of its past."""
    history = History(directory, seed, objects)
    for _ in range(10):
        history.step()
    history.recover()
    history.note()
    for _ in range(60):
        for _ in range(history.dice.randrange(1, 5)):
            history.step()
        history.disturb()
        history.note()
    return history
