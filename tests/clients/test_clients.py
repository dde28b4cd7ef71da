"""Every client of tests/clients/programs against an endpoint of its own."""

from __future__ import annotations

import os
import shutil

import pytest

import cloudcore
from conftest import PROGRAMS, run, variables_of

PYTHON = {
    "boto3_client": "boto3",
    "boto3_resource": "boto3",
    "aioboto3_": "aioboto3",
    "pynamodb_": "pynamodb",
    "lambda_libraries": "lambda-libraries",
    "s3_checksums": "s3-checksums",
}
NODE = {"sdk_v3": "sdk-v3", "electrodb_": "electrodb"}


def test_every_program_is_run():
    named = {f"{name}.py" for name in PYTHON} | {f"{name}.mjs" for name in NODE} | {"awscli.sh"}
    assert named == {path.name for path in PROGRAMS.iterdir() if path.is_file()}


@pytest.mark.parametrize("program", PYTHON)
def test_python(program, environment, served, tmp_path):
    python = environment(PYTHON[program]) / "bin" / "python"
    run([str(python), "-W", "ignore", str(PROGRAMS / f"{program}.py")], served, tmp_path)


@pytest.mark.parametrize("program", NODE)
def test_node(program, environment, served, tmp_path):
    home = environment(NODE[program])
    shutil.copy(PROGRAMS / f"{program}.mjs", tmp_path)
    (tmp_path / "node_modules").symlink_to(home / "node_modules")
    run(["node", f"{program}.mjs"], served, tmp_path)


def test_awscli(environment, served, tmp_path):
    path = f"{environment('awscli') / 'bin'}{os.pathsep}{served['PATH']}"
    run(["bash", str(PROGRAMS / "awscli.sh")], served | {"PATH": path}, tmp_path)


def test_awscli_over_tls(environment, tmp_path):
    """The same program; of the certificate it knows by AWS_CA_BUNDLE."""
    with cloudcore.open(tmp_path / "data") as cloud, cloud.serve(tls=True) as endpoint:
        assert endpoint.url.startswith("https://")
        path = f"{environment('awscli') / 'bin'}{os.pathsep}{os.environ['PATH']}"
        variables = variables_of(cloud, endpoint, tmp_path) | {"PATH": path, "AWS_CA_BUNDLE": str(endpoint.certificate)}
        run(["bash", str(PROGRAMS / "awscli.sh")], variables, tmp_path)
