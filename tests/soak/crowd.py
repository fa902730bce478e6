"""Carries a plan out over HTTP: clients who place, repeat and cancel orders, and an operator who dispatches them."""

import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter
from typing import Any

import httpx

from ops.api import order_of
from ops.waiting import wait_until
from tests.soak.plan import Errand, Plan
from tests.system.deployed import Deployed, User

MOST_TRIES = 60
REPEATED_AFTER = 1
"""Seconds after which a request is sent again that is not repeated at once."""

PATIENCE = 900
"""Seconds within which everything that must happen will have, on a machine that is busy with other things too."""


@dataclass(frozen=True)
class Answer:
    """How a request to place an order was answered; `repeated` says that the shop knew it already."""

    order: str
    repeated: bool
    body: dict[str, Any]


@dataclass
class Diary:
    """What the crowd was told: of each key its answers, of each order the status of its cancellation and dispatch.

    `again` counts requests that had to be made once more, by what was wrong with the answer; `seconds` is how long
    all that was done by the customers took. Once it is `over`, nobody does anything more.
    """

    answers: dict[str, list[Answer]] = field(default_factory=dict)
    cancellations: dict[str, list[int]] = field(default_factory=dict)
    dispatches: dict[str, list[int]] = field(default_factory=dict)
    again: Counter[str] = field(default_factory=Counter)
    seconds: float = 0
    over: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def insistently(self, request: Callable[[], httpx.Response]) -> httpx.Response:
        """The answer to a request, which is made again while there is none or the fault is the server's."""
        for _ in range(MOST_TRIES):
            if self.over.is_set():
                raise InterruptedError("the soak was broken off")
            try:
                response = request()
            except httpx.TransportError as error:
                wrong = type(error).__name__
            else:
                if response.status_code < 500 and response.status_code != 429:
                    return response
                wrong = str(response.status_code)
            with self._lock:
                self.again[wrong] += 1
            time.sleep(0.25)
        raise TimeoutError(f"a request was not answered in {MOST_TRIES} tries: {dict(self.again)}")

    def note_answer(self, errand: Errand, answer: Answer) -> None:
        with self._lock:
            self.answers.setdefault(errand.key, []).append(answer)

    def note(self, where: dict[str, list[int]], order: str, status: int) -> None:
        with self._lock:
            where.setdefault(order, []).append(status)

    def order(self, errand: Errand) -> str | None:
        """The id of the order that an errand has placed, so far."""
        with self._lock:
            answers = self.answers.get(errand.key)
        return answers[0].order if answers else None


@dataclass(frozen=True)
class Crowd:
    """The plan's customers, signed in, an operator, and the diary of what they are told."""

    plan: Plan
    customers: Sequence[User]
    operator: User
    diary: Diary = field(default_factory=Diary)

    @classmethod
    def gathered(cls, shop: Deployed, plan: Plan, operator: User) -> "Crowd":
        """Signs the customers in, and fills the shelves."""
        for product in plan.products:
            terms = {"name": f"Product {product.sku}", "price": {"amount": product.price, "currency": "EUR"}}
            operator.http.put(f"/products/{product.sku}", json=terms).raise_for_status()
            operator.http.put(f"/stock/{product.sku}", json={"on_hand": product.stock}).raise_for_status()
        mark = uuid.uuid4().hex[:8]
        return cls(plan, [shop.user(f"soak-{mark}-{n}") for n in range(plan.customers)], operator)

    def customer_of(self, errand: Errand) -> User:
        """Who runs an errand."""
        return self.customers[errand.client % len(self.customers)]

    def run(self) -> None:
        """Lets all clients do their errands at once, and the operator dispatch; ends when all have done all."""
        clients = self.plan.clients
        # Beside each client there is one more thread, for what is sent twice; and some for what is done to shipments.
        with ThreadPoolExecutor(clients + 8) as helpers, ThreadPoolExecutor(clients + 1) as people:
            begun = time.monotonic()
            placing = [people.submit(self._take_turn, *each, helpers) for each in _one_by_one(clients)]
            dispatching = people.submit(self._dispatch, helpers)
            try:
                for client in placing:
                    client.result()
                self.diary.seconds = time.monotonic() - begun
                dispatching.result()
            except BaseException:
                self.diary.over.set()
                raise

    def _take_turn(self, client: int, turn: threading.Event, served: threading.Event, helpers: Executor) -> None:
        """Does a client's errands once it is its turn; says when the first of them was served."""
        turn.wait()
        try:
            self._do_errands(client, served, helpers)
        finally:
            served.set()

    def _do_errands(self, client: int, served: threading.Event, helpers: Executor) -> None:
        """One client's errands, one after another; what is due later is done between them."""
        later: list[tuple[float, Callable[[], None]]] = []
        for errand in self.plan.errands:
            if errand.client != client:
                continue
            twin = helpers.submit(self._place, errand) if errand.repeat == "at once" else None
            self._place(errand)
            if twin:
                twin.result()
            served.set()
            now = time.monotonic()
            if errand.repeat == "later":
                later.append((now + REPEATED_AFTER, partial(self._place, errand)))
            if errand.regret is not None:
                later.append((now + errand.regret, partial(self._cancel, errand)))
            for due, act in list(later):
                if due <= now:
                    later.remove((due, act))
                    act()
        for due, act in sorted(later, key=itemgetter(0)):
            time.sleep(max(0, due - time.monotonic()))
            act()

    def _place(self, errand: Errand) -> None:
        place = partial(self.customer_of(errand).place, errand.lines, errand.key, **_body(errand))
        response = self.diary.insistently(place)
        assert response.status_code == 202, f"{errand.key}: {response.status_code} {response.text}"
        body = response.json()
        self.diary.note_answer(errand, Answer(body["id"], response.headers.get("Idempotent-Replayed") == "true", body))

    def _cancel(self, errand: Errand) -> None:
        order = self._known(errand)
        response = self.diary.insistently(partial(self.customer_of(errand).cancel, order))
        self.diary.note(self.diary.cancellations, order, response.status_code)

    def _dispatch(self, helpers: Executor) -> None:
        """Sends off what is listed as to be picked, until all that is meant to be sent off was tried."""
        waiting = [errand for errand in self.plan.errands if errand.dispatch]

        def nothing_is_left() -> bool:
            nonlocal waiting
            listed = set(self._to_pick())
            ready = [errand for errand in waiting if self.diary.order(errand) in listed]
            done = [helpers.submit(self._send_off, errand) for errand in ready]
            done += [helpers.submit(self._cancel, errand) for errand in ready if errand.race]
            for each in done:
                each.result()
            waiting = [errand for errand in waiting if errand not in ready]
            return not waiting

        wait_until(nothing_is_left, PATIENCE, "all shipments' being listed")

    def _to_pick(self) -> Iterator[str]:
        query = {"limit": "100"}
        while True:
            page = self.diary.insistently(partial(self.operator.http.get, "/shipments", params=query))
            yield from (item["id"] for item in page.raise_for_status().json()["items"])
            if page.json()["next"] is None:
                return
            query["cursor"] = page.json()["next"]

    def _send_off(self, errand: Errand) -> None:
        order = self._known(errand)
        path = f"/shipments/{order}/dispatch"
        response = self.diary.insistently(partial(self.operator.http.post, path, json={"tracking": "T-1"}))
        self.diary.note(self.diary.dispatches, order, response.status_code)

    def _known(self, errand: Errand) -> str:
        order = self.diary.order(errand)
        assert order, errand
        return order


def _one_by_one(clients: int) -> Iterator[tuple[int, threading.Event, threading.Event]]:
    """Each client with what it waits for, and what it says when it was served, for which the next one waits.

    As many functions as there are clients, started all at once, would try the machine and not the shop.
    """
    served = threading.Event()
    served.set()
    for client in range(clients):
        turn, served = served, threading.Event()
        yield client, turn, served


def _body(errand: Errand) -> dict[str, Any]:
    """An order's other members: each client lives at a place of its own."""
    address = order_of([])["address"] | {"street": f"{errand.client} Harbour Street"}
    return {"payment_method": errand.method, "address": address}
