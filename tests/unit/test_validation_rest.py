"""REST by the table: every Lambda operation as botocore writes it, and answers as botocore reads them."""

from __future__ import annotations

import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from cloudcore.errors import ApiError
from cloudcore.validation import load
from cloudcore.validation.rest import collect, read_request, routes, write_answer

MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
TEXT = "arn:aws:lambda:us-east-1:000000000000:function:f/é x"


def sample(shape, depth=0):
    """A value of a botocore shape with every member set."""
    if shape.type_name == "structure":
        return {n: sample(m, depth + 1) for n, m in shape.members.items()} if depth < 6 else {}
    if shape.type_name == "list":
        return [sample(shape.member, depth + 1)]
    if shape.type_name == "map":
        return {"key": sample(shape.value, depth + 1)}
    return {"string": TEXT, "blob": b"\x00blob", "boolean": True, "timestamp": 1.5e9}.get(shape.type_name, 7)


@pytest.mark.parametrize("operation", sorted(MODEL.operation_names))
def test_requests_as_botocore_writes_them(operation):
    model = MODEL.operation_model(operation)
    params = sample(model.input_shape) if model.input_shape else {}
    wire = create_serializer("rest-json", False).serialize_to_request(params, model)
    query = parse_qs(urlsplit(wire["url_path"]).query)
    for name, value in dict(wire["query_string"]).items():
        values = value if isinstance(value, list) else [value]
        query[name] = [v if isinstance(v, str) else str(v) for v in values]
    path = urlsplit(wire["url_path"]).path
    for suffix in ("", "/"):
        found = routes("lambda").match(wire["method"], path + suffix, query)
        assert found is not None and found.operation == operation
    headers = {name.lower(): value for name, value in dict(wire["headers"]).items()}
    body = wire["body"] if isinstance(wire["body"], bytes) else wire["body"].encode()
    got = collect(load("lambda"), operation, found.uri, query, headers, body)
    assert flat(got) == flat(params)


def flat(value):
    """Blobs in JSON are base64, true in a query is text: compared by their text."""
    if isinstance(value, dict):
        return {k: flat(v) for k, v in value.items()}
    if isinstance(value, list):
        return [flat(v) for v in value]
    if value in (True, "true"):
        return "true"
    return (
        {b"\x00blob": "AGJsb2I="}.get(value, value) if not isinstance(value, (float, int)) else float(value)
    )


@pytest.mark.parametrize("operation", sorted(set(MODEL.operation_names) - {"InvokeWithResponseStream"}))
def test_answers_as_botocore_reads_them(operation):
    model = MODEL.operation_model(operation)
    answer = sample(model.output_shape) if model.output_shape else {}
    answer = {name: value if name != "StatusCode" else 202 for name, value in answer.items()}
    status, headers, body = write_answer("lambda", operation, answer)
    reply = {"status_code": status, "headers": dict(headers), "body": body}
    parsed = create_parser("rest-json").parse(reply, model.output_shape)
    parsed.pop("ResponseMetadata")
    if operation == "Invoke":  # the parser alone gives text, the client bytes
        parsed["Payload"] = parsed["Payload"].encode()
    if model.output_shape is None or status == 204:
        assert body == b"" and status == model.http["responseCode"]
        return
    assert moments(parsed) == moments(answer)


def moments(value):
    if isinstance(value, dict):
        return {k: moments(v) for k, v in value.items()}
    if isinstance(value, list):
        return [moments(v) for v in value]
    return value.timestamp() if isinstance(value, datetime.datetime) else value


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("PATCH", "/2015-03-31/functions"),
        ("GET", "/2015-03-31/functions/f/nothing"),
        ("GET", ""),
    ],
)
def test_no_route(method, path):
    assert routes("lambda").match(method, path, {}) is None


def test_what_the_body_may_not_say():
    """Members of the path do not come from the body."""
    got = read_request("lambda", "CreateAlias", {"FunctionName": "f"}, {}, {},
                       b'{"FunctionName": "g", "Name": "n", "FunctionVersion": "1"}')  # fmt: skip
    assert got == {"FunctionName": "f", "Name": "n", "FunctionVersion": "1"}


@pytest.mark.parametrize(
    ("operation", "query", "body"),
    [
        ("ListFunctions", {"MaxItems": ["many"]}, b""),
        ("ListFunctions", {"MaxItems": ["9" * 30]}, b""),
        ("CreateAlias", {}, b"{"),
        ("CreateAlias", {}, b"[]"),
        ("CreateAlias", {}, b"1"),
        ("CreateAlias", {}, b"[" * 100_000),
        ("CreateAlias", {}, b"\xff"),
    ],
)
def test_bad_requests(operation, query, body):
    with pytest.raises(ApiError) as caught:
        read_request("lambda", operation, {"FunctionName": "f"}, query, {}, body)
    assert caught.value.code == "SerializationException"
