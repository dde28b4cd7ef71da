"""A delivery stream in a few clicks: source, transform, format, destination, review.

The fields travel in the form itself, so that a step back loses nothing and nothing is kept here.
"""

from __future__ import annotations

from typing import Any

from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import ApiError

Page = tuple[str, dict[str, Any]]
_TABLE = "table:"
STEPS = ["Source", "Transform", "Format", "Destination", "Review"]
_KINDS = {
    "s3": "Objects (S3)", "opensearch": "OpenSearch", "splunk": "Splunk",
    "http_endpoint": "HTTP endpoint",
}  # fmt: skip
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
    "kind": "s3",
    "url": "",
    "secret": "",
    "index": "records",
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
        view.cloud.stream(fields["name"], **options(fields))
    except (ApiError, ValueError, TypeError) as error:
        return _page(view, at, fields, str(error))
    raise Redirect(f"streams/{fields['name']}", f"Stream {fields['name']} is there.")


def options(fields: dict[str, str]) -> dict[str, Any]:
    """The options of Cloud.stream() for the fields."""
    found: dict[str, Any] = {
        "bucket": fields["bucket"] or "delivered",
        "prefix": fields["prefix"],
        "buffer_seconds": int(fields["seconds"] or 60),
        "buffer_bytes": int(fields["mib"] or 5) << 20,
        "append_delimiter": fields["delimiter"] == "on" and fields["format"] == "json",
    }
    if fields["source"].startswith(_TABLE):
        found["source"] = fields["source"].removeprefix(_TABLE)
        found["append_delimiter"] = False  # each change is a line already
    if fields["kind"] != "s3":
        found["to"] = {fields["kind"]: _endpoint(fields)}
        found["append_delimiter"] = False
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


def _endpoint(fields: dict[str, str]) -> dict[str, Any]:
    """The options of a destination that is no bucket; without an address, of the one that is kept here."""
    found: dict[str, Any] = {"index": fields["index"]} if fields["kind"] == "opensearch" else {}
    if fields["url"]:
        found["url"] = fields["url"]
        token = {"splunk": "token", "http_endpoint": "access_key"}.get(fields["kind"])
        if token and fields["secret"]:
            found[token] = fields["secret"]
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
    tables = view.call("dynamodb", "ListTables")["TableNames"]
    functions = [f["FunctionName"] for f in view.call("lambda_", "ListFunctions")["Functions"]]
    return "wizard.html", {
        "title": "Create stream",
        "steps": STEPS,
        "at": max(0, at),
        "fields": fields,
        "functions": functions,
        "sources": [("direct", "puts"), *((_TABLE + name, f"what happens to {name}") for name in tables)],
        "kinds": list(_KINDS.items()),
        "failed": failed,
        "summary": _summary(fields),
    }


def _source(fields: dict[str, str]) -> str:
    if fields["source"].startswith(_TABLE):
        return f"the changes of the table {fields['source'].removeprefix(_TABLE)}, each once"
    return "puts (PutRecord, PutRecordBatch, the library)"


def _destination(fields: dict[str, str]) -> str:
    bucket = f"s3://{fields['bucket']}/{fields['prefix']}"
    if fields["kind"] == "s3":
        return bucket
    where = fields["url"] or "kept in files here"
    return f"{_KINDS.get(fields['kind'], fields['kind'])}, {where}; failed records under {bucket}"


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
        ("Source", _source(fields)),
        ("Transform", fields["transform"] or "none"),
        ("Format", shape),
        ("Destination", _destination(fields)),
        ("Partition keys", fields["query"] or "none"),
        ("Delivered after", f"{fields['mib']} MiB or {fields['seconds']} s, whichever is first"),
        ("Backup of the source", fields["backup"] or "none"),
    ]
