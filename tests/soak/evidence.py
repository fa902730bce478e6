"""The evidence of a soak test, read from a deployed shop: from its API as users see it, its tables and its gateway."""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import msgspec

from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.product import is_product_month, sku_of
from contracts.values.recipient import Recipient
from functions.fraud.rules import LENIENT
from functions.history.log import HAS_PERSONAL, PERSONAL_ITEM
from functions.orders.catalogue import Product
from functions.payment.simulated import DECLINES, from_item
from functions.payment.simulated.gateway import SECRET_FORM
from infra.shop import SETTINGS
from tests.invariants.evidence import Evidence, Level, Payment, Purchase, Refund
from tests.invariants.services import SERVICES, ZONE
from tests.soak.load import TIMEOUT, LoadGenerator, address_of
from tests.system.deployed import DeployedShop, User
from tidings.aws.dynamodb import from_attributes
from tidings.aws.recovery import SqsQueueGauge
from tidings.core.entity import Entity
from tidings.core.event import decode
from tidings.core.personal import with_personal
from tidings.recovery import wait_until

EMAIL_KINDS = {"receipt": "Your receipt", "dispatch": "on its way", "cancellation": "cancelled"}
"""Words of an e-mail's subject, by its kind."""

BATCH = 10
"""Messages that a function handles at once. Each may be between the sending and the recording of an e-mail."""

MAX_LOOKS = 60
"""Number of equal looks at a shop at rest after which no missing event is waited for."""

RETURNED = re.compile(r"from tidings-local-\S+ \((\d+) partial failures\)")
BROKEN_OFF = re.compile(r"Lambda tidings-local-([a-z]+)-consumer failed processing SQS batch")


@dataclass(frozen=True)
class Incidents:
    """The failures in the cloud's log: messages returned to their queue, and batches broken off, by service."""

    returned: int
    broken_off: Counter[str]


class EvidenceReader:
    """A reader of the evidence of one load generator. It ignores what was in the queues when it was created."""

    def __init__(self, shop: DeployedShop, load: LoadGenerator) -> None:
        self._shop = shop
        self._load = load
        self._services = {service.name: service for service in SERVICES if not service.subscribes_to_all}
        self._began = datetime.now(ZONE).date()
        self._sqs = shop.client("sqs")
        self._dynamodb = shop.client("dynamodb")
        self._log_offset = shop.cloud.log.stat().st_size
        self._before = self._queue_depths()

    def wait_until_idle(self, *, except_for: str = "") -> None:
        """Wait until all queues are empty and history has recorded what the tables announced.

        Args:
            except_for: A service that is stopped.
        """
        queues = [str(service.queue) for name, service in self._shop.outputs.consumers.items() if name != except_for]
        last: tuple[set[str], set[str]] | None = None
        looks = 0

        def idle() -> bool:
            nonlocal last, looks
            if any(self._depth(queue) for queue in queues):
                last, looks = None, 0
                return False
            orders = self._load.records.orders()
            found = self._announced(orders), set(self._recorded(orders))
            looks = looks + 1 if found == last else 0
            last = found
            # An event that was announced between two looks may be on its way.
            return looks > MAX_LOOKS or (looks > 0 and found[0] == found[1])

        wait_until(idle, TIMEOUT, "the end of all events")

    def catching_up(self) -> Callable[[], bool]:
        """Return a condition: the shop has caught up with all that was done before this call. The load may go on.

        No order of that time is pending, history has recorded what was announced about them, and after that each queue
        was empty at a time.
        """
        orders = self._load.records.orders()
        announced = self._announced(orders)
        queues = {str(service.queue) for service in self._shop.outputs.consumers.values()}
        recorded = False

        def caught_up() -> bool:
            nonlocal recorded
            recorded = recorded or (not self.pending(orders) and announced <= self._recorded(orders).keys())
            if recorded:
                queues.difference_update([queue for queue in queues if not self._depth(queue)])
            return recorded and not queues

        return caught_up

    def pending(self, orders: set[str]) -> set[str]:
        """Return those of these orders that are pending, or are not stored."""
        stored = self._entities("orders", orders).items()
        return orders - {order for order, entity in stored if entity.state and entity.state.status != "PENDING"}

    def confirmed(self) -> set[str]:
        """Return the orders whose confirmation is recorded."""
        recorded = self._recorded(self._load.records.orders()).values()
        return {event.subject for event in map(decode, recorded) if event.type == "OrderConfirmed"}

    def unrecorded(self, service: str) -> set[str]:
        """Return the ids of the events about orders that a service announced and history has not recorded."""
        orders = self._load.records.orders()
        return self._announced(orders, service) - self._recorded(orders).keys()

    def read(self, restored: str = "") -> Evidence:
        """Return the evidence as it is now.

        Args:
            restored: The service whose table went back to an earlier moment; empty if none did.
        """
        plan, records = self._load.plan, self._load.records
        orders, customers = records.orders(), [_subject(customer) for customer in self._load.customers]
        crashes = self.incidents().broken_off["notification"]
        prices = {product.sku: product for product in plan.products}
        return Evidence(
            purchases=[
                Purchase(
                    customer=customers[plan.customer(scenario)],
                    key=scenario.key,
                    lines=scenario.lines,
                    total=plan.total(scenario),
                    answers=records.answers.get(scenario.key, []),
                    endings=plan.endings(scenario),
                )
                for scenario in self._load.scenarios
            ],
            cancellations=records.cancellations,
            dispatches=records.dispatches,
            entities={service: self._entities(service, orders) for service in self._services},
            months=self._months(),
            recorded=self._recorded(orders | self._subjects()),
            published=None,
            payments=self._payments(orders),
            exposed=list(self._exposed()),
            recipients=dict(self._recipients()),
            erasures=(),
            remains=(),
            one_payment=True,
            levels={sku: self._level(sku) for sku in prices},
            products={sku: self._product(sku) for sku in prices},
            emails=self._emails(orders),
            counted_emails=None,
            emails_per_hour=SETTINGS["local"].mails_per_hour,
            bad_addresses=(),
            email_crashes={(order, kind): crashes for order in orders for kind in EMAIL_KINDS},
            max_repeated_emails=BATCH * crashes,
            balances=dict(zip(customers, (self._balance(user) for user in self._load.customers), strict=True)),
            listed=dict(zip(customers, (self._listed(user) for user in self._load.customers), strict=True)),
            rules=LENIENT,
            declines=_declines,
            sales=self._sales(prices),
            sold=list(prices),
            pairs={pair: count for sku in prices for pair, count in self._pairs(sku)},
            leftovers=self._leftovers(),
            poison={},
            owners=self._owners(orders),
            told={},
            restored=restored,
        )

    def incidents(self) -> Incidents:
        """Return the failures since the reader was created."""
        return read_incidents(self._shop.cloud.log, self._log_offset)

    def services_with_dead_letters(self) -> list[str]:
        """Return the services whose dead-letter queue holds more messages than before."""
        left = self._leftovers()
        dlqs = {name: str(service.dlq).rpartition("/")[2] for name, service in self._shop.outputs.consumers.items()}
        return [name for name, dlq in dlqs.items() if dlq in left]

    # The tables

    def _scan(self, table: str) -> Iterator[dict[str, Any]]:
        for page in self._dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True):
            yield from page["Items"]

    def _entities(self, service: str, orders: set[str]) -> Mapping[str, Entity[Any]]:
        table, codec = str(self._shop.outputs.services[service].table), self._services[service].codec
        return {
            item["pk"]["S"]: codec.decode(from_attributes(item))
            for item in self._scan(table)
            if "version" in item and item["pk"]["S"] in orders
        }

    def _announced(self, orders: set[str], *services: str) -> set[str]:
        """Return the ids of the events about these orders that some services announced, or all."""
        return {
            event.envelope.id
            for service in services or self._services
            for entity in self._entities(service, orders).values()
            for event in entity.outbox
        }

    def _months(self) -> Mapping[str, Mapping[str, Entity[Any]]]:
        """Return what was changed of the plan's products, by service and subject."""
        skus = {product.sku for product in self._load.plan.products}
        return {
            service: {
                key: declared.kind_of(key).codec.decode(from_attributes(item))
                for item in self._scan(str(self._shop.outputs.services[service].table))
                if is_product_month(key := item["pk"]["S"]) and sku_of(key) in skus
            }
            for service, declared in self._services.items()
            if declared.kinds
        }

    def _subjects(self) -> set[str]:
        """Return the subjects of what was changed of the plan's products."""
        return {subject for months in self._months().values() for subject in months}

    def _owners(self, orders: set[str]) -> Mapping[str, str]:
        """Return the customers of these orders, as live knows them."""
        return {
            item["pk"]["S"]: item["customer"]["S"]
            for item in self._scan(self._shop.outputs.table("live"))
            if item["pk"]["S"] in orders
        }

    def _recorded(self, subjects: set[str]) -> Mapping[str, str]:
        table = str(self._shop.outputs.services["history"].table)
        items = [item for item in self._scan(table) if item["pk"]["S"] in subjects]
        personal = {item["pk"]["S"]: item for item in items if item["id"]["S"] == PERSONAL_ITEM}
        events = {item["id"]["S"]: item for item in items if "event" in item}
        return {
            name: with_personal(item["event"]["S"], personal[item["pk"]["S"]][name]["S"])
            if HAS_PERSONAL in item
            else item["event"]["S"]
            for name, item in events.items()
        }

    def _recipients(self) -> Iterator[tuple[str, Recipient]]:
        """Iterate over the orders with their recipients."""
        emails = [_claims(customer)["email"] for customer in self._load.customers]
        for scenario in self._load.scenarios:
            if order := self._load.records.order(scenario):
                address = msgspec.convert(address_of(scenario), Address)
                yield order, Recipient(email=emails[self._load.plan.customer(scenario)], address=address)

    def _payments(self, orders: set[str]) -> Mapping[str, list[Payment]]:
        function = self._shop.outputs.services["payment"].function
        settings = self._shop.client("lambda").get_function_configuration(FunctionName=function)["Environment"]
        payments: dict[str, list[Payment]] = {}
        for item in self._scan(settings["Variables"]["GATEWAY_TABLE"]):
            found = from_item(item)
            if found.order in orders:
                waits = found.status in ("action_required", "processing", "authorized")
                refunds = tuple(Refund(name, each.amount, each.status) for name, each in found.refunds.items())
                disputes = {found.dispute.id: found.dispute.status} if found.dispute else {}
                payments.setdefault(found.order, []).append(
                    Payment(found.id, found.amount, found.captured, waits, refunds, disputes)
                )
        return payments

    def _exposed(self) -> Iterator[str]:
        """Find the client secrets of the gateway in the shop's own tables."""
        for name in (*self._services, "history"):
            for item in self._scan(str(self._shop.outputs.services[name].table)):
                if SECRET_FORM.search(str(item)):
                    yield f"{name}/{item['pk']['S']}"

    # The API

    def _get(self, user: User, path: str, **query: str) -> dict[str, Any]:
        response = self._load.records.insist(partial(user.http.get, path, params=query))
        answer: dict[str, Any] = response.raise_for_status().json()
        return answer

    def _listed(self, customer: User) -> Mapping[str, str]:
        page = self._get(customer, "/orders", limit="100")
        items = list(page["items"])
        while page["next"] is not None:
            page = self._get(customer, "/orders", limit="100", cursor=page["next"])
            items += page["items"]
        return {order["id"]: order["status"] for order in items}

    def _balance(self, customer: User) -> int:
        return int(self._get(customer, "/loyalty")["balance"])

    def _level(self, sku: str) -> Level:
        stock = self._get(self._load.operator, f"/operators/stock/{sku}")
        return Level(stock["on_hand"], stock["reserved"], stock["available"])

    def _product(self, sku: str) -> Product:
        return msgspec.convert(self._get(self._load.operator, f"/products/{sku}"), Product)

    def _pairs(self, sku: str) -> Iterator[tuple[tuple[str, str], int]]:
        answer = self._get(self._load.operator, f"/recommendations/{sku}", limit="20")
        return (((sku, item["sku"]), item["count"]) for item in answer["items"])

    def _sales(self, skus: Mapping[str, object]) -> Mapping[tuple[str, str, str], int]:
        """Return the figures of these products that are not 0, of all days since the reader was created."""
        days = {"from": str(self._began), "to": str(datetime.now(ZONE).date())}
        sales: dict[tuple[str, str, str], int] = {}
        report = self._get(self._load.operator, "/operators/sales", **days)
        if report["time_zone"] != ZONE.key:
            raise RuntimeError(f"sales are counted by days of {report['time_zone']}, not of {ZONE.key}")
        for day in report["days"]:
            for product in day["products"]:
                total = product["total"]
                figures = {name: total[name] for name in ("placed", "confirmed", "units")}
                figures |= {f"cancelled_{reason}": count for reason, count in total["cancelled"].items()}
                figures |= {f"revenue_{money['currency']}": money["amount"] for money in total["revenue"]}
                sales |= {(day["day"], product["sku"], name): n for name, n in figures.items()}
        return {counter: n for counter, n in sales.items() if n and counter[1] in skus}

    def _emails(self, orders: set[str]) -> Mapping[tuple[str, str], int]:
        answer = httpx.get(f"{self._shop.stage.endpoint}/_ministack/ses/messages", timeout=60).raise_for_status().json()
        subjects = [mail["Subject"] for mails in answer["messages"].values() for mail in mails]
        return Counter(
            (order, next(kind for kind, words in EMAIL_KINDS.items() if words in subject))
            for subject in subjects
            for order in set(re.findall(r"[0-9a-f-]{36}", subject)) & orders
        )

    # The queues

    def _depth(self, queue: str) -> int:
        return SqsQueueGauge(self._sqs, queue).depth().total

    def _queue_depths(self) -> Mapping[str, int]:
        """Return the number of messages in each queue, dead-letter queues included."""
        urls = self._sqs.list_queues(QueueNamePrefix=self._shop.stage.prefix, MaxResults=1000)["QueueUrls"]
        return {url.rpartition("/")[2]: self._depth(url) for url in urls}

    def _leftovers(self) -> Mapping[str, list[str]]:
        """Return the queues that hold more messages than before."""
        more = {queue: n - self._before.get(queue, 0) for queue, n in self._queue_depths().items()}
        return {queue: [f"{n} messages"] for queue, n in more.items() if n > 0}


def read_incidents(log: Path, offset: int) -> Incidents:
    """Return the failures in a cloud's log from a position on."""
    with log.open(errors="replace") as lines:
        lines.seek(offset)
        text = lines.read()
    return Incidents(sum(int(n) for n in RETURNED.findall(text)), Counter(BROKEN_OFF.findall(text)))


def _subject(user: User) -> str:
    """Return the subject of a user's token, which is the customer's id."""
    return _claims(user)["sub"]


def _claims(user: User) -> dict[str, str]:
    """Return the claims of a user's token."""
    payload = user.token.split(".")[1]
    claims: dict[str, str] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims


def _declines(placed: OrderPlaced) -> str | None:
    return DECLINES.get(placed.payment_method)
