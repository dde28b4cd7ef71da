"""Object stores: where delivery streams put what they deliver.

LocalObjects keeps plain files; cloudcore.objects.s3.S3Objects (extra `cloudcore[s3]`) speaks to any S3
endpoint. Both have put, get, head, list and delete.
"""

from cloudcore.objects.local import LocalObjects, ObjectHead

__all__ = ["LocalObjects", "ObjectHead"]
