import pytest

from cloudcore.dynamodb import DynamoDB


@pytest.fixture
def db():
    """An empty service in memory."""
    with DynamoDB() as service:
        yield service
