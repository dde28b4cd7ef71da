"""Objects that a stream encrypted before they left, read through the S3 door by Amazon's own S3 Encryption Client."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

import cloudcore
from conftest import run, variables_of


def test_the_s3_encryption_client_reads_what_a_stream_encrypted(environment, tmp_path):
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    from moto.server import ThreadedMotoServer

    python = environment("s3-encryption") / "bin" / "python"
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)  # for KMS
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        kms = boto3.client("kms", endpoint_url=url, region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        key = kms.create_key()["KeyMetadata"]["Arn"]
        with cloudcore.open(tmp_path / "data", reach={"arn:aws:kms:": url}) as cloud:
            stream = cloud.stream("s", bucket="lake", compression="GZIP", encrypt_objects=key)
            for turn in range(2):
                stream.put_batch([b"record %d\n" % turn] * 1000)
                assert stream.flush(120)
            with cloud.serve() as endpoint:
                more = {"KMS_URL": url, "KEY_ARN": key, "PYTHONDONTWRITEBYTECODE": "1"}
                program = Path(__file__).parent / "s3_encryption_program.py"
                run([str(python), str(program)], {**variables_of(cloud, endpoint, tmp_path), **more}, tmp_path)
    finally:
        server.stop()
