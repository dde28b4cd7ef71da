"""ImportTable: what it reads, what it counts and logs as an error, what it refuses, how it is told of."""

import datetime
import gzip
import json
import re

import pyarrow as pa
import pytest
from dynamodb_support import create, refused

from cloudcore.dynamodb import DynamoDB
from cloudcore.dynamodb.transfer import importing, inputs
from cloudcore.errors import ApiError

BUCKET = "bkt"
ARN = "arn:aws:dynamodb:us-east-1:000000000000:table/new"
START = datetime.datetime.fromtimestamp(1_700_000_000, datetime.UTC)
TABLE = {
    "TableName": "new", "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}, {"AttributeName": "s", "KeyType": "RANGE"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}, {"AttributeName": "s", "AttributeType": "N"}],
}  # fmt: skip
INVALID = (
    "Some of the items failed validation checks and were not imported. Please check CloudWatch error logs for more details."
)


@pytest.fixture
def db(store, clock):
    with DynamoDB(clock=clock, objects=lambda: store) as service:
        yield service


def begin(db, **params):
    asked = {"S3BucketSource": {"S3Bucket": BUCKET}, "InputFormat": "DYNAMODB_JSON", "TableCreationParameters": TABLE}
    return db.call("ImportTable", asked | params)["ImportTableDescription"]


def ended(db, arn):
    assert db.jobs.wait(f"import-{arn.rpartition('/')[2]}", 60)
    return db.call("DescribeImport", {"ImportArn": arn})["ImportTableDescription"]


def load(db, **params):
    return ended(db, begin(db, **params)["ImportArn"])


def errors(db, described):
    """(key, index, message) of the import's log."""
    id_ = described["ImportArn"].rpartition("/")[2]
    try:
        with open(f"{db.files()}/imports/{id_}/error.jsonl", encoding="utf-8") as file:
            found = [json.loads(line) for line in file]
    except FileNotFoundError:
        return []
    assert all(one["importArn"] == described["ImportArn"] for one in found)
    assert all(one["itemS3Pointer"]["bucket"] == BUCKET for one in found)
    assert all(len(one["errorMessages"]) == 1 for one in found)
    return [(one["itemS3Pointer"]["key"], one["itemS3Pointer"]["itemIndex"], one["errorMessages"][0]) for one in found]


def counts(described):
    return tuple(described[name] for name in ("ProcessedItemCount", "ImportedItemCount", "ErrorCount"))


def items(db, table="new"):
    return sorted(db.call("Scan", {"TableName": table})["Items"], key=lambda item: (item["p"]["S"], float(item["s"]["N"])))


def line(p, s, **more):
    return json.dumps({"Item": {"p": {"S": p}, "s": {"N": str(s)}} | more}) + "\n"


PACKED = {"NONE": bytes, "GZIP": gzip.compress, "ZSTD": lambda data: pa.compress(data, codec="zstd", asbytes=True)}


# ---- formats ----


@pytest.mark.parametrize("compression", PACKED)
def test_lines_of_dynamodb_json(db, store, compression):
    pack = PACKED[compression]
    content = [
        "".join(line(f"p{part}", number, v={"S": "x" * 500}) for number in range(900)).encode() for part in range(3)
    ]
    content[1] += b"\n  \n" + line("last", 1, b={"B": "AAE="}, m={"M": {"l": {"L": [{"BOOL": True}]}}}).strip().encode()
    for part, data in enumerate(content):
        store.put(BUCKET, f"in/data/{part}", pack(data[:100_000]) + pack(data[100_000:]))  # members, frames
    store.put(BUCKET, "elsewhere", b"no")
    store.put(BUCKET, "in/folder/", b"")
    source = {"S3Bucket": BUCKET, "S3KeyPrefix": "in/", "S3BucketOwner": "000000000000"}
    first = begin(db, S3BucketSource=source, InputCompressionType=compression, ClientToken="token")
    assert first == {
        "ImportArn": first["ImportArn"], "ImportStatus": "IN_PROGRESS", "TableArn": ARN, "TableId": first["TableId"],
        "ClientToken": "token", "S3BucketSource": source, "ErrorCount": 0, "ProcessedItemCount": 0, "ImportedItemCount": 0,
        "CloudWatchLogGroupArn": "arn:aws:logs:us-east-1:000000000000:log-group:/aws-dynamodb/imports:*",
        "InputFormat": "DYNAMODB_JSON", "InputCompressionType": compression, "TableCreationParameters": TABLE, "StartTime": START,
    }  # fmt: skip
    assert re.fullmatch(ARN + r"/import/01700000000000-[0-9a-f]{8}", first["ImportArn"])
    done = ended(db, first["ImportArn"])
    assert done == first | {
        "ImportStatus": "COMPLETED", "EndTime": START, "ProcessedItemCount": 2701, "ImportedItemCount": 2701,
        "ProcessedSizeBytes": sum(map(len, content)),
    }  # fmt: skip
    table = db.call("DescribeTable", {"TableName": "new"})["Table"]
    assert (table["TableStatus"], table["TableId"], table["ItemCount"]) == ("ACTIVE", first["TableId"], 2701)
    found = db.call("GetItem", {"TableName": "new", "Key": {"p": {"S": "last"}, "s": {"N": "1"}}})["Item"]
    assert found["b"] == {"B": b"\0\1"} and found["m"] == {"M": {"l": {"L": [{"BOOL": True}]}}}


def test_completed_is_not_said_before_the_table_is_there(db, store, monkeypatch):
    store.put(BUCKET, "a", line("p", 1).encode())
    said = []

    def show(service, table):
        said.extend(one["ImportStatus"] for one in db.call("ListImports", {})["ImportSummaryList"])
        importing_show(service, table)

    importing_show = importing.show
    monkeypatch.setattr(importing, "show", show)
    assert load(db)["ImportStatus"] == "COMPLETED"
    assert said == ["IN_PROGRESS"] and items(db) == [{"p": {"S": "p"}, "s": {"N": "1"}}]


def test_csv(db, store):
    index = {
        "IndexName": "by_code", "Projection": {"ProjectionType": "ALL"},
        "KeySchema": [{"AttributeName": "code", "KeyType": "HASH"}],
    }  # fmt: skip
    more = {"AttributeName": "code", "AttributeType": "B"}
    table = TABLE | {"GlobalSecondaryIndexes": [index], "AttributeDefinitions": [*TABLE["AttributeDefinitions"], more]}
    store.put(BUCKET, "a.csv", '\ufeffp,s,note,code\r\na,1,"he said ""no"",\nthen left",AAE=\r\nb,2.50,,AA==\r\n\r\nc,x,n,AAE=\r\n'.encode())
    store.put(BUCKET, "b.csv", b"s,code,p\n3,AAA,e\n3,AAE=\n4,AAE=,d\n5,,f\n")
    store.put(BUCKET, "c.csv", "p,s,code\na,1_0,AAE=\na, 3,AAE=\na,\u0661,AAE=\na,NaN,AAE=\na,1e999999999,AAE=\n".encode())
    done = load(db, InputFormat="CSV", TableCreationParameters=table)
    assert (done["ImportStatus"], done["FailureCode"], done["FailureMessage"]) == ("FAILED", "ItemValidationError", INVALID)
    assert counts(done) == (12, 3, 9)
    assert [one[:2] for one in errors(db, done)] == [
        ("a.csv", 2), ("b.csv", 0), ("b.csv", 1), ("b.csv", 3), *(("c.csv", number) for number in range(5)),
    ]  # fmt: skip
    assert errors(db, done)[0][2] == "The parameter cannot be converted to a numeric value: x"
    assert items(db) == [
        {"p": {"S": "a"}, "s": {"N": "1"}, "note": {"S": 'he said "no",\nthen left'}, "code": {"B": b"\0\1"}},
        {"p": {"S": "b"}, "s": {"N": "2.5"}, "note": {"S": ""}, "code": {"B": b"\0"}},
        {"p": {"S": "d"}, "s": {"N": "4"}, "code": {"B": b"\0\1"}},
    ]
    asked = {":c": {"B": b"\0\1"}}
    wanted = {"TableName": "new", "IndexName": "by_code", "KeyConditionExpression": "code = :c", "ExpressionAttributeValues": asked}
    assert db.call("Query", wanted)["Count"] == 2


def test_csv_with_a_header_of_its_own_and_another_delimiter(db, store):
    store.put(BUCKET, "x", b"a;1;5\nb;2;6\n")
    options = {"Csv": {"Delimiter": ";", "HeaderList": ["p", "s", "n"]}}
    done = load(db, InputFormat="CSV", InputFormatOptions=options)
    assert done["ImportStatus"] == "COMPLETED" and done["InputFormatOptions"] == options
    assert items(db) == [{"p": {"S": p}, "s": {"N": str(s)}, "n": {"S": str(s + 4)}} for p, s in (("a", 1), ("b", 2))]


@pytest.mark.parametrize("binary", [False, True])
def test_ion(db, store, binary):
    simpleion = pytest.importorskip("amazon.ion.simpleion")
    text = """
    $ion_1_0 {Item:{p:"a",s:1.,n:6d2,t:true,z:null,b:{{AAE=}},ss:$dynamodb_SS::["x","y"],ns:$dynamodb_NS::[1.,2.5],
                    bs:$dynamodb_BS::[{{AA==}}],l:["q",{m:1.}]}}
    $ion_1_0 {Item:{p:"b",s:2.,f:1e0}}
    $ion_1_0 {Item:{p:"b",s:2.,d:2020-01-01T}}
    $ion_1_0 {Item:{p:"b",s:2.,ss:$dynamodb_SS::[1.]}}
    $ion_1_0 {Item:{p:"b"}}
    $ion_1_0 {Item:{p:"c",s:3.}}
    """
    data = text.encode()
    if binary:
        data = simpleion.dumps(simpleion.loads(text, single_value=False), binary=True, sequence_as_stream=True)
    store.put(BUCKET, "x.ion", data)
    done = load(db, InputFormat="ION")
    assert counts(done) == (6, 2, 4)
    assert [(index, message) for _, index, message in errors(db, done)] == [
        (1, "the Ion type float has no type in DynamoDB"), (2, "the Ion type timestamp has no type in DynamoDB"),
        (3, "a list marked $dynamodb_SS is no set of DynamoDB's"),
        (4, "One or more parameter values were invalid: Missing the key s in the item"),
    ]  # fmt: skip
    first, second = items(db)
    assert {name: sorted(value["SS"]) if "SS" in value else value for name, value in first.items() if name != "ns"} == {
        "p": {"S": "a"}, "s": {"N": "1"}, "n": {"N": "600"}, "t": {"BOOL": True}, "z": {"NULL": True}, "b": {"B": b"\0\1"},
        "ss": ["x", "y"], "bs": {"BS": [b"\0"]}, "l": {"L": [{"S": "q"}, {"M": {"m": {"N": "1"}}}]},
    }  # fmt: skip
    assert set(first["ns"]["NS"]) == {"1", "2.5"} and second == {"p": {"S": "c"}, "s": {"N": "3"}}


@pytest.mark.parametrize("form", ["DYNAMODB_JSON", "ION"])
def test_what_was_exported_is_imported(db, store, form):
    if form == "ION":
        pytest.importorskip("amazon.ion")
    create(db)
    on = {"PointInTimeRecoveryEnabled": True}
    db.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": on})
    for number in range(20):
        more = {"v": {"B": bytes([number])}, "l": {"L": [{"N": "1.5"}, {"NULL": True}]}, "q": {"SS": [str(number)]}}
        db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": "é"}, "s": {"N": str(number)}} | more})
    arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
    export = db.call("ExportTableToPointInTime", {"TableArn": arn, "S3Bucket": BUCKET, "S3Prefix": "e", "ExportFormat": form})
    id_ = export["ExportDescription"]["ExportArn"].rpartition("/")[2]
    assert db.jobs.wait(f"export-{id_}", 60)
    source = {"S3Bucket": BUCKET, "S3KeyPrefix": f"e/AWSDynamoDB/{id_}/data"}
    done = load(db, S3BucketSource=source, InputFormat=form, InputCompressionType="GZIP")
    assert done["ImportStatus"] == "COMPLETED" and items(db) == items(db, "tab") and len(items(db)) == 20


# ---- errors ----


def test_an_item_that_the_table_cannot_hold_is_left_out(db, store):
    bad = [
        {"Item": {"p": {"S": "x"}}}, {"Item": {"p": {"N": "1"}, "s": {"N": "1"}}}, {"Item": {"p": {"S": ""}, "s": {"N": "1"}}},
        {"Item": {"p": {"S": "x"}, "s": {"N": "1"}, "big": {"S": "x" * 410_000}}},
        {"Item": {"p": {"S": "x"}, "s": {"N": "1"}, "set": {"SS": []}}},
    ]  # fmt: skip
    text = line("a", 1) + "".join(json.dumps(one) + "\n" for one in bad) + line("a", 2) + line("a", 2)
    store.put(BUCKET, "x", text.encode())
    done = load(db)
    assert (done["ImportStatus"], done["FailureCode"]) == ("FAILED", "ItemValidationError")
    assert counts(done) == (8, 3, 5)  # items of one key replace each other and are no errors
    assert [index for _, index, _ in errors(db, done)] == [1, 2, 3, 4, 5]
    words = errors(db, done)[0][2]
    assert words == "One or more parameter values were invalid: Missing the key s in the item"
    assert [item["s"]["N"] for item in items(db)] == ["1", "2"]


@pytest.mark.parametrize(
    "broken", [b"no json\n", b'{"p":{"S":"a"}}\n', b'{"Item":{"p":{"S":5},"s":{"N":"1"}}}\n', b'{"Item":{"p"\n', b"\xff\n"]
)
def test_a_line_that_is_no_item_ends_its_object(db, store, broken):
    store.put(BUCKET, "0", (line("a", 1) + line("a", 2)).encode() + broken + line("a", 3).encode())
    store.put(BUCKET, "1", line("b", 1).encode())
    done = load(db)
    assert counts(done) == (4, 3, 1) and done["FailureCode"] == "ItemValidationError"
    assert [one[:2] for one in errors(db, done)] == [("0", 2)]
    assert [item["s"]["N"] for item in items(db)] == ["1", "2", "1"]


@pytest.mark.parametrize(
    ("form", "compression", "content"),
    [
        ("CSV", "NONE", b'p,s\na,1\n"a,2\n'), ("CSV", "NONE", b"p,s\na,1\n\xff\xff,2\n"), ("CSV", "NONE", b"p,p\na,1\n"),
        ("DYNAMODB_JSON", "GZIP", b"this is not gzip"), ("DYNAMODB_JSON", "GZIP", gzip.compress(line("a", 1).encode())[:-6]),
        ("DYNAMODB_JSON", "ZSTD", b"this is not zstd"), ("ION", "NONE", b'{Item:{p:"a",s:1.}} {Item:'), ("ION", "NONE", b"5"),
    ],  # named, because what gzip writes tells the time, and workers of one run must find the same tests
    ids=["open-quote", "not-utf-8", "names-twice", "not-gzip", "cut-gzip", "not-zstd", "open-struct", "no-struct"],
)  # fmt: skip
def test_an_object_that_cannot_be_read_is_one_error(db, store, form, compression, content):
    if form == "ION":
        pytest.importorskip("amazon.ion")
    store.put(BUCKET, "0", content)
    done = load(db, InputFormat=form, InputCompressionType=compression)
    assert done["ImportStatus"] == "FAILED" and done["ErrorCount"] == 1 and len(errors(db, done)) == 1
    assert db.call("DescribeTable", {"TableName": "new"})["Table"]["TableStatus"] == "ACTIVE"
    store.put(BUCKET, "1", PACKED[compression](b""))


def test_a_source_that_is_not_there_leaves_no_table(db, store):
    done = load(db)
    assert (done["ImportStatus"], done["FailureCode"], done["EndTime"]) == ("FAILED", "S3NoSuchBucket", START)
    assert done["FailureMessage"] == (
        "The specified bucket does not exist (Service: Amazon S3; Status Code: 404; Error Code: NoSuchBucket)"
    )
    assert counts(done) == (0, 0, 0) and done["ProcessedSizeBytes"] == 0
    store.put(BUCKET, "other", b"")
    assert load(db, S3BucketSource={"S3Bucket": BUCKET, "S3KeyPrefix": "in/"})["FailureCode"] == "S3NoSuchKey"
    source = {"S3Bucket": BUCKET, "S3BucketOwner": "111111111111"}
    assert load(db, S3BucketSource=source)["FailureCode"] == "S3AccessDenied"
    assert db.call("ListTables", {})["TableNames"] == []
    assert load(db, S3BucketSource={"S3Bucket": BUCKET, "S3KeyPrefix": "other"})["ImportStatus"] == "COMPLETED"


# ---- requests ----


def refuse(db, message, code="ValidationException", **params):
    asked = {"S3BucketSource": {"S3Bucket": BUCKET}, "InputFormat": "DYNAMODB_JSON", "TableCreationParameters": TABLE}
    refused(db, "ImportTable", asked | params, message, code)


def test_refusals(db, store, monkeypatch):
    create(db, "new")
    refuse(db, "Table already exists: new", "ResourceInUseException")
    wrong = "One or more parameter values were invalid: "
    refuse(
        db, wrong + "InputFormatOptions.Csv does not go with InputFormat DYNAMODB_JSON",
        InputFormatOptions={"Csv": {"Delimiter": ","}},
    )  # fmt: skip
    refuse(db, wrong + "HeaderList names a column twice", InputFormat="CSV", InputFormatOptions={"Csv": {"HeaderList": ["p", "p"]}})
    refuse(
        db, wrong + "ReadCapacityUnits and WriteCapacityUnits must both be specified when BillingMode is PROVISIONED",
        TableCreationParameters=TABLE | {"BillingMode": "PROVISIONED"},
    )  # fmt: skip
    refuse(
        db, wrong + "SSESpecification is not supported by cloudcore",
        TableCreationParameters=TABLE | {"TableName": "other", "SSESpecification": {"Enabled": True}},
    )  # fmt: skip
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    refuse(db, "ION is read by the library amazon.ion: pip install cloudcore[ion]", InputFormat="ION")
    with DynamoDB() as alone:
        refuse(alone, "these tables were opened without an object store")
    assert db.call("ListImports", {}) == {"ImportSummaryList": []}


def test_a_client_token_begins_one_import(db, store, clock):
    store.put(BUCKET, "x", line("a", 1).encode())
    first = load(db, ClientToken="one")
    assert begin(db, ClientToken="one") == first
    refuse(
        db, "Import conflict: Duplicate request detected with conflicting parameters", "ImportConflictException",
        ClientToken="one", InputCompressionType="GZIP",
    )  # fmt: skip
    clock.advance(8 * 3600 + 1)
    refuse(db, "Table already exists: new", "ResourceInUseException", ClientToken="one")


def test_the_table_is_seen_when_it_is_whole(db, store, monkeypatch):
    store.put(BUCKET, "x", line("a", 1).encode())
    seen, keys = [], inputs.keys

    def looked(*about):
        seen.append(db.call("DescribeTable", {"TableName": "new"})["Table"]["TableStatus"])
        for operation in ("Scan", "DeleteTable"):
            with pytest.raises(ApiError) as caught:
                db.call(operation, {"TableName": "new"})
            seen.append(caught.value.code)
        return keys(*about)

    monkeypatch.setattr(inputs, "keys", looked)
    assert load(db)["ImportStatus"] == "COMPLETED"
    assert seen == ["CREATING", "ResourceNotFoundException", "ResourceInUseException"]
    assert len(items(db)) == 1


def test_lists(db, store, clock):
    store.put(BUCKET, "x", line("a", 1).encode())
    arns = []
    for number in range(5):
        arns.append(load(db, TableCreationParameters=TABLE | {"TableName": f"new{number % 2}"})["ImportArn"])
        db.call("DeleteTable", {"TableName": f"new{number % 2}"})
        clock.advance(1)
    found, token = [], {}
    while True:
        page = db.call("ListImports", {"PageSize": 2} | token)
        found += page["ImportSummaryList"]
        if "NextToken" not in page:
            break
        assert re.fullmatch("([0-9a-f]{16})+", page["NextToken"]) and len(page["NextToken"]) >= 112
        token = {"NextToken": page["NextToken"]}
    assert [one["ImportArn"] for one in found] == arns[::-1]
    assert set(found[0]) == {
        "ImportArn", "ImportStatus", "TableArn", "S3BucketSource", "CloudWatchLogGroupArn", "InputFormat", "StartTime", "EndTime",
    }  # fmt: skip
    of_one = db.call("ListImports", {"TableArn": ARN + "1"})["ImportSummaryList"]
    assert [one["ImportArn"] for one in of_one] == [arns[3], arns[1]]
    refused(
        db, "ListImports", {"NextToken": "0" * 112}, "Invalid Request: Provided nextToken is invalid: " + "0" * 112
    )  # fmt: skip
    arn = arns[0].replace("new0", "new2")
    message = f"Import not found: Import not found: {arn}"
    refused(db, "DescribeImport", {"ImportArn": arn}, message, "ImportNotFoundException")
    clock.advance(90 * 86_400)
    assert db.call("ListImports", {}) == {"ImportSummaryList": []}


def test_fifty_at_a_time(db, store, monkeypatch):
    store.put(BUCKET, "x", line("a", 1).encode())
    monkeypatch.setattr(db.jobs, "start", lambda name, work: None)
    for number in range(50):
        begin(db, TableCreationParameters=TABLE | {"TableName": f"new{number}"})
    words = "Subscriber limit exceeded: no more than 50 imports can be in progress at a time"
    refuse(db, words, "LimitExceededException")
