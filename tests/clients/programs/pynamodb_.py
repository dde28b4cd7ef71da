"""PynamoDB: models, conditions, an index, batches, versions, transactions."""

import os
from datetime import UTC, datetime

from pynamodb.attributes import (
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
    UTCDateTimeAttribute,
    VersionAttribute,
)
from pynamodb.connection import Connection
from pynamodb.exceptions import DoesNotExist, PutError, TransactWriteError
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model
from pynamodb.transactions import TransactGet, TransactWrite


class ByAuthor(GlobalSecondaryIndex):
    class Meta:
        index_name, projection = "by_author", AllProjection()

    author = UnicodeAttribute(hash_key=True)
    views = NumberAttribute(range_key=True)


class Thread(Model):
    class Meta:
        table_name, billing_mode = "threads", "PAY_PER_REQUEST"
        host, region = os.environ["AWS_ENDPOINT_URL"], os.environ["AWS_REGION"]

    forum = UnicodeAttribute(hash_key=True)
    subject = UnicodeAttribute(range_key=True)
    author = UnicodeAttribute(null=True)
    views = NumberAttribute(default=0)
    tags = UnicodeSetAttribute(null=True)
    notes = ListAttribute(null=True)
    info = MapAttribute(null=True)
    extra = JSONAttribute(null=True)
    made = UTCDateTimeAttribute(null=True)
    version = VersionAttribute()
    by_author = ByAuthor()


Thread.create_table(wait=True)
assert Thread.exists() and Thread.describe_table()["TableStatus"] == "ACTIVE"
now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
Thread("f", "s", author="ann", tags={"a", "b"}, notes=[1, "x"], info={"k": {"n": 1}}, extra={"j": [1]}, made=now).save()
one = Thread.get("f", "s", consistent_read=True)
assert (one.tags, one.notes, one.info.as_dict(), one.extra, one.made) == ({"a", "b"}, [1, "x"], {"k": {"n": 1}}, {"j": [1]}, now)
one.update(actions=[Thread.views.add(3), Thread.tags.delete({"a"}), Thread.notes.set(Thread.notes.append(["y"]))])
assert (one.views, one.tags, one.notes, one.version) == (3, {"b"}, [1, "x", "y"], 2)
stale = Thread.get("f", "s")
one.save()
try:
    stale.save()
    raise SystemExit("a stale version was saved")
except PutError as error:
    assert error.cause_response_code == "ConditionalCheckFailedException", error
try:
    Thread("f", "s").save(Thread.forum.does_not_exist())
    raise SystemExit("the condition did not hold")
except PutError:
    pass
with Thread.batch_write() as batch:
    for n in range(60):
        batch.save(Thread("f", f"t{n:03}", author="bob", views=n, version=1))
assert [t.views for t in Thread.query("f", Thread.subject.between("t010", "t019"), Thread.views >= 15)] == list(range(15, 20))
assert [t.subject for t in Thread.by_author.query("bob", Thread.views > 55, scan_index_forward=False)] == ["t059", "t058", "t057", "t056"]
found = Thread.query("f", page_size=7, limit=20)
assert len(list(found)) == 20 and found.last_evaluated_key["subject"]["S"]
assert len(list(Thread.scan(Thread.author == "bob", page_size=13))) == 60
assert Thread.count("f", Thread.subject.startswith("t00")) == 10
assert {t.subject for t in Thread.batch_get([("f", f"t{n:03}") for n in range(50, 70)])} == {f"t{n:03}" for n in range(50, 60)}
connection = Connection(host=Thread.Meta.host, region=Thread.Meta.region)
try:
    with TransactWrite(connection=connection) as write:
        write.save(Thread("f", "new"), condition=Thread.forum.does_not_exist())
        write.condition_check(Thread, "f", "t001", condition=Thread.views > 100)
    raise SystemExit("the transaction did not fail")
except TransactWriteError as error:
    assert error.cause_response_code == "TransactionCanceledException"
    assert [r and r.code for r in error.cancellation_reasons] == ["ConditionalCheckFailed", None]  # it sends its checks first
with TransactGet(connection=connection) as read:
    future = read.get(Thread, "f", "t001")
assert future.get().views == 1
one.delete()
try:
    Thread.get("f", "s")
    raise SystemExit("it was deleted")
except DoesNotExist:
    pass
Thread.delete_table()
print("done")
