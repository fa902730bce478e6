"""The evidence of a history, read from the simulation's memory."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec

from contracts.orders.order_placed import OrderPlaced
from contracts.values.product import is_product_month
from functions.analytics.handlers import SHARDS
from functions.loyalty.handlers import POINTS, balance_key
from functions.notification.limit import LEFT
from functions.orders.handlers import Summary, customers_list
from functions.orders.products import Products
from functions.privacy.service import service as privacy
from functions.recommendation.handlers import ONE, RANK, bought_with
from tests.invariants.catalogue import first_violation
from tests.invariants.evidence import Evidence, Level, Payment, Refund
from tests.simulation.audit import audit
from tests.simulation.history import History
from tests.simulation.marks import marks_in
from tests.simulation.people import SKUS
from tests.simulation.ports.gateway import DECLINED, MIN_AMOUNT, SECRET, STAGE
from tests.simulation.ports.mailer import BAD
from tests.simulation.redrive import PERMANENT
from tests.simulation.shop import MAILS_PER_HOUR, RULES, DeployedService, Shop
from tests.simulation.violation import ViolationError
from tidings.core.entity import RESERVED, Entity
from tidings.http.pagination import OWNER, SUMMARY
from tidings.testing import MemoryTable

_summary = msgspec.json.Decoder(Summary)


def check(history: History) -> None:
    """Judge a history at rest.

    Raises:
        ViolationError: If an invariant does not hold, or an audit finds a difference.
    """
    if violation := first_violation(evidence_of(history)):
        raise ViolationError(*violation)
    if differences := audit(history.shop).differences:
        raise ViolationError("an audit finds no difference between the outboxes and the log", f"{differences[0]}")


def evidence_of(history: History) -> Evidence:
    """Read the evidence of a history at rest."""
    shop, records = history.shop, history.people.records
    loyalty = shop.deployed["loyalty"].table
    customers = {purchase.customer for purchase in records.purchases}
    return Evidence(
        purchases=records.purchases,
        cancellations=records.cancellations,
        dispatches=records.dispatches,
        entities={
            name: _entities(shop, name) for name, each in shop.deployed.items() if not each.service.subscribes_to_all
        },
        months={name: _months(each) for name, each in shop.deployed.items() if each.service.kinds},
        recorded=shop.log.events,
        published=shop.topic.published.keys(),
        payments=_payments(shop),
        exposed=list(_exposed(shop)),
        recipients={purchase.order: purchase.recipient for purchase in records.purchases},
        erasures=records.erasures,
        remains=list(_remains(shop, {purchase.mark: purchase.order for purchase in records.purchases})),
        one_payment=False,
        levels={sku: _level(shop, sku) for sku in SKUS},
        products=Products(shop.deployed["orders"].table, 0).refresh(SKUS),
        emails=shop.mailer.sent,
        counted_emails=_counted_emails(shop.deployed["notification"].table),
        emails_per_hour=MAILS_PER_HOUR,
        bad_addresses={each.email for each in records.purchases if each.email.startswith(BAD)},
        email_crashes=shop.email_crashes,
        max_repeated_emails=shop.email_crashes.total(),
        balances={customer: loyalty.numbers(balance_key(customer)).get(POINTS, 0) for customer in customers},
        listed=_listed(shop),
        rules=RULES,
        declines=_declines,
        sales=_sums(shop.deployed["analytics"].table),
        sold=("", *SKUS),
        pairs=_pairs(shop.deployed["recommendation"].table),
        leftovers={name: _dead_letters(shop, name) for name in shop.deployed},
        poison=records.poison,
        brake=shop.settings.brake,
        resumes=records.resumes,
        stops=records.stops,
        owners=shop.live.owners,
        told=shop.live.told,
        restored=history.restored,
        unchecked=history.restores.unchecked if history.restores else frozenset(),
    )


def _entities(shop: Shop, service: str) -> Mapping[str, Entity[Any]]:
    deployed = shop.deployed[service]
    own = deployed.service
    return {
        key: own.codec.decode(stored)
        for key, stored in deployed.table.entities.items()
        if not key.startswith(RESERVED) and own.kind_of(key) is own
    }


def _months(of: DeployedService) -> Mapping[str, Entity[Any]]:
    """Return the entities with the changes of a product in a month."""
    return {
        key: of.service.kind_of(key).codec.decode(stored)
        for key, stored in of.table.entities.items()
        if is_product_month(key)
    }


def _payments(shop: Shop) -> Mapping[str, list[Payment]]:
    found: defaultdict[str, list[Payment]] = defaultdict(list)
    for name, payment in shop.gateway.payments.items():
        if payment.stage == STAGE:
            waits = payment.status in ("action_required", "processing", "authorized") or payment.awaits_customer
            refunds = tuple(Refund(each.attempt, each.amount, each.status) for each in payment.refunds)
            disputes = {dispute.id: dispute.status for dispute in payment.disputes}
            found[payment.order].append(
                Payment(name, payment.amount.amount, payment.captured, waits, refunds, disputes)
            )
    return found


def _exposed(shop: Shop) -> Iterator[str]:
    """Find the secrets of the gateway in what the shop has stored."""
    for name, deployed in shop.deployed.items():
        for key, stored in deployed.table.entities.items():
            if any(SECRET in text for text in (stored.state, *stored.outbox, *stored.attributes.values())):
                yield f"{name}/{key}"
    yield from (event for event, body in shop.log.events.items() if SECRET in body)


def _remains(shop: Shop, orders: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Find marked personal data of erased orders. Return the orders, and where it is.

    Args:
        shop: The shop.
        orders: The orders by their marks.
    """
    erased = {key for key, stored in shop.deployed[privacy.name].table.entities.items() if stored.outbox}
    for place, texts in _texts(shop):
        for found in marks_in("\n".join(texts)):
            if orders[found] in erased:
                yield orders[found], place


def _texts(shop: Shop) -> Iterator[tuple[str, Iterator[str]]]:
    """Iterate over all texts that are stored, by place."""
    for name, deployed in shop.deployed.items():
        entities = deployed.table.entities.values()
        yield f"{name}'s states", (entity.state for entity in entities)
        yield f"{name}'s outboxes", (body for entity in entities for body in entity.outbox)
        yield f"{name}'s indexes", (text for entity in entities for text in entity.attributes.values())
        yield f"{name}'s numbers", (f"{key} {list(numbers)}" for key, numbers in deployed.table.items.items())
        for queue in (deployed.queue, deployed.dlq):
            yield f"{name}'s queues", (f"{each.body} {each.attributes}" for each in queue.messages())
        yield f"{name}'s relay", (str(letter) for letter in deployed.relay_dlq.letters)
    yield "history", shop.log.texts()


def _level(shop: Shop, sku: str) -> Level | None:
    level = shop.stock.read(sku)
    return Level(level.on_hand, level.reserved, level.available) if level else None


def _listed(shop: Shop) -> Mapping[str, Mapping[str, str]]:
    """Return what the index of customers' lists contains."""
    listed: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for stored in shop.deployed["orders"].table.entities.values():
        if not stored.attributes.get(OWNER, "").startswith(customers_list("")):
            # It is a product, or an order that was erased, and never placed.
            continue
        summary = _summary.decode(stored.attributes[SUMMARY])
        listed[stored.attributes[OWNER].removeprefix(customers_list(""))][summary.id] = summary.status
    return listed


def _declines(placed: OrderPlaced) -> str | None:
    if placed.total.amount < MIN_AMOUNT:
        return "amount_too_small"
    return "card_declined" if placed.payment_method == DECLINED else None


def _sums(table: MemoryTable) -> Mapping[tuple[str, str, str], int]:
    """Return analytics' counters by day, product and name, summed over the shards that are read."""
    shards = {str(shard) for shard in range(SHARDS)}
    sums: Counter[tuple[str, str, str]] = Counter()
    for (partition, row), numbers in table.items.items():
        group, _, shard = partition.rpartition(RESERVED)
        day, _, product = row.partition("#")
        if shard in shards and group == f"{RESERVED}sales#{day[:7]}":
            sums.update({(day, product, name): number for name, number in numbers.items()})
    return {counter: total for counter, total in sums.items() if total}


def _pairs(table: MemoryTable) -> Mapping[tuple[str, str], int]:
    """Return how often each two products were counted together, from the partitions that are read."""
    return {
        (partition.split(RESERVED)[2], other): numbers[RANK] // ONE
        for (partition, other), numbers in table.items.items()
        if partition == bought_with(partition.split(RESERVED)[2])
    }


def _counted_emails(table: MemoryTable) -> Mapping[tuple[str, str], Collection[str]]:
    """Return the marks of the counted e-mails, by customer and hour."""
    found = {}
    for (key, _), numbers in table.items.items():
        _, _, customer, hour = key.split(RESERVED)
        found[customer, hour] = numbers.keys() - {LEFT}
    return found


def _dead_letters(shop: Shop, service: str) -> Collection[str]:
    """Return the messages in a service's queues, with the reason of those that would not fail again."""
    deployed = shop.deployed[service]
    bodies = {message.body for message in deployed.queue.messages()}
    for letter in deployed.dlq.messages():
        reason = letter.attributes.get("reason")
        bodies.add(letter.body if reason in PERMANENT else f"{letter.body} ({reason})")
    return bodies
