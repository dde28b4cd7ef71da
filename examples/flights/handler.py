"""The transform of the flights demo: a plain AWS Lambda handler for Amazon Data Firehose.

Every record is a flight as JSON. Flights that never left are dropped, lines that are no JSON fail, the
rest get delay fields and partition keys. Per-carrier totals go to a table, exactly once per batch.
"""

import base64
import contextlib
import json
import os

import boto3

dynamodb = boto3.client("dynamodb")
TABLE = os.environ.get("TOTALS_TABLE", "carrier_totals")


def handler(event, context):
    """Firehose transformation event in, records with their fate out."""
    totals = {}
    records = [one(record, totals) for record in event["records"]]
    for carrier, (flights, delay, distance) in totals.items():
        count(carrier, event["records"][0]["recordId"], flights, delay, distance)
    return {"records": records}


def one(record, totals):
    """One record's reply; Ok ones are added to `totals`."""
    reply = {"recordId": record["recordId"], "data": record["data"]}
    try:
        flight = json.loads(base64.b64decode(record["data"]))
    except ValueError:
        return {**reply, "result": "ProcessingFailed"}
    if flight["dep_time"] is None:
        return {**reply, "result": "Dropped"}
    departed, arrived = flight["dep_delay"], flight["arr_delay"]
    flight["gained"] = None if arrived is None else departed - arrived
    flight["late"] = arrived is not None and arrived > 15
    total = totals.setdefault(flight["carrier"], [0, 0, 0])
    total[0] += 1
    total[1] += departed
    total[2] += flight["distance"]
    return {
        "recordId": record["recordId"],
        "result": "Ok",
        "data": base64.b64encode((json.dumps(flight) + "\n").encode()).decode(),
        "metadata": {"partitionKeys": {"carrier": flight["carrier"], "month": f"{flight['month']:02d}"}},
    }


def count(carrier, batch, flights, delay, distance):
    """Add a batch to a carrier's totals, once: an invocation may be repeated, with the same recordIds.

    Batches come in order and recordIds grow, so the newest batch that was counted is enough to know.
    """
    # A batch that was counted before the process was killed fails the condition: nothing to do.
    with contextlib.suppress(dynamodb.exceptions.ConditionalCheckFailedException):
        dynamodb.update_item(
            TableName=TABLE,
            Key={"carrier": {"S": carrier}},
            UpdateExpression="ADD flights :f, dep_delay :d, distance :m SET last_batch = :b",
            ConditionExpression="attribute_not_exists(last_batch) OR last_batch < :b",
            ExpressionAttributeValues={
                ":f": {"N": str(flights)},
                ":d": {"N": str(delay)},
                ":m": {"N": str(distance)},
                ":b": {"S": batch},
            },
        )
