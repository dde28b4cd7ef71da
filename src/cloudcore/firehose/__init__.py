"""Delivery streams, compatible with Amazon Data Firehose."""

from cloudcore.firehose.service import Firehose
from cloudcore.firehose.stream import Stream

__all__ = ["Firehose", "Stream"]
