"""Calls per order at several numbers of orders, counted at the in-memory ports of the simulation's shop.

A thousand orders on moto would take most of an hour. The simulation runs the same handlers and the same library over
ports in place of boto3's calls.
"""

from collections.abc import Sequence

from functions.fraud.rules import LENIENT
from functions.inventory.api import StockRequest
from functions.orders.products import Price, ProductTerms
from functions.orders.requests import AddressRequest, LineRequest, OrderRequest
from functions.warehouse.api import DispatchRequest
from tests.simulation.clock import MINUTE
from tests.simulation.shop import Settings, Shop
from tidings.testing import make_request

SKUS = ("mug", "tea", "pot")
ON_HAND = 1_000_000
CUSTOMERS = 250
WAVE = 10


class PlainChoices:
    """A random source that always makes the plainest choice. The simulation picks a fault for each call.

    Attributes:
        made: The choices made so far; none is recorded.
        calm: Whether all choices are 0.
        calls: Number of calls.
    """

    def __init__(self) -> None:
        self.made: list[int] = []
        self.calm = True
        self.calls = 0

    def below(self, n: int) -> int:  # noqa: ARG002 - RandomSource's signature
        """Return 0."""
        return 0

    def happens(self, probability: float) -> bool:  # noqa: ARG002 - RandomSource's signature
        """Return False."""
        return False

    def pick(self, edges: Sequence[float]) -> int:  # noqa: ARG002 - RandomSource's signature
        """Count a call, and let it succeed."""
        self.calls += 1
        return 0


class Scale:
    """A simulated shop that counts its calls.

    Args:
        alike: Whether all orders are of one customer, to one address, for one product. Otherwise they are of several
            customers, each to another address, for several products.
    """

    def __init__(self, *, alike: bool = False) -> None:
        self._alike = alike
        self._choices = PlainChoices()
        self._shop = Shop(self._choices, Settings(rules=LENIENT), lambda: False)
        self._orders = self._shop.orders_api()
        self._warehouse = self._shop.warehouse_api()
        self._placed = 0
        for sku in SKUS:
            terms = ProductTerms(sku, Price(1000, "EUR"))
            self._orders.put_product(make_request({"sku": sku}), terms)
            self._shop.inventory_api().put(make_request({"sku": sku}), StockRequest(ON_HAND))

    def calls_per_order(self, orders: int, at_once: int = WAVE) -> float:
        """Place orders and process them until they are dispatched. Return the mean number of calls per order.

        Args:
            orders: Number of orders.
            at_once: Number of orders that are placed before they are processed.

        Raises:
            RuntimeError: If an order was not dispatched.
        """
        before = self._choices.calls
        for _ in range(orders // at_once):
            ids = [self._place() for _ in range(at_once)]
            self._drain()
            for order in ids:
                self._dispatch(order)
            self._drain()
            self._shop.clock.now += 10 * MINUTE
        shipments = self._shop.deployed["warehouse"].table.entities.values()
        dispatched = sum('"dispatched"' in shipment.state for shipment in shipments)
        if dispatched != self._placed:
            raise RuntimeError(f"{dispatched} of {self._placed} orders were dispatched")
        return (self._choices.calls - before) / orders

    def _place(self) -> str:
        n, self._placed = self._placed, self._placed + 1
        person, house, skus = (0, 0, SKUS[:1]) if self._alike else (n % CUSTOMERS, n, SKUS)
        customer = f"customer-{person}"
        body = OrderRequest(
            tuple(LineRequest(sku, quantity) for quantity, sku in enumerate(skus, start=1)),
            "pm_card_visa",
            AddressRequest("A. Customer", f"{house} Mill Lane", "Ghent", "9000", "BE"),
        )
        request = make_request(headers={"Idempotency-Key": f"key-{n}"}, caller=customer)
        placed: list[str] = []
        self._shop.invoke("orders' API", lambda: placed.append(self._orders.place(request, body).body.id))
        return placed[0]

    def _dispatch(self, order: str) -> None:
        request = make_request({"id": order})

        def dispatch() -> None:
            self._warehouse.dispatch(request, DispatchRequest("T1"))

        self._shop.invoke("the warehouse's API", dispatch)

    def _drain(self) -> None:
        """Run relays and consumers until all streams and queues are empty."""
        busy = True
        while busy:
            busy = False
            for each in self._shop.deployed.values():
                while each.stream.lanes[0]:
                    self._shop.relay(each, 0)
                    busy = True
                while each.queue.ready(self._shop.clock.now):
                    self._shop.consume(each)
                    busy = True
