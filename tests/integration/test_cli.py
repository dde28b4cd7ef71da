"""The command line around its verbs: help, hints, completion, and which cloud a verb speaks to."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cloudcore
from cloudcore.cli import env
from cloudcore.cli import main as cli
from cloudcore.cli.connection import ADDRESS, publish, served_at

COMMAND = [sys.executable, "-m", "cloudcore.cli.main"]


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A directory that another process serves, and its URL."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", "--data", str(tmp_path / "c")], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    yield tmp_path / "c", line.split("AWS_ENDPOINT_URL=")[1].split()[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    process.stdout.close()


def test_help_names_every_verb_and_imports_none(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert all(f"\n  {verb} " in out for verb in cli.VERBS)
    code = (
        "import sys; sys.argv = ['cloudcore', '--help']\n"
        "from cloudcore.cli.main import main\n"
        "try: main()\nexcept SystemExit: pass\n"
        "heavy = [m for m in ('numpy', 'pyarrow', 'botocore', 'orjson', 'cloudcore.cloud') if m in sys.modules]\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main([verb, "--help"])
    assert stopped.value.code == 0
    assert f"usage: cloudcore {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["serv"], "there is no verb 'serv'", "did you mean 'serve'?"),
        (["zzz"], "there is no verb 'zzz'", "cloudcore --help lists the verbs"),
        (["firehose", "create"], "create takes a STREAM", ""),
        (["firehose", "list", "clicks"], "list takes no STREAM", ""),
        (["status", "--data", "absent-dir"], "there is no cloud in absent-dir", "name one with --data DIR"),
        (["status", "--endpoint", "ftp://x"], "'ftp://x' is no endpoint", ""),
        (["status", "--endpoint", "http://127.0.0.1:1"], "nobody answers at http://127.0.0.1:1", ""),
    ],
)
def test_refusals(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert cli.main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err
    assert f"hint: {hint}" in err if hint else "hint" not in err


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["ddb", "gett", "orders"], "did you mean 'get'?"), (["ddb", "qqq"], ""),
        (["status", "--enpoint", "x"], "did you mean '--endpoint'?"),
        (["ddb", "query", "orders", "ann", "--limmit", "5"], "did you mean '--limit'?"),
        (["lambda", "list", "--handler", "x"], ""),
    ],
)  # fmt: skip
def test_what_argparse_refuses_has_a_hint_too(arguments: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert f"hint: {hint}" in err if hint else "hint" not in err


def test_what_is_not_there_says_how_to_list_what_is(
    served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = ["--data", str(served[0])]
    for arguments in (["ddb", "describe", "ordrs"], ["lambda", "invoke", "gret"], ["firehose", "errors", "clicks"]):
        assert cli.main([*arguments, *where]) == 2
        assert f"hint: cloudcore {arguments[0]} list says what there is" in capsys.readouterr().err
    assert cli.main(["firehose", "list", *where]) == 0 and capsys.readouterr().out == ""
    for name in ("a", "b"):
        assert cli.main(["firehose", "create", name, "bucket=lake", *where]) == 0
    assert cli.main(["firehose", "list", "--json", *where]) == 0
    assert json.loads(capsys.readouterr().out) == ["a", "b"]


def test_status_of_a_directory_and_of_its_owner(
    served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    directory, url = served
    assert served_at(str(directory)) == url
    assert cli.main(["status", "--data", str(directory), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["where"] == url
    with cloudcore.open(str(tmp_path / "own")) as cloud:
        cloud.table("orders", pk="a:S").put({"a": "1"})
        assert cli.main(["status", "--data", str(tmp_path / "own")]) == 2  # owned, and not served
        assert "hint: another process has this directory" in capsys.readouterr().err
    assert cli.main(["status", "--data", str(tmp_path / "own"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(t["name"], t["items"]) for t in found["tables"]] == [("orders", 1)]
    assert found["functions"] == found["streams"] == []
    assert cli.main(["status", "--data", str(tmp_path / "own")]) == 0
    assert "tables: 1\n  orders  ACTIVE  1" in capsys.readouterr().out


def test_the_address_goes_with_its_owner(served: tuple[Path, str], tmp_path: Path) -> None:
    directory, url = served
    (tmp_path / "left").mkdir()
    for text in (json.dumps({"url": "http://127.0.0.1:1"}), "{", json.dumps({"url": 5})):
        (tmp_path / "left" / ADDRESS).write_text(text)
        assert served_at(str(tmp_path / "left")) is None
    assert json.loads((directory / ADDRESS).read_text())["url"] == url


def test_env_is_what_sdks_read(served: tuple[Path, str], capsys: pytest.CaptureFixture[str]) -> None:
    directory, url = served
    assert cli.main(["env", "--data", str(directory), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["AWS_ENDPOINT_URL"] == url
    assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == "us-east-1"
    assert found["CLOUDCORE_ENDPOINT"] == url and "AWS_CA_BUNDLE" not in found
    code = "import boto3; print(boto3.client('dynamodb').list_tables()['TableNames'])"
    verb = f"{sys.executable} -m cloudcore.cli.main"
    script = f'eval "$({verb} env --data {directory})"; {sys.executable} -c "{code}"; {verb} status'
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "CLOUDCORE_"))}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=bare, cwd=directory.parent)
    assert done.returncode == 0 and done.stdout.startswith("[]\n") and url in done.stdout, done.stderr


def test_a_directory_that_is_named_goes_before_the_environment(
    served: tuple[Path, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory, url = served
    other = str(tmp_path / "other")
    os.mkdir(other)
    monkeypatch.setenv("CLOUDCORE_ENDPOINT", url)
    for options, where in (
        ([], url), (["--data", other], other), (["--data", other, "--endpoint", url], url),
        (["--endpoint", url, "--data", other], url), (["--data", str(directory)], url),
    ):  # fmt: skip
        assert cli.main(["status", "--json", *options]) == 0
        assert json.loads(capsys.readouterr().out)["where"] == where, options


def test_env_of_a_certificate_that_nobody_signed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert env.variables("https://127.0.0.1:1", "us-east-1", certificate="/c.pem")["NODE_EXTRA_CA_CERTS"] == "/c.pem"
    with cloudcore.open(tmp_path / "tls") as cloud, cloud.serve(tls=True) as endpoint:
        publish(str(cloud.path), endpoint.url, cloud.region, str(endpoint.certificate))
        assert cli.main(["env", "--data", str(cloud.path), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["AWS_CA_BUNDLE"] == str(endpoint.certificate) and found["AWS_ENDPOINT_URL"] == endpoint.url


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "serve" in script and "completion" in script
    if shell == "bash" and shutil.which("bash"):
        asked = script + "\nCOMP_WORDS=(cloudcore serve --po); COMP_CWORD=2; _cloudcore; echo ${COMPREPLY[@]}"
        assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True).stdout.strip() == "--port"


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"{' '.join(COMMAND)} completion bash | true"], capture_output=True, text=True, cwd=tmp_path
    )
    assert "Traceback" not in done.stderr
