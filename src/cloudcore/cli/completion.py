"""Print a completion script: source <(cloudcore completion bash), or zsh, or fish."""

from __future__ import annotations

import argparse

from cloudcore.cli import main


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `completion` takes."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))


def run(options: argparse.Namespace) -> int:
    """0."""
    words = {verb: _words(main.verb_parser(verb)) for verb in main.VERBS}
    print({"bash": _bash, "zsh": _zsh, "fish": _fish}[options.shell](words))
    return 0


def _words(parser: argparse.ArgumentParser) -> list[str]:
    """Options and choices of a verb, and of the verbs below it."""
    found: list[str] = []
    for action in parser._actions:
        found += action.option_strings
        if isinstance(action, argparse._SubParsersAction):
            found += list(action.choices)
            for below in action.choices.values():
                found += _words(below)
        elif action.choices and not action.option_strings:
            found += map(str, action.choices)
    return list(dict.fromkeys(found))


def _bash(words: dict[str, list[str]]) -> str:
    cases = "\n".join(f"    {verb}) words={' '.join(found)!r} ;;" for verb, found in words.items())
    return (
        "_cloudcore() {\n  local words\n"
        '  if [ "$COMP_CWORD" = 1 ]; then\n'
        f"    words={' '.join(words)!r}\n"
        '  else case "${COMP_WORDS[1]}" in\n'
        f"{cases}\n  esac; fi\n"
        '  COMPREPLY=($(compgen -W "$words" -f -- "${COMP_WORDS[COMP_CWORD]}"))\n'
        '  if [ "$COMP_CWORD" = 1 ]; then COMPREPLY=($(compgen -W "$words" -- "${COMP_WORDS[1]}")); fi\n'
        "}\ncomplete -F _cloudcore cloudcore"
    )


def _zsh(words: dict[str, list[str]]) -> str:
    return "autoload -U +X bashcompinit && bashcompinit\n" + _bash(words)


def _fish(words: dict[str, list[str]]) -> str:
    lines = [
        f"complete -c cloudcore -n __fish_use_subcommand -a {verb} -d {main.VERBS[verb]!r}" for verb in words
    ]
    for verb, found in words.items():
        seen = f"complete -c cloudcore -n '__fish_seen_subcommand_from {verb}'"
        lines += [f"{seen} -l {word[2:]}" for word in found if word.startswith("--")]
        lines += [f"{seen} -a {word}" for word in found if not word.startswith("-")]
    return "\n".join(lines)
