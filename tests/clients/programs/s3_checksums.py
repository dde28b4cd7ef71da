"""boto3 with awscrt: every checksum of S3 that it calculates, sent, kept, told again and checked by the client."""

import base64
import hashlib
import io
import os

import boto3
from awscrt import checksums
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import ClientError

MIB = 1 << 20
DATA = os.urandom(11 * MIB + 7)
s3 = boto3.client("s3", config=Config(request_checksum_calculation="when_required"))
s3.create_bucket(Bucket="sums")


def expected(kind, data):
    if kind.startswith("SHA"):
        raw = hashlib.new(kind, data).digest()
    else:
        value = getattr(checksums, kind.lower())(data)
        raw = value.to_bytes(8 if kind == "CRC64NVME" else 4, "big")
    return base64.b64encode(raw).decode()


def told(key):
    head = s3.head_object(Bucket="sums", Key=key, ChecksumMode="ENABLED")
    return {n: v for n, v in head.items() if n.startswith("Checksum")}


def refused(code, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == code, error
    else:
        raise AssertionError(f"{code} expected")


for kind in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"):
    member = "Checksum" + kind
    put = s3.put_object(Bucket="sums", Key=kind, Body=DATA, ChecksumAlgorithm=kind)
    whole = expected(kind, DATA)
    assert (put[member], put["ChecksumType"]) == (whole, "FULL_OBJECT")
    assert told(kind) == {member: whole, "ChecksumType": "FULL_OBJECT"}
    got = s3.get_object(Bucket="sums", Key=kind, ChecksumMode="ENABLED")
    assert got[member] == whole and got["Body"].read() == DATA  # the client checks it while it reads
    assert member not in s3.get_object(Bucket="sums", Key=kind, Range="bytes=0-9", ChecksumMode="ENABLED")
    wrong = expected(kind, b"other")
    refused("BadDigest", s3.put_object, Bucket="sums", Key="wrong", Body=DATA, **{member: wrong})
    refused("InvalidRequest", s3.put_object, Bucket="sums", Key="wrong", Body=DATA, **{member: "AAA="})

    types = {"CRC64NVME": ["FULL_OBJECT"], "SHA1": ["COMPOSITE"], "SHA256": ["COMPOSITE"]}
    for of in types.get(kind, ["COMPOSITE", "FULL_OBJECT"]):
        where = {"Bucket": "sums", "Key": f"parts-{kind}-{of}"}
        begun = s3.create_multipart_upload(**where, ChecksumAlgorithm=kind, ChecksumType=of)
        assert (begun["ChecksumAlgorithm"], begun["ChecksumType"]) == (kind, of)
        where["UploadId"] = begun["UploadId"]
        blocks = [DATA[: 5 * MIB], DATA[5 * MIB : 10 * MIB], DATA[10 * MIB :]]
        parts = []
        for number, block in enumerate(blocks, 1):
            part = s3.upload_part(**where, PartNumber=number, Body=block, ChecksumAlgorithm=kind)
            assert part[member] == expected(kind, block)
            parts.append({"PartNumber": number, "ETag": part["ETag"], member: part[member]})
        other = "SHA256" if kind != "SHA256" else "CRC32"
        refused("InvalidRequest", s3.upload_part, **where, PartNumber=4, Body=b"x", ChecksumAlgorithm=other)
        listed = s3.list_parts(**where)
        assert listed["ChecksumAlgorithm"] == kind and [p[member] for p in listed["Parts"]] == [p[member] for p in parts]
        bad = [*parts[:2], {**parts[2], member: parts[0][member]}]
        refused("InvalidPart", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": bad})
        if of == "COMPOSITE":
            bare = [{"PartNumber": p["PartNumber"], "ETag": p["ETag"]} for p in parts]
            refused("InvalidRequest", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": bare})
            raws = b"".join(base64.b64decode(p[member]) for p in parts)
            value, more = f"{expected(kind, raws)}-3", {}
        else:
            value, more = whole, {"MpuObjectSize": len(DATA), "ChecksumType": of, member: whole}
            bad = more | {member: wrong}
            refused("BadDigest", s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts}, **bad)
        done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, **more)
        assert (done[member], done["ChecksumType"]) == (value, of)
        assert told(where["Key"]) == {member: value, "ChecksumType": of}
        assert s3.get_object(Bucket="sums", Key=where["Key"], ChecksumMode="ENABLED")["Body"].read() == DATA
        copy = s3.copy_object(Bucket="sums", Key="copy", CopySource=f"sums/{where['Key']}")["CopyObjectResult"]
        assert (copy[member], copy["ChecksumType"]) == (whole, "FULL_OBJECT")

# What new SDKs and aws-cli v2 do by themselves, and what S3 does where nothing is said.
for kind in ("CRC32", "CRC64NVME"):
    config = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(DATA), "sums", "file", ExtraArgs={"ChecksumAlgorithm": kind}, Config=config)
    back = io.BytesIO()
    s3.download_fileobj("sums", "file", back, ExtraArgs={"ChecksumMode": "ENABLED"}, Config=config)
    assert back.getvalue() == DATA
s3.put_object(Bucket="sums", Key="plain", Body=DATA)
assert told("plain") == {"ChecksumCRC64NVME": expected("CRC64NVME", DATA), "ChecksumType": "FULL_OBJECT"}
row = s3.list_objects_v2(Bucket="sums", Prefix="parts-CRC32C-C")["Contents"][0]
assert (row["ChecksumAlgorithm"], row["ChecksumType"]) == (["CRC32C"], "COMPOSITE")
refused("NotImplemented", s3.put_object, Bucket="sums", Key="x", Body=b"x", ChecksumXXHASH64="AAAAAAAAAAA=")
print("done")
