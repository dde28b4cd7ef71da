"""Searches while items come, change and go, and while indexes are made and removed."""

import threading

import numpy
import pytest

import cloudcore
from cloudcore.errors import ApiError

STEADY, DIMENSIONS = 400, 16


def index(name):
    return {
        "IndexName": name,
        "VectorAttribute": {"AttributeName": "v"},
        "Dimensions": DIMENSIONS,
        "DistanceFunction": "EUCLIDEAN",
        "Projection": {"ProjectionType": "ALL"},
    }


@pytest.fixture
def cloud():
    with cloudcore.open(":memory:") as cloud:
        cloud.dynamodb.call("CreateTable", {
            "TableName": "tab", "BillingMode": "PAY_PER_REQUEST",
            "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
            "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
            "VectorIndexes": [index("vix")],
        })  # fmt: skip
        yield cloud


def test_what_stays_is_found_whatever_others_do(cloud):
    random = numpy.random.default_rng(3)
    matrix = random.standard_normal((STEADY, DIMENSIONS), numpy.float32)
    execute = cloud.dynamodb.tables.execute

    def put(key, row):
        item = {"p": key, "v": [float(number) for number in row]}
        execute("PutItem", {"TableName": "tab", "Item": item}, "native", True)

    for i, row in enumerate(matrix):
        put(f"steady{i}", row)
    table, stop, failures = cloud.table("tab"), threading.Event(), []

    def guarded(run):
        def loop():
            own = numpy.random.default_rng(threading.get_ident())
            try:
                while not stop.is_set():
                    run(own)
            except Exception as error:
                failures.append(error)
                stop.set()

        return threading.Thread(target=loop)

    def write(own):
        key = f"other{own.integers(200)}"
        if own.random() < 0.6:
            put(key, own.standard_normal(DIMENSIONS) * 5)
        else:
            table.delete(key)

    def rebuild(_):
        change = {"TableName": "tab", "VectorIndexUpdates": [{"Create": index("two")}]}
        cloud.dynamodb.call("UpdateTable", change)
        assert table.nearest("two", matrix[7], 1)[0][0]["p"] == "steady7"
        gone = {"TableName": "tab", "VectorIndexUpdates": [{"Delete": {"IndexName": "two"}}]}
        cloud.dynamodb.call("UpdateTable", gone)

    def search_two(own):
        try:
            table.nearest("two", matrix[own.integers(STEADY)], 3)
        except ApiError as error:
            if "specified index" not in error.message and "backfilling" not in error.message:
                raise

    threads = [guarded(run) for run in (write, write, rebuild, search_two)]
    for thread in threads:
        thread.start()
    try:
        for i in range(600):
            wanted = i % STEADY
            (item, score), *_ = table.nearest("vix", matrix[wanted], 3)
            assert (item["p"], score) == (f"steady{wanted}", 0.0)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
    steady = [item for item, _ in table.nearest("vix", matrix[0], 100) if item["p"].startswith("steady")]
    assert len({item["p"] for item in steady}) == len(steady)
