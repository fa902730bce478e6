"""Crashes of functions at every call: a retry ends in the same final state as without the crash.

The cases are derived from the services' declarations, so a new service, event, route or relay is among them.
"""

import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError

from contracts.fraud.order_flagged import OrderFlagged
from contracts.inventory.stock_adjusted import StockAdjusted
from contracts.inventory.stock_rejected import StockRejected
from contracts.inventory.stock_released import StockReleased
from contracts.inventory.stock_reserved import StockReserved
from contracts.loyalty.points_awarded import PointsAwarded
from contracts.loyalty.points_revoked import PointsRevoked
from contracts.notification.email_failed import EmailFailed
from contracts.notification.email_sent import EmailSent
from contracts.orders.order_cancelled import OrderCancelled
from contracts.orders.order_confirmed import OrderConfirmed
from contracts.orders.order_placed import OrderPlaced
from contracts.orders.price_changed import PriceChanged
from contracts.orders.product_listed import ProductListed
from contracts.payment.dispute_closed import DisputeClosed
from contracts.payment.payment_action_required import PaymentActionRequired
from contracts.payment.payment_authorized import PaymentAuthorized
from contracts.payment.payment_captured import PaymentCaptured
from contracts.payment.payment_disputed import PaymentDisputed
from contracts.payment.payment_failed import PaymentFailed
from contracts.payment.payment_not_needed import PaymentNotNeeded
from contracts.payment.payment_processing import PaymentProcessing
from contracts.payment.payment_refunded import PaymentRefunded
from contracts.payment.payment_voided import PaymentVoided
from contracts.payment.refund_failed import RefundFailed
from contracts.payment.refund_requested import RefundRequested
from contracts.payment.refund_settled import RefundSettled
from contracts.payment.unexpected_payment_found import UnexpectedPaymentFound
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.values.goods import MAX_LINES, OrderLine, Shortage, Units
from contracts.values.money import Money
from contracts.values.product import ProductEvent
from contracts.values.recipient import Destination
from contracts.warehouse.order_dispatched import OrderDispatched
from contracts.warehouse.return_requested import ReturnRequested
from functions.notification.bounces import EmailBounced
from functions.orders.api import order_id
from functions.payment.reports import About, PaymentReported, UnaddressedReport
from functions.payment.simulated.gateway import _NAMESPACE as NAMESPACE
from infra.shop import shop_services
from infra.stages import STAGES
from tests.integration.batches import next_day
from tests.integration.cloud import Calls, Cloud, CrashError
from tests.integration.crash_points import crash, crash_after, final_state, mails, stopped_clock
from tests.integration.erasure import erase
from tests.integration.facts import ADDRESS, bounce, confirmed, fact, new_order, placed, report
from tests.integration.shop import Answer, Shop
from tidings.core.contract import Contract

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
        ),
        CANCELLED,
        PersonalDataErased(reason="customer"),
        OrderFlagged(rules=("velocity",)),
        OrderDispatched(tracking="T1"),
        ReturnRequested(lines=UNITS),
        PaymentActionRequired(payment="pay_1", amount=TOTAL),
        PaymentProcessing(payment="pay_1", amount=TOTAL),
        PaymentAuthorized(payment="pay_1", amount=TOTAL),
        PaymentNotNeeded(amount=Money(0, "EUR")),
        PaymentCaptured(payment="pay_1", amount=TOTAL),
        PaymentFailed(payment="pay_1", amount=TOTAL, code="card_declined"),
        PaymentVoided(payment="pay_1", amount=TOTAL),
        RefundRequested(payment="pay_1", refund="cancellation", amount=TOTAL, reason="cancelled"),
        PaymentRefunded(payment="pay_1", refund="cancellation", amount=TOTAL),
        RefundFailed(payment="pay_1", refund="cancellation", amount=TOTAL, code="expired_or_canceled_card"),
        RefundSettled(payment="pay_1", refund="cancellation", amount=TOTAL),
        PaymentDisputed(payment="pay_1", dispute="dp_1", amount=TOTAL, reason="fraudulent"),
        DisputeClosed(payment="pay_1", dispute="dp_1", amount=TOTAL, outcome="won"),
        UnexpectedPaymentFound(payment="pay_2", amount=TOTAL),
        StockReserved(lines=UNITS),
        StockRejected(short=(Shortage("mug", 2, 1),)),
        StockReleased(lines=UNITS),
        StockAdjusted(difference=10, on_hand=10),
        ProductListed(name="Mug", price=TOTAL),
        PriceChanged(price=TOTAL),
        EmailSent(kind="receipt", message="m-1"),
        EmailFailed(kind="receipt", code="5.1.1", address_bad=True),
        PointsAwarded(customer="customer-1", points=20),
        PointsRevoked(customer="customer-1", points=20),
    )
}

KEY = "key-1"
ORDER = order_id("customer-1", KEY)


def subject_of(contract: type[Contract]) -> str:
    """Return the subject of a contract's example: the order, or the month of a product's changes."""
    return "mug:2025-06" if issubclass(contract, ProductEvent) else ORDER


WORLDS = {
    "plain": placed(ORDER, ("mug", 2)),
    # More units than are on hand, a total above fraud's limit, and a card that is declined.
    "adverse": placed(ORDER, ("mug", 20), method="pm_card_declined", price=1_000_000),
}

SERVICES = {folder.name: folder.service for folder in shop_services() if folder.service.consumes}
ANNOUNCED = {
    contract: fact(
        subject_of(contract), EXAMPLES[contract], n, Destination(ADDRESS) if contract is OrderConfirmed else None
    )
    for folder in shop_services()
    for n, contract in enumerate(folder.service.announces, 1)
    if contract is not OrderPlaced
}
BODIES: dict[type[Contract], str] = {
    **ANNOUNCED,
    EmailBounced: bounce(ORDER, "receipt"),
}


def body(contract: type[Contract], world: str = "plain") -> str:
    return WORLDS[world] if contract is OrderPlaced else BODIES[contract]


REPORTS = (PaymentReported, UnaddressedReport)
"""The gateway's reports, which need a payment at the gateway. See `special_cases`."""


def handled_by(service: str) -> list[type[Contract]]:
    """Return the contracts of all events that reach a service's queue, except the gateway's reports."""
    own = SERVICES[service]
    if own.subscribes_to_all:
        return [OrderPlaced, *ANNOUNCED]
    external = [handler.contract for handler in own.external_handlers if handler.contract not in REPORTS]
    return [*own.contracts, *external]


def on_sale(shop: Shop) -> Shop:
    shop.stock("mug", 10)
    return shop


SETUP: defaultdict[str, Callable[[Shop], object]] = defaultdict(
    lambda: lambda _shop: None,
    {
        "orders": lambda shop: on_sale(shop).post(shop.order(("mug", 2)), KEY),
        "inventory": on_sale,
        "privacy": lambda shop: erase(shop.cloud, ORDER),
    },
)
"""Prepares the shop before a service receives the order's events."""


def dispatched(shop: Shop) -> Answer:
    """Dispatch the order."""
    shop.cloud.hand("warehouse", body(OrderConfirmed), body(PaymentCaptured))
    return shop.call("POST", f"/operators/shipments/{ORDER}/dispatch", {"tracking": "T1"})


PAYMENT = f"pay_{uuid.uuid5(NAMESPACE, ORDER).hex}"


def captured(shop: Shop, method: str = "pm_card_visa") -> Shop:
    """Place and confirm the order, so that its payment is captured."""
    assert shop.cloud.hand("payment", placed(ORDER, ("mug", 2), method=method), body(OrderConfirmed)) == []
    return shop


def requested(shop: Shop, amount: int) -> Shop:
    """Request a refund of a part of the captured payment. Its message is lost."""
    assert refund_request(captured(shop), amount).status == 202
    shop.cloud.receive(shop.cloud.queue("payment"))
    return shop


def refund_request(shop: Shop, amount: int) -> Answer:
    refund = {"amount": {"amount": amount, "currency": "EUR"}, "reason": "damaged"}
    return shop.call("POST", f"/operators/orders/{ORDER}/refunds", refund, headers={"idempotency-key": KEY})


def cancelled(shop: Shop) -> Shop:
    """Have the order's cancellation written, but not its refund."""
    with crash(shop.cloud, after=lambda name, _: name == "PutItem"), suppress(CrashError):
        shop.cloud.hand("payment", body(OrderCancelled))
    return shop


def failed_refund(shop: Shop) -> Shop:
    """Cancel the captured order with a card to which nothing can be refunded."""
    assert captured(shop, "pm_card_refund_fails").cloud.hand("payment", body(OrderCancelled)) == []
    return shop


def approved(shop: Shop) -> Shop:
    """Place the order, whose customer approves the payment at the bank. The webhook is lost."""
    cloud = shop.cloud
    assert cloud.hand("payment", placed(ORDER, ("mug", 2), method="pm_card_authentication_required")) == []
    (payment,) = cloud.payments()
    payment |= {"status": {"S": "authorized"}, "version": {"N": str(int(payment["version"]["N"]) + 1)}}
    cloud.dynamodb.put_item(TableName=cloud.environment("payment", "consumer")["GATEWAY_TABLE"], Item=payment)
    return shop


@dataclass(frozen=True)
class Case:
    """A batch of messages for one service.

    Attributes:
        name: The case's name.
        service: The service.
        messages: The messages of the batch.
        before: Messages that were handled before.
        in_progress: A message at which the function crashed before, after it wrote its intent and before its effect.
            It is delivered again at the end.
        settings: Variables of the function's environment.
        setup: Prepares the shop; the service's own `SETUP` by default.
    """

    name: str
    service: str
    messages: Sequence[str]
    before: Sequence[str] = ()
    in_progress: str = ""
    settings: Mapping[str, str] | None = None
    setup: Callable[[Shop], object] | None = None


def cases() -> Iterator[Case]:
    for service in SERVICES:
        contracts = handled_by(service)
        # The messages of two subjects would be handled at the same time, and their calls come in any sequence.
        about_products = [contract for contract in contracts if issubclass(contract, ProductEvent)]
        about_orders = [contract for contract in contracts if contract not in about_products]
        yield Case(f"{service}-all", service, [body(contract) for contract in about_orders])
        if about_products:
            yield Case(f"{service}-all-about-a-product", service, [body(contract) for contract in about_products])
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
            for in_progress in others if SERVICES[service].has_side_effects else []:
                yield Case(
                    f"{name}-while-{in_progress.__name__}",
                    service,
                    [body(contract)],
                    before=[body(other) for other in others if other is not in_progress],
                    in_progress=body(in_progress),
                )


def special_cases() -> Iterator[Case]:
    """Yield cases that one order's events alone do not produce."""
    first, second = str(uuid.uuid5(uuid.NAMESPACE_OID, "1")), str(uuid.uuid5(uuid.NAMESPACE_OID, "2"))
    failing_once = placed(ORDER, ("mug", 2), method="pm_card_error_once")
    yield Case("payment-OrderPlaced-failing-once", "payment", [failing_once])
    yield Case("payment-OrderCancelled-after-failing-once", "payment", [body(OrderCancelled)], before=[failing_once])
    payment = PaymentAuthorized(payment="pay_1", amount=Money(1000, "EUR"))
    earlier = [placed(first, ("mug", 1)), fact(first, payment), placed(second, ("mug", 1))]
    for name, velocity in {"fraud-counts-a-known-address": 2, "fraud-flags-one-too-many": 1}.items():
        rules = {"velocity": velocity, "address_spread": 1, "large_total": {}}
        paid = fact(second, payment)
        yield Case(name, "fraud", [paid], before=earlier, settings={"RULES": json.dumps(rules)})
    lines = [(f"sku-{n}", 1) for n in range(MAX_LINES)]
    yield Case(
        "analytics-in-the-largest-transaction", "analytics", [next_day(body(OrderCancelled)), placed(ORDER, *lines)]
    )
    orders = {first: lines[:5], second: lines[2:5], ORDER: lines[4:5]}
    yield Case("analytics-three-orders", "analytics", [placed(order, *some) for order, some in orders.items()])
    # Two baskets without a pair in common, too large for one transaction together.
    baskets = {first: lines[:8], second: lines[8:16]}
    bodies = [confirmed(order, *some) for order, some in baskets.items()]
    yield Case("recommendation-two-orders", "recommendation", bodies)
    reports: dict[str, tuple[About, Callable[[Shop], object]]] = {
        "approved": ("authorized", approved),
        "refund-requested": ("refund", lambda shop: requested(shop, 500)),
        "disputed": ("dispute", lambda shop: captured(shop, "pm_card_disputed")),
    }
    for name, (about, setup) in reports.items():
        reported = report(ORDER, about, PAYMENT)
        yield Case(f"payment-PaymentReported-{name}", "payment", [reported], setup=setup)
        yield Case(f"payment-OrderCancelled-{name}", "payment", [body(OrderCancelled), reported], setup=setup)
    yield Case(
        "payment-OrderCancelled-again-with-a-refund-requested",
        "payment",
        [body(OrderCancelled)],
        setup=lambda shop: cancelled(requested(shop, 500)),
    )
    yield Case("payment-UnaddressedReport", "payment", [report(None, "dispute", PAYMENT)], setup=captured)
    yield Case("warehouse-OrderCancelled-after-dispatch", "warehouse", [body(OrderCancelled)], setup=dispatched)


@pytest.fixture(scope="module", autouse=True)
def _stopped_clock() -> Iterator[None]:
    with stopped_clock():
        yield


def prepare(shop: Shop, case: Case) -> None:
    cloud, service = shop.cloud, case.service
    if case.settings:
        cloud.set_environment(service, "consumer", **case.settings)
    (case.setup or SETUP[service])(shop)
    if cloud.hand(service, *case.before):
        assert cloud.hand(service, *case.before) == []  # the gateway failed the first time
    table = cloud.table(service)

    def has_written(name: str, made: Sequence[tuple[str, Mapping[str, Any]]]) -> bool:
        return name in ("PutItem", "TransactWriteItems") and table in json.dumps(made[-1][1])

    if case.in_progress:
        with crash(cloud, after=has_written), suppress(CrashError):
            cloud.hand(service, case.in_progress)


def send(cloud: Cloud, service: str, *bodies: str) -> None:
    fifo = SERVICES[service].queue == "fifo"
    for n, text in enumerate(bodies):
        group: Any = {"MessageGroupId": ORDER, "MessageDeduplicationId": str(n)} if fifo else {}
        cloud.sqs.send_message(QueueUrl=cloud.queue(service), MessageBody=text, **group)


def finish(cloud: Cloud, service: str) -> None:
    """Deliver the rest of a queue."""
    deliveries = 0
    while cloud.deliver(service):
        deliveries += 1
        assert deliveries < 10


def names(made: Sequence[tuple[str, Mapping[str, Any]]]) -> list[str]:
    return [name for name, _ in made]


@pytest.mark.parametrize("case", [*cases(), *special_cases()], ids=lambda case: case.name)
def test_a_handler_that_crashed_at_any_call_ends_in_the_same_state_when_its_message_is_delivered_again(
    shop: Shop, case: Case
) -> None:
    cloud, service = shop.cloud, case.service
    prepare(shop, case)
    start = cloud.snapshot()

    def run(number: int | None) -> list[str]:
        cloud.restore(start)
        send(cloud, service, *case.messages)
        with crash_after(cloud, number) as calls:
            cloud.deliver(service)
            made = names(calls.made)
        finish(cloud, service)
        if case.in_progress:
            assert cloud.hand(service, case.in_progress) == []
        return made

    whole = run(None)
    expected, sent = final_state(cloud, service), mails(cloud)
    assert all(captured <= 1 and refunded <= captured for captured, refunded in cloud.moved())
    for number in range(len(whole) + 1):
        made = run(number)
        assert made == whole[:number]
        assert final_state(cloud, service) == expected, f"crashed after {made}"
        # SES knows no idempotency key: a crash between sending and recording sends the e-mail twice.
        again = (mails(cloud) - sent).total()
        assert (mails(cloud).keys(), again) == (sent.keys(), int(made[-1:] == ["SendEmail"])), f"crashed after {made}"


@dataclass(frozen=True)
class Command:
    """A request that changes something, and the preparation of the shop for it."""

    prepare: Callable[[Shop], object]
    send: Callable[[Shop], Answer]


COMMANDS = {
    "POST /orders": Command(
        prepare=on_sale,
        send=lambda shop: shop.post(shop.order(("mug", 2)), KEY),
    ),
    "POST /orders/{id}/cancellation": Command(
        prepare=SETUP["orders"],
        send=lambda shop: shop.cancel(ORDER),
    ),
    "POST /operators/orders/{id}/cancellation": Command(
        prepare=SETUP["orders"],
        send=lambda shop: shop.call("POST", f"/operators/orders/{ORDER}/cancellation"),
    ),
    "PUT /operators/products/{sku}": Command(
        prepare=on_sale,
        send=lambda shop: shop.call(
            "PUT", "/operators/products/mug", {"name": "Mug", "price": {"amount": 5, "currency": "EUR"}}
        ),
    ),
    "PUT /operators/stock/{sku}": Command(
        prepare=lambda shop: on_sale(shop).cloud.hand("inventory", body(OrderPlaced)),
        send=lambda shop: shop.call("PUT", "/operators/stock/mug", {"on_hand": 5}),
    ),
    "POST /operators/orders/{id}/refunds": Command(prepare=captured, send=lambda shop: refund_request(shop, 500)),
    "POST /operators/orders/{id}/refunds/{refund}/attempts": Command(
        prepare=failed_refund,
        send=lambda shop: shop.call("POST", f"/operators/orders/{ORDER}/refunds/cancellation/attempts"),
    ),
    "POST /operators/orders/{id}/refunds/{refund}/settlement": Command(
        prepare=failed_refund,
        send=lambda shop: shop.call("POST", f"/operators/orders/{ORDER}/refunds/cancellation/settlement"),
    ),
    "POST /operators/shipments/{id}/dispatch": Command(
        prepare=lambda shop: shop.cloud.hand("warehouse", body(OrderConfirmed), body(PaymentCaptured)),
        send=lambda shop: shop.call("POST", f"/operators/shipments/{ORDER}/dispatch", {"tracking": "T1"}),
    ),
    **{
        f"POST {route}": Command(
            prepare=lambda _shop: None,
            send=lambda shop, path=path: shop.call("POST", path, headers={"idempotency-key": KEY}),  # type: ignore[misc]  # bound early
        )
        for route, path in {
            "/me/export": "/me/export",
            "/me/erasure": "/me/erasure",
            "/operators/customers/{id}/export": "/operators/customers/customer-1/export",
            "/operators/customers/{id}/erasure": "/operators/customers/customer-1/erasure",
        }.items()
    },
}


RECOVERY = "/operators/dead-letters/"
"""The beginning of the paths by which queues are changed, of which a repeat finds less; see `test_operations`."""

TICKETS = {"POST /live/tickets", "POST /operators/live/tickets"}
"""The commands that are no repeats of each other: each issues another ticket. One whose answer is lost expires."""


@pytest.mark.parametrize(
    ("service", "command"),
    [
        (folder.name, route.key)
        for folder in shop_services()
        for route in folder.routes
        if route.method != "GET" and route.key not in TICKETS and not route.template.startswith(RECOVERY)
    ],
)
def test_a_command_that_crashed_at_any_call_is_executed_once_and_gets_the_same_answer_when_it_is_sent_again(
    shop: Shop, service: str, command: str
) -> None:
    cloud, request = shop.cloud, COMMANDS[command]
    request.prepare(shop)
    start = cloud.snapshot()
    with crash_after(cloud, None) as calls:
        answer = request.send(shop)
        whole = names(calls.made)
    assert answer.status < 300
    expected = final_state(cloud, service)
    for number in range(len(whole) + 1):
        cloud.restore(start)
        with crash_after(cloud, number) as calls, pytest.raises(CrashError):
            request.send(shop)
        assert names(calls.made) == whole[:number]
        again = request.send(shop)
        assert (again.status, again.body) == (answer.status, answer.body)
        assert final_state(cloud, service) == expected


@pytest.mark.parametrize(
    "setup",
    [approved, lambda shop: requested(shop, 500), lambda shop: cancelled(requested(shop, 500))],
    ids=["approved", "refund-requested", "cancelled-with-a-refund-requested"],
)
def test_a_check_that_crashed_at_any_call_ends_in_the_same_state_when_it_runs_again(
    shop: Shop, setup: Callable[[Shop], object]
) -> None:
    cloud = shop.cloud
    setup(shop)
    start = cloud.snapshot()

    def run(number: int | None) -> list[str]:
        cloud.restore(start)
        with crash_after(cloud, number) as calls, suppress(CrashError):
            cloud.invoke("payment", "checks", {"all": True})
        made = names(calls.made)
        for _ in range(2):
            cloud.invoke("payment", "checks", {"all": True})
        return made

    whole = run(None)
    expected = final_state(cloud, "payment")
    for number in range(len(whole) + 1):
        made = run(number)
        assert made == whole[:number]
        assert final_state(cloud, "payment") == expected, f"crashed after {made}"


OTHER = str(uuid.uuid5(uuid.NAMESPACE_OID, "other"))


@pytest.mark.parametrize("service", [name for name, service in SERVICES.items() if service.announces])
def test_a_relay_that_crashed_at_any_call_delivers_each_orders_events_to_every_subscriber_in_their_order(
    shop: Shop, service: str
) -> None:
    cloud = shop.cloud
    (dispatched if service == "warehouse" else SETUP[service])(shop)
    for world, order in (("plain", ORDER), ("adverse", OTHER)):
        bodies = [body(contract, world).replace(ORDER, order) for contract in handled_by(service)]
        assert cloud.hand(service, *bodies) == []
    start = cloud.snapshot()

    def run(number: int | None) -> tuple[list[str], dict[str, dict[str, list[str]]]]:
        cloud.restore(start)
        with crash_after(cloud, number) as calls, suppress(CrashError):
            cloud.relay(service)
        made = names(calls.made)
        cloud.relay(service)
        return made, {name: arrived(cloud, name) for name in cloud.consumers}

    whole, expected = run(None)
    assert any(expected.values())
    for number in range(len(whole) + 1):
        made, found = run(number)
        assert made == whole[:number]
        assert found == expected


def arrived(cloud: Cloud, service: str) -> dict[str, list[str]]:
    """Return the ids of the events in a service's queue, by order, in the sequence of their first arrival.

    moto delivers a batch that is published twice to standard queues twice; SNS would not within five minutes.
    """
    found: dict[str, list[str]] = {}
    while records := cloud.receive(cloud.queue(service)):
        for event in (json.loads(record["body"]) for record in records):
            ids = found.setdefault(event["subject"], [])
            ids += [] if event["id"] in ids else [event["id"]]
    return found


QUEUE_CALLS = {"SendMessage", "ChangeMessageVisibilityBatch"}


@contextmanager
def broken(cloud: Cloud, call: str = "", when: str = "") -> Iterator[Calls]:
    """Make every call fail except those to the queue, and crash before or after one of these."""

    def begin(name: str, _made: object) -> bool:
        if name not in QUEUE_CALLS:
            raise ClientError({"Error": {"Code": "InternalServerError", "Message": "broken"}}, name)
        return when == "before" and name == call

    with crash(cloud, before=begin, after=lambda name, _: when == "after" and name == call) as calls:
        yield calls


each_service = pytest.mark.parametrize("service", SERVICES)
before_and_after = pytest.mark.parametrize("when", ["before", "after"])


@each_service
@before_and_after
def test_a_failed_message_is_handled_although_the_function_crashed_while_it_set_its_retry_delay(
    shop: Shop, service: str, when: str
) -> None:
    cloud = shop.cloud
    SETUP[service](shop)
    text = body(handled_by(service)[0])
    start = cloud.snapshot()
    assert cloud.hand(service, text) == []
    expected = final_state(cloud, service)
    cloud.restore(start)
    send(cloud, service, text)
    with broken(cloud, "ChangeMessageVisibilityBatch", when) as calls:
        cloud.deliver(service)
        assert names(calls.made) == {"before": [], "after": ["ChangeMessageVisibilityBatch"]}[when]
    finish(cloud, service)
    assert final_state(cloud, service) == expected


@each_service
@before_and_after
@pytest.mark.parametrize("kind", ["poison", "given-up"])
def test_a_message_that_is_given_up_is_dead_lettered_although_the_function_crashed_while_it_did_that(
    shop: Shop, service: str, when: str, kind: str
) -> None:
    cloud = shop.cloud
    SETUP[service](shop)
    before = final_state(cloud, service)
    text = "{" if kind == "poison" else body(handled_by(service)[0])
    send(cloud, service, text)
    if kind == "given-up":
        for _ in range(cloud.retry_policy(service).receives - 1):
            with broken(cloud):
                assert cloud.deliver(service) == 1
    with broken(cloud, "SendMessage", when) as calls:
        cloud.deliver(service)
        assert names(calls.made) == {"before": [], "after": ["SendMessage"]}[when]
    with broken(cloud):
        finish(cloud, service)
    after = final_state(cloud, service)
    assert (after.items, after.numbers) == (before.items, before.numbers)
    assert set(after.letters) == {text}
    assert len(after.letters) <= (2 if when == "after" else 1)


def test_an_order_cancelled_while_it_is_captured_is_refunded_although_each_delivery_crashed_after_the_capture(
    shop: Shop,
) -> None:
    shop.stock("mug", 10)
    order = shop.place(("mug", 2))
    shop.cloud.drain(without=("payment",))
    shop.cloud.deliver("payment")
    shop.cloud.drain(without=("payment",))
    assert shop.show(order)["status"] == "CONFIRMED"
    shop.cloud.handler("payment", "consumer")
    gateway = shop.cloud.environment("payment", "consumer")["GATEWAY_TABLE"]

    def crashes_when_recording(name: str, request: Mapping[str, Any]) -> bool:
        state = json.loads(request["Item"]["state"]["S"]) if name == "PutItem" and "state" in request["Item"] else {}
        return request.get("TableName") != gateway and state.get("status") == "captured"

    shop.cloud.calls.before = crashes_when_recording
    deliveries = 0
    while shop.cloud.deliver("payment"):
        deliveries += 1
        assert deliveries <= STAGES["local"].max_receives
    shop.cloud.calls.before = lambda _name, _request: False
    assert deliveries == STAGES["local"].max_receives
    assert shop.cloud.moved() == [(1, 0)]
    assert shop.cloud.item("payment", order)["state"]["status"] == "authorized"

    assert shop.cancel(order).status == 202
    shop.cloud.drain()
    assert shop.cloud.moved() == [(1, 1)]

    assert shop.cloud.redrive("payment") == 1
    shop.cloud.drain()
    assert shop.cloud.moved() == [(1, 1)]
    assert shop.show(order)["status"] == "CANCELLED"
    assert "PaymentRefunded" in [event["type"] for event in shop.timeline(order)]
    assert shop.level("mug")["reserved"] == 0


def test_an_order_cancelled_before_its_payment_is_authorized_is_voided(cloud: Cloud) -> None:
    order = new_order()
    with crash(cloud, after=lambda _, made: names(made).count("PutItem") == 2), pytest.raises(CrashError):
        cloud.hand("payment", placed(order, ("mug", 2)))
    assert cloud.item("payment", order)["state"]["status"] == "authorizing"
    cloud.hand("payment", fact(order, CANCELLED, 2))
    cloud.hand("payment", placed(order, ("mug", 2)))
    assert cloud.item("payment", order)["state"]["status"] == "voided"
    assert cloud.moved() == [(0, 0)]
