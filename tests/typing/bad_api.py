"""What the types must refuse: every line that ends in an `error:` comment, with that code. Never run."""

import cloudcore
from cloudcore._log import Log
from cloudcore._stream import Columns
from cloudcore._table import Tables

cloud = cloudcore.open(b"shop.cc")  # error: arg-type
cloud.table("orders", primary="customer:S")  # error: call-arg
cloud.stream("clicks").put("not bytes")  # error: arg-type
cloud.stream("clicks").put_batch([1, 2])  # error: list-item
cloud.table("orders").get("ann")["total"]  # error: index
cloud.table("orders").update("ann", sets={})  # error: call-arg
cloud.lambdas()  # error: attr-defined
cloud.path = 3  # error: assignment
cloud.dynamodb.call("ListTables")  # error: call-arg
Log()  # error: call-arg
Log("x", durabilty="commit")  # error: call-arg
Log("x").append("text")  # error: arg-type
Log("x").last_sequence = 3  # error: misc
for batch in Log("x").read():
    batch.payload.decode().nothing()  # error: attr-defined
Columns()  # error: call-arg
Tables(3)  # error: arg-type
Tables(None).call_json("GetItem", {})  # error: arg-type
cloud.client("dynamodb").get_item(Tablename="orders")  # error: call-arg
cloud.client("dynamodb").list_tables()["Tables"]  # error: typeddict-item
cloud.client("firehose").put_items()  # error: attr-defined
