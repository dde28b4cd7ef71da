"""Vector indexes of tables that are filled from a backup, from a moment, or from objects: they find the same."""

import pytest

from cloudcore.dynamodb import DynamoDB
from cloudcore.objects import LocalObjects


def vector(*numbers):
    return [{"N": str(number)} for number in numbers]


INDEX = {
    "IndexName": "vix", "VectorAttribute": {"AttributeName": "emb"}, "Dimensions": 3, "DistanceFunction": "COSINE",
    "Projection": {"ProjectionType": "ALL"},
}  # fmt: skip
TABLE = {
    "BillingMode": "PAY_PER_REQUEST", "KeySchema": [{"AttributeName": "p", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "p", "AttributeType": "S"}], "VectorIndexes": [INDEX],
}  # fmt: skip


def put(db, key, *numbers):
    emb = {"emb": {"L": vector(*numbers)}} if numbers else {}
    db.call("PutItem", {"TableName": "tab", "Item": {"p": {"S": key}} | emb})


def nearest(db, table, *query):
    asked = {"TableName": table, "IndexName": "vix", "SearchVector": vector(*query), "TopK": 5}
    return [(hit["Item"]["p"]["S"], round(hit["Score"], 6)) for hit in db.call("SearchVectors", asked)["SearchResults"]]


@pytest.mark.parametrize("way", ["backup", "moment", "import"])
def test_a_table_filled_from_elsewhere_finds_the_same(tmp_path, way):
    store = LocalObjects(tmp_path / "objects", durable=False)
    with DynamoDB(tmp_path / "db", objects=lambda: store) as db:
        db.call("CreateTable", TABLE | {"TableName": "tab"})
        on = {"PointInTimeRecoveryEnabled": True}
        db.call("UpdateContinuousBackups", {"TableName": "tab", "PointInTimeRecoverySpecification": on})
        for number in range(50):
            put(db, f"k{number}", number + 1, 50 - number, number * number % 7)
        put(db, "without")
        expected = nearest(db, "tab", 1, 2, 3)
        assert len(expected) == 5
        fill(db, way)
        assert nearest(db, "new", 1, 2, 3) == expected
        put(db, "k7", 100, 200, 300)
        assert nearest(db, "new", 1, 2, 3) == expected  # and goes its own way
    with DynamoDB(tmp_path / "db", objects=lambda: store) as db:
        assert nearest(db, "new", 1, 2, 3) == expected


def fill(db, way):
    """Make the table "new" of what "tab" holds."""
    if way == "backup":
        made = db.call("CreateBackup", {"TableName": "tab", "BackupName": "one"})["BackupDetails"]["BackupArn"]
        assert db.jobs.wait(f"backup-{made.rpartition('/')[2]}", 60)
        db.call("RestoreTableFromBackup", {"TargetTableName": "new", "BackupArn": made})
        assert db.jobs.wait("restore-new", 60)
    elif way == "moment":
        asked = {"SourceTableName": "tab", "TargetTableName": "new", "UseLatestRestorableTime": True}
        db.call("RestoreTableToPointInTime", asked)
        assert db.jobs.wait("restore-new", 60)
    else:
        arn = "arn:aws:dynamodb:us-east-1:000000000000:table/tab"
        made = db.call("ExportTableToPointInTime", {"TableArn": arn, "S3Bucket": "bkt"})["ExportDescription"]["ExportArn"]
        id_ = made.rpartition("/")[2]
        assert db.jobs.wait(f"export-{id_}", 60)
        source = {"S3Bucket": "bkt", "S3KeyPrefix": f"AWSDynamoDB/{id_}/data/"}
        table = TABLE | {"TableName": "new"}
        asked = {"S3BucketSource": source, "InputFormat": "DYNAMODB_JSON", "InputCompressionType": "GZIP", "TableCreationParameters": table}
        made = db.call("ImportTable", asked)["ImportTableDescription"]["ImportArn"]
        assert db.jobs.wait(f"import-{made.rpartition('/')[2]}", 60)
        assert db.call("DescribeImport", {"ImportArn": made})["ImportTableDescription"]["ImportStatus"] == "COMPLETED"
