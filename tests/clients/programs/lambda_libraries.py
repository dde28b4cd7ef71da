"""Powertools for AWS Lambda and Mangum with FastAPI, unmodified, in a layer made of this environment's packages."""

import io
import json
import site
import sys
import urllib.request
import zipfile
from pathlib import Path

import boto3

LEFT_OUT = ("boto", "pip", "setuptools", "s3transfer", "_distutils", "pkg_resources")
POWERTOOLS = """
import os
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.event_handler import LambdaFunctionUrlResolver
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent

logger, metrics = Logger(service="shop"), Metrics(namespace="Shop", service="shop")
app = LambdaFunctionUrlResolver()
processor = BatchProcessor(event_type=EventType.SQS)
runs = 0

@app.get("/orders/<number>")
def order(number: str):
    logger.info("asked", extra={"number": number})
    return {"number": number, "query": app.current_event.query_string_parameters}

def one(record):
    if record.body == "bad": raise ValueError("bad record")

@logger.inject_lambda_context(log_event=True)
@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    if "Records" in event:
        return process_partial_response(event=event, record_handler=one, processor=processor, context=context)
    metrics.add_metric(name="Asked", unit=MetricUnit.Count, value=1)
    return app.resolve(event, context)

@idempotent(persistence_store=DynamoDBPersistenceLayer(table_name="once"), config=IdempotencyConfig(event_key_jmespath="id"))
def once(event, context):
    global runs
    runs += 1
    return {"runs": runs}
"""
FASTAPI = """
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

app = FastAPI()

class Order(BaseModel):
    item: str
    count: int = 1

@app.get("/")
def root(): return {"hello": "world"}

@app.post("/orders", status_code=201)
async def make(order: Order): return {"made": order.item, "count": order.count}

handler = Mangum(app, lifespan="off")
"""


def packed(files):
    """A zip of names and bytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files:
            archive.writestr(name, data)
    return out.getvalue()


def packages():
    """This environment's packages, as a layer has them."""
    root = Path(site.getsitepackages()[0])
    for path in sorted(root.rglob("*")):
        inside = path.relative_to(root)
        if path.is_file() and "__pycache__" not in inside.parts and not inside.parts[0].startswith(LEFT_OUT):
            yield f"python/{inside}", path.read_bytes()


def send(url, path, body=None):
    """(status, JSON) of one request to a function URL by its path form."""
    request = urllib.request.Request(url + path, None if body is None else json.dumps(body).encode())
    if body is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def main():
    functions, dynamodb = boto3.client("lambda"), boto3.client("dynamodb")
    layer = functions.publish_layer_version(LayerName="libraries", Content={"ZipFile": packed(packages())})
    made = {}
    for name, source, handler in (
        ("shop", POWERTOOLS, "app.handler"), ("once", POWERTOOLS, "app.once"), ("web", FASTAPI, "app.handler"),
    ):  # fmt: skip
        functions.create_function(
            FunctionName=name, Runtime=f"python3.{sys.version_info[1]}", Handler=handler, Timeout=60, MemorySize=512,
            Role="arn:aws:iam::000000000000:role/r", Layers=[layer["LayerVersionArn"]],
            Code={"ZipFile": packed([("app.py", source)])},
        )  # fmt: skip
        url = functions.create_function_url_config(FunctionName=name, AuthType="NONE")["FunctionUrl"]
        functions.add_permission(
            FunctionName=name, StatementId="all", Action="lambda:InvokeFunctionUrl", Principal="*",
            FunctionUrlAuthType="NONE",
        )  # fmt: skip
        identity = url.split("//")[1].split(".")[0]
        made[name] = f"{functions.meta.endpoint_url}/lambda-url/{identity}"

    assert send(made["shop"], "/orders/7?a=1") == (200, {"number": "7", "query": {"a": "1"}})
    assert send(made["shop"], "/absent")[0] == 404
    records = [{"messageId": str(n), "body": body} for n, body in enumerate(("good", "bad"))]
    answer = functions.invoke(FunctionName="shop", Payload=json.dumps({"Records": records}).encode(), LogType="Tail")
    assert json.loads(answer["Payload"].read()) == {"batchItemFailures": [{"itemIdentifier": "1"}]}

    dynamodb.create_table(
        TableName="once", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )  # fmt: skip
    for _ in range(3):
        answer = functions.invoke(FunctionName="once", Payload=b'{"id": "same"}')
        assert json.loads(answer["Payload"].read()) == {"runs": 1}, answer
    answer = functions.invoke(FunctionName="once", Payload=b'{"id": "other"}')
    assert json.loads(answer["Payload"].read()) == {"runs": 2}

    assert send(made["web"], "/") == (200, {"hello": "world"})
    assert send(made["web"], "/orders", {"item": "pen", "count": 2}) == (201, {"made": "pen", "count": 2})
    assert send(made["web"], "/orders", {"count": 2})[0] == 422
    print("done")


if __name__ == "__main__":
    main()
