"""PartiQL through unmodified boto3 over HTTP, its own client in process, and with native values."""

from decimal import Decimal

import boto3
import pytest
from botocore.exceptions import ClientError

import cloudcore
from cloudcore.errors import ApiError


@pytest.fixture(scope="module")
def cloud():
    with cloudcore.open(":memory:") as opened:
        opened.table("music", pk="artist:S", sk="year:N")
        yield opened


@pytest.fixture(scope="module")
def real(cloud):
    with cloud.serve() as served:
        yield boto3.client(
            "dynamodb", endpoint_url=served.url, region_name="us-east-1",
            aws_access_key_id="test", aws_secret_access_key="test",
        )  # fmt: skip


@pytest.fixture(params=["boto3", "own"])
def client(request, cloud, real):
    cloud.execute("INSERT INTO music VALUE {'artist': ?, 'year': 1, 'title': 'One', 'plays': 3}", "ann")
    yield real if request.param == "boto3" else cloud.client("dynamodb")
    for item in cloud.execute("SELECT artist, \"year\" FROM music"):
        cloud.execute("DELETE FROM music WHERE artist = ? AND \"year\" = ?", item["artist"], item["year"])


ONE = " WHERE artist = 'ann' AND \"year\" = 1"


def test_statements(client):
    reply = client.execute_statement(
        Statement="UPDATE music SET plays = plays + ?" + ONE + " RETURNING ALL NEW *",
        Parameters=[{"N": "2"}],
        ReturnConsumedCapacity="TOTAL",
    )
    assert reply["Items"] == [
        {"artist": {"S": "ann"}, "year": {"N": "1"}, "title": {"S": "One"}, "plays": {"N": "5"}}
    ]
    assert reply["ConsumedCapacity"] == {"TableName": "music", "CapacityUnits": 1.0}
    with pytest.raises(client.exceptions.DuplicateItemException) as caught:
        client.execute_statement(Statement="INSERT INTO music VALUE {'artist': 'ann', 'year': 1}")
    assert caught.value.response["Error"]["Message"] == "Duplicate primary key exists in table"
    with pytest.raises(client.exceptions.ConditionalCheckFailedException) as caught:
        client.execute_statement(
            Statement="DELETE FROM music" + ONE + " AND plays > 100", ReturnValuesOnConditionCheckFailure="ALL_OLD"
        )
    assert caught.value.response["Item"]["plays"] == {"N": "5"}
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.execute_statement(Statement="SELECT * FROM absent")
    with pytest.raises(ClientError, match="ValidationException"):
        client.execute_statement(Statement="SELEC * FROM music")


def test_pages(client):
    for year in range(2, 9):
        client.execute_statement(
            Statement="INSERT INTO music VALUE {'artist': 'ann', 'year': ?}", Parameters=[{"N": str(year)}]
        )
    params = {"Statement": "SELECT \"year\" FROM music WHERE artist = ? ORDER BY \"year\" DESC",
              "Parameters": [{"S": "ann"}], "Limit": 3}  # fmt: skip
    years = []
    while True:
        page = client.execute_statement(**params)
        years += [int(item["year"]["N"]) for item in page["Items"]]
        if "NextToken" not in page:
            break
        params["NextToken"] = page["NextToken"]
    assert years == list(range(8, 0, -1))


def test_batches_and_transactions(client):
    select = "SELECT title FROM music WHERE artist = ? AND \"year\" = 1"
    reply = client.batch_execute_statement(
        Statements=[
            {"Statement": select, "Parameters": [{"S": "ann"}]},
            {"Statement": "SELECT"},
            {"Statement": select, "Parameters": [{"S": "bob"}]},
        ],
        ReturnConsumedCapacity="TOTAL",
    )
    assert reply["Responses"] == [
        {"TableName": "music", "Item": {"title": {"S": "One"}}},
        {
            "Error": {
                "Code": "ValidationError",
                "Message": "Statement wasn't well formed, can't be processed: Unexpected term",
            }
        },
        {"TableName": "music"},
    ]
    assert reply["ConsumedCapacity"] == [{"TableName": "music", "CapacityUnits": 1.0}]
    insert = {"Statement": "INSERT INTO music VALUE {'artist': 'ann', 'year': 2}"}
    check = {"Statement": f"EXISTS(SELECT * FROM music{ONE} AND title = 'One')"}
    assert client.execute_transaction(TransactStatements=[insert, check])["Responses"] == [{}, {}]
    with pytest.raises(client.exceptions.TransactionCanceledException) as caught:
        client.execute_transaction(TransactStatements=[insert, check])
    assert caught.value.response["CancellationReasons"] == [
        {"Code": "DuplicateItem", "Message": "Duplicate primary key exists in table"},
        {"Code": "None"},
    ]
    read = client.execute_transaction(TransactStatements=[{"Statement": "SELECT plays FROM music" + ONE}])
    assert read["Responses"] == [{"Item": {"plays": {"N": "3"}}}]


def test_boto3_s_resource_takes_native_values(real):
    resource = boto3.resource(
        "dynamodb", endpoint_url=real.meta.endpoint_url, region_name="us-east-1",
        aws_access_key_id="test", aws_secret_access_key="test",
    )  # fmt: skip
    statement = "INSERT INTO music VALUE {'artist': ?, 'year': ?, 'tags': ?}"
    resource.meta.client.execute_statement(Statement=statement, Parameters=["eve", 7, {"a", "b"}])
    found = resource.meta.client.execute_statement(Statement="SELECT * FROM music WHERE artist = 'eve'")
    assert found["Items"] == [{"artist": "eve", "year": Decimal(7), "tags": {"a", "b"}}]


def test_native_values(cloud):
    cloud.execute(
        "INSERT INTO music VALUE {'artist': ?, 'year': ?, 'm': ?, 'b': ?}", "bob", 1, {"k": [1, None, True]}, b"\x00"
    )
    assert list(cloud.execute("SELECT * FROM music WHERE artist = ? AND m.k[0] = ?", "bob", 1)) == [
        {"artist": "bob", "year": 1, "m": {"k": [1, None, True]}, "b": b"\x00"}
    ]
    for year in range(2, 40):
        cloud.execute("INSERT INTO music VALUE {'artist': 'bob', 'year': ?, 'x': ?}", year, "x" * 100_000)
    assert sum(1 for _ in cloud.execute("SELECT * FROM music WHERE artist = 'bob'")) == 39
    assert len(list(cloud.execute("SELECT * FROM music WHERE artist = 'bob'", limit=25, consistent=True))) == 25
    with pytest.raises(ValueError):
        cloud.execute("SELECT * FROM music", limit=0)
    with pytest.raises(TypeError, match="use Decimal"):
        cloud.execute("SELECT * FROM music WHERE artist = ?", 1.5)
    once = [("UPDATE music SET x = ? WHERE artist = 'bob' AND \"year\" = 2", "new"),
            "DELETE FROM music WHERE artist = 'bob' AND \"year\" = 3"]  # fmt: skip
    assert cloud.execute_transaction(once, token="t") == [None, None] == cloud.execute_transaction(once, token="t")
    assert cloud.execute_transaction(["SELECT x FROM music WHERE artist = 'bob' AND \"year\" = 2",
                           ("SELECT x FROM music WHERE artist = ? AND \"year\" = 3", "bob")]) == [{"x": "new"}, None]  # fmt: skip
    with pytest.raises(ApiError, match="DuplicateItem") as caught:
        cloud.execute_transaction(["INSERT INTO music VALUE {'artist': 'bob', 'year': 1}"])
    assert caught.value.fields["CancellationReasons"][0]["Code"] == "DuplicateItem"
