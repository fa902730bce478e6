"""What a function's death leaves behind, at every call that it makes outside, and what brings it to its end.

The cases are derived from what the services say of themselves: a new service, event, route or relay is among them.
"""

import copy
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.notification.bounces import EmailBounced
from functions.orders.api import order_id
from infra.services import discover
from tests.integration.batches import confirmed, next_day
from tests.integration.cloud import Calls, Cloud, CrashError, Snapshot, one_call_at_a_time
from tests.integration.crashing import dying, dying_after, ending, mails, standing_clock
from tests.integration.facts import ADDRESS, at, bounce, fact, new_order, placed
from tests.integration.shop import Answer, Shop
from tidings.contracts import (
    EmailFailed,
    Money,
    OrderCancelled,
    OrderConfirmed,
    OrderDispatched,
    OrderFlagged,
    OrderLine,
    OrderPlaced,
    PaymentCaptured,
    PaymentFailed,
    PaymentRefunded,
    PointsAwarded,
    PointsRevoked,
    ReceiptSent,
    ReturnRequested,
    Shortage,
    StockRejected,
    StockReleased,
    StockReserved,
    Units,
)
from tidings.events import Contract

CANCELLED = OrderCancelled(reason="customer")
TOTAL = Money(2000, "EUR")
UNITS = (Units("mug", 2),)

EXAMPLES: dict[type[Contract], Contract] = {
    type(example): example
    for example in (
        OrderConfirmed(
            customer="customer-1",
            lines=(OrderLine("mug", 1, Money(1000, "EUR")), OrderLine("pen", 1, Money(1000, "EUR"))),
            total=TOTAL,
            email="customer@example.com",
            address=ADDRESS,
        ),
        CANCELLED,
        OrderFlagged(rules=("velocity",)),
        OrderDispatched(tracking="T1"),
        ReturnRequested(lines=UNITS),
        PaymentCaptured(payment="pay_1", amount=TOTAL),
        PaymentFailed(code="card_declined"),
        PaymentRefunded(payment="pay_1", amount=TOTAL),
        StockReserved(lines=UNITS),
        StockRejected(short=(Shortage("mug", 2, 1),)),
        StockReleased(lines=UNITS),
        ReceiptSent(message="m-1"),
        EmailFailed(kind="receipt", detail="550"),
        PointsAwarded(customer="customer-1", points=20),
        PointsRevoked(customer="customer-1", points=20),
    )
}

KEY = "key-1"
ORDER = order_id("customer-1", KEY)

WORLDS = {
    "plain": placed(ORDER, ("mug", 2)),
    # More than there are, more than the fraud rules let pass, by a card that is declined.
    "adverse": placed(ORDER, ("mug", 20), method="pm_card_declined", price=1_000_000),
}

SERVICES = {found.name: found.service for found in discover() if found.service.consumes}
ANNOUNCED = {
    contract: fact(ORDER, found.name, EXAMPLES[contract], n)
    for found in discover()
    for n, contract in enumerate(found.service.announces, 1)
    if contract is not OrderPlaced
}
BODIES: dict[type[Contract], str] = {**ANNOUNCED, EmailBounced: bounce(ORDER, "receipt")}


def body(contract: type[Contract], world: str = "plain") -> str:
    return WORLDS[world] if contract is OrderPlaced else BODIES[contract]


def reacted_to(service: str) -> list[type[Contract]]:
    """The contracts of all that comes to a service's queue."""
    own = SERVICES[service]
    return [OrderPlaced, *ANNOUNCED] if own.subscribes_to_all else [*own.reactions, *own.outside]


def on_sale(shop: Shop) -> Shop:
    shop.stock("mug", 10)
    return shop


GROUND: defaultdict[str, Callable[[Shop], object]] = defaultdict(
    lambda: lambda _shop: None,
    {
        "orders": lambda shop: on_sale(shop).post(shop.order(("mug", 2)), KEY),
        "inventory": on_sale,
    },
)
"""What must be there before a service hears of the order's events."""


def dispatched(shop: Shop) -> Answer:
    """The goods of the order leave."""
    shop.cloud.hand("warehouse", body(OrderConfirmed))
    return shop.call("POST", f"/shipments/{ORDER}/dispatch", {"tracking": "T1"}, operator=True)


@dataclass(frozen=True)
class Case:
    """Messages that come to a service in one batch. `before` were handled by then, on the service's ground.

    For `claimed` the function had died by then, with its intent written and not yet acted on: this one comes again.
    """

    name: str
    service: str
    messages: Sequence[str]
    before: Sequence[str] = ()
    claimed: str = ""
    settings: Mapping[str, str] | None = None
    ground: Callable[[Shop], object] | None = None


def cases() -> Iterator[Case]:
    for service in SERVICES:
        contracts = reacted_to(service)
        yield Case(f"{service}-all", service, [body(contract) for contract in contracts])
        for contract in contracts:
            others = [other for other in contracts if other is not contract]
            if SERVICES[service].subscribes_to_all:
                others = []  # it handles each event for itself
            name = f"{service}-{contract.__name__}"
            for before in dict.fromkeys([(), *((other,) for other in others), tuple(others)]):
                for world in WORLDS if (*before, contract)[0] is OrderPlaced and len(before) < 2 else ["plain"]:
                    after = f"-after-{'-'.join(other.__name__ for other in before)}" if before else ""
                    yield Case(
                        f"{name}{after}-{world}",
                        service,
                        [body(contract, world)],
                        before=[body(other, world) for other in before],
                    )
            for claimed in others if SERVICES[service].acts_outside else []:
                yield Case(
                    f"{name}-while-{claimed.__name__}",
                    service,
                    [body(contract)],
                    before=[body(other) for other in others if other is not claimed],
                    claimed=body(claimed),
                )


def special_cases() -> Iterator[Case]:
    """What no single order of one service's own events brings about."""
    first, second = str(uuid.uuid5(uuid.NAMESPACE_OID, "1")), str(uuid.uuid5(uuid.NAMESPACE_OID, "2"))
    stumbling = placed(ORDER, ("mug", 2), method="pm_card_error_once")
    yield Case("payment-OrderPlaced-stumbling", "payment", [stumbling])
    yield Case("payment-OrderCancelled-after-stumbling", "payment", [body(OrderCancelled)], before=[stumbling])
    rules = [{"type": "Window", "name": "velocity", "by": "customer", "span": 1000, "most": 1}]
    yield Case(
        "fraud-flags-another-order",
        "fraud",
        [placed(first, ("mug", 1))],
        before=[at(placed(second, ("mug", 1)), 1)],
        settings={"RULES": json.dumps(rules)},
    )
    lines = [(f"sku-{n}", 1) for n in range(50)]
    yield Case("analytics-in-two-transactions", "analytics", [next_day(body(OrderCancelled)), placed(ORDER, *lines)])
    orders = {first: lines[:5], second: lines[2:5], ORDER: lines[4:5]}
    yield Case("analytics-three-orders", "analytics", [placed(order, *some) for order, some in orders.items()])
    # Two baskets without a pair in common, too large for one transaction together.
    baskets = {first: lines[:8], second: lines[8:16]}
    bodies = [confirmed(order, *some) for order, some in baskets.items()]
    yield Case("recommendation-two-orders", "recommendation", bodies)
    yield Case("warehouse-OrderCancelled-after-dispatch", "warehouse", [body(OrderCancelled)], ground=dispatched)


@pytest.fixture(scope="module")
def deployed(templates: dict[str, dict[str, Any]]) -> Iterator[tuple[Cloud, Snapshot]]:
    with mock_aws(), one_call_at_a_time(), standing_clock():
        cloud = Cloud(copy.deepcopy(templates))
        yield cloud, cloud.snapshot()


@pytest.fixture
def cloud(deployed: tuple[Cloud, Snapshot]) -> Cloud:
    cloud, empty = deployed
    cloud.restore(empty)
    return cloud


def prepare(shop: Shop, case: Case) -> None:
    cloud, service = shop.cloud, case.service
    cloud.set_environment(service, "consumer", **(case.settings or {}))
    (case.ground or GROUND[service])(shop)
    if cloud.hand(service, *case.before):
        assert cloud.hand(service, *case.before) == []  # the gateway had failed
    table = cloud.table(service)

    def has_written(name: str, made: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
        return name in ("PutItem", "TransactWriteItems") and table in json.dumps(made[-1][1])

    if case.claimed:
        with dying(cloud, after=has_written), suppress(CrashError):
            cloud.hand(service, case.claimed)


def send(cloud: Cloud, service: str, *bodies: str) -> None:
    fifo = SERVICES[service].queue == "fifo"
    for n, text in enumerate(bodies):
        group: Any = {"MessageGroupId": ORDER, "MessageDeduplicationId": str(n)} if fifo else {}
        cloud.sqs.send_message(QueueUrl=cloud.queue(service), MessageBody=text, **group)


def finish(cloud: Cloud, service: str) -> None:
    """Delivers what is left in a queue, until nothing is."""
    deliveries = 0
    while cloud.deliver(service):
        deliveries += 1
        assert deliveries < 10


def names(made: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    return [name for name, _ in made]


def moved(cloud: Cloud) -> list[tuple[int, int]]:
    """How often each payment's money moved to the shop, and back."""
    return [(int(payment["captured"]["N"]), int(payment["refunded"]["N"])) for payment in cloud.payments()]


@pytest.mark.parametrize("case", [*cases(), *special_cases()], ids=lambda case: case.name)
def test_a_reaction_that_died_anywhere_ends_as_if_it_had_not(shop: Shop, case: Case) -> None:
    cloud, service = shop.cloud, case.service
    prepare(shop, case)
    start = cloud.snapshot()

    def run(number: int | None) -> list[str]:
        cloud.restore(start)
        send(cloud, service, *case.messages)
        with dying_after(cloud, number) as calls:
            cloud.deliver(service)
            made = names(calls.made)
        finish(cloud, service)
        if case.claimed:
            assert cloud.hand(service, case.claimed) == []
        return made

    whole = run(None)
    expected, sent = ending(cloud, service), mails(cloud)
    assert moved(cloud) in ([], [(0, 0)], [(1, 0)], [(1, 1)])
    for number in range(len(whole) + 1):
        made = run(number)
        assert made == whole[:number]
        assert ending(cloud, service) == expected, f"died after {made}"
        # SES knows no idempotency key: who died between sending and recording sends once more.
        again = (mails(cloud) - sent).total()
        assert (mails(cloud).keys(), again) == (sent.keys(), int(made[-1:] == ["SendEmail"])), f"died after {made}"


@dataclass(frozen=True)
class Command:
    """A request that changes something, on a shop that is prepared for it."""

    prepare: Callable[[Shop], object]
    send: Callable[[Shop], Answer]


COMMANDS = {
    "POST /orders": Command(
        prepare=on_sale,
        send=lambda shop: shop.post(shop.order(("mug", 2)), KEY),
    ),
    "POST /orders/{id}/cancellation": Command(
        prepare=GROUND["orders"],
        send=lambda shop: shop.cancel(ORDER),
    ),
    "PUT /products/{sku}": Command(
        prepare=on_sale,
        send=lambda shop: shop.call(
            "PUT", "/products/mug", {"name": "Mug", "price": {"amount": 5, "currency": "EUR"}}, operator=True
        ),
    ),
    "PUT /stock/{sku}": Command(
        prepare=lambda shop: on_sale(shop).cloud.hand("inventory", body(OrderPlaced)),
        send=lambda shop: shop.call("PUT", "/stock/mug", {"on_hand": 5}, operator=True),
    ),
    "POST /shipments/{id}/dispatch": Command(
        prepare=lambda shop: shop.cloud.hand("warehouse", body(OrderConfirmed)),
        send=lambda shop: shop.call("POST", f"/shipments/{ORDER}/dispatch", {"tracking": "T1"}, operator=True),
    ),
}


@pytest.mark.parametrize(
    ("service", "command"),
    [(found.name, route.key) for found in discover() for route in found.routes if route.method != "GET"],
)
def test_a_command_that_died_anywhere_is_done_once_and_answered_alike_when_it_is_sent_again(
    shop: Shop, service: str, command: str
) -> None:
    cloud, request = shop.cloud, COMMANDS[command]
    request.prepare(shop)
    start = cloud.snapshot()
    with dying_after(cloud, None) as calls:
        answer = request.send(shop)
        whole = names(calls.made)
    assert answer.status < 300
    expected = ending(cloud, service)
    for number in range(len(whole) + 1):
        cloud.restore(start)
        with dying_after(cloud, number) as calls, pytest.raises(CrashError):
            request.send(shop)
        assert names(calls.made) == whole[:number]
        again = request.send(shop)
        assert (again.status, again.body) == (answer.status, answer.body)
        assert ending(cloud, service) == expected


OTHER = str(uuid.uuid5(uuid.NAMESPACE_OID, "other"))


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if service.announces])
def test_a_relay_that_died_anywhere_brings_every_event_to_every_subscriber_in_its_orders_order(
    shop: Shop, service: str
) -> None:
    cloud = shop.cloud
    (dispatched if service == "warehouse" else GROUND[service])(shop)
    for world, order in (("plain", ORDER), ("adverse", OTHER)):
        cloud.hand(service, *(body(contract, world).replace(ORDER, order) for contract in reacted_to(service)))
    start = cloud.snapshot()

    def run(number: int | None) -> tuple[list[str], dict[str, dict[str, list[str]]]]:
        cloud.restore(start)
        with dying_after(cloud, number) as calls, suppress(CrashError):
            cloud.relay(service)
        made = names(calls.made)
        cloud.relay(service)
        return made, {name: arrived(cloud, name) for name in cloud.services}

    whole, expected = run(None)
    assert any(expected.values())
    for number in range(len(whole) + 1):
        made, found = run(number)
        assert made == whole[:number]
        assert found == expected


def arrived(cloud: Cloud, service: str) -> dict[str, list[str]]:
    """The ids of what came to a service's queue, by order, in the order in which each came first.

    Of a batch published twice moto brings a second copy to standard queues, where SNS would not within five minutes.
    """
    found: dict[str, list[str]] = {}
    while records := cloud.receive(cloud.queue(service)):
        for event in (json.loads(record["body"]) for record in records):
            ids = found.setdefault(event["subject"], [])
            ids += [] if event["id"] in ids else [event["id"]]
    return found


QUEUE_CALLS = {"SendMessage", "ChangeMessageVisibilityBatch"}


@contextmanager
def broken(cloud: Cloud, call: str = "", moment: str = "") -> Iterator[Calls]:
    """Every call but those to the queue fails; the process dies before or after this one to the queue."""

    def begin(name: str, _made: object) -> bool:
        if name not in QUEUE_CALLS:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "broken"}}, name)
        return moment == "before" and name == call

    with dying(cloud, before=begin, after=lambda name, _: moment == "after" and name == call) as calls:
        yield calls


each_service = pytest.mark.parametrize("service", SERVICES)
each_moment = pytest.mark.parametrize("moment", ["before", "after"])


@each_service
@each_moment
def test_a_message_that_failed_is_handled_though_the_function_died_at_its_postponement(
    shop: Shop, service: str, moment: str
) -> None:
    cloud = shop.cloud
    GROUND[service](shop)
    text = body(reacted_to(service)[0])
    start = cloud.snapshot()
    assert cloud.hand(service, text) == []
    expected = ending(cloud, service)
    cloud.restore(start)
    send(cloud, service, text)
    with broken(cloud, "ChangeMessageVisibilityBatch", moment) as calls:
        cloud.deliver(service)
        assert names(calls.made) == {"before": [], "after": ["ChangeMessageVisibilityBatch"]}[moment]
    finish(cloud, service)
    assert ending(cloud, service) == expected


@each_service
@each_moment
@pytest.mark.parametrize("kind", ["poison", "given-up"])
def test_a_message_given_up_is_among_the_dead_letters_though_the_function_died_at_its_burial(
    shop: Shop, service: str, moment: str, kind: str
) -> None:
    cloud = shop.cloud
    GROUND[service](shop)
    before = ending(cloud, service)
    text = "{" if kind == "poison" else body(reacted_to(service)[0])
    send(cloud, service, text)
    if kind == "given-up":
        for _ in range(int(cloud.environment(service, "consumer")["MAX_RECEIVES"]) - 1):
            with broken(cloud):
                assert cloud.deliver(service) == 1
    with broken(cloud, "SendMessage", moment) as calls:
        cloud.deliver(service)
        assert names(calls.made) == {"before": [], "after": ["SendMessage"]}[moment]
    finish(cloud, service)
    after = ending(cloud, service)
    assert (after.items, after.numbers) == (before.items, before.numbers)
    assert set(after.letters) == {text}
    assert len(after.letters) <= (2 if moment == "after" else 1)


def test_an_order_cancelled_while_charging_is_refunded_though_the_charge_died_five_times_after_the_money_moved(
    shop: Shop,
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.relay("orders")
    shop.cloud.handler("payment", "consumer")
    gateway = shop.cloud.environment("payment", "consumer")["GATEWAY_TABLE"]

    def dies_when_recording(name: str, request: Mapping[str, Any]) -> bool:
        state = json.loads(request["Item"]["state"]["S"]) if name == "PutItem" and "state" in request["Item"] else {}
        return request.get("TableName") != gateway and state.get("status") == "captured"

    shop.cloud.calls.before = dies_when_recording
    attempts = 0
    while shop.cloud.deliver("payment"):
        attempts += 1
        assert attempts <= 5
    shop.cloud.calls.before = lambda _name, _request: False
    assert attempts == 5
    assert moved(shop.cloud) == [(1, 0)]
    assert shop.cloud.item("payment", order)["state"]["status"] == "charging"

    assert shop.cancel(order).status == 202
    shop.cloud.settle()
    assert moved(shop.cloud) == [(1, 1)]

    assert shop.cloud.redrive("payment") == 1
    shop.cloud.settle()
    assert moved(shop.cloud) == [(1, 1)]
    assert shop.show(order)["status"] == "CANCELLED"
    assert "PaymentRefunded" in [event["type"] for event in shop.timeline(order)]
    assert shop.level("mug")["reserved"] == 0


def test_an_order_cancelled_before_its_charge_confirmed_is_voided(cloud: Cloud) -> None:
    order = new_order()
    with dying(cloud, before=lambda name, _: name == "UpdateItem"), pytest.raises(CrashError):
        cloud.hand("payment", placed(order, ("mug", 2)))
    assert cloud.item("payment", order)["state"]["status"] == "charging"
    cloud.hand("payment", fact(order, "orders", CANCELLED, 2))
    cloud.hand("payment", placed(order, ("mug", 2)))
    assert cloud.item("payment", order)["state"]["status"] == "voided"
    assert moved(cloud) == [(0, 0)]
