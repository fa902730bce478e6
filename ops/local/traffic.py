"""Orders at a rate, by all payment methods of the simulated gateway, so that a picture of the shop moves."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count, cycle
from threading import Lock

from ops.console import print_result, step
from ops.counts import counted
from ops.errors import CommandError
from ops.local.demo import CATALOGUE
from ops.orders import RefusedError, ShopClient, order_request
from ops.outputs import Outputs
from ops.stage import DeployedStage
from ops.users import CUSTOMER, OPERATOR, token_for

MAX_RATE = 10.0
"""Orders a second. Each takes the local cloud about 50 invocations."""

MAX_SECONDS = 45 * 60
"""A customer's token is valid for an hour."""

LINES = ((("mug-blue", 1),), (("tea-assam", 2),), (("mug-blue", 2), ("tea-assam", 1)))
"""The lines of the orders, in turn."""

STOCK = 100_000
"""Units of each product that is ordered: more than all orders of the longest run."""

APPROVED_METHOD = "pm_card_authentication_required"
"""The payment method whose payments wait for the customer at the bank."""

PARALLEL = 8
"""Number of orders that are placed at once. Further ones are left out, so that a slow cloud is not overloaded."""


class Traffic:
    """A customer who places orders, and who decides at the bank about those that wait for it. Threads may share it.

    Args:
        customer: The API as the customer.
        methods: The payment methods, which are used in turn.
    """

    def __init__(self, customer: ShopClient, methods: Sequence[str]) -> None:
        self.placed: Counter[str] = Counter()
        self.refused = 0
        self._customer = customer
        self._methods = cycle(methods)
        self._lines = cycle(LINES)
        self._decisions = cycle(("approve", "approve", "decline"))
        self._waiting: deque[str] = deque()
        self._lock = Lock()

    def summary(self) -> str:
        """Return how many orders were placed, by how many payment methods, and how many were refused."""
        placed = f"Placed {counted(self.placed.total(), 'order')}"
        by = f" by {counted(len(self.placed), 'payment method')}" if self.placed else ""
        refused = f"; {counted(self.refused, 'order')} refused" if self.refused else ""
        return f"{placed}{by}{refused}."

    def act(self) -> None:
        """Place the next order, and decide about one that waits at the bank."""
        with self._lock:
            method, lines = next(self._methods), next(self._lines)
        try:
            order = self._customer.place(order_request(lines, method)).json()["id"]
        except RefusedError:
            with self._lock:
                self.refused += 1
        else:
            with self._lock:
                self.placed[method] += 1
            if method == APPROVED_METHOD:
                self._waiting.append(order)
        self._decide()

    def _decide(self) -> None:
        """Decide about the order that has waited longest. If its payment has not got that far, it waits again."""
        try:
            order = self._waiting.popleft()
        except IndexError:
            return
        try:
            approval = self._customer.payment(order)["approval"]
        except RefusedError:
            approval = None
        if approval is None:
            self._waiting.append(order)
        else:
            with self._lock:
                decision = next(self._decisions)
            self._customer.decide(order, approval["url"], decision)


def run_traffic(stage: DeployedStage, outputs: Outputs, rate: float, seconds: int) -> None:
    """Place orders at a rate for a time, or until Ctrl-C, and print how many were placed.

    Args:
        stage: The stage.
        outputs: Its resources.
        rate: Number of orders a second.
        seconds: The duration.

    Raises:
        CommandError: If the stage's gateway is not the simulated one, or the API does not answer.
    """
    settings = outputs.pages.settings if outputs.pages else {}
    if settings.get("gateway") != "simulated":
        raise CommandError(f"the stage {stage.name} has no test methods: its payment gateway is not the simulated one")
    operator = ShopClient(outputs.api, token_for(stage, outputs, OPERATOR, operator=True), operator=True)
    customer = ShopClient(outputs.api, token_for(stage, outputs, CUSTOMER))
    traffic = Traffic(customer, settings["paymentMethods"])
    try:
        _stock_up(operator)
        with step(f"Placing orders, {rate:g} a second for {counted(seconds, 'second')}; Ctrl-C ends it") as shown:
            for _ in in_parallel(traffic.act, ticks(rate, seconds)):
                shown.update(f"{traffic.placed.total()} placed")
    except KeyboardInterrupt:
        # A user ends the command by it.
        pass
    finally:
        # Also if the cloud has gone away.
        print_result(traffic.summary())


def in_parallel(act: Callable[[], None], beats: Iterable[int]) -> Iterator[int]:
    """Do something in a thread at each beat, unless the maximum number of threads are busy. Iterate over the beats.

    Raises:
        CommandError: If a thread ended with this error.
    """
    running: set[Future[None]] = set()
    with ThreadPoolExecutor(PARALLEL) as workers:
        for beat in beats:
            for done in [future for future in running if future.done()]:
                running.discard(done)
                done.result()
            if len(running) < PARALLEL:
                running.add(workers.submit(act))
            yield beat
    for future in running:
        future.result()


def ticks(
    rate: float,
    seconds: int,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[int]:
    """Count from 0 at a rate for a time. If the caller is slower than the rate, no number is made up for.

    Args:
        rate: Numbers a second.
        seconds: The duration.
        clock: The current time in seconds.
        sleep: Waits for seconds.
    """
    end = clock() + seconds
    for n in count():
        now = clock()
        if now >= end:
            return
        yield n
        sleep(max(0.0, min(now + 1 / rate, end) - clock()))


def _stock_up(operator: ShopClient) -> None:
    """Put the ordered products into the catalogue and in stock."""
    for sku in sorted({sku for lines in LINES for sku, _ in lines}):
        operator.put_product(sku, CATALOGUE[sku])
        operator.put_stock(sku, STOCK)
