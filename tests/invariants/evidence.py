"""The evidence by which the invariants are judged, wherever it was read."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from typing import Any, Literal

from contracts.notification.email_failed import EmailFailed
from contracts.orders.order_placed import OrderPlaced
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.product import sku_of
from contracts.values.recipient import Recipient
from functions.fraud.rules import Rules
from functions.notification.limit import LIMITED
from functions.orders.api import OrderView
from functions.orders.catalogue import Product
from functions.orders.expiry.brake import BrakeLimit
from tests.invariants.services import SERVICES
from tidings.core.contract import Contract, ContractRegistry
from tidings.core.entity import Entity, OutboxEvent
from tidings.core.event import Event

CONTRACTS = ContractRegistry(contract for service in SERVICES for contract in service.announces)

Ending = tuple[str, str | None]
"""An order's final status, and the reason of its cancellation."""


@dataclass(frozen=True)
class Answer:
    """An answer to a request to place an order. `replayed` means that the shop said it knew the order already."""

    view: OrderView
    replayed: bool


@dataclass(kw_only=True)
class Purchase:
    """An order that a customer wants, under one idempotency key until it is answered.

    Attributes:
        customer: The customer.
        key: The idempotency key.
        lines: The wanted quantities by SKU.
        total: What the order must cost; None if prices changed meanwhile.
        answers: The answers to the request, in the order in which they came.
        endings: The endings that the request allows; None if any is allowed.
    """

    customer: str
    key: str
    lines: Mapping[str, int]
    total: int | None = None
    answers: list[Answer] = field(default_factory=list)
    endings: Collection[Ending] | None = None

    @property
    def order(self) -> str:
        """The id of the order, by the first answer; empty if there is no answer yet."""
        return self.answers[0].view.id if self.answers else ""


@dataclass(frozen=True)
class Refund:
    """A refund at the gateway.

    Attributes:
        attempt: The name of the shop's attempt; empty if the shop did not make it.
        amount: Its amount.
        status: Whether its money went back.
    """

    attempt: str
    amount: int
    status: Literal["pending", "succeeded", "failed"] = "succeeded"


@dataclass(frozen=True)
class Payment:
    """A payment at the gateway.

    Attributes:
        id: Its id.
        amount: The amount.
        captured: How often its money moved to the shop.
        waits: Whether the bank reserves the amount, or may still reserve it: nobody has undone the payment.
        refunds: Its refunds.
        disputes: The status of each dispute, by its id.
    """

    id: str
    amount: int
    captured: int
    waits: bool = False
    refunds: tuple[Refund, ...] = ()
    disputes: Mapping[str, str] = field(default_factory=dict)

    @property
    def returned(self) -> int:
        """The amount that went back."""
        return sum(refund.amount for refund in self.refunds if refund.status == "succeeded")


@dataclass(frozen=True)
class Level:
    """A product's stock."""

    on_hand: int
    reserved: int
    available: int


class OrderEvents:
    """The events of all services about one order.

    Attributes:
        order: The order's id.
        events: The events in causal order.
        types: The number of events by type.
    """

    def __init__(self, order: str, events: Iterable[Event[Contract]]) -> None:
        self.order = order
        self.events = sorted(events, key=attrgetter("time", "id"))
        self.types = Counter(event.type for event in self.events)

    def __iter__(self) -> Iterator[Event[Contract]]:
        return iter(self.events)

    def of(self, *types: str) -> list[Event[Any]]:
        """Return the events of these types in causal order."""
        return [event for event in self.events if event.type in types] if any(map(self.types.get, types)) else []

    def first(self, event_type: str) -> Event[Any] | None:
        """Return the first event of a type."""
        if not self.types[event_type]:
            return None
        return next(event for event in self.events if event.type == event_type)


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """All facts about the purchases of a shop at rest.

    Attributes:
        purchases: What the customers wanted, and what they were answered.
        cancellations: The HTTP statuses of the answers to cancellations, by order.
        dispatches: The HTTP statuses of the answers to dispatches, by order.
        entities: The stored entities of these orders, by service and order.
        months: The stored entities with the changes of a product in a month, by service and subject.
        recorded: The bodies of the events about these orders and products in history's log, by event id.
        published: The ids of the published events; None if it is not known.
        payments: The payments at the gateway, by order.
        exposed: Where a secret of the gateway is stored, that must be nowhere.
        recipients: Who receives each order, as its customer said, by order.
        erasures: The orders whose personal data was to be erased.
        remains: The erased orders of which personal data is stored, each with the place.
        one_payment: Whether the gateway never forgets that an order has a payment.
        levels: The stock by SKU.
        products: The products by SKU.
        emails: The number of accepted e-mails by order and kind.
        counted_emails: The e-mails that were counted, as `order/kind`, by customer and hour; None if it is not known.
        emails_per_hour: Maximum number of e-mails to one customer in an hour.
        bad_addresses: The addresses that accept no e-mail.
        email_crashes: Maximum number of crashes between the sending and the recording of an e-mail, by order and kind.
        max_repeated_emails: Maximum number of repeated e-mails of all orders.
        balances: The points by customer.
        listed: The status of each order in a customer's list, by customer.
        rules: The rules of fraud.
        declines: Returns why the gateway does not authorize an order's payment, if it does not.
        sales: Analytics' counters that are not 0, by day, product and name.
        sold: The products whose sales are known, the empty one for the whole day among them.
        pairs: Recommendation's counters, by product and other product.
        leftovers: What is left in each queue that must be empty.
        poison: What must be in each dead-letter queue, because it can never be handled.
        owners: The customer of each order, as live knows them.
        told: The orders of whose events live told each customer; empty if it is not known.
        restored: The service whose table went back to an earlier moment; empty if none did.
        unchecked: The orders that passed fraud only because they waited for their check when its table went back.
        brake: The limit of the expiry job's brake; None if it is not known when the job was stopped and resumed.
        resumes: When an operator resumed the expiry job, in milliseconds since 1970.
        stops: When a run of the expiry job found it stopped, in milliseconds since 1970.
    """

    purchases: Sequence[Purchase]
    cancellations: Mapping[str, Sequence[int]]
    dispatches: Mapping[str, Sequence[int]]
    entities: Mapping[str, Mapping[str, Entity[Any]]]
    months: Mapping[str, Mapping[str, Entity[Any]]]
    recorded: Mapping[str, str]
    published: Collection[str] | None
    payments: Mapping[str, Sequence[Payment]]
    exposed: Collection[str]
    recipients: Mapping[str, Recipient]
    erasures: Collection[str]
    remains: Collection[tuple[str, str]]
    one_payment: bool
    levels: Mapping[str, Level | None]
    products: Mapping[str, Product]
    emails: Mapping[tuple[str, str], int]
    counted_emails: Mapping[tuple[str, str], Collection[str]] | None
    emails_per_hour: int
    bad_addresses: Collection[str]
    email_crashes: Mapping[tuple[str, str], int]
    max_repeated_emails: int
    balances: Mapping[str, int]
    listed: Mapping[str, Mapping[str, str]]
    rules: Rules
    declines: Callable[[OrderPlaced], str | None]
    sales: Mapping[tuple[str, str, str], int]
    sold: Collection[str]
    pairs: Mapping[tuple[str, str], int]
    leftovers: Mapping[str, Collection[str]]
    poison: Mapping[str, Collection[str]]
    owners: Mapping[str, str]
    told: Mapping[str, Collection[str]]
    restored: str = ""
    unchecked: Collection[str] = frozenset()
    brake: BrakeLimit | None = None
    resumes: Collection[int] = ()
    stops: Collection[int] = ()

    @cached_property
    def events(self) -> Mapping[str, OrderEvents]:
        """The announced events, by order."""
        found: dict[str, list[Event[Contract]]] = {}
        for entities in self.entities.values():
            for order, entity in entities.items():
                events = found.setdefault(order, [])
                events += (CONTRACTS.decode(event.envelope) for event in entity.outbox)
        return {order: OrderEvents(order, events) for order, events in found.items()}

    @cached_property
    def changes(self) -> Mapping[str, Sequence[Event[Any]]]:
        """The changes of each product by operators, by SKU, sorted by (time, id)."""
        found: dict[str, list[Event[Any]]] = {}
        for entities in self.months.values():
            for subject, entity in entities.items():
                changes = found.setdefault(sku_of(subject), [])
                changes += (CONTRACTS.decode(event.envelope) for event in entity.outbox)
        return {sku: sorted(changes, key=attrgetter("time", "id")) for sku, changes in found.items()}

    def outboxes(self) -> Iterator[tuple[str, str, Sequence[OutboxEvent]]]:
        """Iterate over all outboxes, each with its service and its entity's key."""
        for entities in (self.entities, self.months):
            for service, some in entities.items():
                yield from ((service, key, entity.outbox) for key, entity in some.items())

    @cached_property
    def placed(self) -> Mapping[str, OrderPlaced]:
        """The placed orders, by their id."""
        found = {order: events.first("OrderPlaced") for order, events in self.events.items()}
        return {order: event.data for order, event in found.items() if event}

    def placed_at(self, order: str) -> int:
        """Return when the order was placed, in milliseconds since 1970."""
        placed = self.events[order].first("OrderPlaced")
        return placed.millis if placed else 0

    @cached_property
    def statuses(self) -> Mapping[str, str]:
        """Each order's status."""
        return {order: self.state("orders", order).status for order in self.entities["orders"]}

    def is_erased(self, order: str) -> bool:
        """Return whether the erasure of an order's personal data was announced."""
        return self.events[order].types[PersonalDataErased.__name__] > 0

    def withheld(self, order: str) -> set[str]:
        """Return the kinds of an order's e-mails that were not sent because its personal data was erased."""
        mailbox = self.state("notification", order)
        emails = mailbox.emails if mailbox and self.is_erased(order) else {}
        return {kind for kind, email in emails.items() if email.status == "withheld"}

    def limited(self, order: str) -> set[str]:
        """Return the kinds of an order's e-mails that were not sent because of the limit."""
        events = self.events[order]
        return {
            event.data.kind for event in events if isinstance(event.data, EmailFailed) and event.data.code == LIMITED
        }

    def announced(self, order: str, event_type: str) -> int:
        """Return how often an event of this type was announced about an order."""
        return self.events[order].types[event_type]

    def state(self, service: str, order: str) -> Any:
        """Return a service's state of an order; None if it has none."""
        entity = self.entities[service].get(order)
        return entity.state if entity else None
