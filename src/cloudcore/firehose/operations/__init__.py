"""The operations of Firehose, one file each: run(service, params) -> answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cloudcore.firehose.operations import (
    create_delivery_stream,
    delete_delivery_stream,
    describe_delivery_stream,
    list_delivery_streams,
    list_tags_for_delivery_stream,
    put_record,
    put_record_batch,
    start_delivery_stream_encryption,
    stop_delivery_stream_encryption,
    tag_delivery_stream,
    untag_delivery_stream,
    update_destination,
)

TABLE: dict[str, Callable[[Any, dict[str, Any]], dict[str, Any]]] = {
    "CreateDeliveryStream": create_delivery_stream.run,
    "DeleteDeliveryStream": delete_delivery_stream.run,
    "DescribeDeliveryStream": describe_delivery_stream.run,
    "ListDeliveryStreams": list_delivery_streams.run,
    "ListTagsForDeliveryStream": list_tags_for_delivery_stream.run,
    "PutRecord": put_record.run,
    "PutRecordBatch": put_record_batch.run,
    "StartDeliveryStreamEncryption": start_delivery_stream_encryption.run,
    "StopDeliveryStreamEncryption": stop_delivery_stream_encryption.run,
    "TagDeliveryStream": tag_delivery_stream.run,
    "UntagDeliveryStream": untag_delivery_stream.run,
    "UpdateDestination": update_destination.run,
}
