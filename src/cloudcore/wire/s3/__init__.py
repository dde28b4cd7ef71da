"""The S3 door: as much of S3's REST protocol as delivery, functions and their readers need."""

from cloudcore.wire.s3.door import Door

__all__ = ["Door"]
