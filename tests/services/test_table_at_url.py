"""cloudcore.table(URL) on a server of others: moto's."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

import cloudcore
from cloudcore import attr, between
from cloudcore.errors import ApiError

pytestmark = pytest.mark.services


def test_the_verbs_on_another_server(moto: Any) -> None:
    with cloudcore.table(f"{moto.url}/orders?region=us-east-1", pk="who:S", sk="at:N") as orders:
        item = {
            "who": "ann",
            "at": 1,
            "n": Decimal("1.5"),
            "b": b"\0",
            "tags": {"x"},
            "deep": [{"a": None}, True],
        }
        orders.put(item)
        assert orders.get("ann", 1) == item
        with pytest.raises(ApiError) as refused:
            orders.put(item, condition=attr("who").missing())
        assert refused.value.code == "ConditionalCheckFailedException"
        assert orders.update("ann", 1, add={"n": 1})["n"] == Decimal("2.5")
        assert orders.load([{"who": "bob", "at": n, "pad": "x" * 100} for n in range(300)]).stored == 300
        assert [row["at"] for row in orders.query("bob", between(10, 12))] == [10, 11, 12]
        assert orders.scan(filter=attr("at") > 290).to_arrow().num_rows == 9
        with orders.batch() as batch:
            for n in range(300):
                batch.delete("bob", n)
        assert orders.scan().count() == 1 and orders.get_many([("ann", 1), ("bob", 1)])[1] is None
    boto = moto.client("dynamodb").get_item(TableName="orders", Key={"who": {"S": "ann"}, "at": {"N": "1"}})
    assert boto["Item"]["b"] == {"B": b"\0"}
