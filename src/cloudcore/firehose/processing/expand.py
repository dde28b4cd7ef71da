"""Records that become other records before any function sees them: decompressed, taken apart.

Source: AWS, "Apply dynamic partitioning to aggregated data"; "Decompress CloudWatch Logs".
"""

from __future__ import annotations

import json
import zlib
from typing import Any

import orjson

from cloudcore.firehose.processing.config import Processors
from cloudcore.firehose.processing.work import Refused

PARTS_MAX = 500  # of one record
SIZE_MAX = 64 << 20  # of one record when it is decompressed: a bomb ends here
_decoder = json.JSONDecoder()


def expand(record: bytes, processors: Processors) -> list[bytes]:
    """The records that come out of one; none when it is dropped. Raises Refused."""
    if processors.decompress:
        record = decompress(record)
        if processors.messages_only:
            extracted = messages(record)
            if extracted is None:
                return []
            record = extracted
    if processors.split is None:
        return [record]
    parts = json_objects(record) if processors.split == b"" else delimited(record, processors.split)
    if len(parts) > PARTS_MAX:
        raise Refused(
            "RecordDeAggregation.LimitExceeded",
            f"The record holds {len(parts)} records; {PARTS_MAX} is the most that is taken apart",
        )
    return parts


def decompress(record: bytes) -> bytes:
    """All GZIP members of a record. Raises Refused."""
    out, rest, size = [], record, 0
    while rest:
        unpacker = zlib.decompressobj(31)
        try:
            data = unpacker.decompress(rest, SIZE_MAX - size + 1)
        except zlib.error:
            raise Refused("Decompression.Failed", "The record is not in GZIP format") from None
        size += len(data)
        if size > SIZE_MAX:
            raise Refused("Decompression.Failed", f"The record is larger than {SIZE_MAX} bytes decompressed")
        if not unpacker.eof:
            raise Refused("Decompression.Failed", "The record ends inside its GZIP data")
        out.append(data)
        rest = unpacker.unused_data
    if not out:
        raise Refused("Decompression.Failed", "The record is not in GZIP format")
    return b"".join(out)


def messages(record: bytes) -> bytes | None:
    """The message of every log event, each on a line of its own; None of a control message."""
    out = []
    try:
        for document in _documents(record.decode()):
            if document.get("messageType") == "CONTROL_MESSAGE":
                continue
            out += [event["message"] for event in document["logEvents"]]
        return "".join(text if text.endswith("\n") else text + "\n" for text in out).encode() or None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise Refused(
            "CloudWatchLogProcessing.Failed", "The record is not of the format of CloudWatch Logs"
        ) from None


def json_objects(record: bytes) -> list[bytes]:
    """The JSON objects of a record, end to end or one a line, byte for byte. Raises Refused."""
    lines = record.split(b"\n")
    if len(lines) > 1:
        try:
            found = [line.strip() for line in lines if line.strip()]
            if all(isinstance(orjson.loads(line), dict) for line in found):
                return found
        except orjson.JSONDecodeError:
            pass  # several on one line, or one over several lines
    try:
        text = record.decode()
        out, at = [], _blank(text, 0)
        while at < len(text):
            value, end = _decoder.raw_decode(text, at)
            if not isinstance(value, dict):
                raise ValueError(f"expected a JSON object at character {at}")
            out.append(text[at:end].encode())
            at = _blank(text, end)
        return out
    except (ValueError, RecursionError) as error:
        raise Refused(
            "RecordDeAggregation.ParseError", f"The record is not a sequence of JSON objects: {error}"
        ) from None


def delimited(record: bytes, delimiter: bytes) -> list[bytes]:
    """The parts between delimiters; an empty last one, behind a closing delimiter, is none."""
    parts = record.split(delimiter)
    if not parts[-1]:
        parts.pop()
    return parts


def _documents(text: str) -> list[dict[str, Any]]:
    out, at = [], _blank(text, 0)
    while at < len(text):
        value, at = _decoder.raw_decode(text, at)
        out.append(value)
        at = _blank(text, at)
    return out


def _blank(text: str, at: int) -> int:
    while at < len(text) and text[at] in " \t\r\n":
        at += 1
    return at
