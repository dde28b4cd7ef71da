"""What functions cost: rounding, GB-seconds, totals, AWS's list prices."""

from __future__ import annotations

import threading

import pytest

import cloudcore
from cloudcore.billing import Prices
from cloudcore.lambda_.code import pack
from cloudcore.lambda_.meter import Meter, cost, total

CODE = b"import threading\ndef handler(e, c):\n  if e == 'fail': raise ValueError\n  return e\n"


def test_figures_and_prices(tmp_path) -> None:
    meter = Meter()
    for _ in range(1000):
        meter.count(100.2, 101, 1024, False)
    meter.count(50.0, 300, 2048, True, init_ms=250.0, storage_mb=10_240)
    meter.throttle()
    told = meter.read()
    assert (told["invocations"], told["errors"], told["throttles"], told["cold_starts"]) == (1001, 1, 1, 1)
    assert told["billed_ms"] == 101_300 and told["gb_seconds"] == pytest.approx(101.0 + 0.6)
    assert told["storage_gb_seconds"] == pytest.approx(0.3 * (10_240 - 512) / 1024) and told["init_ms"] == 250.0
    mine = tmp_path / "prices.toml"
    mine.write_text(
        'date = "d"\nsource = "s"\n[lambda.storage]\nper_gb_second = 0.5\n'
        "[lambda.x86_64]\nper_million_requests = 2.0\nper_gb_second = 0.1\n"
    )
    priced = cost(told, "x86_64", Prices(str(mine)))
    assert priced["requests"] == pytest.approx(0.002002) and priced["duration"] == pytest.approx(10.16)
    assert priced["total"] == pytest.approx(0.002002 + 10.16 + told["storage_gb_seconds"] * 0.5)
    assert priced["prices"] == "s, d"
    both = total([told, told])
    assert both["billed_ms"] == 202_600 and both["invocations"] == 2002


def test_what_is_kept_ready_is_counted_while_it_is_and_calls_on_it_have_their_price() -> None:
    meter = Meter()
    meter.keep("provisioned_gb_seconds", 2.0, 100.0)
    meter.keep("snapshot_gb_seconds", 0.5, 110.0)
    meter.keep("provisioned_gb_seconds", 0.0, 130.0)
    meter.count(1000.0, 1000, 1024, False, provisioned=True)
    meter.count(1000.0, 3000, 1024, False)
    told = meter.read(150.0)
    assert (told["provisioned_gb_seconds"], told["snapshot_gb_seconds"]) == (60.0, 20.0)
    assert (told["gb_seconds"], told["provisioned_call_gb_seconds"]) == (4.0, 1.0)
    priced = cost(told)
    assert priced["duration"] == pytest.approx(3 * 0.0000166667 + 0.0000097222)
    assert priced["provisioned"] == pytest.approx(60 * 0.0000041667)
    assert priced["snapstart"] == pytest.approx(20 * 0.0000015046)


def test_stats_of_functions_and_of_all(monkeypatch, tmp_path) -> None:
    with cloudcore.open(":memory:") as cloud:
        for name, memory in (("a", 128), ("b", 1024)):
            cloud.function(name, pack({"h.py": CODE}), handler="h.handler", memory=memory, timeout=20)
        a, b = cloud.function("a"), cloud.function("b")
        a.invoke(1)
        b.invoke(1)
        with pytest.raises(cloudcore.FunctionError):
            b.invoke("fail")
        told, all_ = b.stats(), cloud.lambda_.stats()
        assert (told["invocations"], told["errors"], told["cold_starts"]) == (2, 1, 1)
        assert told["gb_seconds"] == pytest.approx(told["billed_ms"] / 1000)
        assert all_["invocations"] == 3 and set(all_["functions"]) == {"a", "b"}
        assert all_["cost"]["total"] == pytest.approx(a.stats()["cost"]["total"] + told["cost"]["total"])
        assert "AWS pricing pages" in told["cost"]["prices"] and told["cost"]["currency"] == "USD"
        calls = [threading.Thread(target=a.invoke, args=(n,)) for n in range(4)]
        [call.start() for call in calls]
        [call.join() for call in calls]
        assert 1 <= a.stats()["concurrency_peak"] <= 4
        mine = tmp_path / "prices.toml"
        mine.write_text('date = "now"\nsource = "mine"\n[lambda.x86_64]\nper_million_requests = 1e6\nper_gb_second = 0\n[lambda.storage]\nper_gb_second = 0\n')
        monkeypatch.setenv("CLOUDCORE_PRICES", str(mine))
        assert a.stats()["cost"] == {
            "requests": 5.0, "duration": 0.0, "storage": 0.0, "snapstart": 0.0, "provisioned": 0.0, "total": 5.0,
            "currency": "USD", "prices": "mine, now",
        }  # fmt: skip
