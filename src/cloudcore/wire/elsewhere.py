"""The answer to requests that were signed for a service which is not here: which one that is, and what are.

Clients send every service of AWS to one endpoint when AWS_ENDPOINT_URL names it. The protocol of the request
says in which form a parser finds an error: JSON with a target, a form's XML, REST's header and JSON, CBOR.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

Reply = tuple[int, list[tuple[str, str]], bytes]
SERVED = ("dynamodb", "dynamodbstreams", "firehose", "lambda", "s3", "sts")
"""Services by their names in boto3."""
_SIGNED = frozenset({"dynamodb", "firehose", "lambda", "s3", "s3express", "sts"})
_INSTEAD = {
    "events": "`cloudcore schedule` calls functions at times",
    "glue": "Firehose.define_table() or a Glue endpoint that `reach` names has the tables of schemas",
    "logs": "`cloudcore lambda logs` prints what functions log",
    "scheduler": "`cloudcore schedule` calls functions at times",
}
_CODE = "UnknownOperationException"


def is_elsewhere(service: str | None) -> bool:
    """Whether a request that was signed for `service` is for nobody here."""
    return service is not None and service not in _SIGNED


def words(service: str) -> str:
    """What is said of a service that is not here."""
    instead = f"; {_INSTEAD[service]}" if service in _INSTEAD else ""
    return f"there is no {service} here; there are {', '.join(SERVED)}{instead}"


def answer(service: str, headers: Mapping[str, str], request: str) -> Reply:
    """A refusal in the form of the request's protocol; `request` is its id."""
    message = words(service)
    told = [("x-amzn-RequestId", request), ("x-amzn-ErrorType", _CODE)]
    kind = headers.get("content-type", "")
    if kind.startswith("application/x-www-form-urlencoded"):
        from cloudcore.wire import sts  # and with it `html`, which no start needs

        return sts.refusal(_CODE, message, request)
    if headers.get("smithy-protocol") == "rpc-v2-cbor":
        pairs = [("__type", _CODE), ("message", message)]
        body = b"\xa2" + b"".join(_cbor(text) for pair in pairs for text in pair)
        head = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")]
        return 400, [*head, *told], body
    kind = kind if kind.startswith("application/x-amz-json") else "application/json"
    body = json.dumps({"__type": _CODE, "message": message}).encode()
    return 400, [("Content-Type", kind), *told], body


def _cbor(text: str) -> bytes:
    """A text of less than 64 KiB, as CBOR has it (RFC 8949, major type 3)."""
    data = text.encode()
    return b"\x79" + len(data).to_bytes(2, "big") + data
