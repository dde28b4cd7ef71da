"""Object stores: where delivery streams put what they deliver."""

from cloudcore.objects.local import LocalObjects, ObjectHead

__all__ = ["LocalObjects", "ObjectHead"]
