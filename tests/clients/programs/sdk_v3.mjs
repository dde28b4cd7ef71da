// The JavaScript SDK v3: client, document client, paginators, waiters, errors.
import assert from "node:assert/strict";
import {
  BatchWriteItemCommand, ConditionalCheckFailedException, CreateTableCommand, DeleteTableCommand, DescribeTableCommand, DynamoDBClient,
  GetItemCommand, ListTablesCommand, paginateScan as paginateItems, PutItemCommand, ResourceNotFoundException, TransactionCanceledException,
  waitUntilTableExists, waitUntilTableNotExists,
} from "@aws-sdk/client-dynamodb";
import {
  BatchGetCommand, DeleteCommand, DynamoDBDocumentClient, GetCommand, NumberValue, paginateQuery, PutCommand, QueryCommand,
  TransactGetCommand, TransactWriteCommand, UpdateCommand,
} from "@aws-sdk/lib-dynamodb";

const client = new DynamoDBClient({});
const documents = DynamoDBDocumentClient.from(client, { unmarshallOptions: { wrapNumbers: (text) => NumberValue.from(text) } });
const plain = DynamoDBDocumentClient.from(client);
const TableName = "documents";
await client.send(new CreateTableCommand({
  TableName, BillingMode: "PAY_PER_REQUEST",
  KeySchema: [{ AttributeName: "pk", KeyType: "HASH" }, { AttributeName: "sk", KeyType: "RANGE" }],
  AttributeDefinitions: [{ AttributeName: "pk", AttributeType: "S" }, { AttributeName: "sk", AttributeType: "N" }],
}));
await waitUntilTableExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
const { Table } = await client.send(new DescribeTableCommand({ TableName }));
assert(Table.CreationDateTime instanceof Date && Table.TableStatus === "ACTIVE");

const Item = {
  pk: "a", sk: 1, text: "ü", bytes: new Uint8Array([0, 255]), yes: true, none: null, list: [1, "x", { deep: [] }], map: { "a.b": 1 },
  strings: new Set(["a", "b"]), numbers: new Set([1, 2]), blobs: new Set([new Uint8Array([1])]), big: NumberValue.from("12345678901234567890123456789012345678"),
};
await documents.send(new PutCommand({ TableName, Item }));
const { Item: back } = await documents.send(new GetCommand({ TableName, Key: { pk: "a", sk: 1 }, ConsistentRead: true }));
assert.equal(back.big.toString(), "12345678901234567890123456789012345678");
assert.deepEqual([...back.strings].sort(), ["a", "b"]);
assert.deepEqual(Buffer.from(back.bytes), Buffer.from([0, 255]));
assert.deepEqual([back.yes, back.none, back.map["a.b"].toString(), back.list[2]], [true, null, "1", { deep: [] }]);
assert.equal((await client.send(new GetItemCommand({ TableName, Key: { pk: { S: "no" }, sk: { N: "1" } } }))).Item, undefined);

for (let from = 0; from < 100; from += 25) {
  const puts = Array.from({ length: 25 }, (_, n) => ({ PutRequest: { Item: { pk: { S: "many" }, sk: { N: String(from + n) } } } }));
  const answer = await client.send(new BatchWriteItemCommand({ RequestItems: { [TableName]: puts } }));
  assert.deepEqual(answer.UnprocessedItems, {});
}
const found = [];
const query = { TableName, KeyConditionExpression: "pk = :p AND sk >= :s", ExpressionAttributeValues: { ":p": "many", ":s": 10 } };
for await (const page of paginateQuery({ client: plain, pageSize: 17 }, { ...query })) found.push(...page.Items.map((item) => item.sk));
assert.deepEqual(found, Array.from({ length: 90 }, (_, n) => n + 10));
let scanned = 0;
for await (const page of paginateItems({ client, pageSize: 30 }, { TableName })) scanned += page.Count;
assert.equal(scanned, 101);
const last = await plain.send(new QueryCommand({ ...query, ScanIndexForward: false, Limit: 2 }));
assert.deepEqual([last.Items.map((item) => item.sk), last.LastEvaluatedKey], [[99, 98], { pk: "many", sk: 98 }]);
const got = await plain.send(new BatchGetCommand({ RequestItems: { [TableName]: { Keys: [{ pk: "many", sk: 1 }, { pk: "many", sk: 500 }] } } }));
assert.deepEqual(got.Responses[TableName], [{ pk: "many", sk: 1 }]);

const { Attributes } = await plain.send(new UpdateCommand({
  TableName, Key: { pk: "many", sk: 1 }, UpdateExpression: "SET #n = list_append(if_not_exists(#n, :e), :v), hits = :one", ReturnValues: "ALL_NEW",
  ExpressionAttributeNames: { "#n": "name" }, ExpressionAttributeValues: { ":e": [], ":v": ["x"], ":one": 1 },
}));
assert.deepEqual(Attributes, { pk: "many", sk: 1, name: ["x"], hits: 1 });
await assert.rejects(
  plain.send(new PutCommand({ TableName, Item: { pk: "many", sk: 1 }, ConditionExpression: "attribute_not_exists(pk)", ReturnValuesOnConditionCheckFailure: "ALL_OLD" })),
  (error) => error instanceof ConditionalCheckFailedException && error.message === "The conditional request failed" && error.Item.hits.N === "1"
    && error.$metadata.httpStatusCode === 400 && error.$metadata.requestId.length === 52,
);
await assert.rejects(
  plain.send(new TransactWriteCommand({ TransactItems: [
    { Put: { TableName, Item: { pk: "t", sk: 1 } } },
    { ConditionCheck: { TableName, Key: { pk: "many", sk: 1 }, ConditionExpression: "hits > :n", ExpressionAttributeValues: { ":n": 5 } } },
  ] })),
  (error) => error instanceof TransactionCanceledException && error.CancellationReasons.map((r) => r.Code).join() === "None,ConditionalCheckFailed",
);
await plain.send(new TransactWriteCommand({ ClientRequestToken: "one", TransactItems: [{ Put: { TableName, Item: { pk: "t", sk: 1 } } }, { Delete: { TableName, Key: { pk: "many", sk: 2 } } }] }));
const read = await plain.send(new TransactGetCommand({ TransactItems: [{ Get: { TableName, Key: { pk: "t", sk: 1 } } }, { Get: { TableName, Key: { pk: "many", sk: 2 } } }] }));
assert.deepEqual(read.Responses.map((r) => r.Item), [{ pk: "t", sk: 1 }, undefined]);
assert.deepEqual((await plain.send(new DeleteCommand({ TableName, Key: { pk: "t", sk: 1 }, ReturnValues: "ALL_OLD" }))).Attributes, { pk: "t", sk: 1 });
await assert.rejects(client.send(new PutItemCommand({ TableName, Item: { pk: { S: "" }, sk: { N: "1" } } })), /The AttributeValue for a key attribute cannot contain an empty string value. Key: pk/);

await client.send(new DeleteTableCommand({ TableName }));
await waitUntilTableNotExists({ client, maxWaitTime: 30, minDelay: 1 }, { TableName });
await assert.rejects(client.send(new DescribeTableCommand({ TableName })), ResourceNotFoundException);
assert.deepEqual((await client.send(new ListTablesCommand({}))).TableNames, []);
console.log("done");
