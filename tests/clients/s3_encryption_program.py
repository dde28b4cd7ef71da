"""Amazon's S3 Encryption Client for Python: the objects of a bucket, decrypted by a key of KMS."""

from __future__ import annotations

import gzip
import os

import boto3
from s3_encryption import S3EncryptionClient, S3EncryptionClientConfig
from s3_encryption.materials.kms_keyring import KmsKeyring
from s3_encryption.materials.materials import CommitmentPolicy

kms = boto3.client("kms", endpoint_url=os.environ["KMS_URL"])
style = boto3.session.Config(s3={"addressing_style": "path"})
s3 = boto3.client("s3", config=style)
config = S3EncryptionClientConfig(
    keyring=KmsKeyring(kms, os.environ["KEY_ARN"]), commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_ALLOW_DECRYPT
)
client = S3EncryptionClient(boto3.client("s3", config=style), config)  # it changes the client that it is given
found = []
for entry in s3.list_objects_v2(Bucket="lake")["Contents"]:
    stored = s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read()
    body = client.get_object(Bucket="lake", Key=entry["Key"])["Body"].read()
    assert body not in stored and len(stored) == len(body) + 16, (len(stored), len(body), body[:4])
    found.append(gzip.decompress(body))
assert sorted(found) == [b"record 0\n" * 1000, b"record 1\n" * 1000], [each[:20] for each in found]
print("done")
