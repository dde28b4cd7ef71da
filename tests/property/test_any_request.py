"""Any JSON, and any JSON of nearly the right form, is read or refused with an ApiError."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.operations import CONTROL
from cloudcore.errors import ApiError
from cloudcore.firehose import Firehose
from cloudcore.firehose.operations import TABLE
from cloudcore.validation import check, load
from cloudcore.validation.model import member_shape
from cloudcore.validation.rest import routes

SERVICES = ("dynamodb", "dynamodbstreams", "firehose", "lambda")
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=12), st.just("tab"), st.just(""),
    st.sampled_from(["HASH", "PAY_PER_REQUEST", "arn:aws:dynamodb:us-east-1:000000000000:table/tab"]),
)  # fmt: skip
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@st.composite
def near(draw, service, name, depth=0):
    """A value that mostly fits the shape `name`."""
    if depth > 4 or draw(st.integers(0, 11)) == 0:
        return draw(JSON)
    shape = load(service).shapes[name]
    if shape["type"] == "structure":
        members = shape["members"]
        chosen = draw(st.lists(st.sampled_from(sorted(members)), max_size=5)) if members else []
        chosen += shape.get("required", []) if draw(st.integers(0, 4)) else []
        return {m: draw(near(service, member_shape(members[m]), depth + 1)) for m in chosen}
    if shape["type"] == "list":
        return [draw(near(service, shape["member"], depth + 1)) for _ in range(draw(st.integers(0, 3)))]
    if shape["type"] == "map":
        keys = draw(st.lists(st.text(max_size=6) | st.just("tab"), max_size=3))
        return {key: draw(near(service, shape["value"], depth + 1)) for key in keys}
    if "enum" in shape:
        return draw(st.sampled_from(shape["enum"]))
    if shape["type"] == "string":
        return draw(st.just("tab") | SCALARS)
    return draw(
        {"boolean": st.booleans(), "blob": st.just("AAE=")}.get(shape["type"], st.integers(-5, 10**6))
    )


def requests(service, operations):
    def of(operation):
        name = load(service).input(operation)
        return st.tuples(st.just(operation), JSON if name is None else near(service, name) | JSON)

    return st.sampled_from(sorted(operations)).flatmap(of)


@pytest.mark.parametrize("service", SERVICES)
def test_check_reads_or_refuses(service):
    @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests(service, load(service).operations), st.booleans())
    def run(request, wire):
        operation, params = request
        refusal = None
        try:
            read = check(service, operation, params, wire=wire)
        except ApiError as error:
            refusal = error
        if refusal is None:
            assert isinstance(read, dict)
            assert check(service, operation, read) == read  # what was read once reads the same again
        else:
            assert refusal.code in ("ValidationException", "SerializationException")
            assert len(refusal.message) < 200_000

    run()


def test_the_dynamodb_control_plane_answers():
    with DynamoDB() as db:

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(requests("dynamodb", CONTROL))
        def run(request):
            operation, params = request
            status, body = db.call_json(operation, json.dumps(params).encode())
            assert status in (200, 400)
            assert isinstance(json.loads(body), dict)

        run()


def test_firehose_answers():
    service = Firehose(None)

    @settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(requests("firehose", TABLE))
    def run(request):
        operation, params = request
        status, body = service.call_json(operation, json.dumps(params).encode())
        assert status in (200, 400)
        assert isinstance(json.loads(body), dict)
        for name in service.names():
            service.delete(name)

    run()
    service.close()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "X"]), st.text(max_size=40))
def test_any_path_is_routed_or_not(method, path):
    found = routes("lambda").match(method, path, {})
    assert found is None or found.operation in load("lambda").operations


def test_lambda_answers(tmp_path):
    from cloudcore.lambda_ import Lambda

    served = sorted(Lambda.operations)
    paths = {name: entry["uri"] for name, entry in load("lambda").operations.items()}
    texts = st.text(max_size=20) | st.sampled_from(["fn", "fn:1", "$LATEST", "Event", "Tail", "1", "ALL"])
    with Lambda(tmp_path) as service:

        @settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
        @given(
            st.sampled_from(served), texts, st.data(),
            st.dictionaries(st.sampled_from(["Qualifier", "MaxItems", "Marker", "x"]), texts),
            st.dictionaries(st.sampled_from(["x-amz-invocation-type", "x-amz-client-context"]), texts),
        )  # fmt: skip
        def run(operation, name, data, query, headers):
            entry = load("lambda").operations[operation]
            body = data.draw(near("lambda", entry["input"]) | JSON)
            path = paths[operation].replace("{FunctionName}", quote(name, safe=""))
            status, out, reply = service.handle(
                entry["method"], path, urlencode(query), headers, json.dumps(body).encode()
            )
            assert 200 <= status < 500
            assert not reply or json.loads(reply) is not None
            assert all("\n" not in value for _, value in out)

        run()
