"""A delivery stream in a few clicks: source, transform, format, destination, review.

The fields travel in the form itself, so that a step back loses nothing and nothing is kept here.
"""

from __future__ import annotations

from typing import Any

from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import ApiError

Page = tuple[str, dict[str, Any]]
STEPS = ["Source", "Transform", "Format", "Destination", "Review"]
_DEFAULTS = {
    "name": "",
    "source": "direct",
    "transform": "",
    "split": "",
    "format": "json",
    "compression": "GZIP",
    "schema": "",
    "delimiter": "on",
    "bucket": "delivered",
    "prefix": "",
    "errors": "",
    "query": "",
    "seconds": "60",
    "mib": "5",
    "backup": "",
    "url": "",
    "kind": "s3",
}


def start(view: View, request: Request) -> Page:
    """The first step."""
    return _page(view, 0, dict(_DEFAULTS))


def step(view: View, request: Request) -> Page:
    """Go on, back, or create."""
    fields = {name: request.text(name, default) for name, default in _DEFAULTS.items()}
    for box in ("delimiter",):  # an empty checkbox is not sent
        if request.text("at") == "2":
            fields[box] = "on" if box in request.fields else ""
    at = max(0, min(request.number("at", 0), len(STEPS) - 1))
    if request.text("go") == "back":
        return _page(view, at - 1, fields)
    refused = _refusal(at, fields)
    if refused:
        return _page(view, at, fields, refused)
    if request.text("go") != "create":
        return _page(view, at + 1, fields)
    try:
        view.cloud.firehose.stream(fields["name"], **options(fields))
    except (ApiError, ValueError) as error:
        return _page(view, at, fields, str(error))
    raise Redirect(f"streams/{fields['name']}", f"Stream {fields['name']} is there.")


def options(fields: dict[str, str]) -> dict[str, Any]:
    """The options of Firehose.stream() for the fields."""
    found: dict[str, Any] = {
        "bucket": fields["bucket"] or "delivered",
        "prefix": fields["prefix"],
        "buffer_seconds": int(fields["seconds"] or 60),
        "buffer_bytes": int(fields["mib"] or 5) << 20,
        "append_delimiter": fields["delimiter"] == "on" and fields["format"] == "json",
    }
    if fields["format"] in ("parquet", "orc"):
        found["format"] = fields["format"]
        found["schema"] = fields["schema"] or None
    elif fields["compression"] != "none":
        found["compression"] = fields["compression"]
    for field, option in (
        ("transform", "transform"),
        ("errors", "error_prefix"),
        ("query", "query"),
        ("backup", "backup_prefix"),
    ):
        if fields[field]:
            found[option] = fields[field]
    if fields["split"]:
        found["split"] = "json" if fields["split"] == "json" else b"\n"
    return found


def _refusal(at: int, fields: dict[str, str]) -> str:
    if at == 0 and not fields["name"]:
        return "The stream needs a name."
    if at == 3:
        for name, low, high in (("seconds", 0, 900), ("mib", 1, 128)):
            if not fields[name].isdigit() or not low <= int(fields[name]) <= high:
                what = "time" if name == "seconds" else "size"
                return f"The buffer's {what} is a number from {low} to {high}."
    return ""


def _page(view: View, at: int, fields: dict[str, str], failed: str = "") -> Page:
    functions = [f["FunctionName"] for f in view.call("lambda_", "ListFunctions")["Functions"]]
    return "wizard.html", {
        "title": "Create stream",
        "steps": STEPS,
        "at": max(0, at),
        "fields": fields,
        "functions": functions,
        "failed": failed,
        "summary": _summary(fields),
    }


def _summary(fields: dict[str, str]) -> list[tuple[str, str]]:
    form = fields["format"]
    shape = {"json": "records as they come"}.get(form, form.capitalize() if form == "parquet" else "ORC")
    if form == "json":
        shape += f", {fields['compression']}" if fields["compression"] != "none" else ", uncompressed"
        shape += ", a newline behind each" if fields["delimiter"] == "on" else ""
    else:
        shape += f", schema {fields['schema']}" if fields["schema"] else ", schema from the first records"
    return [
        ("Name", fields["name"]),
        ("Source", "puts (PutRecord, PutRecordBatch, the library)"),
        ("Transform", fields["transform"] or "none"),
        ("Format", shape),
        ("Destination", f"s3://{fields['bucket']}/{fields['prefix']}"),
        ("Partition keys", fields["query"] or "none"),
        ("Delivered after", f"{fields['mib']} MiB or {fields['seconds']} s, whichever is first"),
        ("Backup of the source", fields["backup"] or "none"),
    ]
