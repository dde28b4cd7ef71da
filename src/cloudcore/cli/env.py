"""Print the environment in which every SDK and aws-cli talk to a served cloud: eval "$(cloudcore env)".

Nothing else is needed: no code changes, no account. JavaScript reads AWS_REGION, Python AWS_DEFAULT_REGION,
cloudcore's own verbs CLOUDCORE_ENDPOINT.
"""

from __future__ import annotations

import argparse
import json
import shlex

from cloudcore.cli.connection import served

_FORMS = {"sh": "export {}={}", "fish": "set -gx {} {}", "powershell": "$Env:{} = '{}'", "dotenv": "{}={}"}


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `env` takes."""
    import os

    parser.add_argument("--data", metavar="DIR", default=os.environ.get("CLOUDCORE_DATA", "cloudcore.d"),
                        help="the served cloud's directory")  # fmt: skip
    parser.add_argument("--endpoint", metavar="URL", help="its address, if it is not the one that DIR says")
    parser.add_argument("--region", default="us-east-1", help="default us-east-1")
    parser.add_argument("--account", default="test", metavar="KEY",
                        help="access key id; 12 digits name an account (default test)")  # fmt: skip
    parser.add_argument("--shell", choices=tuple(_FORMS), default="sh")
    parser.add_argument("--json", action="store_true", help="print a JSON object")


def run(options: argparse.Namespace) -> int:
    """0; an endpoint that nobody serves yet is what `serve` would take by default."""
    url, certificate = (options.endpoint, None) if options.endpoint else served(options.data)
    found = variables(url or "http://127.0.0.1:4566", options.region, options.account, certificate)
    if options.json:
        print(json.dumps(found))
        return 0
    quote = str if options.shell in ("powershell", "dotenv") else shlex.quote
    for name, value in found.items():
        print(_FORMS[options.shell].format(name, quote(value)))
    return 0


def variables(
    url: str, region: str, key: str = "test", certificate: str | None = None
) -> dict[str, str]:
    """What SDKs and cloudcore's own verbs have to find in their environment.

    `certificate`: the file of one that no authority has signed.
    """
    known = {"AWS_CA_BUNDLE": certificate, "NODE_EXTRA_CA_CERTS": certificate} if certificate else {}
    return {
        "AWS_ENDPOINT_URL": url,
        "CLOUDCORE_ENDPOINT": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "test",
        **known,
    }
