// ElectroDB: two entities in a single table, with a global index, collections, batches, transactions.
import assert from "node:assert/strict";
import { CreateTableCommand, DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { Entity, Service } from "electrodb";

const client = new DynamoDBClient({}), table = "electro";
const attributes = ["pk", "sk", "gsi1pk", "gsi1sk"];
await client.send(new CreateTableCommand({
  TableName: table, BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: attributes.map((AttributeName) => ({ AttributeName, AttributeType: "S" })),
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  GlobalSecondaryIndexes: [{ IndexName: "gsi1", Projection: { ProjectionType: "ALL" }, KeySchema: [
    { AttributeName: "gsi1pk", KeyType: "HASH" }, { AttributeName: "gsi1sk", KeyType: "RANGE" }] }],
}));
const model = (entity, more, index) => new Entity({
  model: { entity, version: "1", service: "work" }, attributes: { employee: { type: "string" }, id: { type: "string" }, ...more },
  indexes: {
    primary: { pk: { field: "pk", composite: ["id"] }, sk: { field: "sk", composite: [] } },
    employee: { collection: "assigned", index: "gsi1", pk: { field: "gsi1pk", composite: ["employee"] }, sk: { field: "gsi1sk", composite: index } },
  },
}, { client, table });
const Task = model("task", { points: { type: "number", default: 1 }, tags: { type: "set", items: "string" }, notes: { type: "list", items: { type: "string" } }, status: { type: ["open", "done"], default: "open" } }, ["points", "id"]);
const Office = model("office", { city: { type: "string", required: true } }, ["city", "id"]);
const work = new Service({ task: Task, office: Office });

await Task.create({ id: "t1", employee: "ann", tags: ["a"], notes: ["x"] }).go();
assert.deepEqual((await Task.get({ id: "t1" }).go()).data, { id: "t1", employee: "ann", tags: ["a"], notes: ["x"], points: 1, status: "open" });
await assert.rejects(Task.create({ id: "t1", employee: "ann" }).go(), /The conditional request failed/);
const { data: changed } = await Task.patch({ id: "t1" }).add({ points: 4, tags: ["b"] }).append({ notes: ["y"] }).set({ status: "done" }).where(({ status }, { eq }) => eq(status, "open")).go({ response: "all_new" });
assert.deepEqual([changed.points, changed.tags.sort(), changed.notes, changed.status], [5, ["a", "b"], ["x", "y"], "done"]);
await assert.rejects(Task.patch({ id: "none" }).set({ status: "done" }).go(), /conditional request failed/);
const many = Array.from({ length: 30 }, (_, n) => ({ id: `m${String(n).padStart(2, "0")}`, employee: "bob", points: n }));
assert.deepEqual((await Task.put(many).go()).unprocessed, []);
await Office.put({ id: "o1", employee: "bob", city: "bern" }).go();
const { data: all } = await Task.query.employee({ employee: "bob" }).where(({ points }, { gte }) => gte(points, 20)).go({ pages: "all" });
assert.deepEqual(all.map((task) => task.points).sort((a, b) => a - b), Array.from({ length: 10 }, (_, n) => n + 20));
let cursor = null, seen = 0, pages = 0;
do {
  const page = await Task.query.employee({ employee: "bob" }).go({ limit: 8, cursor });
  seen += page.data.length; pages += 1; cursor = page.cursor;
} while (cursor);
assert(seen === 30 && pages >= 4, `${seen} in ${pages} pages`);
const { data: both } = await work.collections.assigned({ employee: "bob" }).go({ pages: "all" });
assert.deepEqual([both.task.length, both.office], [30, [{ id: "o1", employee: "bob", city: "bern" }]]);
assert.equal((await Task.get([{ id: "m01" }, { id: "m02" }, { id: "no" }]).go()).data.length, 2);
const cancelled = await work.transaction.write(({ task, office }) => [
  task.remove({ id: "m01" }).commit(), office.create({ id: "o1", employee: "eve", city: "rome" }).commit(),
]).go();
assert.deepEqual([cancelled.canceled, cancelled.data.map((part) => part.code)], [true, ["None", "ConditionalCheckFailed"]]);
const done = await work.transaction.write(({ task, office }) => [task.remove({ id: "m01" }).commit(), office.delete({ id: "o1" }).commit()]).go();
assert.equal(done.canceled, false);
assert.equal((await Task.scan.go({ pages: "all" })).data.length, 30);
await Task.delete({ id: "t1" }).go();
assert.equal((await Task.get({ id: "t1" }).go()).data, null);
console.log("done");
