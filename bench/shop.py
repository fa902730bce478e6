"""The shop on moto, with its functions' calls to AWS recorded: requests, answers and written items."""

import copy
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from tests.integration.cloud import CREDENTIALS, Calls, Cloud, Handler, one_call_at_a_time, synthesized
from tests.integration.shop import Shop

LINES = (("mug", 2), ("tea", 1), ("pot", 3))
"""The three lines of a happy order: one that is paid, in stock and dispatched."""

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class RecordedWrite:
    """A write of one item.

    Attributes:
        table: The table.
        before: The item before the write; None if there was none.
        after: The item after the write; None if the write failed.
        transactional: Whether it is part of a transaction.
        failed: Whether its condition failed.
    """

    table: str
    before: Attributes | None
    after: Attributes | None
    transactional: bool
    failed: bool


@dataclass(frozen=True)
class Answer:
    """AWS's HTTP answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Call:
    """A request to AWS, its answer, and its writes."""

    operation: str
    request: Mapping[str, Any]
    answer: Answer | None = None
    writes: Sequence[RecordedWrite] = ()


@dataclass(frozen=True)
class Invocation:
    """One invocation of a function: its event, its environment and its calls."""

    service: str
    function: str
    handler: str
    event: Mapping[str, Any]
    environment: Mapping[str, str]
    calls: list[Call] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of the events in a consumer's batch."""
        return [json.loads(record["body"])["type"] for record in self.event["Records"]]


class Recorder(Calls):
    """The recorded calls of the function that runs now."""

    def __init__(self, cloud: "RecordedCloud") -> None:
        super().__init__()
        self.current: list[Call] = []
        self._cloud = cloud
        self._pending: dict[int, tuple[Call, list[Attributes | None]]] = {}

    def begin(self, params: Mapping[str, Any], model: Any, **rest: Any) -> None:
        """Record what a call's writes find."""
        super().begin(params, model, **rest)
        call = Call(model.name, dict(params))
        self.current.append(call)
        before = [self._cloud.stored(table, key) for table, key, _ in self._targets(call)]
        self._pending[threading.get_ident()] = (call, before)

    def answered(self, response_dict: Any, **_: Any) -> None:
        """Record a call's answer."""
        call = self._pending[threading.get_ident()][0]
        call.answer = Answer(response_dict["status_code"], dict(response_dict["headers"]), response_dict["body"])

    def end(self, model: Any, **rest: Any) -> None:
        """Record what a call wrote."""
        call, before = self._pending.pop(threading.get_ident())
        failed = call.answer is not None and call.answer.status >= 400
        call.writes = [
            RecordedWrite(table, old, None if failed else self._cloud.stored(table, key), transactional, failed)
            for old, (table, key, transactional) in zip(before, self._targets(call), strict=True)
        ]
        super().end(model, **rest)

    def _targets(self, call: Call) -> Iterator[tuple[str, Attributes, bool]]:
        """Yield the table and the key of each item that a call writes, and whether it is transactional."""
        match call.operation:
            case "PutItem" | "UpdateItem":
                yield self._target(call.request, transactional=False)
            case "TransactWriteItems":
                for item in call.request["TransactItems"]:
                    yield self._target(next(iter(item.values())), transactional=True)

    def _target(self, write: Mapping[str, Any], *, transactional: bool) -> tuple[str, Attributes, bool]:
        table, names = write["TableName"], self._cloud.schema(write["TableName"]).key
        source = write.get("Key") or write["Item"]
        return table, {name: source[name] for name in names}, transactional


@dataclass(frozen=True)
class Index:
    """An index of a table.

    Attributes:
        key: The attributes of its key.
        holds: The attributes that it contains; None means all.
    """

    key: tuple[str, ...]
    holds: frozenset[str] | None


@dataclass(frozen=True)
class Schema:
    """A table's key and its indexes, as the template declares them."""

    key: tuple[str, ...]
    indexes: tuple[Index, ...]


class RecordedCloud(Cloud):
    """The deployed shop. It records the calls of its functions."""

    def __init__(self, templates: Mapping[str, dict[str, Any]]) -> None:
        super().__init__(templates)
        self.recorder = Recorder(self)
        self.record(self.recorder)
        self.invocations: list[Invocation] = []
        self._recorded: dict[tuple[str, str], Handler] = {}
        declared = [body["Properties"] for template in templates.values() for body in template["Resources"].values()]
        self._schemas = {table["TableName"]: _schema(table) for table in declared if "AttributeDefinitions" in table}

    def handler(self, service: str, function: str) -> Handler:
        """Return the real handler, so that each of its invocations is recorded."""
        real = super().handler(service, function)

        def recorded(event: dict[str, Any], context: Any) -> dict[str, Any]:
            name, environment = self.handler_name(service, function), self.environment(service, function)
            invocation = Invocation(service, function, name, event, environment)
            self.recorder.current = invocation.calls
            self.invocations.append(invocation)
            return real(event, context)

        return recorded

    def schema(self, table: str) -> Schema:
        """Return a table's schema."""
        return self._schemas[table]

    def stored(self, table: str, key: Attributes) -> Attributes | None:
        """Return an item as it is now, or None."""
        return self.dynamodb.get_item(TableName=table, Key=dict(key), ConsistentRead=True).get("Item")


@cache
def templates() -> Mapping[str, dict[str, Any]]:
    """Synthesize the templates of the stage `local`, once."""
    if folder := os.environ.get("TIDINGS_TEMPLATES"):
        return synthesized(Path(folder))
    with tempfile.TemporaryDirectory() as scratch:
        return synthesized(Path(scratch))


@contextmanager
def recorded_shop(*, warm: bool = True) -> Iterator[tuple[Shop, RecordedCloud]]:
    """Deploy a shop with a happy order's products in stock, and record its calls from then on.

    Args:
        warm: Whether every function has handled an order before, so that its caches are filled.
    """
    with patch.dict(os.environ, CREDENTIALS), mock_aws(), one_call_at_a_time():
        cloud = RecordedCloud(copy.deepcopy(dict(templates())))
        # A slow machine takes longer for an order than the stage caches prices.
        cloud.set_environment("orders", "api", PRODUCT_CACHE_SECONDS="3600")
        shop = Shop(cloud)
        for sku, _ in LINES:
            shop.stock(sku, 1_000_000)
        if warm:
            happy_orders(shop, 1)
        cloud.invocations.clear()
        yield shop, cloud


def happy_orders(shop: Shop, orders: int) -> None:
    """Place orders at once, and process them until they are dispatched."""
    placed = [shop.place(*LINES) for _ in range(orders)]
    shop.cloud.drain()
    for order in placed:
        answer = shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": "T1"})
        if answer.status != 202:
            raise RuntimeError(f"the order {order} could not be dispatched: {answer}")
    shop.cloud.drain()
    for order in placed:
        if (status := shop.show(order)["status"]) != "DISPATCHED":
            raise RuntimeError(f"the order {order} ended in the status {status}")


@cache
def recording(orders: int = 1, *, warm: bool = True) -> tuple[tuple[Invocation, ...], Mapping[str, Schema]]:
    """Return the invocations for a number of happy orders, and the schemas of the tables, by name."""
    with redirect_stdout(StringIO()), recorded_shop(warm=warm) as (shop, cloud):
        happy_orders(shop, orders)
        return tuple(each for each in cloud.invocations if not _is_status_check(each)), cloud._schemas


def _is_status_check(invocation: Invocation) -> bool:
    """Return whether an invocation only checks an order's final status, which is not part of its flow."""
    return invocation.function == "api" and invocation.event["requestContext"]["http"]["method"] == "GET"


def _schema(table: Mapping[str, Any]) -> Schema:
    key = tuple(part["AttributeName"] for part in table["KeySchema"])
    return Schema(key, tuple(_index(index, key) for index in table.get("GlobalSecondaryIndexes", [])))


def _index(index: Mapping[str, Any], table_key: Sequence[str]) -> Index:
    key = tuple(part["AttributeName"] for part in index["KeySchema"])
    projection = index["Projection"]
    if projection["ProjectionType"] == "ALL":
        return Index(key, None)
    return Index(key, frozenset({*table_key, *key, *projection.get("NonKeyAttributes", [])}))
