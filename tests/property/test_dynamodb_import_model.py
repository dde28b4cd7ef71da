"""Whatever an object holds: an import ends, its counts add up, and what it took in is what can be read."""

from __future__ import annotations

import gzip
import json

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cloudcore.dynamodb import DynamoDB
from cloudcore.objects import LocalObjects

GOOD = {
    "DYNAMODB_JSON": b'{"Item":{"p":{"S":"a"},"n":{"N":"1"},"l":{"L":[{"B":"AAE="},{"NULL":true}]}}}\n',
    "CSV": b'p,n,q\na,1,"x ""y"""\nb,2,\n',
    "ION": b'$ion_1_0 {Item:{p:"a",n:1.5,s:$dynamodb_SS::["x"],b:{{AAE=}},l:[null,true]}}\n',
}
PACKED = {"NONE": bytes, "GZIP": gzip.compress, "ZSTD": lambda data: pa.compress(data, codec="zstd", asbytes=True)}


@st.composite
def contents(draw):
    """A good object with bytes changed, cut, put in or repeated; or any bytes."""
    form = draw(st.sampled_from(sorted(GOOD)))
    compression = draw(st.sampled_from(sorted(PACKED)))
    data = bytearray(GOOD[form] * draw(st.integers(1, 3)))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    packed = bytearray(PACKED[compression](bytes(data)))
    for _ in range(draw(st.integers(0, 2)) if draw(st.booleans()) else 0):
        at = draw(st.integers(0, len(packed)))
        packed[at : at + draw(st.integers(0, 9))] = draw(st.binary(max_size=2))
    return form, compression, bytes(packed)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    store = LocalObjects(tmp_path_factory.mktemp("objects"), durable=False)
    with DynamoDB(objects=lambda: store) as db:
        yield db, store


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(made=contents())
def test_any_content(place, made):
    pytest.importorskip("amazon.ion")
    db, store = place
    form, compression, content = made
    store.put("bkt", "x", content)
    begun = db.call(
        "ImportTable",
        {
            "S3BucketSource": {"S3Bucket": "bkt"}, "InputFormat": form, "InputCompressionType": compression,
            "TableCreationParameters": {
                "TableName": "tab", "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
                "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}],
            },
        },
    )["ImportTableDescription"]  # fmt: skip
    id_ = begun["ImportArn"].rpartition("/")[2]
    assert db.jobs.wait(f"import-{id_}", 60)
    done = db.call("DescribeImport", {"ImportArn": begun["ImportArn"]})["ImportTableDescription"]
    assert done["ProcessedItemCount"] == done["ImportedItemCount"] + done["ErrorCount"]
    if done["ErrorCount"]:
        assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError"), done
        with open(f"{db.files()}/imports/{id_}/error.jsonl", encoding="utf-8") as log:
            assert len([json.loads(line) for line in log]) == done["ErrorCount"]
    else:
        assert done["ImportStatus"] == "COMPLETED", done
    found = db.call("Scan", {"TableName": "tab"})["Items"]
    assert len(found) <= done["ImportedItemCount"] and (found or not done["ImportedItemCount"])
    db.call("DeleteTable", {"TableName": "tab"})
