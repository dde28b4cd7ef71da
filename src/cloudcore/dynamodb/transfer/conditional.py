"""Records of a bulk put: an item each, and maybe a condition under which it is put.

What has no condition goes through the loader, thousands at a time. What has one becomes a PutItem of its own,
in its turn: records in front of it are stored before it is looked at.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cloudcore.dynamodb.transfer import ion
from cloudcore.errors import ApiError

if TYPE_CHECKING:
    from cloudcore.dynamodb.transfer.filling import Filling

MEMBERS = ("Item", "ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues")
_MARK = b"Expression"
_THROTTLED = ("ProvisionedThroughputExceededException", "ThrottlingException")
RETRY_SECONDS = 0.05
Refused = list[tuple[int, str, str]]


class Puts:
    """What formats.py needs of a loader, for records with conditions. `check` may raise while it waits.

    `unmet` has (number, the item asked for, the item that is there or None) of conditions that were not met.
    """

    def __init__(self, filling: Filling, table: str, check: Callable[[], None]):
        self._filling, self._table, self._check = filling, table, check
        self._loader = filling.loader
        self._put_alone, self._alone_units = 0, 0
        self.unmet: list[tuple[int, dict[str, Any], dict[str, Any] | None]] = []
        self._refused: Refused = []

    @property
    def stored(self) -> int:
        """Records that were stored, or whose condition was looked at."""
        return self._loader.stored + self._put_alone

    @property
    def units(self) -> int:
        """Write units of what was stored."""
        return self._loader.units + self._alone_units

    def lines(self, data: bytes, form: str, first_line: int, stop: bool) -> Refused:
        """See Loader.lines."""
        if _MARK not in data:
            return self._loader.lines(data, form, first_line, stop)
        refused: Refused = []
        kept, begun = [], first_line
        for number, line in enumerate(data.splitlines(keepends=True), first_line):
            if _MARK not in line:
                kept.append(line)
                continue
            refused += self._loader.lines(b"".join(kept), form, begun, stop)
            if not _broken(refused, stop):
                refused += self._line(line, number)
            if _broken(refused, stop):
                return refused
            kept, begun = [], number + 1
        return refused + self._loader.lines(b"".join(kept), form, begun, stop)

    def _line(self, line: bytes, number: int) -> Refused:
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or not isinstance(record.get("Item"), dict):
                raise ValueError("the line has no Item")
        except ValueError as error:
            return [(number, "SerializationException", str(error))]
        return self._alone(record, number, number - 1)

    def put(self, record: Mapping[str, Any], number: int) -> bool:
        """See Loader.put; `record` has the item's native values, and the condition, under MEMBERS."""
        if len(record) == 1:
            return self._loader.put(record["Item"], number)
        self._refused += self._loader.flush()
        values = record.get("ExpressionAttributeValues")
        wire = {**record, "Item": _wire_map(record["Item"])}
        if values is not None:
            wire["ExpressionAttributeValues"] = _wire_map(values)
        self._refused += self._alone(wire, number, number)
        return False

    def flush(self) -> Refused:
        """See Loader.flush."""
        refused, self._refused = self._refused + self._loader.flush(), []
        return refused

    def _alone(self, record: dict[str, Any], number: int, place: int) -> Refused:
        """A PutItem of the record's own members, in the wire's form; `place` is the record's from 0."""
        unknown = sorted(set(record) - set(MEMBERS))
        if unknown:
            return [(number, "ValidationException", f"a record has no member {unknown[0]}")]
        body = record | {
            "TableName": self._table,
            "ReturnConsumedCapacity": "TOTAL",
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        text = json.dumps(body).encode()
        while True:
            status, reply = self._filling.alone(text)
            answer = json.loads(reply)
            code = str(answer.get("__type", "")).rpartition("#")[2]
            if code not in _THROTTLED:
                break
            self._check()
            time.sleep(RETRY_SECONDS)
        if status == 200 or code == "ConditionalCheckFailedException":
            self._put_alone += 1
            self._alone_units += round(answer.get("ConsumedCapacity", {}).get("CapacityUnits", 0))
            if status != 200:
                self.unmet.append((place, record["Item"], answer.get("Item")))
            return []
        if status >= 500 or code == "ResourceNotFoundException":
            raise ApiError(code, str(answer.get("message")), status)
        return [(number, code, str(answer.get("message") or answer.get("Message")))]


def _broken(refused: Refused, stop: bool) -> bool:
    return stop and any(code == "SerializationException" for _, code, _ in refused)


def _wire_map(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: ion.wire(value) for name, value in values.items()}
