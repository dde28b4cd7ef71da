"""What must not be imported before somebody needs it: a start is mostly imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SERVE = """
import json, sys
before = set(sys.modules)
import cloudcore
with cloudcore.open(sys.argv[1]) as cloud, cloud.serve():
    print(json.dumps(sorted(set(sys.modules) - before)))
"""
HELP = """
import json, sys
before = set(sys.modules)
from cloudcore.cli.main import main
try:
    main(["--help"])
except SystemExit:
    pass
print(json.dumps(sorted(set(sys.modules) - before)))
"""
# Packages of others, the services that nobody called yet, and what is heavy in the standard library.
LATER = (
    "boto3", "botocore", "isal", "jinja2", "lz4", "numpy", "orjson", "pyarrow",
    "cloudcore.client", "cloudcore.console", "cloudcore.dynamodb.operations.", "cloudcore.dynamodb.table",
    "cloudcore.dynamodb.transfer", "cloudcore.firehose", "cloudcore.lambda_", "cloudcore.objects", "cloudcore.remote",
    "cloudcore.wire.auth", "cloudcore.wire.s3", "asyncio", "dataclasses", "email", "gzip", "hashlib", "html", "http", "inspect",
    "multiprocessing", "secrets", "socket", "ssl", "subprocess", "tempfile", "tomllib", "urllib.parse", "uuid",
)  # fmt: skip


def imported(program: str, *arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def of(found: list[str], later: str) -> list[str]:
    return [name for name in found if name == later or name.startswith(later if later[-1] == "." else later + ".")]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return imported(SERVE, str(tmp_path_factory.mktemp("cloud") / "c"))


@pytest.mark.parametrize("later", LATER)
def test_a_start_does_without(served: list[str], later: str) -> None:
    assert of(served, later) == []


def test_a_start_takes_few_modules(served: list[str]) -> None:
    ours = of(served, "cloudcore")
    assert "cloudcore.dynamodb.service" in ours and len(ours) <= 50


def test_help_takes_the_command_alone() -> None:
    assert of(imported(HELP), "cloudcore") == ["cloudcore", "cloudcore.cli", "cloudcore.cli.main"]


def test_help_of_the_command_reads_no_service(tmp_path: Path) -> None:
    found = imported(HELP.replace('["--help"]', '["bill", "--help"]'))
    assert [name for name in found if name.split(".")[:2] in (["cloudcore", "dynamodb"], ["cloudcore", "lambda_"])] == []
