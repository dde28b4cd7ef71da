"""Services elsewhere that speak AWS's protocols: Kinesis data streams and SQS queues, through botocore."""

from cloudcore.remote.clients import NotConfigured, Remote
from cloudcore.remote.kinesis import KinesisSink

__all__ = ["KinesisSink", "NotConfigured", "Remote"]
