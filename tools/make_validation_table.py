"""Writes src/cloudcore/_models/<service>.json, the validation tables, from botocore's service models.

    python tools/make_validation_table.py [DIRECTORY]

One input (botocore, pinned), one output a service; a test regenerates and compares. Of each model it
keeps what a request is checked by (types, members, limits, patterns, enumerations, where REST puts a
member) and, of answers, the timestamps, blobs and REST locations. What the service was recorded to do
otherwise than its published model says stands in RECORDED below and nowhere else.

    {"generated": "...", "protocol": "json", "operations": {NAME: {"input": SHAPE, "output": SHAPE,
     "method": "POST", "uri": "/", "status": 200}}, "errors": [CODE], "shapes": {SHAPE: {"type": ..., ...}}}
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import botocore
from botocore.loaders import Loader

BOTOCORE = "1.44.5"
SERVICES = {"dynamodb": 62, "dynamodbstreams": 4, "firehose": 12, "lambda": 91}
"""Service -> operations its model must have."""
OUTPUT = Path(__file__).resolve().parents[1] / "src" / "cloudcore" / "_models"
LIMITS = ("min", "max", "pattern", "sensitive")
TABLE_NAME = {"type": "string", "min": 3, "max": 255, "pattern": "[a-zA-Z0-9_.-]+"}

RECORDED: dict[str, dict[str, Any]] = {
    "dynamodb": {
        # Enumerations in the order in which refusals list them; it is not the model's.
        "enums": {
            "ScalarAttributeType": ["B", "N", "S"],
            "ProjectionType": ["ALL", "INCLUDE", "KEYS_ONLY"],
        },
        # Members in the order in which refusals list them; those not named follow in the model's order.
        "order": {
            "CreateTableInput": ["AttributeDefinitions", "TableName", "BillingMode", "TableClass",
                                 "ProvisionedThroughput", "KeySchema"],
            "ProvisionedThroughput": ["WriteCapacityUnits", "ReadCapacityUnits"],
        },
        # A table is also named by its ARN; the limits are those of the name in it.
        # A table's own key is one or two attributes; an index's may be longer.
        "shapes": {
            "TableArn": {**TABLE_NAME, "min": 1, "name_after": ":table/"},
            # Tags are refused in words of their own; so is a class that does not exist.
            "Tag": {"type": "structure", "members": {"Key": "TagText", "Value": "TagText"}},
            "TagKeyList": {"type": "list", "member": "TagText"},
            "TagText": {"type": "string"},
            "TableClass": {"type": "string"},
            "TableArnToChange": {**TABLE_NAME, "name_after": ":table/"},
            "TableArnAlone": {"type": "string", "min": 1, "max": 1024},
            "TableKeySchema": {"type": "list", "min": 1, "max": 2, "member": "KeySchemaElement"},
        },
        "members": {
            "CreateTableInput": {"TableName": "TableName", "KeySchema": "TableKeySchema"},
            "UpdateTableInput": {"TableName": "TableArnToChange"},
            # Where no name will do, the ARN is checked as one.
            "ExportTableToPointInTimeInput": {"TableArn": "TableArnAlone"},
            "ListExportsInput": {"TableArn": "TableArnAlone"},
            "ListImportsInput": {"TableArn": "TableArnAlone"},
        },
        # Optional in the model for the sake of replicas made from GlobalTableSourceArn only.
        "required": {"CreateTableInput": ["AttributeDefinitions", "KeySchema"]},
        # Members whose absence has words of its own, told before everything else.
        "missing": {
            "CreateTableInput": {
                "TableName": "The parameter 'TableName' is required but was not present in the request"
            },
        },
    },
    "dynamodbstreams": {
        # Upper limits that the published model leaves out.
        "shapes": {
            "Limit100": {"type": "integer", "min": 1, "max": 100},
            "Limit1000": {"type": "integer", "min": 1, "max": 1000},
        },
        "members": {
            "DescribeStreamInput": {"Limit": "Limit100"},
            "GetRecordsInput": {"Limit": "Limit1000"},
            "ListStreamsInput": {"Limit": "Limit100"},
        },
    },
    "lambda": {
        # Any runtime of the python3 family is taken; the function's own checks refuse the others.
        "enums": {"Runtime": None},
    },
}  # fmt: skip


def main(directory: Path = OUTPUT) -> None:
    """Write every table into `directory`."""
    if botocore.__version__ != BOTOCORE:
        raise SystemExit(f"botocore {BOTOCORE} is wanted, {botocore.__version__} is installed")
    directory.mkdir(parents=True, exist_ok=True)
    for service in SERVICES:
        (directory / f"{service}.json").write_text(render(service), encoding="utf-8")


def render(service: str) -> str:
    """The text of one table, one operation or shape a line."""
    model = Loader().load_service_model(service, "service-2")
    assert len(model["operations"]) == SERVICES[service], f"{service}: operations were added or removed"
    recorded = RECORDED.get(service, {})
    inputs = _reach(model, "input", recorded)
    outputs = {name: shape for name, shape in _outputs(model).items() if name not in inputs}
    return "\n".join(
        [
            "{",
            '"generated": "do not edit: made by tools/make_validation_table.py '
            f'from botocore {BOTOCORE}, {service}",',
            f'"protocol": "{model["metadata"]["protocol"]}",',
            '"operations": {',
            _lines({name: _operation(o, model) for name, o in model["operations"].items()}),
            "},",
            f'"errors": {json.dumps(_errors(model))},',
            '"shapes": {',
            _lines(inputs | outputs),
            "}",
            "}",
            "",
        ]
    )


def _lines(entries: dict[str, Any]) -> str:
    return ",\n".join(
        f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'), ensure_ascii=True)}"
        for name, entry in sorted(entries.items())
    )


def _errors(model: dict[str, Any]) -> list[str]:
    """The codes of every error that an operation of the model names."""
    named = {error["shape"] for o in model["operations"].values() for error in o.get("errors", [])}
    return sorted(model["shapes"][name].get("error", {}).get("code", name) for name in named)


def _operation(operation: dict[str, Any], model: dict[str, Any]) -> dict[str, Any]:
    entry = {side: operation[side]["shape"] for side in ("input", "output") if side in operation}
    if entry.get("output") not in _outputs(model):
        entry.pop("output", None)
    http = operation["http"]
    if http["requestUri"] != "/":
        entry |= {"method": http["method"], "uri": http["requestUri"], "status": http["responseCode"]}
    return entry


def _reach(model: dict[str, Any], side: str, recorded: dict[str, Any]) -> dict[str, Any]:
    """Every shape that the operations' inputs reach, in the table's form."""
    waiting = [o[side]["shape"] for o in model["operations"].values() if side in o]
    found: dict[str, Any] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            given = recorded.get("shapes", {}).get(name)
            found[name] = given or _shape(name, model["shapes"][name], recorded)
            waiting += _below(found[name])
    return found


def _below(shape: dict[str, Any]) -> list[str]:
    members = [m if isinstance(m, str) else m["shape"] for m in shape.get("members", {}).values()]
    return members + [shape[part] for part in ("member", "key", "value") if part in shape]


def _shape(name: str, shape: dict[str, Any], recorded: dict[str, Any]) -> dict[str, Any]:
    entry = {"type": shape["type"]} | {limit: shape[limit] for limit in LIMITS if limit in shape}
    if "enum" in shape:
        words = recorded.get("enums", {}).get(name, shape["enum"])
        if words is not None:
            assert sorted(words) == sorted(shape["enum"]), name
            entry["enum"] = words
    if shape["type"] == "structure":
        first = recorded.get("order", {}).get(name, [])
        assert set(first) <= set(shape["members"]), name
        members = first + [m for m in shape["members"] if m not in first]
        other = recorded.get("members", {}).get(name, {})
        entry["members"] = {m: _member(shape["members"][m] | _other(other.get(m))) for m in members}
        required = shape.get("required", []) + recorded.get("required", {}).get(name, [])
        if required:
            entry["required"] = required
        if "payload" in shape:
            entry["payload"] = shape["payload"]
        if name in recorded.get("missing", {}):
            entry["missing"] = recorded["missing"][name]
    for part in ("member", "key", "value"):
        if part in shape:
            entry[part] = shape[part]["shape"]
    return entry


def _other(shape: str | None) -> dict[str, str]:
    return {} if shape is None else {"shape": shape}


def _member(member: dict[str, Any]) -> Any:
    """The shape's name alone, or with the place in an HTTP request or response."""
    if "location" not in member:
        return member["shape"]
    entry = {"shape": member["shape"], "location": member["location"]}
    if "locationName" in member:
        entry["name"] = member["locationName"]
    return entry


def _outputs(model: dict[str, Any]) -> dict[str, Any]:
    """Output shapes pruned to what needs a conversion: timestamps, blobs, REST locations, payloads."""
    kept: dict[str, Any] = {}

    def visit(name: str, path: tuple[str, ...]) -> bool:
        shape = model["shapes"][name]
        if name in kept:
            return True
        if name in path or shape["type"] not in ("structure", "list", "map", "timestamp", "blob"):
            return False
        entry: dict[str, Any] = {"type": shape["type"]}
        if shape["type"] == "structure":
            members = {
                m: _member(inner)
                for m, inner in shape["members"].items()
                if visit(inner["shape"], (*path, name)) or "location" in inner
            }
            if not members:
                return False
            entry["members"] = members
            if "payload" in shape:
                entry["payload"] = shape["payload"]
        elif shape["type"] in ("list", "map"):
            part = "member" if shape["type"] == "list" else "value"
            if not visit(shape[part]["shape"], (*path, name)):
                return False
            entry[part] = shape[part]["shape"]
        kept[name] = entry
        return True

    for operation in model["operations"].values():
        if "output" in operation:
            visit(operation["output"]["shape"], ())
    for entry in kept.values():  # what a location names must be found too, converted or not
        for inner in entry.get("members", {}).values():
            if isinstance(inner, dict):
                inner.setdefault("type", model["shapes"][inner["shape"]]["type"])
    return kept


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else OUTPUT)
