"""The routes of orders and products."""

from unicodedata import normalize
from uuid import UUID, uuid5

from msgspec import Struct
from msgspec.structs import asdict

from contracts.orders.order_cancelled import CancellationReason
from contracts.values.address import Address
from contracts.values.customer import CustomerId
from contracts.values.goods import OrderLine, Sku
from contracts.values.money import Money
from contracts.values.order import OrderId
from contracts.values.recipient import Recipient
from functions.orders import handlers
from functions.orders.catalogue import PRODUCTS, Product
from functions.orders.handlers import DisputeStatus, Order, Status, Summary
from functions.orders.pricing import PRICING_RULES, UNACCEPTED_CURRENCY, PaymentTerms, address_of, price_order
from functions.orders.products import Products, ProductTerms
from functions.orders.requests import OrderRequest
from tidings.core.entity import Entity
from tidings.core.event import read_personal
from tidings.handling.executor import HandlerExecutor, UnitOfWork
from tidings.http.idempotency import IdempotencyKey
from tidings.http.pagination import PAGE_QUERY, PAGE_RULES, Pages
from tidings.http.problems import Problem, Rule, raise_all
from tidings.http.requests import Reply, Request
from tidings.http.routes import route

NAMESPACE = UUID("6f0a2f0e-7e0b-4c6e-8f43-2b1d3a5c9e77")
"""The namespace in which a customer's id becomes the namespace of that customer's idempotency keys."""

RETRY_AFTER = {"Retry-After": "1"}
RETRY_AFTER_TEXT = {"Retry-After": "Seconds until it is worth asking again, while the order is pending."}

NO_SUCH_ORDER = Rule(404, "No such order", "The caller has no order with this id.")
UNKNOWN_ORDER = Rule(404, "Unknown order", "No order has this id.")
DISPATCHED = Rule(409, "Dispatched", "The goods have left.")
KEY_TAKEN = Rule(
    422,
    "The key is taken",
    "The caller placed another order under this Idempotency-Key. `order` is its id. Nothing was ordered.",
    {"order": OrderId},
)
NO_SUCH_PRODUCT = Rule(404, "No such product", "No product has this SKU.")


class OrderView(Struct, frozen=True, omit_defaults=True):
    """An order as its customer sees it.

    `waiting_for` is empty unless the order is pending. It contains `approval` if the customer must approve the payment:
    `GET /orders/{id}/payment` returns what the customer's browser needs for that. `dispute` is the status of the
    payment's disputes, if it has any.
    """

    id: str
    status: Status
    lines: tuple[OrderLine, ...]
    total: Money
    created_at: str
    waiting_for: tuple[str, ...]
    reason: CancellationReason | None = None
    dispute: DisputeStatus | None = None


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

    def __init__(self, orders: HandlerExecutor[Order], pages: Pages, products: Products, terms: PaymentTerms) -> None:
        self._orders = orders
        self._pages = pages
        self._products = products
        self._terms = terms

    @route(
        "POST",
        "/orders",
        OrderView,
        status=202,
        body=OrderRequest,
        headers={"Idempotency-Key": IdempotencyKey},
        replies={
            "Location": "The order's address, relative to that of the request.",
            "Idempotent-Replayed": "`true` if the order had been placed before.",
        },
        rules=(*PRICING_RULES, KEY_TAKEN),
    )
    def place(self, request: Request, body: OrderRequest) -> Reply:
        """Place an order. The same key and request get the same answer again."""
        caller = request.require_caller()
        unit = self._orders.entity(order_id(caller.id, request.headers["Idempotency-Key"]))
        skus = list(dict.fromkeys(line.sku for line in body.lines))
        try:
            order = price_order(caller, body, self._products.find(skus), self._terms)
        except Problem:
            # A repeat gets its first answer, whatever has changed since.
            found = unit.read()
            if found.state is not None:
                return _replayed(found, body)
            # A cached price may be old. Refuse by what the products cost now.
            order = price_order(caller, body, self._products.refresh(skus), self._terms)
        metadata = request.metadata(self._orders.clock())
        execution = unit.execute(lambda entity: handlers.place(entity, order), metadata, creates=True)
        if not execution.changed:
            return _replayed(execution.entity, body)
        return Reply(_first_answer(execution.entity), {"Location": _location(execution.entity)})

    @route("GET", "/orders", OrderPage, query=PAGE_QUERY, rules=PAGE_RULES)
    def list_own(self, request: Request) -> OrderPage:
        """List the caller's own orders, newest first."""
        return self._list(request.require_caller().id, request)

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

    @route(
        "GET",
        "/operators/customers/{id}/orders",
        OrderPage,
        path={"id": CustomerId},
        query=PAGE_QUERY,
        rules=PAGE_RULES,
    )
    def list_any(self, request: Request) -> OrderPage:
        """List the orders of any customer, newest first. A customer without orders has an empty list."""
        return self._list(request.path["id"], request)

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

    @route(
        "PUT",
        "/operators/products/{sku}",
        Product,
        path={"sku": Sku},
        body=ProductTerms,
        rules=(UNACCEPTED_CURRENCY,),
    )
    def put_product(self, request: Request, body: ProductTerms) -> Product:
        """Set a product's name and price. Orders placed before keep their price. A repeat changes nothing."""
        raise_all(list(self._terms.refuse_currency(body.price.currency, "price.currency")))
        return self._products.put(request.path["sku"], body, request.metadata(self._orders.clock()))

    def _list(self, customer: str, request: Request) -> OrderPage:
        owner = handlers.customers_list(customer)
        return OrderPage(*self._pages.read(owner, Summary, request, newest_first=True))

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


def _composed(address: Address) -> Address:
    """Return an address with composed characters. A client may send the same text in another form when it repeats."""
    return Address(**{name: normalize("NFC", text) for name, text in asdict(address).items()})


def _replayed(entity: Entity[Order], body: OrderRequest) -> Reply:
    """Return the first answer again, if the request is for the same order.

    If the address was erased, the rest is compared. The customer's e-mail address is not compared, because it may have
    changed. Nor is the expected total: it was a condition of the placing, and the order has been placed (so HTTP treats
    `If-Match`, RFC 9110, section 13.1.1). A client that lost the answer and then saw another price must learn of its
    order, or it would place a second one under a new key.

    Raises:
        Problem: 422 if the key was used for another order.
    """
    event = handlers.placed(entity)
    recipient = read_personal(event, Recipient)
    same = (
        [(line.sku, line.quantity) for line in body.lines] == [(line.sku, line.quantity) for line in event.data.lines]
        and body.payment_method == event.data.payment_method
        and (recipient is None or _composed(address_of(body.address)) == _composed(recipient.address))
    )
    if not same:
        detail = "Another order was placed under this key. Send a new key with a new order."
        raise Problem(KEY_TAKEN, detail, field="Idempotency-Key", members={"order": entity.key})
    return Reply(_first_answer(entity), {"Location": _location(entity), "Idempotent-Replayed": "true"})


def _location(entity: Entity[Order]) -> str:
    """Return an order's address, relative to the path `/orders`, wherever the API's paths begin."""
    return f"orders/{entity.key}"


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
        dispute=handlers.dispute_of(order),
    )
