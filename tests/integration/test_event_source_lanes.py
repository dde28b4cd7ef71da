"""Event source mappings: batches of one shard at once, and tumbling windows."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import cloudcore
from cloudcore.clock import ManualClock
from cloudcore.lambda_.code import pack
from cloudcore.lambda_.event_sources import tumbling
from cloudcore.lambda_.event_sources.tumbling import Window

CODE = b"""import json, os, time, urllib.request
def ask(operation, **parameters):
    headers = {'X-Amz-Target': 'DynamoDB_20120810.' + operation, 'Content-Type': 'application/x-amz-json-1.0'}
    body = json.dumps({'TableName': 'met', **parameters}).encode()
    with urllib.request.urlopen(urllib.request.Request(os.environ['AWS_ENDPOINT_URL'], body, headers)) as answer:
        return json.load(answer)
def meet(event, context):
    # Each call waits until three are there together: nothing ends without calls at once.
    ask('PutItem', Item={'id': event['Records'][0]['dynamodb']['Keys']['id']})
    until = time.monotonic() + 50
    while ask('Scan')['Count'] < 3:
        if time.monotonic() > until:
            raise TimeoutError('they did not meet')
        time.sleep(0.01)
    print('SAW' + json.dumps([r['dynamodb']['Keys']['id']['S'] for r in event['Records']]))
def order(event, context):
    print('SAW' + json.dumps([[r['dynamodb']['Keys']['id']['S'], int(r['dynamodb']['NewImage']['n']['N'])]
                              for r in event['Records']]))
def add(event, context):
    shown = {k: v for k, v in event.items() if k != 'Records'}
    shown['state'] = {k: len(v) if k == 'much' else v for k, v in event['state'].items()}
    shown['ids'] = [r['dynamodb']['Keys']['id']['S'] for r in event['Records']]
    print('SAW' + json.dumps(shown))
    state = event['state']
    for one in shown['ids']:
        if one == 'none':
            return {'count': 1}
        state[one] = state.get(one, 0) + 1
        if one == 'big':
            state['much'] = 'x' * (1 << 20)
    return {'state': state}
"""


def begin(cloud: Any, handler: str) -> tuple[Any, str]:
    table = cloud.table("orders", pk="id:S")
    table.enable_stream()
    cloud.function("fn", pack({"h.py": CODE}), handler=f"h.{handler}", timeout=60)
    described = cloud.client("dynamodb").describe_table(TableName="orders")
    return table, described["Table"]["LatestStreamArn"]


def connect(cloud: Any, arn: str, **settings: Any) -> Any:
    return cloud.client("lambda").create_event_source_mapping(
        FunctionName="fn", EventSourceArn=arn, StartingPosition="TRIM_HORIZON", **settings
    )


def seen(cloud: Any) -> list[Any]:
    log = cloud.lambda_.log("fn").tail().decode()
    return [json.loads(line[3:]) for line in log.splitlines() if line.startswith("SAW")]


def wait_for(what: Any) -> Any:
    deadline = time.monotonic() + 60
    while not (found := what()):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


def test_batches_of_other_keys_run_at_once() -> None:
    with cloudcore.open(":memory:") as cloud:
        cloud.table("met", pk="id:S")
        table, arn = begin(cloud, "meet")
        connect(cloud, arn, ParallelizationFactor=3, BatchSize=1)
        for name in ("a", "b", "c", "d"):  # in three lanes, as crc32 has it
            table.put({"id": name})
        wait_for(lambda: len(seen(cloud)) == 4)
        assert cloud.lambda_.usage("fn")["errors"] == 0


def test_every_key_keeps_its_order(tmp_path: Path) -> None:
    with cloudcore.open(tmp_path) as cloud:
        table, arn = begin(cloud, "order")
        for number in range(300):
            table.put({"id": f"key-{number % 7}", "n": number})
        made = connect(cloud, arn, ParallelizationFactor=4, BatchSize=9)
        wait_for(lambda: sum(map(len, seen(cloud))) >= 300)
        of: dict[str, list[int]] = {}
        for batch in seen(cloud):
            assert len(batch) <= 9
            for key, number in batch:
                of.setdefault(key, []).append(number)
        # Lines of one environment's log are in the order of calls; a key's calls are one after the other.
        assert of == {f"key-{n}": list(range(n, 300, 7)) for n in range(7)}
        mappings = cloud.lambda_.mappings
        wait_for(lambda: mappings.get(made["UUID"]) and place(cloud, made) > 0)
    with cloudcore.open(tmp_path) as cloud:  # nothing of it comes again
        cloud.table("orders").put({"id": "last", "n": 300})
        cloud.lambda_  # noqa: B018 - its mappings go on
        wait_for(lambda: seen(cloud)[-1] == [["last", 300]])
        assert sum(map(len, seen(cloud))) == 301


def place(cloud: Any, made: Any) -> int:
    path = Path(cloud.lambda_.directory) / "event-source-places" / f"{made['UUID']}.json"
    return json.loads(path.read_text())["shards"][""][0]


def test_a_tumbling_window_hands_its_state_on(tmp_path: Path) -> None:
    clock = ManualClock(1_700_000_040.0)
    with cloudcore.open(tmp_path, clock=clock) as cloud:
        table, arn = begin(cloud, "add")
        for name in ("a", "b"):
            table.put({"id": name})
        table.delete("a")
        connect(cloud, arn, TumblingWindowInSeconds=60, BatchSize=2)
        wait_for(lambda: len(seen(cloud)) == 2)
        first, second = seen(cloud)
        assert first["ids"] == ["a", "b"] and first["state"] == {}
        assert second["ids"] == ["a"] and second["state"] == {"a": 1, "b": 1}
        assert first["window"] == {"start": "2023-11-14T22:14:00Z", "end": "2023-11-14T22:15:00Z"}
        assert first["shardId"].startswith("shardId-") and first["eventSourceARN"] == arn
        assert not second["isFinalInvokeForWindow"] and not second["isWindowTerminatedEarly"]
    with cloudcore.open(tmp_path, clock=clock) as cloud:  # the state is there again
        cloud.lambda_  # noqa: B018 - its mappings go on
        cloud.table("orders").put({"id": "c"})
        wait_for(lambda: len(seen(cloud)) == 3)
        assert seen(cloud)[2]["state"] == {"a": 2, "b": 1}
        clock.advance(60)
        wait_for(lambda: len(seen(cloud)) == 4)
        last = seen(cloud)[3]
        assert last["isFinalInvokeForWindow"] and not last["isWindowTerminatedEarly"]
        assert last["ids"] == [] and last["state"] == {"a": 2, "b": 1, "c": 1}
        assert last["window"] == first["window"]
        cloud.table("orders").put({"id": "d"})
        wait_for(lambda: len(seen(cloud)) == 5)
        assert seen(cloud)[4]["state"] == {}
        assert seen(cloud)[4]["window"]["start"] == "2023-11-14T22:15:00Z"


def test_a_state_that_grows_too_big_ends_its_window_early_and_none_is_a_failure() -> None:
    with cloudcore.open(":memory:", clock=ManualClock()) as cloud:
        table, arn = begin(cloud, "add")
        connect(cloud, arn, TumblingWindowInSeconds=900, BatchSize=1, MaximumRetryAttempts=0)
        for name in ("a", "none", "big", "c"):
            table.put({"id": name})
        calls = wait_for(lambda: seen(cloud) if len(seen(cloud)) >= 5 else None)
        assert [one["ids"] for one in calls] == [["a"], ["none"], ["big"], [], ["c"]]
        assert calls[2]["state"] == {"a": 1}  # what failed changed nothing
        assert calls[3]["isWindowTerminatedEarly"] and calls[3]["isFinalInvokeForWindow"]
        assert calls[3]["state"]["big"] == 1 and calls[3]["state"]["much"] == 1 << 20
        assert calls[4]["state"] == {} and calls[4]["window"] == calls[0]["window"]


@pytest.mark.parametrize("payload", [b"", b"null", b"[]", b"7", b'{"state": []}', b'{"state": null}', b"{", b"{}"])
def test_what_is_no_state(payload: bytes) -> None:
    window = Window(60)
    window.begin(61.5)
    assert (window.start, window.end) == (60, 120) and not window.take(payload) and window.state == {}
    assert not window.take(json.dumps({"state": {"x": "y" * tumbling._STATE_TOO_BIG}}).encode())
    assert not window.over(119.9) and window.over(120)
