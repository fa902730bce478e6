"""The routes of orders and products."""

from typing import Annotated
from unicodedata import normalize
from uuid import UUID, uuid5

from msgspec import Meta, Struct
from msgspec.structs import asdict

from contracts.orders.order_cancelled import CancellationReason
from contracts.orders.order_placed import OrderPlaced
from contracts.values.address import Address
from contracts.values.goods import MAX_LINES, OrderLine, Quantity, Sku
from contracts.values.money import MAX_AMOUNT, Money
from contracts.values.order import OrderId
from contracts.values.text import Email
from functions.orders import handlers
from functions.orders.handlers import Order, Status, Summary
from functions.orders.products import PRODUCTS, Product, Products, ProductTerms
from tidings.core.entity import Entity
from tidings.handling.executor import HandlerExecutor, UnitOfWork
from tidings.http.pagination import PAGE_QUERY, PAGE_RULES, Pages
from tidings.http.problems import Problem, Rule
from tidings.http.requests import Reply, Request
from tidings.http.routes import route

NAMESPACE = UUID("6f0a2f0e-7e0b-4c6e-8f43-2b1d3a5c9e77")
"""The namespace in which a customer's id becomes the namespace of that customer's idempotency keys."""

RETRY_AFTER = {"Retry-After": "1"}
RETRY_AFTER_TEXT = {"Retry-After": "Seconds until it is worth asking again, while the order is pending."}

IdempotencyKey = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=255,
        # Without a comma: the gateway joins a header that was sent twice with one.
        pattern=r"^[!-+\--~]+\Z",
        description="1 to 255 visible ASCII characters but no comma, new for each order. A repeat gets the same answer",
    ),
]

NO_SUCH_ORDER = Rule(404, "No such order", "The caller has no order with this id.")
UNKNOWN_ORDER = Rule(404, "Unknown order", "No order has this id.")
DISPATCHED = Rule(409, "Dispatched", "The goods have left.")
REPEATED_SKU = Rule(422, "A SKU twice", "Two lines have the same SKU.")
UNKNOWN_SKU = Rule(422, "Unknown SKU", "A line has a SKU that no product has.")
SEVERAL_CURRENCIES = Rule(422, "Several currencies", "The products are sold in different currencies.")
TOO_EXPENSIVE = Rule(422, "Too expensive", f"The order would cost more than {MAX_AMOUNT} minor units.")
KEY_TAKEN = Rule(422, "The key is taken", "The caller placed another order under this Idempotency-Key.")
NO_SUCH_PRODUCT = Rule(404, "No such product", "No product has this SKU.")


class LineRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A quantity of one product."""

    sku: Sku
    quantity: Quantity


class AddressRequest(Address, frozen=True, forbid_unknown_fields=True):
    """A delivery address. `country` is an ISO 3166-1 alpha-2 code."""


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An order to place, without prices."""

    lines: Annotated[tuple[LineRequest, ...], Meta(min_length=1, max_length=MAX_LINES)]
    payment_method: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
    email: Email
    address: AddressRequest


class OrderView(Struct, frozen=True, omit_defaults=True):
    """An order as its customer sees it. `waiting_for` is empty unless the order is pending."""

    id: str
    status: Status
    lines: tuple[OrderLine, ...]
    total: Money
    created_at: str
    waiting_for: tuple[str, ...]
    reason: CancellationReason | None = None


class OrderPage(Struct, frozen=True):
    """A page of a customer's orders, newest first."""

    items: tuple[Summary, ...]
    next: str | None


class ProductPage(Struct, frozen=True):
    """A page of the products, by SKU."""

    items: tuple[Product, ...]
    next: str | None


class Api:
    """The routes of orders."""

    def __init__(self, orders: HandlerExecutor[Order], pages: Pages, products: Products) -> None:
        self._orders = orders
        self._pages = pages
        self._products = products

    @route(
        "POST",
        "/orders",
        OrderView,
        status=202,
        body=OrderRequest,
        headers={"Idempotency-Key": IdempotencyKey},
        replies={
            "Location": "The order's path.",
            "Idempotent-Replayed": "`true` if the order had been placed before.",
        },
        rules=(REPEATED_SKU, UNKNOWN_SKU, SEVERAL_CURRENCIES, TOO_EXPENSIVE, KEY_TAKEN),
    )
    def place(self, request: Request, body: OrderRequest) -> Reply:
        """Place an order. The same key and request get the same answer again."""
        customer = request.require_caller().id
        unit = self._orders.entity(order_id(customer, request.headers["Idempotency-Key"]))
        try:
            _refuse_repeated_skus(body)
            order = _priced(customer, body, self._products.find([line.sku for line in body.lines]))
        except Problem:
            # A repeat gets its first answer, even if the products have changed since.
            found = unit.read()
            if found.state is None:
                raise
            return _replayed(found, body)
        metadata = request.metadata(self._orders.clock())
        execution = unit.execute(lambda entity: handlers.place(entity, order), metadata, creates=True)
        if not execution.changed:
            return _replayed(execution.entity, body)
        return Reply(_first_answer(execution.entity), {"Location": f"/orders/{execution.entity.key}"})

    @route("GET", "/orders", OrderPage, query=PAGE_QUERY, rules=PAGE_RULES)
    def list_own(self, request: Request) -> OrderPage:
        """List the caller's own orders, newest first."""
        owner = handlers.customers_list(request.require_caller().id)
        return OrderPage(*self._pages.read(owner, Summary, request, newest_first=True))

    @route(
        "GET",
        "/orders/{id}",
        OrderView,
        path={"id": OrderId},
        replies=RETRY_AFTER_TEXT,
        rules=(NO_SUCH_ORDER,),
    )
    def show(self, request: Request) -> Reply:
        """Show one of the caller's orders: its status, and what it waits for."""
        return _shown(self._own(request).read())

    @route(
        "POST",
        "/orders/{id}/cancellation",
        OrderView,
        status=202,
        path={"id": OrderId},
        rules=(NO_SUCH_ORDER, DISPATCHED),
    )
    def cancel(self, request: Request) -> OrderView:
        """Cancel one of the caller's orders, if it is not dispatched. A payment is released or refunded."""
        return self._cancelled(self._own(request), "customer", request)

    @route(
        "GET",
        "/operators/orders/{id}",
        OrderView,
        path={"id": OrderId},
        replies=RETRY_AFTER_TEXT,
        rules=(UNKNOWN_ORDER,),
    )
    def show_any(self, request: Request) -> Reply:
        """Show any customer's order: its status, and what it waits for."""
        return _shown(self._any(request).read())

    @route(
        "POST",
        "/operators/orders/{id}/cancellation",
        OrderView,
        status=202,
        path={"id": OrderId},
        rules=(UNKNOWN_ORDER, DISPATCHED),
    )
    def cancel_any(self, request: Request) -> OrderView:
        """Cancel any customer's order, if it is not dispatched. A payment is released or refunded."""
        return self._cancelled(self._any(request), "operator", request)

    @route("GET", "/products", ProductPage, open=True, query=PAGE_QUERY, rules=PAGE_RULES)
    def list_products(self, request: Request) -> ProductPage:
        """List the products, by SKU."""
        return ProductPage(*self._pages.read(PRODUCTS, Product, request))

    @route("GET", "/products/{sku}", Product, path={"sku": Sku}, open=True, rules=(NO_SUCH_PRODUCT,))
    def show_product(self, request: Request) -> Product:
        """Show a product."""
        product = self._products.read(request.path["sku"])
        if product is None:
            raise Problem(NO_SUCH_PRODUCT, "GET /products lists the products.", field="sku")
        return product

    @route("PUT", "/operators/products/{sku}", Product, path={"sku": Sku}, body=ProductTerms)
    def put_product(self, request: Request, body: ProductTerms) -> Product:
        """Set a product's name and price. Orders placed before keep their price."""
        return self._products.put(request.path["sku"], body)

    def _own(self, request: Request) -> UnitOfWork[Order]:
        """Return the order asked for, if it is the caller's. To others it does not exist."""
        unit = self._orders.entity(request.path["id"])
        entity = unit.read()
        if entity.state and handlers.placed(entity).data.customer == request.require_caller().id:
            return unit
        raise Problem(NO_SUCH_ORDER, "You have no order under this id; GET /orders lists your orders.")

    def _any(self, request: Request) -> UnitOfWork[Order]:
        """Return the order asked for, whoever placed it."""
        unit = self._orders.entity(request.path["id"])
        if unit.read().state:
            return unit
        raise Problem(UNKNOWN_ORDER, "No order was ever placed under this id.")

    def _cancelled(self, unit: UnitOfWork[Order], reason: CancellationReason, request: Request) -> OrderView:
        metadata = request.metadata(self._orders.clock())
        execution = unit.execute(lambda entity: handlers.cancel_on_demand(entity, reason), metadata)
        if execution.rejection:
            raise Problem(DISPATCHED, execution.rejection.detail)
        return _view(execution.entity)


def order_id(customer: str, key: str) -> str:
    """Return the id of the order that a customer places under an idempotency key: the same for a repeat."""
    return str(uuid5(uuid5(NAMESPACE, customer), key))


def _refuse_repeated_skus(body: OrderRequest) -> None:
    seen: set[str] = set()
    for n, line in enumerate(body.lines):
        if line.sku in seen:
            detail = f"An earlier line has {line.sku} too: put both into one line."
            raise Problem(REPEATED_SKU, detail, field=f"lines[{n}].sku")
        seen.add(line.sku)


def _priced(customer: str, body: OrderRequest, products: dict[str, Product]) -> OrderPlaced:
    for n, line in enumerate(body.lines):
        if line.sku not in products:
            raise Problem(UNKNOWN_SKU, f"There is no product {line.sku}.", field=f"lines[{n}].sku")
    lines = tuple(OrderLine(line.sku, line.quantity, products[line.sku].price) for line in body.lines)
    currencies = {line.price.currency for line in lines}
    if len(currencies) > 1:
        detail = f"One order is paid in one currency; these products are sold in {', '.join(sorted(currencies))}."
        raise Problem(SEVERAL_CURRENCIES, detail, field="lines")
    amount = sum(line.price.amount * line.quantity for line in lines)
    if amount > MAX_AMOUNT:
        detail = f"An order may cost {MAX_AMOUNT} minor units at most; place several."
        raise Problem(TOO_EXPENSIVE, detail, field="lines")
    return OrderPlaced(
        customer=customer,
        lines=lines,
        total=Money(amount, currencies.pop()),
        email=body.email,
        address=_address(body.address),
        payment_method=body.payment_method,
    )


def _address(address: AddressRequest) -> Address:
    return Address(address.name, address.street, address.city, address.postal_code, address.country)


def _composed(address: Address) -> Address:
    """Return an address with composed characters. A client may send the same text in another form when it repeats."""
    return Address(**{name: normalize("NFC", text) for name, text in asdict(address).items()})


def _replayed(entity: Entity[Order], body: OrderRequest) -> Reply:
    """Return the first answer again, if the request is the same.

    Raises:
        Problem: 422 if the key was used for another order.
    """
    event = handlers.placed(entity)
    same = (
        [(line.sku, line.quantity) for line in body.lines] == [(line.sku, line.quantity) for line in event.data.lines]
        and body.payment_method == event.data.payment_method
        and body.email == event.data.email
        and _composed(_address(body.address)) == _composed(event.data.address)
    )
    if not same:
        detail = "Another order was placed under this key. Send a new key with a new order."
        raise Problem(KEY_TAKEN, detail, field="Idempotency-Key")
    return Reply(_first_answer(entity), {"Location": f"/orders/{entity.key}", "Idempotent-Replayed": "true"})


def _first_answer(entity: Entity[Order]) -> OrderView:
    """Return the answer to placing the order, whatever its status is by now."""
    return _view(Entity(entity.key, state=Order(), outbox=entity.outbox[:1]))


def _shown(entity: Entity[Order]) -> Reply:
    return Reply(_view(entity), RETRY_AFTER if handlers.existing(entity).status == "PENDING" else {})


def _view(entity: Entity[Order]) -> OrderView:
    event = handlers.placed(entity)
    order = handlers.existing(entity)
    return OrderView(
        id=entity.key,
        status=order.status,
        lines=event.data.lines,
        total=event.data.total,
        created_at=event.time,
        waiting_for=handlers.waiting_for(order),
        reason=order.reason,
    )
