"""Durable executions under AWS's own SDK on a real NATS JetStream server: any node answers for them, one keeps them, and when
that one is killed or stands still another goes on from the journal."""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cluster_support import Nodes, Servers, Witness, until, zipped

import cloudcore
from cloudcore.cluster.functions import journal
from cloudcore.cluster.functions.journal import ClusterJournal
from cloudcore.cluster.layout import durable_log
from cloudcore.cluster.leases import Leases
from cloudcore.cluster.link import Link
from cloudcore.errors import ClosedError
from cloudcore.lambda_.durable.journal import BEGUN
from cloudcore.objects import LocalObjects

pytest.importorskip("aws_durable_execution_sdk_python", reason="needs aws-durable-execution-sdk-python")

CODE = """
import urllib.request
from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution, durable_step
from aws_durable_execution_sdk_python.config import Duration, CallbackConfig

@durable_step
def seen(context: StepContext, base, name, size=0):
    urllib.request.urlopen(f"{base}/{name}").close()
    return name + "x" * size

@durable_execution
def handler(event, context: DurableContext):
    name, base = event["name"], event["base"]
    first = context.step(seen(base, name + "-1", event.get("size", 0)))
    if event.get("wait"):
        context.wait(Duration.from_seconds(event["wait"]))
    if event.get("callback"):
        callback = context.create_callback("approve", config=CallbackConfig(timeout=Duration.from_seconds(300)))
        return [len(first), callback.result()]
    if event.get("invoke"):
        return context.invoke(event["invoke"], {"x": 4})
    if event.get("fail"):
        raise KeyError("lost")
    second = context.step(seen(base, name + "-2"))
    return [first, second]
"""
CONFIG = {"ExecutionTimeout": 600, "RetentionPeriodInDays": 3}
ROLE = "arn:aws:iam::000000000000:role/r"


def create(client: Any, name: str = "fn", code: str = CODE, **settings: Any) -> None:
    client.create_function(FunctionName=name, Runtime="python3.11", Handler="index.handler", Timeout=60, Role=ROLE,
                           Code={"ZipFile": zipped(code)}, **settings)  # fmt: skip


def start(client: Any, event: dict[str, Any], **more: Any) -> str:
    arn: str = client.invoke(FunctionName="fn", Qualifier="$LATEST", InvocationType="Event", Payload=json.dumps(event),
                             **more)["DurableExecutionArn"]  # fmt: skip
    return arn


def kinds(client: Any, arn: str) -> list[str]:
    told = client.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)
    return [event["EventType"] for event in told["Events"]]


def ended(client: Any, arn: str) -> Any:
    def done() -> Any:
        try:
            found = client.get_durable_execution(DurableExecutionArn=arn)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ServiceException":  # a node looks for who keeps it, for 25 seconds
                raise
            return None
        return found if found["Status"] not in ("RUNNING", "PAUSED", "PAUSING") else None

    return until(f"{arn} is done", done)


def code_of(error: Any) -> str:
    return str(error.value.response["Error"]["Code"])


@pytest.fixture(scope="module")
def witness() -> Iterator[Witness]:
    with Witness() as found:
        yield found


@pytest.fixture(scope="module")
def pair(server: Servers, store: LocalObjects) -> Iterator[tuple[Any, Any]]:
    with cloudcore.open(f"{server.url}/a", objects=store) as a, cloudcore.open(f"{server.url}/b", objects=store) as b:
        until("both know of both", lambda: len(a.node.nodes) == 2 == len(b.node.nodes))
        create(a.client("lambda"), DurableConfig=CONFIG)
        yield a, b


def _in_order(pair: Any) -> tuple[Any, Any]:
    """Clients of the node that keeps the executions of fn, and of the other one."""
    keeps = [bool(cloud.lambda_.durable._kept) for cloud in pair]
    assert sorted(keeps) == [False, True]
    a, b = (cloud.client("lambda") for cloud in pair)
    return (a, b) if keeps[0] else (b, a)


def test_every_operation_at_the_node_that_does_not_keep_them(pair: Any, witness: Witness) -> None:
    a, b = (cloud.client("lambda") for cloud in pair)
    event = {"base": witness.url, "name": "first"}
    answer = b.invoke(FunctionName="fn", Qualifier="$LATEST", Payload=json.dumps(event), DurableExecutionName="first")
    assert json.loads(answer["Payload"].read()) == ["first-1", "first-2"] and "FunctionError" not in answer
    here, there = _in_order(pair)
    arn = answer["DurableExecutionArn"]
    for client in (here, there):
        found = client.get_durable_execution(DurableExecutionArn=arn)
        assert (found["Status"], found["DurableExecutionName"]) == ("SUCCEEDED", "first")
        assert kinds(client, arn)[:3] == ["ExecutionStarted", "StepStarted", "StepSucceeded"]
        assert start(client, event, DurableExecutionName="first") == arn
        with pytest.raises(ClientError) as refused:
            start(client, {**event, "name": "other"}, DurableExecutionName="first")
        assert code_of(refused) == "DurableExecutionAlreadyStartedException"
    assert witness.times("first-1") == 1

    arn = start(there, {**event, "name": "asks", "callback": True, "size": 200_000})
    until("it asks", lambda: "CallbackStarted" in kinds(there, arn))
    events = there.get_durable_execution_history(DurableExecutionArn=arn, IncludeExecutionData=True)["Events"]
    one = next(each for each in events if each["EventType"] == "CallbackStarted")["CallbackStartedDetails"]["CallbackId"]
    there.send_durable_execution_callback_heartbeat(CallbackId=one)
    there.send_durable_execution_callback_success(CallbackId=one, Result=b'"yes"')
    assert json.loads(ended(there, arn)["Result"]) == [200_006, '"yes"'] and witness.times("asks-1") == 1
    with pytest.raises(ClientError) as refused:
        there.send_durable_execution_callback_success(CallbackId=one, Result=b"1")
    assert code_of(refused) == "CallbackTimeoutException"
    with pytest.raises(ClientError) as refused:
        there.send_durable_execution_callback_success(CallbackId="bm90IG9uZQ==", Result=b"1")
    assert code_of(refused) == "ResourceNotFoundException"

    arn = start(there, {**event, "name": "rests", "wait": 1000}, DurableExecutionName="rests")
    until("it waits", lambda: "InvocationCompleted" in kinds(there, arn))
    there.pause_durable_execution(DurableExecutionArn=arn, Reason="lunch")
    assert there.get_durable_execution(DurableExecutionArn=arn)["Status"] == "PAUSED"
    with pytest.raises(ClientError) as refused:
        there.delete_durable_execution(DurableExecutionArn=arn)
    assert code_of(refused) == "ResourceConflictException"
    there.resume_durable_execution(DurableExecutionArn=arn)
    there.stop_durable_execution(DurableExecutionArn=arn, Error={"ErrorMessage": "enough"})
    assert here.get_durable_execution(DurableExecutionArn=arn)["Error"]["ErrorMessage"] == "enough"
    listed = there.list_durable_executions_by_function(FunctionName="fn", Statuses=["STOPPED"])["DurableExecutions"]
    assert [each["DurableExecutionName"] for each in listed] == ["rests"]
    there.delete_durable_execution(DurableExecutionArn=arn)
    for client in (here, there):
        with pytest.raises(ClientError) as refused:
            client.get_durable_execution(DurableExecutionArn=arn)
        assert code_of(refused) == "ResourceNotFoundException"
        with pytest.raises(ClientError) as refused:
            client.get_durable_execution(DurableExecutionArn="arn:aws:lambda:us-east-1:000000000000:function:no:1/durable-execution/a/b")
        assert code_of(refused) == "ResourceNotFoundException"

    create(a, "plain", "def handler(event, context): return {'got': event['x']}")
    arn = start(there, {**event, "name": "calls", "invoke": "plain"})
    assert json.loads(ended(there, arn)["Result"]) == {"got": 4}
    arn = start(there, {**event, "name": "fails", "fail": True})
    assert "lost" in ended(there, arn)["Error"]["ErrorMessage"]


def test_a_node_that_leaves_hands_over_and_another_that_comes_knows_all(
    pair: Any, server: Servers, store: LocalObjects, witness: Witness
) -> None:
    client = pair[0].client("lambda")
    before = {each["DurableExecutionArn"] for each in client.list_durable_executions_by_function(FunctionName="fn")["DurableExecutions"]}
    assert len(before) >= 4
    keeper = next(cloud for cloud in pair if cloud.lambda_.durable._kept)
    with cloudcore.open(f"{server.url}/c", objects=store) as c:
        at_c = c.client("lambda")
        arn = start(at_c, {"base": witness.url, "name": "stays", "wait": 3})
        until("it waits", lambda: "InvocationCompleted" in kinds(at_c, arn))
        keeper.lambda_.durable.close()  # as a node does that leaves
        assert json.loads(ended(at_c, arn)["Result"]) == ["stays-1", "stays-2"]
        assert (witness.times("stays-1"), witness.times("stays-2")) == (1, 1)
        listed = at_c.list_durable_executions_by_function(FunctionName="fn")["DurableExecutions"]
        assert {each["DurableExecutionArn"] for each in listed} == before | {arn}


def _keeper(link: Link) -> str | None:
    async def read() -> Any:
        leases = Leases(link)
        await leases.open()
        return await leases.read()

    found = link.run(read()).get("durable.000000000000.us-east-1.fn")
    return None if found is None else str(found["node"])


def test_kills_and_stalls(tmp_path: Path, witness: Witness) -> None:
    """Whoever keeps the executions is killed while they wait, the next one stands still while a step runs: all come to their
    end, steps that were done are not done again, and who wakes up changes nothing."""
    servers, nodes = Servers(tmp_path / "nats", 1), None
    try:
        nodes = Nodes(tmp_path / "nodes", servers.url, "http://127.0.0.1:9")
        for name in ("n0", "n1", "n2"):
            nodes.start(name)
        clients = {name: nodes.client(name, "lambda") for name in ("n0", "n1", "n2") if nodes.wait(name)}
        link = Link([f"nats://127.0.0.1:{servers.ports[0]}"], "")
        try:
            _struck(nodes, clients, link, witness)
        finally:
            link.close()
    finally:
        if nodes is not None:
            nodes.stop()
        servers.stop()


def _struck(nodes: Nodes, clients: dict[str, Any], link: Link, witness: Witness) -> None:
    create(clients["n0"], DurableConfig=CONFIG)
    names = [f"k{number}" for number in range(6)]
    arns = {name: start(clients[f"n{at % 3}"], {"base": witness.url, "name": name, "wait": 4}) for at, name in enumerate(names)}
    until("all wait", lambda: all("InvocationCompleted" in kinds(clients["n0"], arn) for arn in arns.values()))
    first = until("somebody keeps them", lambda: _keeper(link))
    nodes.signal(first)
    began = time.monotonic()
    left = [name for name in clients if name != first]
    client = clients[left[0]]
    for name, arn in arns.items():
        assert json.loads(ended(client, arn)["Result"]) == [f"{name}-1", f"{name}-2"]
        assert witness.times(f"{name}-1") == 1  # what it had checkpointed was not done again
    print(f"all done {time.monotonic() - began:.1f} s after the kill, of which they were to wait 4")

    second = until("somebody keeps them", lambda: _keeper(link))
    assert second != first
    other = next(name for name in left if name != second)
    gates = {f"s{number}-2": witness.gates.setdefault(f"s{number}-2", threading.Event()) for number in range(3)}
    arns = {f"s{number}": start(clients[other], {"base": witness.url, "name": f"s{number}"}) for number in range(3)}
    until("their second steps run", lambda: all(witness.times(name) == 1 for name in gates))
    nodes.signal(second, signal.SIGSTOP)
    try:
        until("another node keeps them", lambda: _keeper(link) == other)
        until("their second steps run again", lambda: all(witness.times(name) >= 2 for name in gates))
        for gate in gates.values():
            gate.set()
        for name, arn in arns.items():
            assert json.loads(ended(clients[other], arn)["Result"]) == [f"{name}-1", f"{name}-2"]
            assert witness.times(f"{name}-1") == 1
    finally:
        nodes.signal(second, signal.SIGCONT)
    told = {arn: kinds(clients[other], arn) for arn in arns.values()}
    for arn, before in told.items():
        found = ended(clients[second], arn)  # the one that woke up asks who keeps them now
        assert found["Status"] == "SUCCEEDED" and kinds(clients[second], arn) == before
    assert all(each.count("StepSucceeded") == 2 and each.count("ExecutionSucceeded") == 1 for each in told.values())
    arn = start(clients[second], {"base": witness.url, "name": "after"})
    assert json.loads(ended(clients[second], arn)["Result"]) == ["after-1", "after-2"]


def test_who_reads_the_journal_last_writes_it(server: Servers) -> None:
    """Whatever the one before it still appends is refused; a record of which parts are missing never was."""
    link = Link([f"nats://127.0.0.1:{server.ports[0]}"], "")

    def opened() -> ClusterJournal:
        made = ClusterJournal(link, "000000000000", "eu-west-9", "fn")
        link.run(made.open())
        return made

    def header(name: str, size: int) -> dict[str, Any]:
        payload = json.dumps(random.Random(name).randbytes(size).hex())
        return {"arn": name, "id": name, "name": name, "function": "fn", "version": "1", "payload": payload, "at": 1.0,
                "timeout": 9, "retention": 1}  # fmt: skip

    try:
        link.run(link.ensure(durable_log("000000000000", "eu-west-9"), "cloudcore.durable.000000000000.eu-west-9.*"))
        one = opened()
        execution = one.begin(header("large", 1_500_000))  # of three parts
        execution.finish("SUCCEEDED", 2.0, "1", None)
        one.save(execution)
        two = opened()
        assert two.term > one.term and list(two.executions) == ["large"]
        assert two.executions["large"].header == execution.header and two.executions["large"].status == "SUCCEEDED"
        with pytest.raises(ClosedError, match="another node keeps"):
            one.save(execution)
        link.run(two._put(BEGUN, b"x" * 1000, 0, 2))  # and then it is killed
        three = opened()
        assert list(three.executions) == ["large"]
        three.begin(header("small", 10))
        three.forget("large")
        until("it is dropped", lambda: link.run(link.js.stream_info(three._stream)).state.messages == 2)
        four = opened()
        assert list(four.executions) == ["small"]
        four.forget("small")
        until("it is dropped", lambda: link.run(link.js.stream_info(four._stream)).state.messages == 1)
        link.run(link.js.delete_stream(four._stream))  # what is sent then comes to nothing, or so it seems
        journal._SAVE_S, kept = 1.0, journal._SAVE_S
        try:
            with pytest.raises(journal.Unknown, match="may have happened"):
                four.begin(header("lost", 10))
        finally:
            journal._SAVE_S = kept
        link.run(link.ensure(four._stream, "cloudcore.durable.000000000000.eu-west-9.*"))
        five = opened()
        assert five.executions == {} and five.begin(header("again", 10)).arn == "again"
    finally:
        link.close()
