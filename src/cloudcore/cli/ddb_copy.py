"""ddb copy: tables from one place to another, resumable and verified.

A place is a directory or an endpoint's URL, with a table's name or, for every table, without:

    shop.cc:orders   shop.cc   http://127.0.0.1:4566/orders   https://dynamodb.eu-west-1.amazonaws.com/orders
    https://dynamodb.eu-west-1.amazonaws.com:443/?region=eu-west-1&account=123456789012
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from cloudcore.cli.connection import Connection, Refusal, connect
from cloudcore.cli.ddb_state import CopyState, Segment
from cloudcore.cli.ddb_wire import Item, WireTable
from cloudcore.dynamodb.progress import Progress
from cloudcore.dynamodb.shapes import page_of
from cloudcore.endpoint.transport import address_of

ACTIVE_WAIT_SECONDS = 900.0
MASK = (1 << 64) - 1


class Place(NamedTuple):
    """Where tables are: what connect() takes, and which table."""

    options: argparse.Namespace
    table: str | None
    name: str


def place_of(text: str) -> Place:
    """The place that a word of the command line names."""
    if "://" in text:
        try:
            endpoint, table, region, account = address_of(text)
        except ValueError as error:
            message, _, hint = str(error).partition("; ")
            raise Refusal(message, hint) from None
        data = text
    else:
        data, endpoint, table, account = text, None, None, None
        region = os.environ.get("AWS_REGION")
        if ":" in text and not os.path.isdir(text):
            data, _, table = text.rpartition(":")
        data = os.path.abspath(data)
    options = argparse.Namespace(data=data, endpoint=endpoint, region=region, account=account)
    return Place(options, table or None, endpoint or data)


def copy(options: argparse.Namespace) -> int:
    """0, or 1 when a table came out other than it was read."""
    source, destination = place_of(options.source), place_of(options.destination)
    if source.table is None and destination.table is not None:
        raise Refusal(
            "every table cannot go into one", "name a table of the source, or none of the destination"
        )
    with connect(source.options) as here, contextlib.ExitStack() as stack:
        same = source.options == destination.options
        there = here if same else stack.enter_context(connect(destination.options, make=True))
        names = [source.table] if source.table else _names(here)
        if same and source.table == (destination.table or source.table):
            raise Refusal("source and destination are one", "name another table: DIR:TABLE")
        status = 0
        for name in names:
            made = _Copy(
                options, WireTable(here, name), WireTable(there, destination.table or name, options.rate)
            )
            made.places = (source, destination)
            status |= made.run()
    return status


def _names(connection: Connection) -> list[str]:
    names: list[str] = []
    while True:
        page = connection.call(
            "dynamodb", "ListTables", {"ExclusiveStartTableName": names[-1]} if names else {}
        )
        names += page["TableNames"]
        if "LastEvaluatedTableName" not in page:
            return names


class _Copy:
    """One table on its way."""

    places: tuple[Place, Place]

    def __init__(self, options: argparse.Namespace, source: WireTable, destination: WireTable):
        self.options, self.source, self.destination = options, source, destination
        self._lock = threading.Lock()
        self._stop = False

    def run(self) -> int:
        began = time.monotonic()
        described = self.source.describe()
        if described is None:
            raise Refusal(f"there is no table {self.source.name} in {self.source.connection.where}")
        state = self._state(described)
        resumed = state.items > 0
        made = self._prepare(described, fresh=not state.begun)
        self.keys = [element["AttributeName"] for element in described["KeySchema"]]
        state.save()
        self._copy(state, described["ItemCount"])
        found = self._verify(state)
        if made:
            _copy_time_to_live(self.source, self.destination)
        state.forget()
        return self._report(state, found, resumed, time.monotonic() - began)

    def _state(self, described: dict[str, Any]) -> CopyState:
        """How far an earlier copy of the same table to the same place came."""
        here, there = self.places
        identity = {
            "source": [here.name, here.options.region, here.options.account, self.source.name],
            "made": str(described.get("TableId") or described.get("CreationDateTime")),
            "destination": [there.name, there.options.region, there.options.account, self.destination.name],
            "merge": self.options.merge,
        }
        remote = here.options.endpoint or there.options.endpoint
        segments = (4 if remote else 1) if self.options.segments is None else self.options.segments
        return CopyState.find(self.options.state, identity, segments, restart=self.options.restart)

    def _prepare(self, described: dict[str, Any], fresh: bool) -> bool:
        """See to it that the destination has the table; whether it had to be made."""
        there = self.destination.describe()
        if there is None:
            params = creation(described, self.destination.name)
            if self.options.no_stream:
                params.pop("StreamSpecification", None)
            self.destination.ask("CreateTable", params)
        else:
            if _key(there) != _key(described):
                raise Refusal(
                    f"the key of {self.destination.name} is {_key(there)}, not {_key(described)}",
                    "copy to another table",
                )
            if fresh and not self.options.merge and next(self.destination.pages(Limit=1))[0]:
                raise Refusal(
                    f"table {self.destination.name} in {self.destination.connection.where} holds items",
                    "--merge puts the copy among them",
                )
        until = time.monotonic() + ACTIVE_WAIT_SECONDS
        while (self.destination.describe() or {}).get("TableStatus") != "ACTIVE":
            if time.monotonic() > until:
                raise Refusal(f"table {self.destination.name} does not become ACTIVE", "run it again later")
            time.sleep(0.2)
        return there is None

    def _copy(self, state: CopyState, about: int) -> None:
        progress = Progress(False if self.options.json else None, f"copying {self.source.name}")
        todo = [segment for segment in state.segments if not segment.done]
        try:
            with ThreadPoolExecutor(max(len(todo), 1)) as pool:
                running = [pool.submit(self._segment, state, one, progress, about) for one in todo]
                try:
                    wait(running, return_when=FIRST_EXCEPTION)
                finally:  # also of Ctrl-C: the pages under way are finished and remembered
                    self._stop = True
            for one in running:
                one.result()
        finally:
            state.save()
            progress.close()

    def _segment(self, state: CopyState, segment: Segment, progress: Progress, about: int) -> None:
        members = {"Segment": segment.number, "TotalSegments": len(state.segments)}
        try:
            for items, start in self.source.pages(segment.start, **members):
                self.destination.put(items)
                page = page_of(items)
                if self.options.merge and not self.options.no_verify:
                    self._read_back(items, page)
                with self._lock:
                    segment.advance(len(page), page.checksum(), start)
                    state.save_sometimes()
                    progress.show(state.items, state.items / about if about else None)
                if self._stop:
                    return
        except BaseException:
            self._stop = True
            raise

    def _read_back(self, items: list[Item], page: Any) -> None:
        found = self.destination.get([{name: item[name] for name in self.keys} for item in items])
        if page_of(found).checksum() != page.checksum():
            raise Refusal(
                f"{self.destination.name} gives back other items than were put",
                "somebody writes to it meanwhile; run it again",
            )

    def _verify(self, state: CopyState) -> tuple[int, int] | None:
        """(items, checksum) of the destination; None when that was seen to page by page, or not wanted."""
        if self.options.no_verify or self.options.merge:
            return None
        progress = Progress(False if self.options.json else None, f"verifying {self.destination.name}")
        count = checksum = 0
        try:
            for items, _ in self.destination.pages():
                page = page_of(items)
                count, checksum = count + len(page), checksum + page.checksum() & MASK
                progress.show(count, count / state.items if state.items else None)
        finally:
            progress.close()
        return count, checksum

    def _report(self, state: CopyState, found: tuple[int, int] | None, resumed: bool, seconds: float) -> int:
        same = found is None or found == (state.items, state.checksum)
        verified = same and not self.options.no_verify
        name = f"{self.source.name} -> {self.destination.name}"
        if self.options.json:
            report = {
                "source": self.source.name, "destination": self.destination.name, "items": state.items,
                "checksum": f"{state.checksum:016x}", "verified": verified, "resumed": resumed,
                "seconds": round(seconds, 3),
            }  # fmt: skip
            if found is not None:
                report["found"] = {"items": found[0], "checksum": f"{found[1]:016x}"}
            print(json.dumps(report))
        elif same:
            how = "verified" if verified else "not verified"
            print(f"{name}: {state.items:,} items, checksum {state.checksum:016x}, {how}, {seconds:.1f} s")
        else:
            assert found is not None
            print(
                f"{name}: DIFFERS: read {state.items:,} items, checksum {state.checksum:016x}; there "
                f"are {found[0]:,}, {found[1]:016x}. Was one of them written meanwhile?"
            )
        return 0 if same else 1


def _key(described: dict[str, Any]) -> str:
    kinds = {one["AttributeName"]: one["AttributeType"] for one in described["AttributeDefinitions"]}
    names = [element["AttributeName"] for element in described["KeySchema"]]
    return f"({', '.join(f'{name}:{kinds[name]}' for name in names)})"


def creation(described: dict[str, Any], name: str) -> dict[str, Any]:
    """CreateTable's parameters for a table of the same key, indexes and way of paying."""
    params: dict[str, Any] = {"TableName": name}
    for member in ("KeySchema", "AttributeDefinitions"):
        params[member] = described[member]
    on_demand = described.get("BillingModeSummary", {}).get("BillingMode") == "PAY_PER_REQUEST"
    params["BillingMode"] = "PAY_PER_REQUEST" if on_demand else "PROVISIONED"
    if not on_demand:
        params["ProvisionedThroughput"] = _units(described)
    for member in ("LocalSecondaryIndexes", "GlobalSecondaryIndexes"):
        indexes = [
            {one: index[one] for one in ("IndexName", "KeySchema", "Projection")}
            | ({} if on_demand or member[0] == "L" else {"ProvisionedThroughput": _units(index)})
            for index in described.get(member, [])
        ]
        if indexes:
            params[member] = indexes
    vectors = ("IndexName", "VectorAttribute", "SearchSchema", "Projection", "Dimensions", "DistanceFunction")
    if described.get("VectorIndexes"):
        params["VectorIndexes"] = [
            {one: index[one] for one in vectors if one in index} for index in described["VectorIndexes"]
        ]
    if described.get("StreamSpecification", {}).get("StreamEnabled"):
        params["StreamSpecification"] = described["StreamSpecification"]
    if "TableClassSummary" in described:
        params["TableClass"] = described["TableClassSummary"]["TableClass"]
    return params


def _units(described: dict[str, Any]) -> dict[str, int]:
    given = described["ProvisionedThroughput"]
    return {member: given[member] for member in ("ReadCapacityUnits", "WriteCapacityUnits")}


def _copy_time_to_live(source: WireTable, destination: WireTable) -> None:
    """After the items, so that none goes before it was verified."""
    found = source.ask("DescribeTimeToLive", {"TableName": source.name})["TimeToLiveDescription"]
    if found.get("TimeToLiveStatus") in ("ENABLED", "ENABLING"):
        wanted = {"Enabled": True, "AttributeName": found["AttributeName"]}
        destination.ask(
            "UpdateTimeToLive", {"TableName": destination.name, "TimeToLiveSpecification": wanted}
        )
