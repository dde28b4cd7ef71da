"""Who may do what: signatures (Signature Version 4), access keys, policies of users and of resources.

keys.py       access keys and their policies, from a file
signature.py  signing, and checking a signature in headers, in a presigned URL and over chunks
actions.py    a request -> the actions it stands for, on which resources
policy.py     policies -> allowed, denied, or nothing said
resources.py  what a table or a function says itself
guard.py      all of it, once per request
"""

from cloudcore.wire.auth.guard import Guard, Identity
from cloudcore.wire.auth.keys import Keys

__all__ = ["Guard", "Identity", "Keys"]
