"""kill -9 of any NATS server and any node of a cluster of three and three, and servers and nodes that stand still and go on,
while a delivery stream has a transform, a Kinesis stream and an SQS queue are event sources, and schedules come due: what
was put is in the objects once, transformed and by partitions; every record, message and time that came has run.

CLOUDCORE_CLUSTER_KILLS bounds the loop (make crash-cluster is the long form), CLOUDCORE_CRASH_SEED repeats one.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import statistics
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from cluster_load import NAMES, SEED
from cluster_producers import Watch, accounted, delivered, produced, puts_again
from cluster_support import KINDS, Nodes, Servers, Witness, bring_back, strike, until, zipped

KILLS = int(os.environ.get("CLOUDCORE_CLUSTER_KILLS", "4"))
NOTES = """
import base64, os, urllib.request
def handler(event, context):
    for record in event["Records"]:
        said = record["body"] if "body" in record else base64.b64decode(record["kinesis"]["data"]).decode()
        urllib.request.urlopen(os.environ["WITNESS"] + "/" + said, timeout=20).read()
"""
MARKS = """
import base64
def handler(event, context):
    return {"records": [
        {"recordId": one["recordId"], "result": "Ok", "data": base64.b64encode(b"T" + data).decode(),
         "metadata": {"partitionKeys": {"size": str(len(data) % 3)}}}
        for one in event["records"] for data in [base64.b64decode(one["data"])]
    ]}
"""
TIMEOUT_S, AHEAD_S = 10, 6
SOURCE, QUEUE = "sources-kills", "sources-kills"  # all moto servers of a process share what they hold


class Feed(threading.Thread):
    """Puts records and messages that nobody ever put into what is elsewhere, and has events be due. `sent`: their names."""

    def __init__(self, nodes: Nodes, url: str):
        super().__init__(daemon=True)
        self.nodes, self.dice = nodes, random.Random(SEED)
        self.kinesis, self.sqs = (_client(url, service) for service in ("kinesis", "sqs"))
        self.kinesis.create_stream(StreamName=SOURCE, ShardCount=2)
        self.queue = self.sqs.create_queue(
            QueueName=QUEUE, Attributes={"VisibilityTimeout": str(TIMEOUT_S)}
        )["QueueUrl"]
        self.sent: list[str] = []
        self.due: list[str] = []
        self.stop = False
        self.failed: list[Exception] = []

    def arns(self) -> tuple[str, str]:
        """Of the stream and of the queue."""
        stream = self.kinesis.describe_stream_summary(StreamName=SOURCE)["StreamDescriptionSummary"]["StreamARN"]
        queue = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        return stream, queue["Attributes"]["QueueArn"]

    def run(self) -> None:
        try:
            for turn in itertools.count():
                if self.stop:
                    return
                self.kinesis.put_record(StreamName=SOURCE, Data=f"k{turn}".encode(), PartitionKey=str(turn))
                self.sqs.send_message(QueueUrl=self.queue, MessageBody=f"q{turn}")
                self.sent += [f"k{turn}", f"q{turn}"]
                if turn % 10 == 0:
                    self.schedule(f"s{turn}")
                time.sleep(0.1)
        except Exception as error:
            self.failed.append(error)

    def schedule(self, name: str) -> None:
        """An event that is due soon, asked for at any node; one that does not take it is no fault here."""
        when = time.strftime("at(%Y-%m-%dT%H:%M:%S)", time.gmtime(time.time() + AHEAD_S))
        told = {"function": "notes", "expression": when, "input": {"Records": [{"body": name}]}}
        url = f"{self.nodes.urls[self.dice.choice(NAMES)]}/_cloudcore/schedules/{name}"
        request = urllib.request.Request(url, json.dumps(told).encode(), method="PUT")
        try:
            urllib.request.urlopen(request, timeout=AHEAD_S - 1).close()
        except OSError:
            return
        self.due.append(name)


def test_what_comes_from_elsewhere_runs_and_what_is_transformed_arrives_once(weed: Any, tmp_path: Path, elsewhere: str) -> None:
    dice = random.Random(SEED)
    print(f"seed {SEED}")
    servers = Servers(tmp_path / "nats", 3)
    reach = ("--reach", f"arn:aws:kinesis:={elsewhere}", "--reach", f"arn:aws:sqs:={elsewhere}")
    nodes = Nodes(tmp_path / "nodes", servers.url, weed.url, options=reach)
    try:
        with Witness() as witness:
            for name in NAMES:
                nodes.start(name)
            for name in NAMES:
                nodes.wait(name)
            feed = Feed(nodes, elsewhere)
            arn = _functions(nodes, witness, feed)
            function = {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": arn}]}
            watch, producers = produced(
                nodes, servers, weed.url, "marked", ProcessingConfiguration={"Enabled": True, "Processors": [function]},
                DynamicPartitioningConfiguration={"Enabled": True}, Prefix="data/size=!{partitionKeyFromLambda:size}/",
                BufferingHints={"SizeInMBs": 64, "IntervalInSeconds": 1},
            )  # fmt: skip
            feed.start()
            until("all is begun", lambda: feed.due and {"k0", "q0", feed.due[0]} <= witness.seen() and watch.delivered_to())
            taken = [_kill_one(dice, turn, servers, nodes, watch, feed, witness) for turn in range(KILLS)]
            until("enough has come due", lambda: len(feed.due) > KILLS / 2)
            feed.stop = True
            feed.join(60)
            assert not feed.is_alive() and feed.failed == []
            delivered(watch, producers)
            accounted(weed.url, "marked", producers, b"T")
            until("all has run", lambda: witness.seen() >= {*feed.sent, *feed.due})
            print(f"{KILLS} turns, seed {SEED}: {len(feed.sent)} records and messages and {len(feed.due)} times ran, in "
                  f"{witness.count()} runs; all again: median {statistics.median(taken):.2f} s, worst {max(taken):.2f} s")  # fmt: skip
    finally:
        nodes.stop()
        servers.stop()


def _functions(nodes: Nodes, witness: Witness, feed: Feed) -> str:
    """The functions and their sources are made; the ARN of the one that marks records."""
    client = nodes.client("n0", "lambda")
    settings = {"Runtime": "python3.11", "Role": "arn:aws:iam::000000000000:role/r", "Handler": "index.handler", "Timeout": TIMEOUT_S}
    client.create_function(
        FunctionName="notes", Code={"ZipFile": zipped(NOTES)}, Environment={"Variables": {"WITNESS": witness.url}}, **settings
    )
    stream, queue = feed.arns()
    client.create_event_source_mapping(FunctionName="notes", EventSourceArn=stream, StartingPosition="TRIM_HORIZON", BatchSize=5)
    client.create_event_source_mapping(FunctionName="notes", EventSourceArn=queue, BatchSize=5)
    return str(client.create_function(FunctionName="marks", Code={"ZipFile": zipped(MARKS)}, **settings)["FunctionArn"])


def _kill_one(
    dice: random.Random, turn: int, servers: Servers, nodes: Nodes, watch: Watch, feed: Feed, witness: Witness
) -> float:
    """End or stop one process; how long until what was there before is delivered and has run; then it goes on."""
    kind = KINDS[turn % len(KINDS)]
    victim = str(dice.randrange(3)) if "server" in kind else dice.choice(NAMES)
    time.sleep(dice.uniform(0.2, 1.5))  # somewhere in a call, a plan or a poll
    last, before = watch.newest_batch(), {*feed.sent, *feed.due}
    began = time.monotonic()
    strike(kind, victim, servers, nodes)
    for name in NAMES:
        if name != victim:
            puts_again(nodes, name)
    until("what was put before is delivered", lambda: watch.delivered_to() >= last)
    delivery_s = time.monotonic() - began
    until("what came before has run", lambda: witness.seen() >= before)
    all_s = time.monotonic() - began
    if "stalled" in kind:  # for longer than leases and elections last, and than an event is another node's
        time.sleep(max(0.0, 7.0 - all_s))
    bring_back(kind, victim, servers, nodes, lambda name: puts_again(nodes, name))
    print(f"{kind} {victim}: delivered after {delivery_s:.2f} s, all has run after {all_s:.2f} s", flush=True)
    return all_s


def _client(url: str, service: str) -> Any:
    import boto3

    return boto3.client(
        service, endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="y"
    )
