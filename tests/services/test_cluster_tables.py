"""Tables on a real NATS JetStream server: two nodes in this process."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, InvalidStateError, ThreadPoolExecutor
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from cluster_support import Nodes, Servers, until

import cloudcore
from cloudcore import attr, between
from cloudcore.errors import ApiError
from cloudcore.objects import LocalObjects


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Servers]:
    """A server of which no other test has nodes."""
    servers = Servers(tmp_path / "nats", 1)
    yield servers
    servers.stop()


def test_native_values_at_any_node(pair: Any) -> None:
    a, b = pair
    at_a, at_b = a.table("orders", pk="who:S", sk="at:N"), b.table("orders", pk="who:S", sk="at:N")
    item = {"who": "ann", "at": 1, "n": Decimal("1.5"), "b": b"\0", "tags": {"x"}, "deep": [{"a": None}, True]}
    for here, there, at in ((at_a, at_b, 1), (at_b, at_a, 2)):
        here.put({**item, "at": at})
        assert here.get("ann", at) == {**item, "at": at}  # who writes here sees it here
        assert there.get("ann", at, consistent=True) == {**item, "at": at}
    assert at_b.update("ann", 1, add={"n": 1})["n"] == Decimal("2.5")
    with pytest.raises(ApiError) as refused:
        at_a.put(item, condition=attr("who").missing())
    assert refused.value.code == "ConditionalCheckFailedException"
    assert at_a.load([{"who": "bob", "at": n, "pad": "x" * 100} for n in range(600)]).stored == 600
    assert [row["at"] for row in at_b.query("bob", between(10, 12), consistent=True)] == [10, 11, 12]
    assert at_b.scan(consistent=True).count() == 602 and at_b.info()["items"] == 602
    assert at_b.get_many([("ann", 1), ("no", 1)], consistent=True)[1] is None
    b.execute('UPDATE orders SET n = n + ? WHERE who = ? AND "at" = 1', 5, "ann")
    assert next(a.execute("SELECT n FROM orders WHERE who = ?", "ann", consistent=True)) == {"n": Decimal("7.5")}
    assert at_b.delete("ann", 2)["at"] == 2 and at_a.get("ann", 2, consistent=True) is None
    with pytest.raises(ApiError, match=r"orders exists with the key \(who:S, at:N\), not \(id:S\)"):
        b.table("orders", pk="id:S")


def test_transactions_over_tables_and_their_tokens(pair: Any) -> None:
    a, b = pair
    stock, sold = a.table("stock", pk="id:S"), b.table("sold", pk="id:S")
    stock.put({"id": "apple", "rest": 1})
    at_b = b.table("stock")

    def buy(token: str) -> None:
        with b.transaction(token) as together:
            together.update(at_b, "apple", add={"rest": -1}, condition=attr("rest") >= 1)
            together.put(sold, {"id": token})

    buy("first")
    buy("first")  # the same token within ten minutes, wherever the first one was
    with pytest.raises(ApiError) as cancelled:
        buy("second")
    assert [reason["Code"] for reason in cancelled.value.fields["CancellationReasons"]] == ["ConditionalCheckFailed", "None"]
    at_a = a.table("sold")
    assert a.transact_get((stock, "apple"), (at_a, "first"), (at_a, "second")) == [
        {"id": "apple", "rest": 0}, {"id": "first"}, None,
    ]  # fmt: skip
    assert b.execute_transaction(["SELECT * FROM sold WHERE id = 'first'"]) == [{"id": "first"}]
    a.execute_transaction([("INSERT INTO sold VALUE {'id': ?}", "third"), ("UPDATE stock SET rest = ? WHERE id = 'apple'", 7)])
    assert at_b.get("apple", consistent=True)["rest"] == 7 and sold.get("third", consistent=True) is not None


def test_pages_of_a_scan_come_from_different_nodes(pair: Any) -> None:
    a, b = pair
    a.table("pages", pk="id:S").load([{"id": f"{n}"} for n in range(500)])
    until("b has them", lambda: b.table("pages").scan().count() == 500)
    clients = [cloud.client("dynamodb") for cloud in pair]
    seen: list[str] = []
    more: dict[str, Any] = {}
    for turn in range(1000):
        page = clients[turn % 2].scan(TableName="pages", Limit=7, **more)
        seen += [item["id"]["S"] for item in page["Items"]]
        if "LastEvaluatedKey" not in page:
            break
        more = {"ExclusiveStartKey": page["LastEvaluatedKey"]}
    assert len(seen) == 500 == len(set(seen))


def test_what_is_larger_than_a_message(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    pair[0].table("large", pk="id:S")
    puts = [{"PutRequest": {"Item": {"id": {"S": str(n)}, "x": {"B": bytes([n]) * 390_000}}}} for n in range(25)]
    for client in (a, b):
        assert client.batch_write_item(RequestItems={"large": puts})["UnprocessedItems"] == {}
        keys = [{"id": {"S": str(n)}} for n in range(25)]
        found = client.batch_get_item(RequestItems={"large": {"Keys": keys, "ConsistentRead": True}})
        items = {item["id"]["S"]: item["x"]["B"] for item in found["Responses"]["large"]}
        assert items == {str(n): bytes([n]) * 390_000 for n in range(25)}


def test_the_control_plane_is_one(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    schema = [{"AttributeName": "id", "KeyType": "HASH"}]
    ids, both = [{"AttributeName": name, "AttributeType": "S"} for name in ("id",)], ["id", "kind"]
    b.create_table(TableName="made", KeySchema=schema, AttributeDefinitions=ids, BillingMode="PAY_PER_REQUEST",
                   Tags=[{"Key": "k", "Value": "v"}])  # fmt: skip
    with pytest.raises(a.exceptions.ResourceInUseException):
        a.create_table(TableName="made", KeySchema=schema, AttributeDefinitions=ids, BillingMode="PAY_PER_REQUEST")
    for number in range(20):
        (a, b)[number % 2].put_item(TableName="made", Item={"id": {"S": str(number)}, "kind": {"S": str(number % 3)}})
    key = [{"AttributeName": "kind", "KeyType": "HASH"}]
    a.update_table(
        TableName="made", AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in both],
        GlobalSecondaryIndexUpdates=[{"Create": {"IndexName": "by-kind", "KeySchema": key, "Projection": {"ProjectionType": "ALL"}}}],
    )  # fmt: skip
    for client in (a, b):
        described = client.describe_table(TableName="made")["Table"]
        assert described["ItemCount"] == 20 and described["GlobalSecondaryIndexes"][0]["ItemCount"] == 20
        arn = described["TableArn"]
        assert client.list_tags_of_resource(ResourceArn=arn)["Tags"] == [{"Key": "k", "Value": "v"}]

        def kinds(client: Any = client) -> bool:
            found = client.query(TableName="made", IndexName="by-kind", KeyConditionExpression="kind = :k",
                                 ExpressionAttributeValues={":k": {"S": "1"}})  # fmt: skip
            return bool(found["Count"] == 7)

        until("the index is at both nodes", kinds)
    with ThreadPoolExecutor(4) as pool:  # read, changed and written back, by both nodes at once
        tags = [{"Key": f"t{n}", "Value": "v"} for n in range(20)]
        list(pool.map(lambda tag: (a, b)[len(tag["Key"]) % 2].tag_resource(ResourceArn=arn, Tags=[tag]), tags))
    assert len(b.list_tags_of_resource(ResourceArn=arn)["Tags"]) == 21
    b.delete_table(TableName="made")
    assert "made" not in a.list_tables()["TableNames"]
    with pytest.raises(a.exceptions.ResourceNotFoundException):
        a.put_item(TableName="made", Item={"id": {"S": "1"}})


def test_what_one_machine_answers_of_insights_and_replicas_any_node_does(pair: Any) -> None:
    a, b = (cloud.client("dynamodb") for cloud in pair)
    pair[0].table("plain", pk="id:S")
    told = a.update_contributor_insights(TableName="plain", ContributorInsightsAction="ENABLE")
    assert told["ContributorInsightsStatus"] == "ENABLING"
    shown = b.describe_contributor_insights(TableName="plain")
    assert shown["ContributorInsightsStatus"] == "ENABLED" and shown["TableName"] == "plain"
    listed = b.list_contributor_insights(TableName="plain")["ContributorInsightsSummaries"]
    assert [each["ContributorInsightsStatus"] for each in listed] == ["ENABLED"]
    assert b.list_global_tables()["GlobalTables"] == []
    scaling = b.describe_table_replica_auto_scaling(TableName="plain")["TableAutoScalingDescription"]
    assert scaling["Replicas"] == []
    with pytest.raises(b.exceptions.GlobalTableNotFoundException):
        b.describe_global_table(GlobalTableName="plain")
    with pytest.raises(a.exceptions.ClientError, match="ValidationException"):
        a.put_item(TableName="plain", Item={"other": {"S": "no key"}})


def test_a_stolen_lead_loses_nothing(pair: Any) -> None:
    """The lease is taken away under writes again and again, as by a node that believes the leader dead: no write is lost, and none
    is done twice."""
    counters = [cloud.table("counters", pk="id:S") for cloud in pair]
    stop, done, terms = threading.Event(), [0, 0], []

    def write(at: int) -> None:
        while not stop.is_set():
            counters[at].update("n", add={"n": 1})
            done[at] += 1

    def both_write() -> None:
        """Of two more of a writer, the second began behind now: somebody leads."""
        goals = [count + 2 for count in done]
        until("both write", lambda: all(now >= goal for now, goal in zip(done, goals, strict=True)))

    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(write, at) for at in (0, 1)]
        try:
            both_write()
            for behind in (False, True, False, True):
                terms.append(_steal(pair, behind=behind).result(60))
                both_write()
        finally:
            stop.set()
        for each in running:
            each.result(60)
    assert all(later > earlier + 1 for earlier, later in pairwise(terms)), terms  # somebody led between two of them
    for counter in counters:
        assert counter.get("n", consistent=True)["n"] == sum(done)


def _steal(pair: Any, behind: bool) -> Future[int]:
    """With the next write, a lease by nobody comes in front of it, so that it is refused, or `behind` it, before who leads has heard
    that it was stored. The lease's term."""
    taken: Future[int] = Future()

    def rob(found: Any) -> None:
        log = found._log
        append = type(log).append.__get__(log)

        async def robbed(message: bytes, identity: str, fence: int, seconds: float) -> int:
            if taken.done():
                return int(await append(message, identity, fence, seconds))
            last = await append(message, identity, fence, seconds) if behind else fence
            told = {**found._told(found.term + 1, True), "node": "nobody", "instance": "0" * 32}
            await log.append_lease(told, found._link.message_id(), last, 5)
            with contextlib.suppress(InvalidStateError):
                taken.set_result(told["term"])
            return int(last if behind else await append(message, identity, fence, seconds))

        log.append = robbed

    for cloud in pair:
        rob(_range(cloud))
    return taken


def _range(cloud: Any) -> Any:
    return cloud.dynamodb.range


def test_a_new_node_reads_the_log_and_over_http(pair: Any, server: Servers, store: LocalObjects) -> None:
    import boto3

    a = pair[0]
    table = a.table("told", pk="id:S")
    table.load([{"id": f"{n}", "n": n} for n in range(300)])
    with cloudcore.open(f"{server.url}/c", objects=store) as c, c.serve() as endpoint:
        client = boto3.client("dynamodb", endpoint_url=endpoint.url, region_name="us-east-1",
                              aws_access_key_id="x", aws_secret_access_key="y")  # fmt: skip
        assert client.scan(TableName="told", ConsistentRead=True)["Count"] == 300
        until("its own replica has them", lambda: client.scan(TableName="told")["Count"] == 300)
        client.put_item(TableName="told", Item={"id": {"S": "late"}, "b": {"B": b"\1"}})
        assert client.get_item(TableName="told", Key={"id": {"S": "late"}})["Item"]["b"] == {"B": b"\1"}
        assert table.get("late", consistent=True) == {"id": "late", "b": b"\1"}
        other = boto3.client("dynamodb", endpoint_url=endpoint.url, region_name="eu-west-1",
                             aws_access_key_id="111122223333", aws_secret_access_key="y")  # fmt: skip
        assert other.list_tables()["TableNames"] == []  # another account's, in another region, has a log of its own
        until("others follow it", lambda: ("111122223333", "eu-west-1") in a.node._ranges)
        assert json.loads(json.dumps(c.metrics()))["tables"]
        arn, policy = "arn:aws:dynamodb:us-east-1:000000000000:table/told", json.dumps({"Statement": {
            "Effect": "Allow", "Principal": "*", "Action": "dynamodb:GetItem", "Resource": "*"}})  # fmt: skip
        client.put_resource_policy(ResourceArn=arn, Policy=policy)
        until("a guard at the node would know it", lambda: c._policy_of(arn) == policy)


def test_expired_items_go_at_all_nodes(pair: Any, monkeypatch: Any) -> None:
    """The leader orders it; what was given more time meanwhile stays, and what is no time does."""
    monkeypatch.setattr("cloudcore.cluster.tables.expiring._LOOK", 100)
    a, b = pair
    table, now = a.table("expiring", pk="id:S", sk="n:N"), int(time.time())
    client = b.client("dynamodb")
    client.update_time_to_live(TableName="expiring", TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
    gone = [{"id": f"{n % 7}", "n": n, "end": now - 10 - n} for n in range(400)]
    kept = [{"id": "kept", "n": 0, "end": now + 9000}, {"id": "kept", "n": 1}, {"id": "kept", "n": 2, "end": str(now - 10)},
            {"id": "kept", "n": 3, "end": now - 6 * 365 * 86400}]  # fmt: skip
    table.load(gone + kept)
    for cloud in pair:
        found = cloud.table("expiring")
        until("what has expired is gone", lambda found=found: found.scan().count() == len(kept))
        assert sorted(found.scan(), key=lambda item: item["n"]) == kept
    told = client.describe_time_to_live(TableName="expiring")["TimeToLiveDescription"]
    assert told == {"TimeToLiveStatus": "ENABLED", "AttributeName": "end"}
    taken = _steal(pair, behind=True)
    table.put({"id": "late", "n": 1, "end": now - 1})
    assert taken.result(60)  # whoever leads then sweeps too
    until("the next leader sweeps", lambda: table.get("late", 1, consistent=True) is None)
    client.update_time_to_live(TableName="expiring", TimeToLiveSpecification={"Enabled": False, "AttributeName": "end"})
    assert client.describe_time_to_live(TableName="expiring")["TimeToLiveDescription"] == {"TimeToLiveStatus": "DISABLED"}


def _in_the_log(server: Servers) -> dict[str, int]:
    """What JetStream holds of the log, and the last sequence."""
    from cloudcore.cluster.address import parse
    from cloudcore.cluster.layout import tables_log
    from cloudcore.cluster.link import Link

    link = Link(parse(server.url).servers, "")
    try:
        state = link.run(link.js.stream_info(tables_log("000000000000", "us-east-1")), 10).state
        return {"messages": state.messages, "bytes": state.bytes, "last": state.last_seq}
    finally:
        link.close()


def _grow(table: Any, until_there_is: Any) -> int:
    """Put items over each other until something holds; how many puts."""
    for turn in range(100_000):
        table.put({"id": f"{turn % 300}", "kind": f"{turn % 3}", "n": turn, "pad": "x" * 200})
        if until_there_is():
            return turn + 1
    raise AssertionError("it never came")


def test_a_checkpoint_shortens_the_log(alone: Servers, store: LocalObjects, monkeypatch: Any) -> None:
    """A new node begins with the newest one: items, indexes, tokens of transactions and pages are as they are elsewhere."""
    monkeypatch.setattr("cloudcore.cluster.tables.checkpoint.LOG_BYTES", 20_000)
    with cloudcore.open(f"{alone.url}/k1", objects=store) as first:
        table, other = first.table("kept", pk="id:S"), first.table("empty", pk="id:S", sk="at:N")
        keys = [{"AttributeName": "kind", "KeyType": "HASH"}]
        first.client("dynamodb").update_table(
            TableName="kept", AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("id", "kind")],
            GlobalSecondaryIndexUpdates=[{"Create": {"IndexName": "by-kind", "KeySchema": keys, "Projection": {"ProjectionType": "ALL"}}}],
        )  # fmt: skip

        def add(cloud: Any) -> None:
            with cloud.transaction("once") as together:
                together.update(cloud.table("kept"), "counted", add={"n": 1})

        add(first)
        keeper = _range(first).checkpoints
        _grow(table, lambda: keeper.sequence > 0)
        before = keeper.sequence
        _grow(table, lambda: keeper.sequence > before)  # and one behind the other
        until("the log is short", lambda: _in_the_log(alone)["messages"] < _in_the_log(alone)["last"] / 2)
        with cloudcore.open(f"{alone.url}/k2", objects=store) as second:
            found = second.table("kept")
            until("it is ready", _range(second).ready.is_set)
            assert _range(second).checkpoints.sequence >= before
            add(second)  # it knows the token
            assert found.get("counted", consistent=True)["n"] == 1
            until("it is as far", lambda: list(found.scan()) == list(table.scan(consistent=True)))
            assert len(list(found.scan())) > 20
            assert [row["id"] for row in found.query("2", index="by-kind")] == [row["id"] for row in table.query("2", index="by-kind")]
            assert second.table("empty").scan().count() == 0 and other.keys == second.table("empty").keys
    with cloudcore.open(f"{alone.url}/k3", objects=store) as third:  # after all have left
        assert third.table("kept").get("counted", consistent=True)["n"] == 1


@pytest.mark.parametrize("more", [True, False], ids=["batches behind it", "nothing behind it"])
def test_who_fell_behind_a_checkpoint_begins_anew(alone: Servers, store: LocalObjects, monkeypatch: Any, more: bool) -> None:
    """What it does not have is gone from the log: it must neither lead nor answer without."""
    monkeypatch.setattr("cloudcore.cluster.tables.checkpoint.LOG_BYTES", 20_000)
    with cloudcore.open(f"{alone.url}/b1", objects=store) as first:
        table = first.table("kept", pk="id:S")
        with cloudcore.open(f"{alone.url}/b2", objects=store) as second:
            until("it follows", lambda: second.table("kept") and _range(second).ready.is_set())
            late = _range(second)
            second.node.link.run(_stand_still(late))
            keeper = _range(first).checkpoints
            _grow(table, lambda: keeper.sequence > late.sequence)
            table.put({"id": "last", "pad": "x" * 30_000})
            until("the checkpoint is behind it", lambda: keeper.sequence == _range(first).replica.after)
            until("the log holds a lease alone", lambda: _in_the_log(alone)["messages"] == 1)
            if more:
                table.put({"id": "behind", "n": 1})
            second.node.link.run(_go_on(late))
            until("it is as far", lambda: list(second.table("kept").scan()) == list(table.scan(consistent=True)))
            assert late.checkpoints.sequence == keeper.sequence
            first.close()
            assert len(list(second.table("kept").scan(consistent=True))) > 20  # it leads, with all there is


async def _stand_still(found: Any) -> None:
    from cloudcore.cluster.link import end

    await end(found._running)


async def _go_on(found: Any) -> None:
    import asyncio

    found._running = asyncio.create_task(found._run())


def test_a_node_of_another_version_stands_aside(alone: Servers, tmp_path: Path) -> None:
    """A newer one waits until those of the older version are gone; an older one never reads what a newer one wrote."""
    nodes = Nodes(tmp_path, alone.url, "http://127.0.0.1:9")
    item = {"id": {"S": "a"}}

    def answers(name: str) -> bool:
        try:
            return "Item" in nodes.client(name, "dynamodb").get_item(TableName="versions", Key=item, ConsistentRead=True)
        except Exception as error:
            return "and this node is" in str(error)

    def refuses(name: str) -> str:
        client = nodes.client(name, "dynamodb")
        until(f"{name} answers", lambda: answers(name))
        with pytest.raises(client.exceptions.ClientError, match="and this node is") as told:
            client.put_item(TableName="versions", Item=item)
        return str(told.value)

    try:
        nodes.start("old", "0.0.9")
        nodes.wait("old")
        client = nodes.client("old", "dynamodb")
        client.create_table(TableName="versions", AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
                            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}], BillingMode="PAY_PER_REQUEST")  # fmt: skip
        client.put_item(TableName="versions", Item=item)
        nodes.start("new")
        nodes.wait("new")
        assert "led by cloudcore 0.0.9" in refuses("new")
        client.put_item(TableName="versions", Item=item)
        nodes.signal("old", signal.SIGTERM)
        nodes.processes["old"].wait(60)
        until("the new one leads", lambda: "Item" in _got(nodes, "new", item))
        nodes.start("old", "0.0.9")
        nodes.wait("old")
        assert "this node is 0.0.9" in refuses("old")
    finally:
        nodes.stop()


def _got(nodes: Nodes, name: str, key: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = nodes.client(name, "dynamodb").get_item(TableName="versions", Key=key, ConsistentRead=True)
        return found
    except Exception:
        return {}


def test_a_node_that_leaves_is_not_missed(server: Servers, store: LocalObjects) -> None:
    first = cloudcore.open(f"{server.url}/first", objects=store, region="eu-west-2")
    table = first.table("left", pk="id:S")
    with cloudcore.open(f"{server.url}/second", objects=store, region="eu-west-2") as second:
        table.put({"id": "a"})
        assert second.table("left").get("a", consistent=True) == {"id": "a"}
        first.close()
        second.table("left").put({"id": "b"})
        assert second.table("left").scan(consistent=True).count() == 2


def test_the_command_line_at_a_node(pair: Any, server: Servers) -> None:
    a = pair[0]
    a.table("listed", pk="id:S").put({"id": "x"})

    def cli(*words: str) -> tuple[int, str]:
        command = [sys.executable, "-m", "cloudcore.cli.main", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout + done.stderr

    with a.serve() as endpoint:
        code, told = cli("status", "--endpoint", endpoint.url)
        assert code == 0 and "listed  ACTIVE  1" in told and "functions: 0" in told
        code, told = cli("lambda", "list", "--endpoint", endpoint.url)
        assert code == 0 and "Traceback" not in told

        def shown() -> bool:
            code, told = cli("cluster", "status", server.url)
            return code == 0 and "tables   000000000000 us-east-1  led by " in told and "messages behind: a " in told

        until("the status of the cluster has the tables", shown)


def test_units_are_counted_at_every_node(alone: Servers, tmp_path: Path) -> None:
    """Write units of the whole cluster at each of its nodes, read units where it was answered, from when a node is whole."""
    store = LocalObjects(tmp_path / "objects")

    def units(cloud: Any, table: str = "counted") -> tuple[float, float]:
        found = cloud.dynamodb.billed().get(table, {})
        return found.get("read_units", 0), found.get("write_units", 0)

    with cloudcore.open(f"{alone.url}/a", objects=store) as a, cloudcore.open(f"{alone.url}/b", objects=store) as b:
        at_a, at_b = a.table("counted", pk="id:S"), b.table("counted", pk="id:S")
        until("both are whole", lambda: all(cloud.dynamodb.range.whole() for cloud in (a, b)))
        for number in range(12):
            (at_a, at_b)[number % 3 == 0].put({"id": f"{number}", "pad": "x" * 1500})  # two units each
        until("both have them", lambda: units(a)[1] == units(b)[1] == 24)
        before = units(a)[0], units(b)[0]
        for number in range(6):
            assert at_b.get(f"{number}") is not None  # half a unit each
        assert (units(a)[0] - before[0], units(b)[0] - before[1]) == (0, 3)
        with cloudcore.open(f"{alone.url}/c", objects=store) as c:
            at_c = c.table("counted")
            until("it is whole", lambda: c.dynamodb.range.whole())
            at_c.put({"id": "more"})
            until("all know", lambda: units(a)[1] == units(b)[1] == 25)
            assert units(c)[1] == 1  # what it read to become whole does not count
        lines = {line.what: line.quantity for line in a.bill() if line.name.endswith("counted")}
        assert lines["write request units"] == 25
        client = a.client("dynamodb")
        client.update_time_to_live(TableName="counted", TimeToLiveSpecification={"Enabled": True, "AttributeName": "end"})
        at_b.delete("more")
        at_b.put({"id": "gone", "end": int(time.time()) - 3600})
        until("it has expired", lambda: at_b.get("gone", consistent=True) is None)
        until("both know", lambda: units(a)[1] == units(b)[1])
        assert units(a)[1] == 27  # the deletion of what has expired is free
        at_a.update("0", set={"pad": ""})
        assert units(a)[1] == 29
        status, raw = a.dynamodb.manage("#split/all", json.dumps({"at": None}).encode())
        assert status == 200, raw
        until("the split is done", lambda: all(
            len(cloud.dynamodb.router.ranges.order) == 2
            and all(each.whole() and not each.replica.settling for each in cloud.dynamodb.router.ranges.order) for cloud in (a, b)))  # fmt: skip
        assert units(a)[1] == units(b)[1] == 29  # a split takes none
        for number in range(20):
            at_b.put({"id": f"s{number}"})
        until("both have them", lambda: units(a)[1] == units(b)[1] == 49)
        a.client("dynamodb").delete_table(TableName="counted")
        until("it is gone", lambda: "counted" not in b.client("dynamodb").list_tables()["TableNames"])
        until("what it took is counted", lambda: units(a)[1] == units(b)[1] == 49)
