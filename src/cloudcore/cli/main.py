"""cloudcore: the command. A verb is a module of this package with `arguments(parser)` and `run(options)`.

Only the module of the verb that was asked for is imported, so `cloudcore --help` costs an interpreter and
argparse. A verb's exit status: 0 it did it, 1 it looked or worked and found fault, 2 it could not begin.
"""

from __future__ import annotations

import argparse
import importlib
import keyword
import re
import sys
from collections.abc import Iterable
from typing import Any, NoReturn

VERBS = {
    "serve": "serve every service over HTTP",
    "env": "print the variables that make SDKs talk to it",
    "status": "say what is served and what it holds",
    "ddb": "read, write, load, dump and copy tables; run PartiQL",
    "top": "watch rates, latencies, functions and streams",
    "tap": "print a table's changes or a stream's records as they come",
    "apply": "make tables, functions and streams as a TOML file says",
    "lambda": "make, deploy, call and read the logs of functions",
    "bill": "say what the same work would have cost on AWS",
    "console": "open the console in the browser",
    "snapshot": "save, list and load copies of a cloud",
    "reset": "delete everything a cloud holds",
    "ingest": "write NDJSON or CSV as Parquet or JSON objects",
    "tail": "follow files and put their lines into a delivery stream",
    "firehose": "make and list delivery streams; show or replay their failed records",
    "cluster": "show the nodes, streams and lag of a cluster",
    "check": "check a cloud's files, every page and record",
    "repair": "save what still checks of a damaged cloud into a new directory",
    "bench": "time it, beside other servers if asked",
    "doctor": "say what this machine gives functions",
    "schedule": "call functions at times",
    "completion": "print the completion script of a shell",
}
"""Verb -> its line in --help; the module is cloudcore.cli.<verb>, or <verb>_ where Python has the word."""
_LISTED = ("ddb", "lambda", "firehose")
_UNSIGNED = ("IncompleteSignatureException", "InvalidSignatureException", "UnrecognizedClientException")


class Parser(argparse.ArgumentParser):
    """argparse's, with a hint under a refusal where something near was meant."""

    def error(self, message: str) -> NoReturn:
        """As argparse's: usage, the refusal, exit status 2."""
        choice = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
        option = re.search(r"unrecognized arguments: (--[^ =]+)", message)
        near = None
        if choice is not None:
            near = _nearest(choice[1], re.findall(r"[\w.-]+", choice[2]))
        elif option is not None:
            known = _options(self)
            near = None if option[1] in known else _nearest(option[1], known)
        self.print_usage(sys.stderr)
        hint = f"hint: {near}\n" if near else ""
        self.exit(2, f"{self.prog}: error: {message}\n{hint}")


def _options(parser: argparse.ArgumentParser) -> list[str]:
    """The options of a parser and of its verbs."""
    found = list(parser._option_string_actions)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found += _options(inner)
    return found


def main(argv: list[str] | None = None) -> int:
    """Run one verb; its exit status."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    if not arguments or arguments[0].startswith("-"):
        return _without_verb(arguments)
    verb, *rest = arguments
    if verb not in VERBS:
        hint = _nearest(verb, VERBS) or "cloudcore --help lists the verbs"
        return _refuse("", f"there is no verb {verb!r}", hint)
    module = _module(verb)
    parser = verb_parser(verb)
    try:
        status: int = module.run(parser.parse_args(rest))
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # the reader of a pipe has gone: nobody is left to tell
        sys.stdout = None
        return 1
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return _failed(verb, error)


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb, with the arguments its module gives it."""
    module = _module(verb)
    parser = Parser(
        prog=f"cloudcore {verb}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    module.arguments(parser)
    return parser


def _module(verb: str) -> Any:
    name = f"{verb}_" if keyword.iskeyword(verb) else verb
    return importlib.import_module(f"cloudcore.cli.{name}")


def _without_verb(arguments: list[str]) -> int:
    import cloudcore

    width = max(map(len, VERBS)) + 2
    parser = argparse.ArgumentParser(
        prog="cloudcore",
        usage="cloudcore VERB ... | --help | --version",
        description="Tables, functions and delivery streams, AWS-shaped, on this machine.",
        epilog="verbs:\n"
        + "\n".join(f"  {verb:<{width}}{line}" for verb, line in VERBS.items())
        + "\n\ncloudcore VERB --help says what a verb takes.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"cloudcore {cloudcore.__version__}")
    parser.parse_args(arguments)
    parser.print_help()
    return 2


def _failed(verb: str, error: Exception) -> int:
    """What a person can act on is a line and a hint; anything else is a fault of ours: a traceback."""
    from cloudcore.errors import BusyError, CloudcoreError

    hint = ""
    if isinstance(error, BusyError):
        hint = "another process has this directory; ask it with --endpoint URL, or stop it"
    elif getattr(error, "code", "") == "ResourceNotFoundException" and verb in _LISTED:
        hint = f"cloudcore {verb} list says what there is"
    elif getattr(error, "code", "") in _UNSIGNED:
        hint = "this endpoint checks signatures: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
    elif not isinstance(error, (CloudcoreError, OSError, ValueError, ImportError)):
        raise error
    return _refuse(verb, str(error), getattr(error, "hint", hint))


def _refuse(verb: str, message: str, hint: str) -> int:
    print(f"cloudcore{' ' + verb if verb else ''}: {message}", file=sys.stderr)
    if hint:
        print(f"hint: {hint}", file=sys.stderr)
    return 2


def _nearest(word: str, words: Iterable[str]) -> str | None:
    """A hint at the word that was meant, if one is near."""
    from difflib import get_close_matches

    near = get_close_matches(word, list(words), n=1)
    return f"did you mean {near[0]!r}?" if near else None


if __name__ == "__main__":
    sys.exit(main())
