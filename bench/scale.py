"""Calls per order, few and many: the simulation's shop, which has the real services and ports in memory, counts them.

A thousand orders on moto would take the better part of an hour. The simulation runs the same decisions and the same
runtime over ports that stand where boto3's calls are made.
"""

from collections.abc import Sequence

from functions.orders.api import AddressRequest, LineRequest, OrderRequest
from functions.warehouse.api import DispatchRequest
from tests.simulation.clock import MINUTE
from tests.simulation.shop import Settings, Shop
from tidings.routes import Caller, Request

SKUS = ("mug", "tea", "pot")
PLENTY = 1_000_000
CUSTOMERS = 250
WAVE = 10
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Plain:
    """Always the plainest choice. Before each call a choice is made of what befalls it: so `calls` counts them."""

    def __init__(self) -> None:
        self.made: list[int] = []
        self.calm = True
        self.calls = 0

    def below(self, n: int) -> int:  # noqa: ARG002 - as in Choices
        """The first."""
        return 0

    def chance(self, probability: float) -> bool:  # noqa: ARG002 - as in Choices
        """It does not happen."""
        return False

    def pick(self, edges: Sequence[float]) -> int:  # noqa: ARG002 - as in Choices
        """Nothing befalls the call."""
        self.calls += 1
        return 0


class Scale:
    """A shop that counts its calls."""

    def __init__(self) -> None:
        self._choices = Plain()
        self._shop = Shop(self._choices, Settings(), lambda: False)
        self._orders = self._shop.orders_api()
        self._warehouse = self._shop.warehouse_api()
        self._placed = 0
        for sku in SKUS:
            self._shop.products.prices[sku] = 1000
            self._shop.stock.set_on_hand(sku, PLENTY)

    def calls_per_order(self, orders: int, at_once: int = WAVE) -> float:
        """Places so many orders, so many at once, and carries each lot to its dispatch; the mean calls of an order."""
        before = self._choices.calls
        for _ in range(orders // at_once):
            ids = [self._place() for _ in range(at_once)]
            self._settle()
            for order in ids:
                self._dispatch(order)
            self._settle()
            self._shop.clock.now += 10 * MINUTE
        shipped = sum('"dispatched"' in item["state"]["S"] for item in self._shop.deployed["warehouse"].items())
        if shipped != self._placed:
            raise RuntimeError(f"of {self._placed} orders {shipped} were dispatched")
        return (self._choices.calls - before) / orders

    def _place(self) -> str:
        n, self._placed = self._placed, self._placed + 1
        customer = f"customer-{n % CUSTOMERS}"
        body = OrderRequest(
            tuple(LineRequest(sku, quantity) for quantity, sku in enumerate(SKUS, start=1)),
            "pm_card_visa",
            "customer@example.com",
            AddressRequest("A. Customer", f"{n} Mill Lane", "Ghent", "9000", "BE"),
        )
        request = Request({}, {}, {"idempotency-key": f"key-{n}"}, f"request-{n}", TRACE, Caller(customer, False))
        placed: list[str] = []
        self._shop.invoke("orders' API", lambda: placed.append(self._orders.place(request, body).body.id))
        return placed[0]

    def _dispatch(self, order: str) -> None:
        request = Request({"id": order}, {}, {}, f"dispatch-{order}", TRACE, Caller("packer", True))

        def act() -> None:
            self._warehouse.dispatch(request, DispatchRequest("T1"))

        self._shop.invoke("the warehouse's API", act)

    def _settle(self) -> None:
        """Lets everything go on until nothing moves any more."""
        moves = True
        while moves:
            moves = False
            for each in self._shop.deployed.values():
                while each.stream.lanes[0]:
                    self._shop.relay(each, 0)
                    moves = True
                while each.queue.ready():
                    self._shop.consume(each)
                    moves = True
