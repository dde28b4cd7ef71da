"""Say what this machine gives functions: isolation, limits, runtimes; and what of it is missing, and why."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable


def arguments(parser: argparse.ArgumentParser) -> None:
    """What `doctor` takes."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """0 when everything is on; 1 when something is off."""
    found = _isolation() + _machine() + _runtimes()
    if options.json:
        print(json.dumps([{"what": what, "on": on, "told": told} for what, on, told in found]))
    else:
        for what, on, told in found:
            print(f"{'on ' if on else 'OFF'}  {what}: {told}")
    return 0 if all(on for _, on, _ in found) else 1


Finding = tuple[str, bool, str]


def _in_a_child(act: Callable[[], int]) -> int:
    """What `act` says in a process of its own; 0 when it fails there."""
    pid = os.fork()
    if pid == 0:
        code = 0
        try:
            code = act()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _isolation() -> list[Finding]:
    """What an environment can give up here (csrc/channel/isolate.h), tried out."""
    import tempfile

    from cloudcore._channel import isolate, mount_storage, own_mounts, own_network

    with tempfile.TemporaryDirectory() as directory:
        path = os.fsencode(directory)
        done = _in_a_child(lambda: isolate([(b"/tmp", path)], []))
        network = _in_a_child(lambda: int(own_network()))
        storage = _in_a_child(lambda: int(own_mounts() and mount_storage(path, 1 << 20)))
    return [
        _say("a file tree, a /tmp of its own", done & 1, "mount namespaces", "/tmp is the machine's"),
        _say("no mounting, no tracing outwards", done & 2, "landlock", "the kernel has no landlock"),
        _say("no signals outwards", done & 4, "landlock", "needs Linux 6.12"),
        _say("no system calls that reach the kernel's state", done & 8, "seccomp", "the kernel has none"),
        _say("no network, on request", network, "CLOUDCORE_NETWORK=none", "the kernel refuses it"),
        _say("ephemeral storage has a size", storage, "tmpfs", "needs mount namespaces: no limit"),
    ]


def _say(what: str, on: object, yes: str, no: str) -> Finding:
    return what, bool(on), yes if on else no


def _machine() -> list[Finding]:
    import resource

    from cloudcore.lambda_ import groups

    limit = resource.getrlimit(resource.RLIMIT_NPROC)[0]
    group = groups.usable()
    processes = os.geteuid() != 0 or group
    kept = "a pids control group" if group else "RLIMIT_NPROC"
    count = "no limit" if limit < 0 else f"at most {limit}"
    return [
        _say("memory limit by the kernel", group, "a memory control group", "watched every 5 ms instead"),
        _say("process limit", processes, kept, "root is not held to RLIMIT_NPROC, no control group"),
        _say("processes of this user", limit < 0 or limit > 2000, count, count),
    ]


def _runtimes() -> list[Finding]:
    from cloudcore.lambda_.runtimes import programs

    node = programs.node()
    version = f"Node.js {programs.version_of(node)}, {node}" if node else ""
    made = [
        ("python3.x", True, f"Python {sys.version.split()[0]}, {sys.executable}"),
        _say("nodejs*.x", node, version, "no node on PATH, and CLOUDCORE_NODE is not set"),
        ("provided.al2023", True, "a bootstrap of the package or of a layer"),
        _say("layers below /opt", os.path.isdir("/opt"), "/opt", "none: modules are found alone"),
    ]
    for extra, needs in (("callables", "cloudpickle"), ("debug", "debugpy")):
        made.append(_say(f"extra {extra}", _importable(needs), needs, f"pip install {needs}"))
    return made


def _importable(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
