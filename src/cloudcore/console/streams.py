"""Delivery streams: the list, one stream's pipeline as it runs, what it delivered, and SQL over that."""

from __future__ import annotations

import itertools
from typing import Any

from cloudcore.console import words
from cloudcore.console.app import Redirect, View
from cloudcore.console.request import Request
from cloudcore.errors import ApiError, CloudcoreError

Page = tuple[str, dict[str, Any]]
_PREVIEW_ROWS = 50
_PREVIEW_OBJECTS = 20
_SQL_OBJECTS = 200
_SQL_ROWS = 100_000  # of a destination that is a table
_BARS = 24


def listing(view: View, request: Request) -> Page:
    """All streams with their counts."""
    rows = [
        {"name": name, "state": view.cloud.firehose.state(name), **_counts(view, name)}
        for name in view.cloud.firehose.names()
    ]
    return "streams.html", {"title": "Streams", "streams": rows}


def _counts(view: View, name: str) -> dict[str, Any]:
    status: dict[str, Any] = view.cloud.firehose.get(name).status()
    return status


def show(view: View, request: Request, name: str) -> Page:
    """One stream: the picture of its pipeline, its settings, a record to put in."""
    answer = view.call("firehose", "DescribeDeliveryStream", {"DeliveryStreamName": name})
    description = answer["DeliveryStreamDescription"]
    return "stream.html", {
        "title": name,
        "name": name,
        "description": description,
        "live": live(view, request, name),
        "stages": _stages(description, view.cloud.firehose.get(name).config.data),
        "tab": "pipeline",
    }


def live(view: View, request: Request, name: str) -> dict[str, Any]:
    """What changes while one looks."""
    found = _counts(view, name)
    figures = {key: words.number(value) for key, value in found.items() if isinstance(value, (int, float))}
    figures["bytes_out"] = words.size(found["bytes_out"])
    done = found["delivered"] + found["dropped"] + found["failed"] + found["expired"]
    waiting = found.get("waiting_records", max(0, found["records_in"] - done))  # a node of a cluster says it
    return figures | {"waiting": words.number(waiting)}


def _stages(description: dict[str, Any], data: Any) -> list[dict[str, str]]:
    """The boxes of the picture: title, what it is, and which live figure stands in it."""
    destination = description["Destinations"][0] if description["Destinations"] else {}
    kind = next(
        (key.removesuffix("DestinationDescription") for key in destination if key.startswith("Extended")),
        None,
    )
    kind = kind or next(
        (k.removesuffix("DestinationDescription") for k in destination if k != "DestinationId"), "S3"
    )
    raw = destination.get(f"{kind}DestinationDescription", {})
    stages = [
        {
            "title": "Source",
            "what": _source(description),
            "live": "records_in",
            "unit": "records",
        }
    ]
    for processor in raw.get("ProcessingConfiguration", {}).get("Processors", []):
        given = {p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters", [])}
        what = (
            given.get("LambdaArn", "").rpartition(":")[2] or given.get("MetadataExtractionQuery", "") or "on"
        )
        stages.append({"title": processor["Type"], "what": what, "live": "transformed", "unit": "ok"})
    size, seconds = words.size(data.buffer_bytes), words.duration(data.buffer_seconds)
    stages.append(
        {
            "title": "Buffer",
            "what": f"{size} or {seconds}",
            "live": "waiting",
            "unit": "waiting",
        }
    )
    conversion = raw.get("DataFormatConversionConfiguration", {})
    if conversion.get("Enabled"):
        serializer = conversion.get("OutputFormatConfiguration", {}).get("Serializer", {})
        stages.append(
            {
                "title": "Convert",
                "what": "ORC" if "OrcSerDe" in serializer else "Parquet",
                "live": "failed",
                "unit": "failed",
            }
        )
    bucket = raw.get("BucketARN", "").rpartition(":::")[2] or _address(raw)
    what = f"{bucket}/{raw.get('Prefix', '')}" if raw.get("BucketARN") else bucket
    stages.append(
        {"title": kind.replace("Extended", ""), "what": what, "live": "delivered", "unit": "delivered"}
    )
    return stages


def _source(description: dict[str, Any]) -> str:
    source = description.get("Source", {}).get("KinesisStreamSourceDescription", {})
    _, table, name = source.get("KinesisStreamARN", "").partition(":table/")
    return f"table {name.partition('/')[0]}" if table else str(description["DeliveryStreamType"])


def _address(raw: dict[str, Any]) -> str:
    """Where a destination that is no bucket is."""
    members = ("ClusterEndpoint", "CollectionEndpoint", "DomainARN", "HECEndpoint", "ClusterJDBCURL")
    found = next((raw[name] for name in members if raw.get(name)), "")
    return found or raw.get("EndpointConfiguration", {}).get("Url", "")


def put(view: View, request: Request, name: str) -> Page:
    """PutRecordBatch: a record a line."""
    lines = [line for line in request.fields.get("records", "").splitlines() if line.strip()]
    if not lines:
        raise ApiError("ValidationException", "There is no record to put")
    for first in range(0, len(lines), 500):
        batch = [{"Data": (line + "\n").encode()} for line in lines[first : first + 500]]
        view.call("firehose", "PutRecordBatch", {"DeliveryStreamName": name, "Records": batch})
    raise Redirect(f"streams/{name}", f"{len(lines)} record{'s' if len(lines) != 1 else ''} taken in.")


def flush(view: View, request: Request, name: str) -> Page:
    """Deliver now what waits."""
    done = view.cloud.firehose.get(name).flush(10)
    raise Redirect(f"streams/{name}", "Everything is delivered." if done else "Delivery goes on.")


def delete(view: View, request: Request, name: str) -> Page:
    """DeleteDeliveryStream, when the form repeats the name."""
    if request.text("name") != name:
        raise ApiError("ValidationException", f"Type the stream's name, {name}, to delete it")
    view.call("firehose", "DeleteDeliveryStream", {"DeliveryStreamName": name})
    raise Redirect("streams", f"Stream {name} is gone; what it delivered stays.")


def preview(view: View, request: Request, name: str) -> Page:
    """The newest delivered rows as a table and a chart, and SQL over the data set if DuckDB is there."""
    stream = view.cloud.firehose.get(name)
    context: dict[str, Any] = {
        "title": name,
        "name": name,
        "tab": "preview",
        "failed": None,
        "columns": [],
        "rows": [],
        "bars": [],
        "keys": [],
        "sql": request.query.get("sql", ""),
        "engine": _has_duckdb(),
        "charted": "",
        "numeric": [],
    }
    try:
        found = stream.delivered_keys()
        context["keys"] = list(reversed(found[-_PREVIEW_OBJECTS:]))
        if context["sql"]:
            rows = stream.read(objects=_SQL_OBJECTS) if found else stream.preview(_SQL_ROWS)
            table = _query(rows, context["sql"])
        else:
            table = stream.preview(_PREVIEW_ROWS)
    except (CloudcoreError, OSError, ValueError, ImportError) as error:
        return "stream_preview.html", {**context, "failed": str(error)}
    if table is None:
        return "stream_preview.html", context
    context["columns"] = table.column_names
    context["rows"] = list(
        itertools.islice(zip(*(c.to_pylist() for c in table.columns), strict=True), _PREVIEW_ROWS)
    )
    context["numeric"] = [f.name for f in table.schema if str(f.type) in _NUMERIC]
    charted = request.query.get("chart", "")
    if charted not in context["numeric"]:
        charted = next(iter(context["numeric"]), "")
    if charted in table.column_names:
        context["charted"], context["bars"] = charted, _bars(table, charted)
    return "stream_preview.html", context


_NUMERIC = {"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float", "double"}


def _bars(table: Any, name: str) -> list[tuple[str, float, float]]:
    """(label, value, share of the largest) of the first rows, labelled by the first column of text."""
    label = next((f.name for f in table.schema if f.name != name and str(f.type) not in _NUMERIC), None)
    values = [v if isinstance(v, (int, float)) else 0 for v in table[name].slice(0, _BARS).to_pylist()]
    labels = [
        str(v) for v in (table[label].slice(0, _BARS).to_pylist() if label else range(1, len(values) + 1))
    ]
    top = max((abs(v) for v in values), default=0) or 1
    return [(text, value, 100 * abs(value) / top) for text, value in zip(labels, values, strict=True)]


def _has_duckdb() -> bool:
    import importlib.util

    return importlib.util.find_spec("duckdb") is not None


def _query(table: Any, sql: str) -> Any:
    """SQL over `delivered`; the statement reaches that table alone."""
    if not _has_duckdb():
        raise ImportError("SQL needs DuckDB: pip install duckdb")
    if table is None:
        return None
    import duckdb

    with duckdb.connect(":memory:", config={"enable_external_access": False}) as engine:
        engine.register("delivered", table)
        try:
            found = engine.sql(sql)
            if found is None:
                raise ValueError("This statement has no rows to show")
            return found.to_arrow_table()
        except duckdb.Error as error:
            raise ValueError(str(error)) from None
