"""`cloudcore bench`: real servers side by side, every answer looked at, a page with plots."""

from __future__ import annotations

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

from cloudcore.cli import bench, bench_work, main, svg
from cloudcore.cli.bench_servers import Fault, Server, Wire


def run(*words: str) -> int:
    return main.main(["bench", *words])


def test_tables_and_functions_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("ddb", "--seconds", "0.05", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["name"]: row["servers"]["cloudcore"] for row in found["operations"]}
    assert list(rows) == ["GetItem", "PutItem", "Query", "BatchWriteItem", "TransactWriteItems"]
    for figures in rows.values():
        assert figures["calls"] >= 5 and 0 < figures["median_us"] <= figures["p99_us"] <= figures["quantiles_us"][100]
        assert figures["quantiles_us"] == sorted(figures["quantiles_us"])
    points = found["get_item_per_second_over_connections"]["cloudcore"]
    assert [count for count, _ in points] == list(bench.CONNECTIONS) and all(rate > 0 for _, rate in points)


def test_beside_moto_with_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("moto.server", reason="pip install 'moto[server]'")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    page = tmp_path / "bench.html"
    words = ("firehose", "--compare", "moto", "--seconds", "0.05", "--out", str(page), "--peers", str(tmp_path / "none"))
    assert run(*words) == 0
    out = capsys.readouterr().out
    assert "PutRecordBatch" in out and "x)" in out and "wrong" not in out and "cannot" not in out
    text = page.read_text()
    assert "<h1>cloudcore bench: beside moto</h1>" in text and "<script" not in text
    plots = text.split('<div class=plots>')[1].split("</div>")[0]
    found = ElementTree.fromstring(f"<all>{plots}</all>")
    assert len(found) == 2  # medians; shares of PutRecordBatch
    assert len(list(found[0].iter("{http://www.w3.org/2000/svg}rect"))) == 1 + 2  # the ground, a bar a server
    assert len(list(found[1].iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_a_peer_that_is_not_there_says_how_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert run("--compare", "ministack", "--peers", str(tmp_path)) == 2
    error = capsys.readouterr().err
    assert "ministack is not installed" in error and "hint: " in error and "--install" in error
    assert run("--compare", "floci") == 2
    assert "hint: the peers are ministack, moto" in capsys.readouterr().err


class _Liar(BaseHTTPRequestHandler):
    """Answers every request alike."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"Table": {"TableStatus": "ACTIVE"}, "Item": {"pk": {"S": "other"}}}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_a_wrong_answer_is_no_figure() -> None:
    listener = ThreadingHTTPServer(("127.0.0.1", 0), _Liar)
    thread = threading.Thread(target=listener.serve_forever)
    thread.start()
    try:
        server = Server("liar", "1", listener.server_port, SimpleNamespace(poll=lambda: None))  # type: ignore[arg-type]
        wire = Wire(server)
        with pytest.raises(Fault, match="does not come back"):
            bench_work.make_table(wire)
        wire.close()
        puts = bench_work.OPERATIONS[1]
        row = bench._row([server], puts, 0.05)
        assert row["servers"] == {} and "a wrong answer" in row["wrong"]["liar"]
    finally:
        listener.shutdown()
        thread.join()
        listener.server_close()


def test_plots_are_drawn_to_scale() -> None:
    drawn = ElementTree.fromstring(svg.bars("<t>", "us", {"a": {"x": 10, "y": 1000}, "b": {"x": 100}}))
    widths = [float(bar.get("width")) for bar in drawn.iter("{http://www.w3.org/2000/svg}rect")][1:]  # type: ignore[arg-type]
    assert widths[1] - widths[2] == pytest.approx(widths[2] - widths[0], abs=0.2)  # 10, 100, 1000: steps alike
    drawn = ElementTree.fromstring(svg.steps("t", "us", "%", {"a": [(10, 0), (100, 50), (1000, 99)]}))
    (line,) = drawn.iter("{http://www.w3.org/2000/svg}polyline")
    xs = [float(point.split(",")[0]) for point in line.get("points", "").split()]
    assert xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2)
