"""Failed records of a stream: which, why, and into a stream again."""

from __future__ import annotations

import base64
from collections import Counter
from typing import Any

from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import CloudcoreError
from cloudcore.firehose import failed

_SHOWN = 100
_BYTES_SHOWN = 120


def show(view: View, request: Request, name: str) -> tuple[str, dict[str, Any]]:
    """The records, newest objects last, all of them counted by their codes."""
    code, codes = request.query.get("code", ""), Counter[str]()
    rows: list[tuple[str, Any, str, str, str]] = []
    wrong = None
    bucket, front = _place(view, name)
    try:
        for key, lines in failed.objects_of(view.cloud.firehose.objects_of(name), bucket, front, name):
            for line in lines:
                found = failed.code_of(line)
                codes[found] += 1
                if code in found and len(rows) < _SHOWN:
                    data = base64.b64decode(line["rawData"])[:_BYTES_SHOWN].decode(errors="replace")
                    rows.append((found, line.get("attemptsMade", ""), failed.message_of(line), data, key))
    except (CloudcoreError, OSError) as error:
        wrong = str(error)
    return "stream_failed.html", {
        "title": name,
        "name": name,
        "tab": "failed",
        "rows": rows,
        "codes": sorted(codes.items()),
        "code": code,
        "chosen": sum(count for found, count in codes.items() if code in found),
        "streams": [(name, f"{name}, again"), *((n, n) for n in view.cloud.firehose.names() if n != name)],
        "wrong": wrong,
    }


def replay(view: View, request: Request, name: str) -> tuple[str, dict[str, Any]]:
    """Put what is chosen into a stream again."""
    bucket, front = _place(view, name)
    target = request.text("to") or name

    def put(batch: list[str]) -> int:
        records = [{"Data": base64.b64decode(data)} for data in batch]
        answer = view.call(
            "firehose", "PutRecordBatch", {"DeliveryStreamName": target, "Records": records}
        )
        return int(answer["FailedPutCount"])

    objects = view.cloud.firehose.objects_of(name)
    sent, left = failed.replay(objects, put, bucket, front, name, request.text("code"))
    said = f"{sent} record{'' if sent == 1 else 's'} put into {target}" + (f", {left} left." if left else ".")
    raise Redirect(f"streams/{name}/failed", said)


def _place(view: View, name: str) -> tuple[str, str]:
    answer = view.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": name})
    found = failed.place(answer["DeliveryStreamDescription"])
    if found is None:
        raise CloudcoreError(f"{name} has no bucket for what fails")
    return found
