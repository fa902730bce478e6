"""Customers and operators: what they do to the shop, through its API's code and its ports."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TypeVar

from contracts.values.money import Money
from contracts.values.recipient import Recipient
from functions.inventory.api import BELOW_RESERVED, StockRequest
from functions.orders.api import OrderView, order_id
from functions.orders.catalogue import Product
from functions.orders.expiry.brake import StoredBrake
from functions.orders.expiry.job import ExpiryJob
from functions.orders.pricing import address_of
from functions.orders.products import Price, ProductTerms
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from functions.orders.service import service as orders
from functions.payment.api import RefundAmount, RefundRequest
from functions.payment.checks.job import CheckJob
from functions.payment.reports import About, Report
from functions.payment.service import service as payment
from functions.payment.state import Payment
from functions.privacy import handlers as privacy
from functions.privacy.service import service as privacy_service
from functions.warehouse.api import DispatchRequest
from tests.invariants.evidence import Answer, Purchase
from tests.simulation.clock import DAY, HOUR, MINUTE, SECOND
from tests.simulation.faults import FaultyTable
from tests.simulation.marks import mark
from tests.simulation.ports.gateway import (
    AUTHENTICATION_REQUIRED,
    DECLINED,
    DISPUTED,
    ERROR_ONCE,
    EXPIRES,
    PROCESSING,
    REFUND_FAILS,
    REFUND_PENDING,
    REFUND_RETURNED,
    SECRET,
    STAGE,
    VISA,
)
from tests.simulation.ports.mailer import BAD
from tests.simulation.random_source import RandomSource
from tests.simulation.redrive import is_redrivable, redrive
from tests.simulation.replay import replay
from tests.simulation.republish import republish
from tests.simulation.shop import TIMEOUT, DeployedService, Shop
from tests.simulation.violation import ViolationError
from tidings.aws.pending import PendingEntity
from tidings.core.clock import from_rfc3339, to_rfc3339
from tidings.core.entity import RESERVED, OutboxEvent
from tidings.core.pending import SHARD, SINCE
from tidings.http.pagination import OWNER, RANK
from tidings.http.problems import Problem
from tidings.http.requests import Caller, Request

T = TypeVar("T")

SKUS = ("tea", "mug", "pen", "ink", "bag")
METHODS = (
    *[VISA] * 9,
    *[AUTHENTICATION_REQUIRED] * 2,
    ERROR_ONCE,
    DECLINED,
    EXPIRES,
    PROCESSING,
    DISPUTED,
    REFUND_PENDING,
    REFUND_FAILS,
    REFUND_RETURNED,
)
EMAILS = (*["a."] * 7, BAD)
"""The beginnings of customers' e-mail addresses."""

PRICES = (1000, 1250, 20, 6000, 0)
NAMES = ("{}", "{}", "Fine {}")
"""The names of products. Most changes of a price keep the name."""

LEVELS = (1000, 20, 8, 3)

JUMPS = (SECOND, 10 * SECOND, MINUTE, 6 * MINUTE, HOUR, 25 * HOUR, 3 * DAY)

REORDERED = 4
"""Number of the gateway's oldest reports of which any may be delivered next."""

UNADDRESSED = 10
"""One report of this number names no order, although its payment has one."""

ERASED_EARLY = 12
"""Number of orders of which one is erased before it is placed, as after the restore of a backup."""

RUNS = 20
"""Maximum number of runs of a scheduled job, of which one succeeds."""

DASHBOARD_STATUSES = ("authorized", "captured")

TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

POISON = (
    "not JSON %(n)d",
    '{"n":%(n)d,"specversion":"1.0","id":"x/%(order)s/1","source":"x","type":"Unheard"}',
    '{"n":%(n)d,"id":"x/%(order)s/1","source":"x","type":"Unheard","subject":"%(order)s",%(rest)s}',
    '{"n":%(n)d,"id":"orders/#stock#tea/1","source":"orders","type":"OrderPlaced","subject":"#stock#tea",%(rest)s}',
    '{"n":%(n)d,"id":"orders/nobody/1","source":"orders","type":"OrderPlaced","subject":"nobody",%(rest)s}',
    '{"n":%(n)d,"id":"payment/%(order)s/9","source":"payment","type":"OrderPlaced","subject":"%(order)s",%(rest)s}',
    '{"n":%(n)d,"id":"orders/%(order)s/9","source":"orders","type":"OrderPlaced","subject":"%(order)s",%(future)s}',
    '{"n":%(n)d,"id":"orders/%(order)s/9","source":"orders","type":"OrderPlaced","subject":"%(order)s",'
    '"personal":"{}",%(rest)s}',
    '{"n":%(n)d,"source":"gateway","id":"evt","payment":"pay_1","about":"unheard","order":"%(order)s",%(rest)s}',
)
"""Messages that can never be handled: no JSON, no event, an unknown type, subjects that are no orders, a source that is
not the producer, a time in the future, personal data of another form, and a report of the gateway about something
unknown."""

REST = (
    '"specversion":"1.0","dataschema":"urn:tidings:OrderPlaced:1","time":"2026-01-31T12:00:00.000Z",'
    '"correlationid":"x","traceparent":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",'
    '"data":{"customer":"x","lines":[{"sku":"tea","quantity":1,"price":'
    '{"amount":1000,"currency":"EUR"}}],"total":{"amount":1000,"currency":"EUR"},"payment_method":"pm_card_visa"}'
)
FUTURE = REST.replace("2026-01-31", "9999-12-31")


@dataclass(kw_only=True)
class Order(Purchase):
    """A purchase with its request, the customer's e-mail address, and the mark of the personal data in both."""

    body: OrderRequest
    email: str
    mark: str

    @property
    def id(self) -> str:
        """The id that the order has, also before it is placed."""
        return order_id(self.customer, self.key)

    @property
    def recipient(self) -> Recipient:
        """Who receives the order, as its customer said."""
        return Recipient(email=self.email, address=address_of(self.body.address))


@dataclass
class Records:
    """The requests of people, and their answers.

    Attributes:
        purchases: The orders that customers wanted.
        cancellations: The HTTP statuses of the answers to cancellations, by order.
        dispatches: Those of accepted dispatches, by order.
        erasures: The orders whose erasure was accepted.
        poison: The messages that can never be handled, by the service in whose queue they are.
        resumes: When an operator resumed the expiry job, in milliseconds since 1970.
        stops: When a run of the expiry job found it stopped, in milliseconds since 1970.
    """

    purchases: list[Order] = field(default_factory=list)
    cancellations: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    dispatches: defaultdict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    erasures: set[str] = field(default_factory=set)
    poison: dict[str, list[str]] = field(default_factory=dict)
    resumes: list[int] = field(default_factory=list)
    stops: list[int] = field(default_factory=list)


class People:
    """The customers and operators of a shop. An action returns whether there was anything to do."""

    def __init__(self, shop: Shop, choices: RandomSource) -> None:
        self.records = Records()
        self.unanswered: list[Callable[[], None]] = []
        self._shop = shop
        self._choices = choices
        self._requests = 0
        self._runs = 0

    def open_shop(self) -> None:
        """Set the prices and the stock of all products."""
        for sku, price in zip(SKUS, PRICES, strict=True):
            self._put_product(sku, sku, price)
            self.put_stock(sku, LEVELS[self._choices.below(len(LEVELS))])
        if self._choices.below(4) == 1:
            self._shop.gateway.pay_elsewhere("an-order-of-another-stage", Money(1000, "EUR"))

    # Customers

    def place(self) -> bool:
        below = self._choices.below
        customer = f"customer-{below(4)}"
        skus = [SKUS[(below(len(SKUS)) + k) % len(SKUS)] for k in range(1 + below(3))]
        lines = tuple(LineRequest(sku, 1 + below(3)) for sku in dict.fromkeys(skus))
        method, email = METHODS[below(len(METHODS))], EMAILS[below(len(EMAILS))]
        own = mark(len(self.records.purchases))
        address = AddressRequest(f"A. {own}", f"{below(3)} {own} Lane", own, "9000", "BE")
        order = self._order(customer, OrderRequest(lines, method, address), f"{email}{own}@customers.example", own)
        if below(ERASED_EARLY) == 1:
            self.erase(order)
        self._post(order)
        return True

    def order(self, customer: str, body: OrderRequest) -> Order:
        """Place an order, and send the request again until it is answered."""
        order = self._order(customer, body, "a@customers.example", "")
        self._post(order)
        return order

    def _order(self, customer: str, body: OrderRequest, email: str, own: str) -> Order:
        key = f"key-{len(self.records.purchases)}"
        lines = {line.sku: line.quantity for line in body.lines}
        order = Order(customer=customer, key=key, lines=lines, body=body, email=email, mark=own)
        self.records.purchases.append(order)
        return order

    def repeat(self) -> bool:
        purchases = self.records.purchases
        if not purchases:
            return False
        self._post(purchases[self._choices.below(len(purchases))])
        return True

    def cancel_any(self) -> bool:
        answered = [order for order in self.records.purchases if order.answers]
        if not answered:
            return False
        self.cancel(answered[-1 - self._choices.below(len(answered))])
        return True

    def cancel(self, order: Order) -> None:
        """Cancel an order, and send the request again until it is answered."""

        def request() -> int:
            try:
                view = self._shop.orders_api().cancel(self._request(order.customer, {"id": order.order}))
            except Problem as problem:
                if problem.rule.status != 409:
                    raise ViolationError(
                        "an order that was taken can be cancelled", f"{order.order}: {problem}"
                    ) from problem
                return problem.rule.status
            if view.status != "CANCELLED":
                raise ViolationError("a cancellation that is accepted cancels", f"{order.order} is {view.status}")
            return 202

        self._shop.say(f"{order.customer} cancels {order.order[:8]}")
        if not self._send("orders' API", request, self.records.cancellations[order.order].append):
            self.unanswered.append(lambda: self.cancel(order))

    def _post(self, order: Order) -> None:
        def request() -> Answer:
            headers = {"Idempotency-Key": order.key}
            asked = self._request(order.customer, {}, headers, order.email)
            try:
                reply = self._shop.orders_api().place(asked, order.body)
            except Problem as problem:
                raise ViolationError("an order is taken", f"{order.key}: {problem}") from problem
            view: OrderView = reply.body
            return Answer(view, "Idempotent-Replayed" in reply.headers)

        self._shop.say(f"{order.customer} places an order under {order.key}: {_described(order.body)}")
        if not self._send("orders' API", request, order.answers.append):
            self.unanswered.append(lambda: self._post(order))

    def erase_any(self) -> bool:
        """Have the personal data of an order erased, whatever has become of the order."""
        purchases = self.records.purchases
        if not purchases:
            return False
        self.erase(purchases[-1 - self._choices.below(len(purchases))])
        return True

    def erase(self, order: Order) -> None:
        """Have the personal data of an order erased, and ask again until it is answered."""
        shop, key = self._shop, order.id

        def request() -> str:
            metadata = self._request("operator", {}).metadata(shop.clock.now)
            shop.handlers(privacy_service).entity(key).execute(partial(privacy.erase, reason="operator"), metadata)
            return key

        shop.say(f"the personal data of {key[:8]} is erased")
        if not self._send("privacy's API", request, self.records.erasures.add):
            self.unanswered.append(lambda: self.erase(order))

    def approve_any(self) -> bool:
        """Let a customer approve a payment at the bank, or decline it. Some never do either."""
        gateway = self._shop.gateway
        found = [key for key, each in gateway.payments.items() if each.awaits_customer]
        if not found:
            return False
        chosen = found[self._choices.below(len(found))]
        self._open_bank(chosen)
        decision = (gateway.approve, gateway.approve, gateway.decline)[self._choices.below(3)]
        self._shop.say(f"the customer: {decision.__name__} {chosen}")
        decision(chosen)
        return True

    def _open_bank(self, chosen: str) -> None:
        """Ask the shop for what the customer's browser needs to have the payment approved."""
        order = self._shop.gateway.payments[chosen].order
        customers = [each.customer for each in self.records.purchases if each.order == order]
        if not customers:
            return

        def request() -> None:
            try:
                approval = self._shop.payment_api().show(self._request(customers[0], {"id": order})).approval
            except Problem as problem:
                self._shop.say(f"    {problem}")
                return
            if approval and not approval.client_secret.startswith(f"{chosen}{SECRET}"):
                raise ViolationError("a customer approves the order's own payment", f"{order} is shown {approval}")

        self._send("payment's API", request, lambda _: None)

    # The gateway, its banks, and the shop's staff at its dashboard

    def deliver_webhook(self) -> None:
        """Deliver one of the gateway's reports. It may be lost, repeated, late, out of its sequence, or unaddressed."""
        outbox, shop, choices = self._shop.gateway.outbox, self._shop, self._choices
        webhook = outbox[choices.below(min(len(outbox), REORDERED))]
        if not webhook.kept and (shop.lost >= 1 or (shop.lost and choices.happens(shop.lost))):
            shop.say(f"the report {webhook.id} about {webhook.about} of {webhook.payment} is lost")
            outbox.remove(webhook)
            return
        again = shop.repeats and choices.happens(shop.repeats)
        labels = None if choices.below(UNADDRESSED) == 1 else webhook.labels
        report = self._report(
            webhook.id,
            webhook.payment,
            webhook.about,
            labels.order if labels else None,
            labels.origin.correlation if labels else webhook.id,
            labels.origin.trace if labels else TRACEPARENT,
        )

        def done(_: None) -> None:
            if not again and webhook in outbox:
                outbox.remove(webhook)

        shop.say(f"the gateway reports: {webhook.id}, {webhook.about} of {webhook.payment}")
        self._send("the webhooks", lambda: shop.payment_ports().reports.send(report), done)

    def decide_any(self) -> bool:
        """Let a bank decide about a payment, a refund or a dispute."""
        return self.decide()

    def decide(self, *, disputes: bool = True) -> bool:
        """Let a bank decide; about an open dispute only if `disputes` says so."""
        found = self._shop.gateway.undecided(disputes=disputes)
        if not found:
            return False
        chosen = found[self._choices.below(len(found))]
        self._shop.say(f"the bank decides about {chosen}")
        self._shop.gateway.decide(chosen, well=self._choices.below(3) < 2)
        return True

    def use_dashboard(self) -> bool:
        """Let the shop's staff refund, release, capture or repeat a payment at the gateway's dashboard."""
        gateway, below = self._shop.gateway, self._choices.below
        found = [
            key for key, each in gateway.payments.items() if each.stage == STAGE and each.status in DASHBOARD_STATUSES
        ]
        if not found:
            return False
        chosen = found[below(len(found))]
        match below(5):
            case 0 | 1 if gateway.payments[chosen].status == "authorized":
                gateway.withdraw(chosen)
            case 2 if gateway.payments[chosen].status == "authorized":
                gateway.capture(chosen)
            case 3 | 4:
                gateway.pay_again(chosen, captured=below(2) > 0)
            case _:
                gateway.return_money(chosen, 1 + below(gateway.payments[chosen].amount.amount))
        self._shop.say(f"staff use the dashboard on {chosen}, which is {gateway.payments[chosen].status}")
        return True

    # The warehouse

    def dispatch_any(self) -> bool:
        shipments = self._shop.deployed["warehouse"].table.entities
        listed = [key for key, shipment in shipments.items() if OWNER in shipment.attributes]
        if not listed:
            return False
        self.dispatch(listed[self._choices.below(len(listed))])
        return True

    def dispatch(self, order: str) -> None:
        """Dispatch an order's goods. The request is sent once."""

        def request() -> list[int]:
            try:
                self._shop.warehouse_api().dispatch(self._request("packer", {"id": order}), DispatchRequest("T1"))
            except Problem as problem:
                # This says nothing: an earlier request may have dispatched the goods before the order was cancelled.
                self._shop.say(f"    {problem}")
                return []
            return [202]

        self._shop.say(f"the warehouse dispatches {order[:8]}")
        self._send("the warehouse's API", request, self.records.dispatches[order].extend)

    # Operators

    def expire(self) -> bool:
        """Run the expiry job on the pending orders, whatever their age, or on all that a lagging index may show.

        If it stops, a run must do nothing an hour later, and then an operator resumes it.
        """
        lags = bool(self._choices.below(2))
        self.run_expiry(-HOUR, lags=lags)
        if self.is_expiry_stopped:
            self._shop.clock.now += HOUR
            self.run_expiry(-HOUR, lags=lags)
            self.run_expiry(-HOUR, lags=lags, resume=True)
        return True

    def expire_all(self) -> None:
        """Run the expiry job, and resume it until it is not stopped any more."""
        for _ in range(RUNS):
            self.expire()
            if not self.is_expiry_stopped:
                return

    @property
    def is_expiry_stopped(self) -> bool:
        """True if a run found the expiry job stopped since an operator resumed it last."""
        return max(self.records.stops, default=-1) > max(self.records.resumes, default=-1)

    def run_expiry(self, older_than: float, *, lags: bool = False, resume: bool = False) -> None:
        """Run the expiry job on the orders that are pending for longer than this, in seconds."""
        shop, records = self._shop, self.records
        shop.say(f"the expiry job {'is resumed' if resume else 'runs'}{', with an index that lags' if lags else ''}")
        table = shop.deployed["orders"].table
        stored = table.entities.values()
        found = [each for each in stored if RANK in each.attributes and orders.kind_of(each.key) is orders]
        times = [
            (order.attributes[RANK].partition("#")[0], order.key)
            for order in found
            if lags or SHARD in order.attributes
        ]
        pending = sorted(PendingEntity(from_rfc3339(time), order) for time, order in times)
        brake = StoredBrake(FaultyTable(table, shop.calls), shop.settings.brake, shop.clock)
        job = ExpiryJob(shop.handlers(orders), brake, shop.threads, Random(0))  # noqa: S311 - not for secrecy

        def act() -> None:
            try:
                if resume:
                    records.resumes.append(shop.clock.now)
                    brake.resume()
                if job.run(pending, older_than, deadline=shop.clock.now + TIMEOUT).stopped:
                    records.stops.append(shop.clock.now)
            except Exception as error:  # noqa: BLE001 - the schedule runs it again
                shop.say(f"    failed: {error}")

        shop.invoke("the expiry job", act)

    def check_payments(self) -> bool:
        """Run the job that checks payments, on all that wait or on all that a lagging index may show."""
        self.run_checks(early=True, lags=bool(self._choices.below(2)))
        return True

    def run_checks(self, *, early: bool = False, lags: bool = False) -> None:
        """Run the job that checks payments."""
        shop = self._shop
        shop.say(f"the check job runs{', with an index that lags' if lags else ''}")
        found = shop.deployed[payment.name].table.entities.values()
        times = [(each.attributes.get(SINCE), each.key) for each in found]
        pending = sorted(PendingEntity(from_rfc3339(time) if time else 0, key) for time, key in times if time or lags)

        def act() -> None:
            self._check_job().run(pending, shop.clock.now + TIMEOUT, early=early)

        shop.invoke("the check job", act)

    def report_disputes(self) -> bool:
        """Run the job that reports disputes. Its schedule runs it again and again, so one of the runs succeeds."""
        shop = self._shop
        done: list[int] = []

        def act() -> None:
            try:
                done.append(self._check_job().report_disputes(shop.clock.now + TIMEOUT))
            except Exception as error:  # noqa: BLE001 - the schedule runs it again
                shop.say(f"    failed: {error}")

        for _ in range(RUNS):
            shop.say("the check job asks for disputes")
            shop.invoke("the check job", act)
            if done:
                break
        return True

    def next_check(self) -> int | None:
        """Return when the next payment is due, in milliseconds since 1970; None if no payment waits."""
        entities = self._shop.deployed[payment.name].table.entities.values()
        times = [from_rfc3339(each.attributes[SINCE]) for each in entities if SINCE in each.attributes]
        return min(times, default=None)

    def waits_for_approval(self) -> bool:
        """Return whether an order is pending. It must be one whose customer has not approved the payment.

        Raises:
            ViolationError: If an order is pending for another reason.
        """
        entities = self._shop.deployed["orders"].table.entities
        own = [each for key, each in entities.items() if not key.startswith(RESERVED) and orders.kind_of(key) is orders]
        decoded = [orders.codec.decode(each) for each in own]
        pending = {each.key for each in decoded if each.state and each.state.status == "PENDING"}
        unapproved = {each.order for each in self._shop.gateway.payments.values() if each.status == "action_required"}
        if pending - unapproved:
            raise ViolationError("the shop comes to rest", f"{sorted(pending - unapproved)} stay pending")
        return bool(pending)

    def _check_job(self) -> CheckJob:
        ports = self._shop.payment_ports()
        return CheckJob(self._shop.handlers(payment, ports), ports, Random(0))  # noqa: S311 - not for secrecy

    def refund_any(self) -> bool:
        """Refund a part of an order, perhaps twice at once, under one key or two."""
        found = self._stored_payments(lambda each: each.status == "captured")
        if not found:
            return False
        order, stored = found[self._choices.below(len(found))]
        part = RefundAmount(1 + self._choices.below(stored.total.amount), stored.total.currency)
        keys = (1, 2, 1)[: 1 + self._choices.below(3)]
        first = self._requests
        for key in keys:
            self._shop.say(f"an operator refunds {part.amount} of {order[:8]}")
            headers = {"Idempotency-Key": f"refund-{first + key}"}
            asked = self._request("operator", {"id": order}, headers)
            body = RefundRequest(part, "goodwill")
            self._ask_for_refund(partial(self._shop.payment_api().refund, asked, body))
        return True

    def repair_any(self) -> bool:
        """Try a failed refund again, or settle it."""
        found = [
            (key, refund.id)
            for key, stored in self._stored_payments(lambda _: True)
            for refund in stored.refunds
            if refund.status == "failed"
        ]
        if not found:
            return False
        order, name = found[self._choices.below(len(found))]
        asked = self._request("operator", {"id": order, "refund": name})
        api, settles = self._shop.payment_api(), self._choices.below(3) == 2
        self._shop.say(f"an operator {'settles' if settles else 'tries'} the refund {name} of {order[:8]}")
        self._ask_for_refund(partial(api.settle if settles else api.retry, asked))
        return True

    def _ask_for_refund(self, ask: Callable[[], object]) -> None:
        def request() -> None:
            try:
                ask()
            except Problem as problem:
                # Another operator may have been first.
                self._shop.say(f"    {problem}")

        self._send("payment's API", request, lambda _: None)

    def _stored_payments(self, chosen: Callable[[Payment], bool]) -> list[tuple[str, Payment]]:
        deployed = self._shop.deployed[payment.name]
        decoded = (deployed.service.codec.decode(stored) for stored in deployed.table.entities.values())
        return [(each.key, each.state) for each in decoded if each.state and chosen(each.state)]

    def _report(self, name: str, of: str, about: About, order: str | None, correlation: str, trace: str) -> Report:
        return Report(
            id=name,
            payment=of,
            about=about,
            time=to_rfc3339(self._shop.clock.now),
            order=order,
            correlationid=correlation,
            traceparent=trace,
        )

    def set_stock(self) -> bool:
        sku = SKUS[self._choices.below(len(SKUS))]
        self.set_level(sku, LEVELS[self._choices.below(len(LEVELS))])
        return True

    def set_price(self) -> bool:
        below = self._choices.below
        sku = SKUS[below(len(SKUS))]
        self._offer(sku, NAMES[below(len(NAMES))].format(sku), PRICES[below(len(PRICES))])
        return True

    def poison(self) -> bool:
        """Put a message that can never be handled into a queue, between an order's messages."""
        purchases = self.records.purchases
        if not purchases:
            return False
        to = self._any_service()
        if to.service.subscribes_to_all:
            return False
        order = purchases[self._choices.below(len(purchases))].order or "unanswered"
        bodies = self.records.poison.setdefault(to.name, [])
        kind = POISON[self._choices.below(len(POISON))]
        bodies.append(kind % {"n": len(bodies), "order": order, "rest": REST, "future": FUTURE})
        self._shop.say(f"poison for {to.name}: {bodies[-1][:20]}")
        to.queue.send(bodies[-1], order, f"poison-{len(bodies)}")
        return True

    def stop_consumer(self) -> bool:
        to = self._any_service()
        to.down_until = self._shop.clock.now + JUMPS[self._choices.below(len(JUMPS))]
        self._shop.say(f"the consumer of {to.name} is down")
        return True

    def redrive_any(self) -> bool:
        redrivable = [each for each in self._shop.deployed.values() if is_redrivable(each.dlq)]
        if not redrivable:
            return False
        self.redrive(redrivable[self._choices.below(len(redrivable))])
        return True

    def redrive(self, to: DeployedService) -> None:
        """Redrive a service's dead letters."""
        shop = self._shop
        self._runs += 1

        def act() -> None:
            try:
                redrive(to.queue, to.dlq, f"run-{self._runs}", shop.calls)
            except Exception as error:  # noqa: BLE001 - the operator sees it, and runs the command again
                shop.say(f"    failed: {error}")

        shop.say(f"a redrive of {to.name}")
        shop.invoke(f"a redrive of {to.name}", act)

    def replay_any(self) -> bool:
        """Replay what history has recorded of an order to a service."""
        purchases, shop, to = self.records.purchases, self._shop, self._any_service()
        if not purchases or to.service.subscribes_to_all:
            return False
        order = purchases[self._choices.below(len(purchases))].id
        self._runs += 1

        def act() -> None:
            try:
                replay(shop.log, order, to.service, to.queue, f"run-{self._runs}", shop.calls)
            except Exception as error:  # noqa: BLE001 - the operator sees it
                shop.say(f"    failed: {error}")

        shop.say(f"a replay of {order[:8]} to {to.name}")
        shop.invoke(f"a replay to {to.name}", act)
        return True

    def republish(self) -> bool:
        """Publish an entity's outbox again."""
        entities = [entity for entity in self._any_service().table.entities.values() if entity.outbox]
        if not entities:
            return False
        entity = entities[self._choices.below(len(entities))]
        self._shop.say(f"{entity.key[:8]} is published again")
        for body in entity.outbox:
            self._shop.topic.publish([OutboxEvent(body)])
        return True

    def republish_refused(self, of: DeployedService) -> None:
        """Publish the outboxes of the entities whose events a relay refused, and drop the dead letters."""
        shop = self._shop
        letters = list(of.relay_dlq.letters)

        def act() -> None:
            for letter in letters:
                republish(of.name, of.table, letter.key, shop.topic)
                of.relay_dlq.letters.remove(letter)

        shop.say(f"what the relay of {of.name} refused is published again: {[letter.event for letter in letters]}")
        shop.invoke(f"a republishing of {of.name}", act)

    def _offer(self, sku: str, name: str, price: int) -> None:
        """Set a product's name and price, and send the request again until it is answered."""
        self._shop.say(f"{sku}: {name} costs {price}")
        if not self._send("orders' API", lambda: self._put_product(sku, name, price), lambda _: None):
            self.unanswered.append(lambda: self._offer(sku, name, price))

    def _put_product(self, sku: str, name: str, price: int) -> None:
        terms = ProductTerms(name, Price(price, "EUR"))
        product = self._shop.orders_api().put_product(self._request("operator", {"sku": sku}), terms)
        if product != Product(sku, name, Money(price, "EUR")):
            raise ViolationError("a product is what an operator set", f"{name} for {price}: {product}")

    def set_level(self, sku: str, on_hand: int) -> None:
        """Set a product's units on hand, and send the request again until it is answered."""
        self._shop.say(f"{sku}: {on_hand} on hand")
        if not self._send("inventory's API", lambda: self.put_stock(sku, on_hand), lambda _: None):
            self.unanswered.append(lambda: self.set_level(sku, on_hand))

    def put_stock(self, sku: str, on_hand: int) -> None:
        """Set a product's units on hand by one request, whose answer may get lost."""
        try:
            self._shop.inventory_api().put(self._request("operator", {"sku": sku}), StockRequest(on_hand))
        except Problem as problem:
            if problem.rule is not BELOW_RESERVED:
                raise

    def _any_service(self) -> DeployedService:
        deployed = list(self._shop.deployed.values())
        return deployed[self._choices.below(len(deployed))]

    # Requests

    def _request(
        self, caller: str, path: Mapping[str, str], headers: Mapping[str, str] | None = None, email: str = ""
    ) -> Request:
        self._requests += 1
        number = f"request-{self._requests}"
        return Request(path, {}, headers or {}, number, TRACEPARENT, Caller(caller, email))

    def _send(self, function: str, request: Callable[[], T], record: Callable[[T], object]) -> bool:
        """Send a request, and record its answer. Return whether it was answered."""
        shop = self._shop
        answers: list[T] = []

        def act() -> None:
            try:
                answer = request()
                shop.calls.answer()
            except Exception as error:  # noqa: BLE001 - the client receives a 500 or 503
                shop.say(f"    failed: {error}")
            else:
                answers.append(answer)

        shop.invoke(function, act)
        for answer in answers:
            record(answer)
        return bool(answers)


def _described(body: OrderRequest) -> str:
    return f"{', '.join(f'{line.quantity} {line.sku}' for line in body.lines)}, {body.payment_method}"
