"""The load generator: clients who place, repeat and cancel orders over HTTP, and an operator who dispatches them."""

import math
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

import httpx
import msgspec

from functions.orders.api import OrderView
from ops.orders import order_request
from tests.invariants.evidence import Answer
from tests.soak.plan import Plan, Scenario
from tests.system.deployed import DeployedShop, User
from tidings.recovery import wait_until
from tidings.recovery.polling import POLL_SECONDS

PATIENCE = 600
"""Maximum number of seconds for which a request is sent again. A service may be closed for its recovery meanwhile."""

REPEAT_SECONDS = 1
"""Seconds after which a request is repeated that is not repeated at once."""

TIMEOUT = 900
"""Maximum number of seconds until everything has happened, on a busy machine."""


@dataclass
class Records:
    """The answers of the shop.

    Attributes:
        answers: The answers to the requests to place an order, by idempotency key.
        cancellations: The HTTP statuses of the answers to cancellations, by order.
        dispatches: The HTTP statuses of the answers to dispatches, by order.
        retries: Number of requests that were sent again, by the cause.
        begun: The idempotency keys of the orders that customers have begun to place.
        seconds: The duration of the customers' part.
        finished: Set once no further order is begun.
        stopped: Set once no further request may be sent.
    """

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    cancellations: dict[str, list[int]] = field(default_factory=dict)
    dispatches: dict[str, list[int]] = field(default_factory=dict)
    retries: Counter[str] = field(default_factory=Counter)
    begun: set[str] = field(default_factory=set)
    seconds: float = 0
    finished: threading.Event = field(default_factory=threading.Event)
    stopped: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def insist(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request again until it is answered without an error of the server."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.stopped.is_set():
                raise InterruptedError("the soak test was stopped")
            try:
                response = request()
            except httpx.TransportError as error:
                cause = type(error).__name__
            else:
                if response.status_code < 500 and response.status_code != 429:
                    return response
                cause = str(response.status_code)
            with self._lock:
                self.retries[cause] += 1
            time.sleep(0.25)
        raise TimeoutError(f"a request failed for {PATIENCE} seconds: {dict(self.retries)}")

    def add_answer(self, scenario: Scenario, answer: Answer) -> None:
        with self._lock:
            self.answers.setdefault(scenario.key, []).append(answer)

    def add_status(self, statuses: dict[str, list[int]], order: str, status: int) -> None:
        with self._lock:
            statuses.setdefault(order, []).append(status)

    def order(self, scenario: Scenario) -> str | None:
        """Return the id of the scenario's order, if it has been placed."""
        with self._lock:
            answers = self.answers.get(scenario.key)
        return answers[0].view.id if answers else None

    def orders(self) -> set[str]:
        """Return the ids of all orders that have been placed."""
        with self._lock:
            return {answers[0].view.id for answers in self.answers.values()}


@dataclass(frozen=True)
class LoadGenerator:
    """The customers of a plan and an operator, with tokens, and the answers that they get.

    Attributes:
        plan: The plan.
        customers: The customers.
        operator: The operator.
        pause: Seconds from the beginning of one order to that of the next; 0 for as fast as the clients can.
        records: The answers.
    """

    plan: Plan
    customers: Sequence[User]
    operator: User
    pause: float = 0
    records: Records = field(default_factory=Records)

    @classmethod
    def prepare(cls, shop: DeployedShop, plan: Plan, operator: User, pause: float = 0) -> "LoadGenerator":
        """Sign the customers in, and set the prices and the stock of the products."""
        for product in plan.products:
            terms = {"name": f"Product {product.sku}", "price": {"amount": product.price, "currency": "EUR"}}
            operator.http.put(f"/operators/products/{product.sku}", json=terms).raise_for_status()
            operator.http.put(f"/operators/stock/{product.sku}", json={"on_hand": product.stock}).raise_for_status()
        mark = uuid.uuid4().hex[:8]
        return cls(plan, [shop.user(f"soak-{mark}-{n}") for n in range(plan.customers)], operator, pause)

    @property
    def scenarios(self) -> Sequence[Scenario]:
        """The scenarios that have begun: all of the plan's, unless the load was finished before."""
        return [scenario for scenario in self.plan.scenarios if scenario.key in self.records.begun]

    def finish(self) -> None:
        """Begin no further scenario. `run` then ends those that have begun."""
        self.records.finished.set()

    def stop(self) -> None:
        """Send no further request. `run` then fails."""
        self.records.stopped.set()
        self.finish()

    def run(self) -> None:
        """Play all scenarios in parallel, and dispatch orders meanwhile. Return when all have been played."""
        clients = self.plan.clients
        # Each client needs one more thread for requests that are sent twice at once; dispatches need some.
        with ThreadPoolExecutor(clients + 8) as helpers, ThreadPoolExecutor(clients + 1) as people:
            begun = time.monotonic()
            placing = [people.submit(self._take_turn, *each, begun, helpers) for each in _one_after_another(clients)]
            dispatching = people.submit(self._dispatch, placing, helpers)
            try:
                for client in placing:
                    client.result()
                self.records.seconds = time.monotonic() - begun
                dispatching.result()
            except BaseException:
                self.stop()
                raise

    def _take_turn(
        self, client: int, turn: threading.Event, served: threading.Event, begun: float, helpers: Executor
    ) -> None:
        """Play a client's scenarios from its turn on, and signal when the first one was served."""
        turn.wait()
        try:
            self._play(client, served, begun, helpers)
        finally:
            served.set()

    def _play(self, client: int, served: threading.Event, begun: float, helpers: Executor) -> None:
        """Play one client's scenarios, one after another. Do between them what is due later."""
        later: list[tuple[float, Callable[[], None]]] = []
        for number, scenario in enumerate(self.plan.scenarios):
            if scenario.client != client:
                continue
            _do_until(max(time.monotonic(), begun + number * self.pause), later, self.records.finished)
            if self.records.finished.is_set():
                break
            self.records.begun.add(scenario.key)
            twin = helpers.submit(self._place, scenario) if scenario.repeat == "at once" else None
            self._place(scenario)
            if twin:
                twin.result()
            served.set()
            now = time.monotonic()
            if scenario.repeat == "later":
                later.append((now + REPEAT_SECONDS, partial(self._place, scenario)))
            if scenario.cancel_after is not None:
                later.append((now + scenario.cancel_after, partial(self._cancel, scenario)))
        _do_until(math.inf, later, self.records.stopped)

    def _customer(self, scenario: Scenario) -> User:
        return self.customers[self.plan.customer(scenario)]

    def _place(self, scenario: Scenario) -> None:
        place = partial(self._customer(scenario).place, scenario.lines, scenario.key, **_details(scenario))
        response = self.records.insist(place)
        assert response.status_code == 202, f"{scenario.key}: {response.status_code} {response.text}"
        view = msgspec.json.decode(response.content, type=OrderView)
        self.records.add_answer(scenario, Answer(view, response.headers.get("Idempotent-Replayed") == "true"))

    def _cancel(self, scenario: Scenario) -> None:
        order = self._placed(scenario)
        response = self.records.insist(partial(self._customer(scenario).cancel, order))
        self.records.add_status(self.records.cancellations, order, response.status_code)

    def _dispatch(self, placing: Sequence[Future[None]], helpers: Executor) -> None:
        """Dispatch the listed shipments, until every order that is to be dispatched was tried."""
        tried: set[str] = set()

        def try_all() -> bool:
            listed, all_placed = set(self._to_pick()), all(client.done() for client in placing)
            waiting = [each for each in self.scenarios if each.dispatch and each.key not in tried]
            ready = [scenario for scenario in waiting if self.records.order(scenario) in listed]
            requests = [helpers.submit(self._dispatch_order, scenario) for scenario in ready]
            requests += [helpers.submit(self._cancel, scenario) for scenario in ready if scenario.cancel_at_dispatch]
            for request in requests:
                request.result()
            tried.update(scenario.key for scenario in ready)
            return all_placed and len(ready) == len(waiting)

        seconds = TIMEOUT + self.pause * len(self.plan.scenarios)
        wait_until(try_all, seconds, "the list of all shipments", every=max(POLL_SECONDS, self.pause))

    def _to_pick(self) -> Iterator[str]:
        query = {"limit": "100"}
        while True:
            page = self.records.insist(partial(self.operator.http.get, "/operators/shipments", params=query))
            yield from (item["id"] for item in page.raise_for_status().json()["items"])
            if page.json()["next"] is None:
                return
            query["cursor"] = page.json()["next"]

    def _dispatch_order(self, scenario: Scenario) -> None:
        order = self._placed(scenario)
        path = f"/operators/shipments/{order}/dispatch"
        response = self.records.insist(partial(self.operator.http.post, path, json={"tracking": "T-1"}))
        self.records.add_status(self.records.dispatches, order, response.status_code)

    def _placed(self, scenario: Scenario) -> str:
        order = self.records.order(scenario)
        assert order, scenario
        return order


def _one_after_another(clients: int) -> Iterator[tuple[int, threading.Event, threading.Event]]:
    """Iterate over the clients, each with the event that it waits for and the event that the next one waits for.

    If all clients began at the same time, as many functions would start at once, which would test the machine instead
    of the shop.
    """
    served = threading.Event()
    served.set()
    for client in range(clients):
        turn, served = served, threading.Event()
        yield client, turn, served


def _do_until(moment: float, later: list[tuple[float, Callable[[], None]]], ended: threading.Event) -> None:
    """Do what is due until a moment, each at its time, and remove it; then wait for the moment, or for an event.

    Args:
        moment: The moment; infinity for when nothing is left to do.
        later: What is to be done, with the moment at which it is due.
        ended: The event that ends the waiting.
    """
    for due, act in sorted(later, key=itemgetter(0)):
        if due > moment or ended.wait(max(0, due - time.monotonic())):
            break
        later.remove((due, act))
        act()
    if moment < math.inf:
        ended.wait(max(0, moment - time.monotonic()))


def _details(scenario: Scenario) -> dict[str, Any]:
    """Return the payment method and the address."""
    return {"payment_method": scenario.method, "address": address_of(scenario)}


def address_of(scenario: Scenario) -> dict[str, str]:
    """Return the address of a scenario's order. Each client has another one."""
    address: dict[str, str] = order_request([])["address"] | {"street": f"{scenario.client} Harbour Street"}
    return address
