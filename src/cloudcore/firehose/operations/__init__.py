"""The operations of Firehose, one file each: run(service, params) -> answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.firehose.operations import (
    create_delivery_stream,
    delete_delivery_stream,
    describe_delivery_stream,
    list_delivery_streams,
    put_record,
    put_record_batch,
)

TABLE: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "CreateDeliveryStream": create_delivery_stream.run,
    "DeleteDeliveryStream": delete_delivery_stream.run,
    "DescribeDeliveryStream": describe_delivery_stream.run,
    "ListDeliveryStreams": list_delivery_streams.run,
    "PutRecord": put_record.run,
    "PutRecordBatch": put_record_batch.run,
}
