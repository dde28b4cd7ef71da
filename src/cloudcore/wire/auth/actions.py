"""A request -> what it does to what: pairs of an IAM action and a resource, and condition keys.

Source: AWS, "Actions, resources, and condition keys" of DynamoDB, Lambda, Firehose and S3.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from cloudcore._table import statement_target
from cloudcore.errors import ApiError
from cloudcore.wire.s3.request import place

Pairs = Iterator[tuple[str, str]]
_TRANSACT = {
    "Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem",
    "Get": "GetItem",
}  # fmt: skip
_PARTIQL = {
    "SELECT": "PartiQLSelect", "EXISTS": "PartiQLSelect", "INSERT": "PartiQLInsert",
    "UPDATE": "PartiQLUpdate", "DELETE": "PartiQLDelete",
}  # fmt: skip
_NAMES_A_TABLE = (
    "TableName", "TableArn", "ResourceArn", "TargetTableName", "SourceTableName", "BackupArn", "ExportArn",
    "ImportArn",
)  # fmt: skip
_EXPRESSIONS = (
    "ProjectionExpression", "KeyConditionExpression", "FilterExpression", "ConditionExpression",
    "UpdateExpression",
)  # fmt: skip
_S3_SUB = {
    "acl": "Acl", "tagging": "Tagging", "policy": "Policy", "cors": "CORS", "versioning": "Versioning",
    "lifecycle": "LifecycleConfiguration", "notification": "Notification", "location": "Location",
    "encryption": "EncryptionConfiguration",
}  # fmt: skip


@dataclass
class Ask:
    """What a request asks for; all of `pairs` must be allowed. `context`: condition keys in lower case.
    `changes`: the members of a request that changes a resource's policy."""

    pairs: list[tuple[str, str]] = field(default_factory=list)
    context: dict[str, list[str]] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)


def of_json(service: str, operation: str, body: bytes, account: str, region: str) -> Ask:
    """A request of DynamoDB, its streams, or Firehose."""
    params = parse(body)
    ask = Ask()
    if service == "firehose":
        name = params.get("DeliveryStreamName")
        arn = f"arn:aws:firehose:{region}:{account}:deliverystream/{name}" if isinstance(name, str) else "*"
        ask.pairs.append((f"firehose:{operation}", arn))
        return ask
    prefix = f"arn:aws:dynamodb:{region}:{account}:"
    ask.pairs = [(f"dynamodb:{action}", arn) for action, arn in _dynamodb(operation, params, prefix)]
    _dynamodb_context(operation, params, ask)
    return ask


def parse(body: bytes) -> dict[str, Any]:
    """The members of a request; none if it is no JSON object, which its service then refuses.

    Raises ApiError where a member is given twice: what was allowed and what is done might be two things.
    """
    try:
        found = json.loads(body or b"{}", object_pairs_hook=_once)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ApiError("SerializationException", "A member of the request is given twice")
    return found


def _dynamodb(operation: str, params: dict[str, Any], prefix: str) -> Pairs:
    def table(name: Any, index: Any = None) -> str:
        name = str(name)
        arn = name if name.startswith("arn:") else f"{prefix}table/{name}"
        return f"{arn}/index/{index}" if index else arn

    if operation in ("BatchGetItem", "BatchWriteItem"):
        for name in _mapping(params.get("RequestItems")):
            yield operation, table(name)
    elif operation in ("TransactWriteItems", "TransactGetItems"):
        for item in _listing(params.get("TransactItems")):
            for kind, action in _mapping(item).items():
                yield _TRANSACT.get(kind, kind), table(_mapping(action).get("TableName"))
    elif operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        listed = params.get("Statements") or params.get("TransactStatements") or [params]
        for entry in _listing(listed):
            verb, name, index = _statement(str(_mapping(entry).get("Statement", "")))
            yield verb, table(name, index)
    elif operation in ("GetRecords", "GetShardIterator", "DescribeStream", "ListStreams"):
        arn = params.get("StreamArn")
        iterator = params.get("ShardIterator")  # begins with the ARN
        if isinstance(iterator, str) and iterator.startswith("arn:"):
            arn = iterator.partition("|")[0]
        yield operation, arn if isinstance(arn, str) else f"{prefix}table/*/stream/*"
    else:
        for member in _NAMES_A_TABLE:
            if isinstance(params.get(member), str):
                yield operation, table(params[member], params.get("IndexName"))
                return
        yield operation, "*"


def _statement(text: str) -> tuple[str, str, str | None]:
    """(action, table, index) of a PartiQL statement, as the item store reads it."""
    try:
        kind, table, index = statement_target(text)
    except ApiError:
        return "PartiQLSelect", "*", None  # the store refuses it too
    return _PARTIQL[kind], table, index


def _dynamodb_context(operation: str, params: dict[str, Any], ask: Ask) -> None:
    for member, key in (("Select", "select"), ("ReturnValues", "returnvalues"),
                        ("ReturnConsumedCapacity", "returnconsumedcapacity")):  # fmt: skip
        if isinstance(params.get(member), str):
            ask.context[f"dynamodb:{key}"] = [params[member]]
    names = _mapping(params.get("ExpressionAttributeNames"))
    attributes = {str(name) for name in names.values()}
    for member in (
        "Key",
        "Item",
        "Expected",
        "AttributeUpdates",
        "KeyConditions",
        "QueryFilter",
        "ScanFilter",
    ):
        attributes |= set(_mapping(params.get(member)))
    attributes |= {str(name) for name in _listing(params.get("AttributesToGet"))}
    for member in _EXPRESSIONS:
        text = params.get(member)
        if isinstance(text, str):
            attributes |= set(re.findall(r"(?<![#:\w.])[A-Za-z_]\w*", text))
    if attributes:
        ask.context["dynamodb:attributes"] = sorted(attributes)


def leading_keys(operation: str, params: dict[str, Any], partition: str) -> list[str]:
    """Values of the partition key `partition` that an item request names: dynamodb:LeadingKeys."""
    found: list[Any] = []
    requests = [params]
    if operation in ("BatchGetItem", "BatchWriteItem"):
        requests = []
        for entry in _mapping(params.get("RequestItems")).values():
            for key in _listing(_mapping(entry).get("Keys")):
                requests.append({"Key": key})
            for write in _listing(entry):
                requests += [_mapping(one) for one in _mapping(write).values()]
    elif operation.startswith("Transact"):
        requests = [
            _mapping(one) for item in _listing(params.get("TransactItems")) for one in _mapping(item).values()
        ]
    elif operation in ("ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"):
        return ["\0"]  # cannot be told
    for request in requests:
        for member in ("Key", "Item"):
            if partition in _mapping(request.get(member)):
                found.append(request[member][partition])
        for condition in _listing(
            _mapping(_mapping(request.get("KeyConditions")).get(partition)).get("AttributeValueList")
        ):
            found.append(condition)
        expression = request.get("KeyConditionExpression")
        if isinstance(expression, str):
            found.append(_equal_to(expression, partition, request))
    return [str(next(iter(value.values()))) if isinstance(value, dict) and value else "\0" for value in found]


def _equal_to(expression: str, partition: str, request: dict[str, Any]) -> Any:
    """The value that a key condition compares `partition` with; what cannot be told is no value at all."""
    names = _mapping(request.get("ExpressionAttributeNames"))
    values = _mapping(request.get("ExpressionAttributeValues"))
    for left, right in re.findall(r"([#:\w.-]+)\s*=\s*([#:\w.-]+)", expression):
        for name, value in ((left, right), (right, left)):
            if names.get(name, name) == partition and value in values:
                return values[value]
    return None


def of_lambda(operation: str, params: Mapping[str, Any], account: str, region: str) -> Ask:
    """A request of Lambda, its path read."""
    action = "InvokeFunction" if operation in ("Invoke", "InvokeWithResponseStream") else operation
    prefix = f"arn:aws:lambda:{region}:{account}:"
    name, layer = params.get("FunctionName"), params.get("LayerName")
    if name:
        resource = _function(str(name), prefix, params.get("Qualifier"))
    elif layer:
        version = params.get("VersionNumber")
        resource = f"{prefix}layer:{layer}" + (f":{version}" if version else "")
    elif params.get("UUID"):
        resource = f"{prefix}event-source-mapping:{params['UUID']}"
    else:
        arn = params.get("Resource") or params.get("Arn") or params.get("FunctionArn")
        resource = str(arn) if arn else "*"
    return Ask([(f"lambda:{action}", resource)])


def _function(name: str, prefix: str, qualifier: Any) -> str:
    name = unquote(name)
    if name.startswith("arn:"):
        return name
    name = name.rpartition("function:")[2]
    return f"{prefix}function:{name}" + (f":{qualifier}" if qualifier and ":" not in name else "")


def of_s3(method: str, path: str, query: str, headers: Mapping[str, str]) -> Ask:
    """A request of S3."""
    bucket, key = place(path, headers.get("host", ""))
    named = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if not bucket:
        return Ask([("s3:ListAllMyBuckets", "*")])
    arn = f"arn:aws:s3:::{bucket}" + (f"/{key}" if key else "")
    ask = Ask([(f"s3:{_s3_action(method, named, bool(key))}", arn)])
    source = headers.get("x-amz-copy-source")
    if source:
        ask.pairs.append(("s3:GetObject", "arn:aws:s3:::" + unquote(source).lstrip("/").partition("?")[0]))
    for name in ("prefix", "delimiter", "max-keys"):
        if name in named:
            ask.context[f"s3:{name}"] = [named[name]]
    if method == "POST" and "delete" in named:
        ask.pairs = [("s3:DeleteObject", f"arn:aws:s3:::{bucket}/*")]
    return ask


def _s3_action(method: str, named: dict[str, str], keyed: bool) -> str:
    verb = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "POST": "Put", "DELETE": "Delete"}.get(method, "Get")
    scope = "Object" if keyed else "Bucket"
    for sub, word in _S3_SUB.items():
        if sub in named:
            return f"{verb}{scope}{word}" if scope == "Object" or sub != "lifecycle" else f"{verb}{word}"
    if keyed:
        if "uploadId" in named and method in ("GET", "DELETE"):
            return "ListMultipartUploadParts" if method == "GET" else "AbortMultipartUpload"
        return f"{verb}Object"
    if method in ("GET", "HEAD"):
        return "ListBucketMultipartUploads" if "uploads" in named else "ListBucket"
    return {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, "PutObject")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _listing(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
