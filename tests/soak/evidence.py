"""What came of what a crowd did: as its customers see it from outside, and as it stands in the tables."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from ops.quiet import LOCALLY, Quiet
from ops.waiting import wait_until
from tests.soak.crowd import PATIENCE, Answer, Crowd
from tests.soak.plan import Errand, Plan
from tests.system.deployed import Deployed, User

Event = Mapping[str, Any]

KINDS = {"receipt": "Your receipt", "dispatch": "on its way", "cancellation": "cancelled"}
"""How an e-mail's subject tells its kind."""

STALLED = 60
"""Looks at a shop at rest that does not add up, after which it never will."""

SENT_BACK = re.compile(r"from tidings-local-\S+ \((\d+) partial failures\)")
BROKEN_OFF = re.compile(r"Lambda tidings-local-([a-z]+)-consumer failed processing SQS batch")


@dataclass(frozen=True)
class Item:
    """An order in one service's table."""

    state: Mapping[str, Any]
    handled: Sequence[str]
    events: Sequence[Event]
    claimed: bool = False


@dataclass(frozen=True)
class Payment:
    """A payment at the gateway: how often its money moved each way."""

    order: str
    amount: int
    captured: int
    refunded: int


@dataclass(frozen=True)
class Level:
    """A product's stock."""

    on_hand: int
    reserved: int
    available: int


@dataclass(frozen=True)
class Incidents:
    """What the cloud says went wrong: messages sent back to their queue, and batches broken off, by service."""

    sent_back: int
    broken_off: Counter[str]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All that is known of a plan's orders at one moment, nothing being under way.

    `items` are by service and order, `history` by order. `listed` is the status that each customer's own list shows.
    `balances` are the customers' points, in the plan's order. `sales` and `partners` are analytics' and
    recommendation's figures of each product. `left` are messages in queues where there were none before.
    """

    plan: Plan
    answers: Mapping[str, Sequence[Answer]]
    cancellations: Mapping[str, Sequence[int]]
    dispatches: Mapping[str, Sequence[int]]
    items: Mapping[str, Mapping[str, Item]]
    history: Mapping[str, Sequence[Event]]
    payments: Sequence[Payment]
    listed: Sequence[Mapping[str, str]]
    levels: Mapping[str, Level]
    mails: Counter[tuple[str, str]]
    balances: Sequence[int]
    sales: Mapping[str, Mapping[str, Any]]
    partners: Mapping[str, Mapping[str, int]]
    left: Mapping[str, int]
    incidents: Incidents

    @property
    def orders(self) -> Mapping[str, Errand]:
        """The orders that were placed, each with its errand."""
        return {answer.order: errand for errand in self.plan.errands for answer in self.answers.get(errand.key, ())[:1]}


class Scene:
    """A deployed shop while a crowd is in it: begins when made, and remembers what was in the queues before."""

    def __init__(self, shop: Deployed, crowd: Crowd) -> None:
        self.shop = shop
        self.crowd = crowd
        self._began = datetime.now(UTC).date()
        self._sqs = shop.client("sqs")
        self._dynamodb = shop.client("dynamodb")
        self._log_from = shop.cloud.log.stat().st_size
        self._before = self._held()

    def at_rest(self, *, but: str = "") -> None:
        """Waits until nothing is under way: all queues are empty and history has what the tables have announced.

        `but` names a service that is down.
        """
        queues = [str(service.queue) for name, service in self.shop.outputs.services.items() if name != but]
        last: tuple[set[str], set[str]] | None = None
        looks = 0

        def nothing_moves() -> bool:
            nonlocal last, looks
            if any(sum(self._quiet(queue)) for queue in queues):
                last, looks = None, 0
                return False
            orders = self._orders()
            announced = {event["id"] for name in self._tables() for event in self._announced(name, orders)}
            found = announced, {event["id"] for event in self._recorded(orders)}
            looks = looks + 1 if found == last else 0
            last = found
            # What was announced between two looks may just now be on its way.
            return looks > STALLED or (looks > 0 and found[0] == found[1])

        wait_until(nothing_moves, PATIENCE, "the shop at rest")

    def evidence(self) -> Evidence:
        """Everything as it is now."""
        diary, plan = self.crowd.diary, self.crowd.plan
        orders, skus, sales = self._orders(), [product.sku for product in plan.products], self._sales()
        return Evidence(
            plan=plan,
            answers=diary.answers,
            cancellations=diary.cancellations,
            dispatches=diary.dispatches,
            items={name: self._items(name, orders) for name in self._tables()},
            history=_by_order(self._recorded(orders)),
            payments=[payment for payment in self._payments() if payment.order in orders],
            listed=[self._listed(customer) for customer in self.crowd.customers],
            levels={sku: self._level(sku) for sku in skus},
            mails=self._mails(orders),
            balances=[self._told(customer, "/loyalty")["balance"] for customer in self.crowd.customers],
            sales={sku: sales[sku] for sku in skus if sku in sales},
            partners={sku: self._partners(sku) for sku in skus},
            left={queue: more for queue, n in self._held().items() if (more := n - self._before.get(queue, 0)) > 0},
            incidents=self.incidents(),
        )

    def incidents(self) -> Incidents:
        """What has gone wrong since the scene began."""
        return incidents(self.shop.cloud.log, self._log_from)

    def dead(self) -> list[str]:
        """The services that gave something up."""
        held = self._held()
        dlqs = {name: str(service.dlq).rpartition("/")[2] for name, service in self.shop.outputs.services.items()}
        return [name for name, dlq in dlqs.items() if held.get(dlq, 0) > self._before.get(dlq, 0)]

    # The tables

    def _orders(self) -> set[str]:
        return {answer.order for answers in list(self.crowd.diary.answers.values()) for answer in list(answers)[:1]}

    def _tables(self) -> Iterator[str]:
        return (name for name in self.shop.outputs.services if name != "history")

    def _scan(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def _items(self, service: str, orders: set[str]) -> dict[str, Item]:
        """The items of orders, of which alone there are versions."""
        table = str(self.shop.outputs.services[service].table)
        return {
            item["pk"]["S"]: _item(item)
            for item in self._scan(table)
            if "version" in item and item["pk"]["S"] in orders
        }

    def _announced(self, service: str, orders: set[str]) -> Iterator[Event]:
        return (event for item in self._items(service, orders).values() for event in item.events)

    def _recorded(self, orders: set[str]) -> Iterator[Event]:
        table = str(self.shop.outputs.services["history"].table)
        return (json.loads(item["event"]["S"]) for item in self._scan(table) if item["pk"]["S"] in orders)

    def _payments(self) -> Iterator[Payment]:
        function = self.shop.outputs.services["payment"].function
        settings = self.shop.client("lambda").get_function_configuration(FunctionName=function)["Environment"]
        for item in self._scan(settings["Variables"]["GATEWAY_TABLE"]):
            amount, captured, refunded = (int(item[name]["N"]) for name in ("amount", "captured", "refunded"))
            yield Payment(item["order"]["S"], amount, captured, refunded)

    # The API

    def _told(self, user: User, path: str, **query: str) -> dict[str, Any]:
        """What a user is told, however long it takes."""
        response = self.crowd.diary.insistently(partial(user.http.get, path, params=query))
        told: dict[str, Any] = response.raise_for_status().json()
        return told

    def _listed(self, customer: User) -> dict[str, str]:
        page = self._told(customer, "/orders", limit="100")
        items = list(page["items"])
        while page["next"] is not None:
            page = self._told(customer, "/orders", limit="100", cursor=page["next"])
            items += page["items"]
        return {order["id"]: order["status"] for order in items}

    def _level(self, sku: str) -> Level:
        told = self._told(self.crowd.operator, f"/stock/{sku}")
        return Level(told["on_hand"], told["reserved"], told["available"])

    def _partners(self, sku: str) -> dict[str, int]:
        told = self._told(self.crowd.operator, f"/recommendations/{sku}", limit="20")
        return {partner["sku"]: partner["count"] for partner in told["items"]}

    def _sales(self) -> dict[str, dict[str, Any]]:
        """Analytics' figures by product, of all days since the scene began."""
        days = {"from": str(self._began), "to": str(datetime.now(UTC).date())}
        told = self._told(self.crowd.operator, "/analytics/sales", **days)["days"]
        sums: dict[str, dict[str, Any]] = {}
        for product in (product for day in told for product in day["products"]):
            figures, total = sums.setdefault(product["sku"], {"cancelled": Counter()}), product["total"]
            for name in ("placed", "confirmed", "units"):
                figures[name] = figures.get(name, 0) + total[name]
            figures["cancelled"].update(total["cancelled"])
            figures["revenue"] = figures.get("revenue", 0) + sum(money["amount"] for money in total["revenue"])
        return sums

    def _mails(self, orders: set[str]) -> Counter[tuple[str, str]]:
        answer = httpx.get(f"{self.shop.stage.endpoint}/_ministack/ses/messages", timeout=60).raise_for_status()
        subjects = [mail["Subject"] for mails in answer.json()["messages"].values() for mail in mails]
        told = ((set(re.findall(r"[0-9a-f-]{36}", subject)) & orders, subject) for subject in subjects)
        return Counter(
            (order, next(kind for kind, words in KINDS.items() if words in subject))
            for found, subject in told
            for order in found
        )

    # The queues

    def _quiet(self, queue: str) -> tuple[int, int]:
        held = Quiet(self._sqs, LOCALLY).held(queue)
        return held.waiting, held.hidden

    def _held(self) -> dict[str, int]:
        """How many messages each queue holds, those of failures among them."""
        urls = self._sqs.list_queues(QueueNamePrefix=self.shop.stage.prefix, MaxResults=1000)["QueueUrls"]
        return {url.rpartition("/")[2]: sum(self._quiet(url)) for url in urls}


def incidents(log: Path, offset: int) -> Incidents:
    """What a cloud's log tells of failures, from a place in it on."""
    with log.open(errors="replace") as lines:
        lines.seek(offset)
        text = lines.read()
    return Incidents(sum(int(n) for n in SENT_BACK.findall(text)), Counter(BROKEN_OFF.findall(text)))


def _item(item: Mapping[str, Any]) -> Item:
    return Item(
        state=json.loads(item["state"]["S"]) or {},
        handled=[key["S"] for key in item.get("handled", {"L": []})["L"]],
        events=[json.loads(event["S"]) for event in item.get("events", {"L": []})["L"]],
        claimed=bool(item.get("claims", {"M": {}})["M"]),
    )


def _by_order(events: Iterable[Event]) -> dict[str, list[Event]]:
    found: dict[str, list[Event]] = {}
    for event in events:
        found.setdefault(event["subject"], []).append(event)
    return found
