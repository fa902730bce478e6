"""A history: customers and operators at work while everything goes wrong that may, until it heals and comes to rest."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from functions.orders import reactions
from functions.orders.api import AddressRequest, LineRequest, OrderRequest, OrderView, order_id
from functions.orders.service import service as orders
from functions.warehouse.api import DispatchRequest
from tests.simulation.choices import Choices
from tests.simulation.clock import DAY, HOUR, MINUTE, SECOND
from tests.simulation.faults import Weather
from tests.simulation.ports.mail import BAD_ADDRESS
from tests.simulation.redrive import PERMANENT, redrive
from tests.simulation.shop import Deployed, Settings, Shop
from tests.simulation.violation import ViolationError
from tidings.decisions import Decision, Ignore
from tidings.item import Cause, Item
from tidings.relay import Entry, Head
from tidings.routes import Caller, Problem, Reply, Request

SKUS = ("tea", "mug", "pen", "ink")
METHODS = (*["pm_card_visa"] * 6, "pm_card_error_once", "pm_card_declined")
EMAILS = (*["a@customers.example"] * 7, BAD_ADDRESS)
PRICES = (1000, 1250, 20, 6000)
LEVELS = (1000, 20, 8, 3)

JUMPS = (SECOND, 10 * SECOND, MINUTE, 6 * MINUTE, HOUR, 25 * HOUR, 3 * DAY)

LONGEST = 5 * DAY
"""What is jumped over at most, so that no queue's retention ends meanwhile."""

MOST_PAUSED = 8
MOST_STEPS = 30_000
MOST_ROUNDS = 30

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

CALM = Weather()
WEATHERS = (
    Weather(switches=0.05),
    CALM,
    Weather(switches=0.02, failures=0.002, crashes=0.002),
    Weather(switches=0.1, failures=0.01, crashes=0.01),
    Weather(switches=0.3, failures=0.005, crashes=0.005),
    Weather(switches=0.02, failures=0.05, crashes=0.002),
    Weather(switches=0.02, failures=0.002, crashes=0.05),
    Weather(switches=0.1, failures=0.05, crashes=0.05),
)


@dataclass
class Wish:
    """An order that a customer wants, under one key until it is answered."""

    customer: str
    key: str
    body: OrderRequest
    answer: OrderView | None = None
    order: str = field(init=False)

    def __post_init__(self) -> None:
        self.order = order_id(self.customer, self.key)


@dataclass
class Told:
    """What the people were told, which must then be so."""

    cancelled: set[str] = field(default_factory=set)
    dispatched: set[str] = field(default_factory=set)
    counted: dict[str, int] = field(default_factory=dict)
    poison: dict[str, list[str]] = field(default_factory=dict)


class History:
    """A shop, and what befalls it."""

    def __init__(self, choices: Choices, orders: int, note: Callable[[str], None] | None = None) -> None:
        self.choices = choices
        self.wishes: list[Wish] = []
        self.told = Told()
        self._orders = orders
        self._set_up(note)
        self._steps = 0
        self._time_left = LONGEST
        self._runs = 0
        self._requests = 0
        self._pending: list[Callable[[], None]] = []
        self._budget = {
            self._place: orders,
            self._dispatch: orders // 2,
            self._cancel: orders // 3,
            self._repeat: orders // 6,
            self._sweep: choices.below(3),
            self._set_stock: choices.below(4),
            self._set_price: choices.below(3),
            self._poison: choices.below(3),
            self._take_down: choices.below(4),
            self._redrive_one: choices.below(6),
            self._relay_again: choices.below(3),
        }

    def run(self) -> None:
        """Lets everything happen, then heals it; ViolationError where it never comes to rest."""
        self.shop.tasks.run()
        self._heal()

    def _set_up(self, note: Callable[[str], None] | None) -> None:
        below = self.choices.below
        self.shop = Shop(
            self.choices,
            Settings(
                visibility=(121 * SECOND, 121 * SECOND, 8 * SECOND)[below(3)],
                lanes=1 + below(2),
                batch=(10, 10, 3, 1)[below(4)],
                relay_batch=(100, 4)[below(2)],
                concurrency=(1, 2, 4)[below(3)],
            ),
            self._step,
            note,
        )
        shop = self.shop
        self._deployed = list(shop.deployed.values())
        shop.calls.weather = WEATHERS[below(len(WEATHERS))]
        shop.refusals = (0, 0.02, 0.1)[below(3)]
        shop.lags = (0, 0.01, 0.1)[below(3)]
        shop.repeats = (0, 0.01, 0.1)[below(3)]
        self._shuffled = below(4) > 0
        self._patience = (1, 3, 6)[below(3)]
        self._eager = (0.5, 0.2, 0.05)[below(3)]
        self._jumpy = (0, 0.002, 0.02)[below(3)]
        for sku, price in zip(SKUS, PRICES, strict=True):
            shop.products.prices[sku] = price
            self._count(sku, LEVELS[below(len(LEVELS))])

    # What happens next

    def _step(self) -> bool:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise ViolationError("it comes to rest", f"not within {MOST_STEPS} steps")
        chance = self.choices.chance
        if self._jumpy and chance(self._jumpy):
            self._jump()
        if chance(self._eager) and self._act():
            return True
        ready = self._ready()
        if ready:
            act, *of_what = ready[self.choices.below(len(ready)) if self._shuffled else 0]
            act(*of_what)
            return True
        return self._act() or self._wait()

    def _ready(self) -> list[tuple[Any, ...]]:
        """What may go on now, each as what to call with what: the paused, the relays, the consumers."""
        shop = self.shop
        ready: list[tuple[Any, ...]] = [(shop.tasks.resume, task) for task in shop.tasks.paused]
        if len(ready) >= MOST_PAUSED:
            return ready
        now, most = shop.clock.now, shop.settings.concurrency
        few: list[tuple[Any, ...]] = []
        for each in self._deployed:
            for lane, records in enumerate(each.stream.lanes):
                if records and lane not in each.busy:
                    ready.append((shop.relay, each, lane))
            if each.down_until <= now and each.running < most and (waiting := each.queue.ready()):
                (ready if waiting >= self._patience else few).append((shop.consume, each))
        # Consumers wait for their batches to fill, as long as there is something else to do.
        return ready or few

    def _act(self) -> bool:
        """Somebody does something, where anybody has anything left to do."""
        if self._pending and self.choices.below(2) == 0:
            self._pending.pop(0)()
            return True
        kinds = [kind for kind, left in self._budget.items() for _ in range(left)] if self._budget else []
        while kinds:
            kind = kinds[self.choices.below(len(kinds))]
            if kind():
                self._budget[kind] -= 1
                return True
            kinds = [each for each in kinds if each != kind]
        if self._pending:
            self._pending.pop(0)()
            return True
        return False

    def _wait(self) -> bool:
        """Passes the time until something can go on; False where nothing ever will."""
        clock = self.shop.clock
        times = [
            max(time, each.down_until)
            for each in self.shop.deployed.values()
            if (time := clock.now if each.queue.ready() else each.queue.next_time()) is not None
        ]
        if not times:
            return False
        clock.now = max(clock.now + 1, min(times))
        return True

    def _jump(self) -> None:
        by = JUMPS[self.choices.below(len(JUMPS))]
        if by <= self._time_left:
            self._time_left -= by
            self.shop.clock.now += by
            self.shop.say(f"{by // SECOND} s pass")

    # Healing

    def _heal(self) -> None:
        shop = self.shop
        shop.say("everything heals")
        self.choices.calm = True
        shop.calls.weather = CALM
        shop.refusals = shop.lags = shop.repeats = self._jumpy = 0
        self._shuffled = False
        self._budget = {}
        self._steps = 0
        for each in shop.deployed.values():
            each.down_until = 0
        for _ in range(MOST_ROUNDS):
            shop.tasks.run()
            dead = [each for each in shop.deployed.values() if _dead(each)]
            if not dead:
                return
            for each in dead:
                self._redrive(each)
            shop.clock.now += MINUTE
        raise ViolationError("it comes to rest", f"{[each.name for each in dead]} have dead letters again and again")

    # What people do

    def _request(self, customer: str, **path: str) -> Request:
        self._requests += 1
        return Request(path, {}, {}, f"request-{self._requests}", TRACE, Caller(customer, operator=False))

    def _place(self) -> bool:
        below = self.choices.below
        n = len(self.wishes)
        customer = f"customer-{below(4)}"
        skus = [SKUS[(below(len(SKUS)) + k) % len(SKUS)] for k in range(1 + below(3))]
        lines = tuple(LineRequest(sku, 1 + below(3)) for sku in dict.fromkeys(skus))
        street = f"{below(3)} Mill Lane"
        body = OrderRequest(
            lines,
            METHODS[below(len(METHODS))],
            EMAILS[below(len(EMAILS))],
            AddressRequest("A. Customer", street, "Ghent", "9000", "BE"),
        )
        self.wishes.append(Wish(customer, f"key-{n}", body))
        self._post(self.wishes[-1])
        return True

    def _post(self, wish: Wish) -> None:
        """POST /orders, until it is answered."""
        shop = self.shop
        shop.say(f"{wish.customer} places {wish.order[:8]}: {_lines(wish.body)}, {wish.body.payment_method}")
        answered = False

        def act() -> None:
            nonlocal answered
            request = self._request(wish.customer)
            headed = Request(
                request.path,
                request.query,
                {"idempotency-key": wish.key},
                request.correlation,
                request.traceparent,
                request.caller,
            )
            try:
                reply = shop.orders_api().place(headed, wish.body)
                shop.calls.make("answer", lambda: None)
            except Problem as problem:
                raise ViolationError("an order is taken", f"{wish.order}: {problem}") from problem
            except Exception as error:  # noqa: BLE001 - a 500 or 503
                shop.say(f"    failed: {error}")
                return
            answered = True
            self._hear(wish, reply)

        shop.invoke("orders' API", act)
        if not answered:
            self._pending.append(lambda: self._post(wish))

    def _hear(self, wish: Wish, reply: Reply) -> None:
        view = reply.body
        first = wish.answer or view
        wish.answer = first
        same = [(line.sku, line.quantity) for line in view.lines] == [
            (line.sku, line.quantity) for line in wish.body.lines
        ]
        if view != first or view.status != "PENDING" or view.id != wish.order or not same:
            raise ViolationError("a repeated request gets the first answer", f"{view} is not {first}")

    def _repeat(self) -> bool:
        if not self.wishes:
            return False
        self._post(self.wishes[self.choices.below(len(self.wishes))])
        return True

    def _cancel(self) -> bool:
        answered = [wish for wish in self.wishes if wish.answer]
        if not answered:
            return False
        self._ask_to_cancel(answered[-1 - self.choices.below(len(answered))])
        return True

    def _ask_to_cancel(self, wish: Wish) -> None:
        shop = self.shop
        shop.say(f"{wish.customer} cancels {wish.order[:8]}")
        answered = False

        def act() -> None:
            nonlocal answered
            try:
                view = shop.orders_api().cancel(self._request(wish.customer, id=wish.order))
                shop.calls.make("answer", lambda: None)
            except Problem as problem:
                if problem.status != 409:
                    raise ViolationError(
                        "an order that was taken can be cancelled", f"{wish.order}: {problem}"
                    ) from problem
            except Exception as error:  # noqa: BLE001 - a 500 or 503
                shop.say(f"    failed: {error}")
                return
            else:
                if view.status != "CANCELLED":
                    raise ViolationError("a cancellation that is accepted cancels", f"{wish.order} is {view.status}")
                self.told.cancelled.add(wish.order)
            answered = True

        shop.invoke("orders' API", act)
        if not answered:
            self._pending.append(lambda: self._ask_to_cancel(wish))

    def _dispatch(self) -> bool:
        items = self.shop.deployed["warehouse"].table.items
        listed = [key for key, item in items.items() if "owner" in item]
        if not listed:
            return False
        self._send_off(listed[self.choices.below(len(listed))])
        return True

    def _send_off(self, order: str) -> None:
        shop = self.shop
        shop.say(f"the warehouse dispatches {order[:8]}")

        def act() -> None:
            try:
                shop.warehouse_api().dispatch(self._request("packer", id=order), DispatchRequest("T1"))
                shop.calls.make("answer", lambda: None)
            except Problem as problem:
                shop.say(f"    {problem}")
            except Exception as error:  # noqa: BLE001 - a 500 or 503
                shop.say(f"    failed: {error}")
            else:
                self.told.dispatched.add(order)

        shop.invoke("the warehouse's API", act)

    def _sweep(self) -> bool:
        """Cancels what has been pending for too long; here anything may have been."""
        shop = self.shop
        shop.say("a sweep")
        pending = [item["pk"]["S"] for item in shop.deployed["orders"].items() if '"status"' not in item["state"]["S"]]

        def act() -> None:
            reactor = shop.reactor(orders)
            for order in pending:
                cause = Cause("sweep", TRACE, shop.clock())
                try:
                    reactor.order(order).settle(lambda item, _: _time_out(item), cause)
                except Exception as error:  # noqa: BLE001 - the next sweep finds it again
                    shop.say(f"    failed: {error}")

        shop.invoke("the sweep", act)
        return True

    # What operators do

    def _set_stock(self) -> bool:
        sku = SKUS[self.choices.below(len(SKUS))]
        level = LEVELS[self.choices.below(len(LEVELS))]
        self.shop.say(f"{sku}: {level} on hand")
        self._count(sku, level)
        return True

    def _count(self, sku: str, on_hand: int) -> None:
        stock, counted = self.shop.stock, self.told.counted
        before = stock.read(sku)
        if stock.set_on_hand(sku, on_hand):
            counted[sku] = counted.get(sku, 0) + on_hand - (before.available + before.reserved if before else 0)

    def _set_price(self) -> bool:
        sku = SKUS[self.choices.below(len(SKUS))]
        self.shop.products.prices[sku] = PRICES[self.choices.below(len(PRICES))]
        return True

    def _poison(self) -> bool:
        """Something lands in a queue that can never be handled, in the middle of an order's messages."""
        if not self.wishes:
            return False
        to = self._any_service()
        if to.service.subscribes_to_all:
            return False
        wish = self.wishes[self.choices.below(len(self.wishes))]
        poison = self.told.poison.setdefault(to.name, [])
        head = f'{{"n":{len(poison)},"specversion":"1.0","id":"x/{wish.order}/1","source":"x","type":"Unheard"'
        kinds = (f"not JSON {len(poison)}", f"{head}}}", f"{head},{REST % wish.order}}}")
        body = kinds[self.choices.below(len(kinds))]
        poison.append(body)
        self.shop.say(f"poison for {to.name}: {body[:20]}")
        to.queue.send(body, wish.order, f"poison-{len(poison)}")
        return True

    def _take_down(self) -> bool:
        to = self._any_service()
        to.down_until = self.shop.clock.now + JUMPS[self.choices.below(len(JUMPS))]
        self.shop.say(f"the consumer of {to.name} is down")
        return True

    def _redrive_one(self) -> bool:
        dead = [each for each in self.shop.deployed.values() if _dead(each)]
        if not dead:
            return False
        self._redrive(dead[self.choices.below(len(dead))])
        return True

    def _redrive(self, to: Deployed) -> None:
        shop = self.shop
        self._runs += 1
        shop.say(f"a redrive of {to.name}")

        def act() -> None:
            try:
                redrive(to.queue, to.dlq, f"run-{self._runs}", shop.calls)
            except Exception as error:  # noqa: BLE001 - the operator sees it, and does it again
                shop.say(f"    failed: {error}")

        shop.invoke(f"a redrive of {to.name}", act)

    def _relay_again(self) -> bool:
        """Publishes once more what a service has announced of an order."""
        items = [item for item in self._any_service().table.items.values() if "events" in item]
        if not items:
            return False
        item = items[self.choices.below(len(items))]
        self.shop.say(f"{item['pk']['S'][:8]} is relayed again")
        for event in item["events"]["L"]:
            self.shop.topic.publish([Entry(_head(event["S"]), event["S"])])
        return True

    def _any_service(self) -> Deployed:
        deployed = list(self.shop.deployed.values())
        return deployed[self.choices.below(len(deployed))]


REST = (
    '"subject":"%s","dataschema":"urn:x:1","time":"2026-01-31T12:00:00.000Z","sequence":1,'
    '"correlationid":"x","traceparent":"x","data":{}'
)


def _head(body: str) -> Head:

    return msgspec.json.decode(body, type=Head)


def _time_out(item: Item[reactions.Order]) -> Decision[reactions.Order]:
    if reactions.existing(item).status != "PENDING":
        return Ignore()
    return reactions.cancel(item, "timeout")


def _dead(each: Deployed) -> bool:
    """Whether its dead-letter queue holds what could be handled after all."""
    return any(letter.attributes.get("reason") not in PERMANENT for letter in each.dlq.messages())


def _lines(body: OrderRequest) -> str:
    return ", ".join(f"{line.quantity} {line.sku}" for line in body.lines)
