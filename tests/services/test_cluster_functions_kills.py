"""kill -9 of any NATS server and any node of a cluster of three and three, and servers and nodes that stand still
and go on, while functions are called: every event that was accepted runs, every call has its own answer or an error
that the contract has.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cluster_support import KINDS, Nodes, Servers, Witness, bring_back, strike, until, zipped

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))
SEED = int(os.environ.get("CLOUDCORE_CRASH_SEED", "0")) or int(time.time())
NAMES = ("n0", "n1", "n2")
CODE = """
import urllib.request
def handler(event, context):
    urllib.request.urlopen(event["to"] + "/" + event["id"], timeout=20).read()
    return event["id"]
"""
CONTRACT = {"ServiceException", "TooManyRequestsException"}


class Caller(threading.Thread):
    """Calls the function at one node after the other, once with an event and once for its answer. `accepted`:
    ids of events; `answered`: of calls; `refused`: the codes of errors."""

    def __init__(self, nodes: Nodes, at: int, witness: str):
        super().__init__(daemon=True)
        self.nodes, self.at, self.witness = nodes, at, witness
        self.accepted: list[str] = []
        self.answered: list[str] = []
        self.wrong: list[Any] = []
        self.refused: Counter[str] = Counter()
        self.stop = False

    def run(self) -> None:
        clients: dict[str, tuple[str, Any]] = {}
        for turn in itertools.count():
            if self.stop:
                return
            name = NAMES[(self.at + turn) % len(NAMES)]
            url = self.nodes.urls[name]
            if clients.get(name, ("", None))[0] != url:
                clients[name] = url, self.nodes.client(name, "lambda", read_timeout=12)
            self.call(clients[name][1], f"{self.at}-{turn}", turn % 4 == 3)
            time.sleep(0.02)

    def call(self, client: Any, identity: str, waits: bool) -> None:
        payload = json.dumps({"to": self.witness, "id": identity})
        kind = "RequestResponse" if waits else "Event"
        try:
            answer = client.invoke(FunctionName="f", InvocationType=kind, Payload=payload)
        except ClientError as error:
            self.refused[error.response["Error"]["Code"]] += 1
            return
        except BotoCoreError:  # the node went while it was asked, or stands still
            return
        if not waits:
            self.accepted.append(identity)
        elif json.loads(answer["Payload"].read()) == identity:
            self.answered.append(identity)
        else:
            self.wrong.append(identity)


def test_what_was_accepted_runs(tmp_path: Path) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    servers = Servers(tmp_path / "nats", 3)
    nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:1")
    try:
        with Witness() as witness:
            for name in NAMES:
                nodes.start(name)
            for name in NAMES:
                nodes.wait(name)
            nodes.client("n0", "lambda").create_function(
                FunctionName="f", Runtime="python3.11", Role="arn:aws:iam::000000000000:role/r", Handler="index.handler",
                Timeout=30, Code={"ZipFile": zipped(CODE)},
            )  # fmt: skip
            callers = [Caller(nodes, at, witness.url) for at in range(3)]
            for caller in callers:
                caller.start()
            until("all are heard", lambda: all(caller.accepted and caller.answered for caller in callers))
            for turn in range(KILLS):
                _kill_one(dice, turn, servers, nodes, witness, callers)
            for caller in callers:
                caller.stop = True
            for caller in callers:
                caller.join(60)
                assert not caller.is_alive()
            accepted = {identity for caller in callers for identity in caller.accepted}
            answered = [identity for caller in callers for identity in caller.answered]
            until("all that was accepted has run", lambda: witness.seen() >= accepted)
            refused = sum((caller.refused for caller in callers), Counter[str]())
            print(f"{len(accepted)} events, {len(answered)} answers, {witness.count()} runs, refused {dict(refused)}")
            assert not [wrong for caller in callers for wrong in caller.wrong]
            assert witness.seen() >= set(answered)
            assert set(refused) <= CONTRACT
    finally:
        nodes.stop()
        servers.stop()


def _kill_one(
    dice: random.Random, turn: int, servers: Servers, nodes: Nodes, witness: Witness, callers: list[Caller]
) -> None:
    """Strike one, see that what was accepted before runs and that all nodes that stand answer, and bring it back."""
    kind = KINDS[turn % len(KINDS)]
    victim = str(dice.randrange(3)) if "server" in kind else dice.choice(NAMES)
    time.sleep(dice.uniform(0.1, 1.0))  # somewhere in a call
    before = {identity for caller in callers for identity in caller.accepted}
    began = time.monotonic()
    strike(kind, victim, servers, nodes)
    standing = [name for name in NAMES if name != victim]
    for name in standing:
        until(f"{name} answers", lambda name=name: _answers(nodes, name, witness))
    until("what was accepted has run", lambda: witness.seen() >= before)
    print(f"{kind} {victim}: after {time.monotonic() - began:.2f} s", flush=True)
    if "stalled" in kind:  # for longer than leases and elections last, and than an event is another node's
        time.sleep(max(0.0, 7.0 - (time.monotonic() - began)))
    bring_back(kind, victim, servers, nodes, lambda name: until("it answers", lambda: _answers(nodes, name, witness)))


def _answers(nodes: Nodes, name: str, witness: Witness) -> bool:
    """Whether a node runs a call and accepts an event."""
    payload = json.dumps({"to": witness.url, "id": f"at-{name}"})
    client = nodes.client(name, "lambda", read_timeout=20)
    try:
        client.invoke(FunctionName="f", InvocationType="Event", Payload=payload)
        answer: bool = json.loads(client.invoke(FunctionName="f", Payload=payload)["Payload"].read()) == f"at-{name}"
        return answer
    except (ClientError, BotoCoreError):
        return False
