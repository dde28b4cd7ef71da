"""The endpoint's own questions, for the command line and for monitoring: JSON under /_cloudcore/.

    GET  metrics              Prometheus text
    GET  metrics.json         the same counters, with latencies' percentiles
    GET  log/FUNCTION         the last megabyte of a function's log
    GET  tap/STREAM?from=N    records of a delivery stream from sequence N on (none: those to come)
    GET  usage                what a bill is made of, since when
    POST usage/reset          count from nothing again
    POST stream/NAME          a delivery stream by the library's options; one that is there is left as it is

`account` and `region` in the query say whose; a POST needs the header X-Cloudcore, which no form of another
site can send.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote

from cloudcore.errors import ApiError
from cloudcore.wire import metrics
from cloudcore.wire.observed import percentile

Reply = tuple[int, list[tuple[str, str]], bytes]
_TAP_MAX = 500
_JSON = [("Content-Type", "application/json"), ("Cache-Control", "no-store")]


def answers(method: str, path: str) -> bool:
    """Whether this is a question for here."""
    kind = path.removeprefix("/_cloudcore/").partition("/")[0]
    return kind in ("metrics", "metrics.json", "log", "tap", "usage") or (
        kind == "stream" and method == "POST"
    )


def answer(cloud: Any, method: str, path: str, query: str, headers: Mapping[str, str], body: bytes) -> Reply:
    """Answer one; refusals are answers too."""
    try:
        return _answer(cloud, method, path, parse_qs(query), headers, body)
    except (ApiError, ValueError, TypeError) as error:
        known = isinstance(error, ApiError)
        code = error.code if isinstance(error, ApiError) else "ValidationException"
        words = error.message if isinstance(error, ApiError) else str(error)
        status = error.status if isinstance(error, ApiError) and known else 400
        return status, list(_JSON), json.dumps({"__type": code, "message": words}).encode()


def _answer(
    cloud: Any, method: str, path: str, query: dict[str, list[str]], headers: Mapping[str, str], body: bytes
) -> Reply:
    kind, _, rest = path.removeprefix("/_cloudcore/").partition("/")
    name = unquote(rest)
    place = cloud.at(query.get("region", [None])[0], query.get("account", [None])[0])
    if method == "POST":
        if "x-cloudcore" not in headers:
            raise ApiError("ForbiddenForm", "The header X-Cloudcore is missing", 403)
        if kind == "usage":
            cloud.ledger.reset()
        else:
            place.stream(name, **_options(body))
        return 200, list(_JSON), b"{}"
    if kind == "metrics":
        return 200, [("Content-Type", metrics.CONTENT_TYPE)], metrics.text(cloud.metrics())
    if kind == "metrics.json":
        return 200, list(_JSON), json.dumps(_figures(cloud)).encode()
    if kind == "usage":
        found = {"since": cloud.ledger.since, "usage": cloud.used()}
        return 200, list(_JSON), json.dumps(found).encode()
    if kind == "log":
        place.lambda_.call("GetFunctionConfiguration", {"FunctionName": name})
        return 200, [("Content-Type", "text/plain; charset=utf-8")], place.lambda_.log(name).tail()
    return 200, list(_JSON), json.dumps(_tap(place.firehose.get(name), query.get("from", [""])[0])).encode()


def _options(body: bytes) -> dict[str, Any]:
    found = json.loads(body or b"{}")
    if not isinstance(found, dict):
        raise ValueError("options are a JSON object")
    return {
        str(key): value.encode() if key == "split" and value != "json" else value
        for key, value in found.items()
    }


def _figures(cloud: Any) -> dict[str, Any]:
    found: dict[str, Any] = cloud.metrics()
    for entry in found["operations"].values():
        buckets = entry.pop("buckets")
        entry["p50_s"], entry["p99_s"] = percentile(buckets, 0.5), percentile(buckets, 0.99)
    return found


def _tap(stream: Any, start: str) -> dict[str, Any]:
    last = stream.last_sequence
    first = int(start) if start else last + 1
    records = [
        {"sequence": sequence, "time_ms": time_ms, "data": b64encode(data).decode()}
        for sequence, time_ms, data in stream.records(first, _TAP_MAX)
    ]
    return {"records": records, "next": records[-1]["sequence"] + 1 if records else max(first, last + 1)}
