"""Print the environment in which every SDK and aws-cli talk to a served cloud: eval "$(cloudcore env)".

Nothing else is needed: no code changes, no account. JavaScript reads AWS_REGION, Python AWS_DEFAULT_REGION.
"""

from __future__ import annotations

import argparse
import json
import shlex

from cloudcore.cli.connection import served_at

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
    url = options.endpoint or served_at(options.data) or "http://127.0.0.1:4566"
    found = variables(url, options.region, options.account)
    if options.json:
        print(json.dumps(found))
        return 0
    quote = str if options.shell in ("powershell", "dotenv") else shlex.quote
    for name, value in found.items():
        print(_FORMS[options.shell].format(name, quote(value)))
    return 0


def variables(url: str, region: str, key: str = "test") -> dict[str, str]:
    """What an SDK has to find in its environment."""
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": "test",
    }
