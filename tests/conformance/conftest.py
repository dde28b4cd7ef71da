import pytest
from lambda_clients import cloud, functions  # noqa: F401
from shapes import check_reply

from cloudcore.clock import ManualClock
from cloudcore.dynamodb import DynamoDB, Streams
from cloudcore.firehose import Firehose
from cloudcore.lambda_ import Lambda
from cloudcore.objects import LocalObjects


@pytest.fixture
def db():
    """An empty service in memory."""
    with DynamoDB() as service:
        yield service


@pytest.fixture
def clock():
    """A clock that the test moves."""
    return ManualClock()


@pytest.fixture
def store(tmp_path):
    """Objects in a directory."""
    return LocalObjects(tmp_path / "objects", durable=False)


@pytest.fixture(autouse=True)
def _replies_have_the_model_s_shape(monkeypatch):
    """Every reply of every call of these tests is held against botocore's model."""
    kinds = {"dynamodb": DynamoDB, "dynamodbstreams": Streams, "firehose": Firehose, "lambda": Lambda}
    for service, kind in kinds.items():
        monkeypatch.setattr(kind, "call", _checked(service, kind.call))


def _checked(service, call):
    def checked(self, operation, params):
        reply = call(self, operation, params)
        check_reply(service, operation, reply)
        return reply

    return checked
