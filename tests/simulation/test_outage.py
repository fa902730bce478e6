"""Payment or its gateway is out for twice the pending limit, with prod's limits: the brake saves the other orders."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from functions.orders.expiry.brake import BrakeLimit
from functions.orders.handlers import Order
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from functions.orders.service import service as orders
from infra.shop import SETTINGS
from tests.simulation.clock import MINUTE, SECOND
from tests.simulation.evidence import check
from tests.simulation.history import History
from tests.simulation.ports.gateway import VISA, MemoryGateway
from tests.simulation.random_source import SeededSource
from tests.simulation.run import quiet
from tidings.core.entity import RESERVED
from tidings.testing import VirtualClock

PROD = SETTINGS["prod"]
LIMIT = PROD.pending_limit
MOST = PROD.expired_per_hour
OUTAGE = 2 * LIMIT * SECOND

CALLS = {"open", "authorize", "capture", "void", "refund", "inspect", "approval", "labels", "disputed_since"}
"""The calls of the gateway's port that reach the gateway. `find` of a young order makes none."""


class SilentGateway:
    """A gateway that answers no call before a time."""

    def __init__(self, gateway: MemoryGateway, clock: VirtualClock, until: int) -> None:
        self._gateway = gateway
        self._clock = clock
        self._until = until

    def __getattr__(self, name: str) -> Any:
        if name in CALLS and self._clock.now < self._until:
            return self._time_out
        return getattr(self._gateway, name)

    def _time_out(self, *_: object) -> None:
        raise TimeoutError("no answer")


class Outage(History):
    """A history in which orders come at a steady rate, the expiry job runs every minute, and payment is out.

    Attributes:
        ends: When the outage ends, in milliseconds since 1970.
    """

    def __init__(self, seed: int, lost: str, orders_per_hour: int) -> None:
        super().__init__(SeededSource(seed), orders=0)
        shop, self._budget, self._jumpiness = self.shop, {}, 0
        shop.settings = replace(shop.settings, brake=BrakeLimit.of(MOST, LIMIT))
        begins = shop.clock.now
        self.ends = begins + OUTAGE
        if lost == "payment":
            shop.deployed["payment"].down_until = self.ends
        else:
            shop.gateway = SilentGateway(shop.gateway, shop.clock, self.ends)  # type: ignore[assignment]  # the same port
        count = OUTAGE * orders_per_hour // (3600 * SECOND)
        self.people.put_stock("tea", count)
        actions: list[tuple[int, Callable[[], object]]] = [
            (begins + n * OUTAGE // count, partial(self.people.order, f"customer-{n}", _request(n)))
            for n in range(count)
        ]
        actions += [(time, partial(self.people.run_expiry, LIMIT)) for time in range(begins, self.ends, MINUTE)]
        self._scheduled = sorted(actions, key=lambda each: each[0])

    def _act(self) -> bool:
        if not self._scheduled or self._scheduled[0][0] > self.shop.clock.now:
            return super()._act()
        _, action = self._scheduled.pop(0)
        action()
        return True

    def _wait(self) -> bool:
        if not self._scheduled:
            return super()._wait()
        clock, due = self.shop.clock, self._scheduled[0][0]
        times = [
            max(time, each.down_until)
            for each in self._deployed
            if (time := clock.now if each.queue.ready(clock.now) else each.queue.next_time()) is not None
        ]
        clock.now = max(clock.now + 1, min([*times, due]))
        return True

    def statuses(self) -> list[tuple[str, str | None]]:
        """Return each order's status, and the reason if it was cancelled."""
        entities = self.shop.deployed[orders.name].table.entities
        own = [each for key, each in entities.items() if not key.startswith(RESERVED) and orders.kind_of(key) is orders]
        states: list[Order | None] = [orders.codec.decode(each).state for each in own]
        return [(order.status, order.reason) for order in states if order]


def _request(n: int) -> OrderRequest:
    """Return the order of the n-th customer: one piece of tea, to its own address."""
    address = AddressRequest("A", f"{n} Lane", "Ghent", "9000", "BE")
    return OrderRequest((LineRequest("tea", 1),), VISA, address)


@pytest.mark.parametrize("lost", ["payment", "gateway"])
@pytest.mark.parametrize("orders_per_hour", [MOST - 10, 2 * MOST])
@pytest.mark.parametrize("seed", range(4))
def test_an_outage_of_payment_of_twice_the_pending_limit_costs_no_more_orders_than_the_brake_allows(
    lost: str, orders_per_hour: int, seed: int
) -> None:
    with quiet():
        outage = Outage(seed, lost, orders_per_hour)
        outage.run()
        check(outage)
    statuses = outage.statuses()
    expired = statuses.count(("CANCELLED", "timeout"))
    assert len(statuses) == 2 * orders_per_hour * LIMIT // 3600
    assert 0 < expired <= MOST
    assert statuses.count(("CONFIRMED", None)) == len(statuses) - expired
    assert bool(outage.people.records.stops) == (orders_per_hour > MOST)
