"""The shop on moto, with all that its functions ask of AWS recorded: the calls, the answers, and the items written."""

import copy
import json
import os
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

import boto3
from moto import mock_aws

from tests.integration.cloud import REGION, Calls, Cloud, Handler, one_call_at_a_time, synthesized
from tests.integration.shop import Shop

ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
LINES = (("mug", 2), ("tea", 1), ("pot", 3))
"""A happy order's three lines."""

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Write:
    """One item written, as it was and as it is; `failed` says that the condition did not hold."""

    table: str
    before: Attributes | None
    after: Attributes | None
    transactional: bool
    failed: bool


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of AWS."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Call:
    """A request to AWS, what came back, and what it wrote."""

    operation: str
    request: Mapping[str, Any]
    answer: Answer | None = None
    writes: Sequence[Write] = ()


@dataclass(frozen=True)
class Invocation:
    """A function called once: what it was given, and the calls that it made."""

    service: str
    function: str
    event: Mapping[str, Any]
    environment: Mapping[str, str]
    calls: list[Call] = field(default_factory=list)

    @property
    def types(self) -> list[str]:
        """The types of the events in a consumer's batch."""
        return [json.loads(record["body"])["type"] for record in self.event["Records"]]


class Recorder(Calls):
    """Records the calls of whichever function runs at the moment."""

    def __init__(self, cloud: "RecordedCloud") -> None:
        super().__init__()
        self.current: list[Call] = []
        self._cloud = cloud
        self._pending: dict[int, tuple[Call, list[Attributes | None]]] = {}

    def install(self, session: boto3.Session) -> None:
        """Records the calls of every client that the session will make."""
        super().install(session)
        session.events.register("response-received", self._answered)

    def _begin(self, params: Mapping[str, Any], model: Any, **rest: Any) -> None:
        super()._begin(params, model, **rest)
        call = Call(model.name, dict(params))
        self.current.append(call)
        before = [self._cloud.stored(table, key) for table, key, _ in self._targets(call)]
        self._pending[threading.get_ident()] = (call, before)

    def _answered(self, response_dict: Any, **_: Any) -> None:
        call = self._pending[threading.get_ident()][0]
        call.answer = Answer(response_dict["status_code"], dict(response_dict["headers"]), response_dict["body"])

    def _end(self, model: Any, **rest: Any) -> None:
        call, before = self._pending.pop(threading.get_ident())
        failed = call.answer is not None and call.answer.status >= 400
        call.writes = [
            Write(table, old, None if failed else self._cloud.stored(table, key), transactional, failed)
            for old, (table, key, transactional) in zip(before, self._targets(call), strict=True)
        ]
        super()._end(model, **rest)

    def _targets(self, call: Call) -> Iterator[tuple[str, Attributes, bool]]:
        """The table and the key of each item that a call writes."""
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
    """An index: the attributes of its key, and those that it holds of an item (None: all)."""

    key: tuple[str, ...]
    holds: frozenset[str] | None


@dataclass(frozen=True)
class Schema:
    """A table as the template declares it."""

    key: tuple[str, ...]
    indexes: tuple[Index, ...]


class RecordedCloud(Cloud):
    """The deployed shop, whose functions' calls are recorded."""

    def __init__(self, templates: Mapping[str, dict[str, Any]]) -> None:
        super().__init__(templates)
        self.recorder = Recorder(self)
        self.calls = self.recorder
        self.recorder.install(cast("boto3.Session", boto3.DEFAULT_SESSION))
        self.invocations: list[Invocation] = []
        self._recorded: dict[tuple[str, str], Handler] = {}
        declared = [body["Properties"] for template in templates.values() for body in template["Resources"].values()]
        self._schemas = {table["TableName"]: _schema(table) for table in declared if "AttributeDefinitions" in table}

    def handler(self, service: str, function: str) -> Handler:
        """The real handler, under its own environment; each call of it is recorded."""
        real = super().handler(service, function)

        def recorded(event: dict[str, Any], context: Any) -> dict[str, Any]:
            invocation = Invocation(service, function, event, self.environment(service, function))
            self.recorder.current = invocation.calls
            self.invocations.append(invocation)
            return real(event, context)

        return recorded

    def schema(self, table: str) -> Schema:
        """A table's keys and indexes."""
        return self._schemas[table]

    def stored(self, table: str, key: Attributes) -> Attributes | None:
        """An item as it is."""
        return self.dynamodb.get_item(TableName=table, Key=dict(key), ConsistentRead=True).get("Item")


@cache
def templates() -> Mapping[str, dict[str, Any]]:
    """The templates of the stage `local`, synthesized once."""
    if folder := os.environ.get("TIDINGS_TEMPLATES"):
        return synthesized(Path(folder))
    with tempfile.TemporaryDirectory() as scratch:
        return synthesized(Path(scratch))


@contextmanager
def recorded_shop(*, warm: bool = True) -> Iterator[tuple[Shop, RecordedCloud]]:
    """A shop of its own, with a happy order's products in stock and nothing recorded yet.

    Where it is `warm`, every function has seen an order before, and so remembers what it would read once.
    """
    with patch.dict(os.environ, ENVIRONMENT), mock_aws(), one_call_at_a_time():
        cloud = RecordedCloud(copy.deepcopy(dict(templates())))
        # As in a stage that remembers prices for longer than a slow machine takes for an order.
        cloud.set_environment("orders", "api", PRODUCT_CACHE_SECONDS="3600")
        shop = Shop(cloud)
        for sku, _ in LINES:
            shop.stock(sku, 1_000_000)
        # What set the products up has not placed an order: it does not remember their prices yet.
        if warm:
            happy_orders(shop, 1)
        cloud.invocations.clear()
        yield shop, cloud


def happy_orders(shop: Shop, orders: int) -> None:
    """Places orders at once, and carries them all the way to their dispatch."""
    placed = [shop.place(*LINES) for _ in range(orders)]
    shop.cloud.settle()
    for order in placed:
        answer = shop.call("POST", f"/shipments/{order}/dispatch", {"tracking": "T1"}, operator=True)
        if answer.status != 202:
            raise RuntimeError(f"the order {order} was not ready to be dispatched: {answer}")
    shop.cloud.settle()
    for order in placed:
        if (status := shop.show(order)["status"]) != "DISPATCHED":
            raise RuntimeError(f"the order {order} ended {status}")


@cache
def recording(orders: int = 1, *, warm: bool = True) -> tuple[tuple[Invocation, ...], Mapping[str, Schema]]:
    """What the shop's functions did for so many happy orders, and the tables' schemas."""
    with recorded_shop(warm=warm) as (shop, cloud):
        happy_orders(shop, orders)
        showing = [invocation for invocation in cloud.invocations if is_order_shown(invocation)]
        return tuple(each for each in cloud.invocations if each not in showing), cloud._schemas


def is_order_shown(invocation: Invocation) -> bool:
    """Whether it is the check of how an order ended, which is no part of its way."""
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
