"""What customers ask of orders, and what operators ask of the products."""

import re
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID, uuid5

from msgspec import Meta, Struct

from functions.orders import reactions
from functions.orders.products import PRODUCTS, Product, Products, ProductTerms
from functions.orders.reactions import Order, Status, Summary
from tidings.contracts import MOST, Address, CancellationReason, Money, OrderLine, OrderPlaced, Quantity, Sku
from tidings.item import Cause, Item
from tidings.pages import PAGE_QUERY, Pages
from tidings.reactor import OrderReactor, Reactor
from tidings.routes import Problem, Reply, Request, is_order_id, require_sku, route

NAMESPACE = UUID("6f0a2f0e-7e0b-4c6e-8f43-2b1d3a5c9e77")
"""Under which a customer's id becomes the namespace of that customer's idempotency keys."""

RETRY_AFTER = {"Retry-After": "1"}

PRINTED = r"[^\x00-\x1f\x7f\ufffe\uffff]"
"""A character that XML knows and a label shows: SQS takes no others (Amazon SQS API Reference, "SendMessage")."""

PrintedLine = Annotated[str, Meta(min_length=1, max_length=100, pattern=rf"^(?=.*\S){PRINTED}+\Z")]
PrintedEmail = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+\Z",
    ),
]
"""An address as SES takes it: in ASCII (Amazon SES API Reference, "Destination")."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class LineRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """So many of one product."""

    sku: Sku
    quantity: Quantity


class AddressRequest(Address, frozen=True, forbid_unknown_fields=True):
    """Where the goods go; `country` is an ISO 3166-1 alpha-2 code."""

    name: PrintedLine
    street: PrintedLine
    city: PrintedLine


class OrderRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """An order as the customer places it: the prices are the shop's."""

    lines: Annotated[tuple[LineRequest, ...], Meta(min_length=1, max_length=50)]
    payment_method: Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+\Z")]
    email: PrintedEmail
    address: AddressRequest


class OrderView(Struct, frozen=True, omit_defaults=True):
    """An order as its customer sees it; `waiting_for` is empty once it no longer waits."""

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
    """The routes of orders, over the reactions that decide on them, the lists and the products."""

    def __init__(self, orders: Reactor[Order], pages: Pages, products: Products) -> None:
        self._orders = orders
        self._pages = pages
        self._products = products

    @route(
        "POST",
        "/orders",
        OrderView,
        status=202,
        body=OrderRequest,
        headers={
            "Idempotency-Key": "1 to 255 visible ASCII characters, new for each order; a repeat is answered alike."
        },
        replies={
            "Location": "Where the order is.",
            "Idempotent-Replayed": "`true` where it had been placed before.",
        },
        problems=(400, 413, 422),
    )
    def place(self, request: Request, body: OrderRequest) -> Reply:
        """Places an order; the same key and request again give the same answer."""
        customer = request.require_caller().id
        order = order_id(customer, _idempotency_key(request))
        try:
            _refuse_repeated_skus(body)
            placed = _priced(customer, body, self._products.find([line.sku for line in body.lines]))
        except Problem:
            # Whatever has changed since, a repeat must still get its answer.
            found = self._orders.order(order).read()
            if found.state is None:
                raise
            return _replayed(found, body)
        cause = Cause(request.correlation, request.traceparent, self._orders.clock())
        item = self._orders.order(order).settle(lambda item, _: reactions.place(item, placed), cause, bet=True)
        if reactions.placed(item).correlationid != request.correlation:
            return _replayed(item, body)
        return Reply(_first_answer(item), {"Location": f"/orders/{order}"})

    @route("GET", "/orders", OrderPage, query=PAGE_QUERY, problems=(400,))
    def list_own(self, request: Request) -> OrderPage:
        """Lists the caller's own orders, newest first."""
        owner = reactions.customers_list(request.require_caller().id)
        return OrderPage(*self._pages.read(owner, Summary, request, newest_first=True))

    @route(
        "GET",
        "/orders/{id}",
        OrderView,
        replies={"Retry-After": "Seconds until it is worth asking again, while the order is pending."},
        problems=(404,),
    )
    def show(self, request: Request) -> Reply:
        """Shows an order: how it stands, and what it waits for."""
        item = self._own(request).read()
        return Reply(_view(item), RETRY_AFTER if reactions.existing(item).status == "PENDING" else {})

    @route("POST", "/orders/{id}/cancellation", OrderView, status=202, problems=(404, 409))
    def cancel(self, request: Request) -> OrderView:
        """Cancels an order that is not dispatched; what was paid is refunded."""
        cause = Cause(request.correlation, request.traceparent, self._orders.clock())
        item = self._own(request).settle(lambda item, _: reactions.cancel(item, "customer"), cause)
        if reactions.existing(item).status == "DISPATCHED":
            raise Problem(409, "Dispatched", "The goods have left; ask for a return instead.")
        return _view(item)

    @route("GET", "/products", ProductPage, open=True, query=PAGE_QUERY, problems=(400,))
    def list_products(self, request: Request) -> ProductPage:
        """Lists the products, by SKU."""
        return ProductPage(*self._pages.read(PRODUCTS, Product, request))

    @route("GET", "/products/{sku}", Product, open=True, problems=(404, 422))
    def show_product(self, request: Request) -> Product:
        """Shows a product."""
        product = self._products.read(require_sku(request.path["sku"]))
        if product is None:
            raise Problem(404, "No such product", "See /products for those that there are.", field="sku")
        return product

    @route("PUT", "/products/{sku}", Product, body=ProductTerms, operators=True, problems=(422,))
    def put_product(self, request: Request, body: ProductTerms) -> Product:
        """Sets a product's name and price; orders placed before keep theirs."""
        return self._products.put(require_sku(request.path["sku"]), body)

    def _own(self, request: Request) -> OrderReactor[Order]:
        """The order asked for, where the caller may see it: to others it does not exist."""
        caller = request.require_caller()
        order = self._orders.order(request.path["id"])
        if is_order_id(request.path["id"]):
            item = order.read()
            if item.state and (caller.operator or reactions.placed(item).data.customer == caller.id):
                return order
        raise Problem(404, "No such order", "You have no order under this id; see GET /orders for those you have.")


def order_id(customer: str, key: str) -> str:
    """The id of the order that a customer places under an idempotency key: the same one for a repeat."""
    return str(uuid5(uuid5(NAMESPACE, customer), key))


def _idempotency_key(request: Request) -> str:
    key = request.headers.get("idempotency-key", "")
    if not _KEY.fullmatch(key):
        detail = "Send an Idempotency-Key header of 1 to 255 visible ASCII characters, new for each order."
        raise Problem(400, "Not an idempotency key" if key else "No idempotency key", detail, field="Idempotency-Key")
    return key


def _refuse_repeated_skus(body: OrderRequest) -> None:
    seen: set[str] = set()
    for n, line in enumerate(body.lines):
        if line.sku in seen:
            detail = f"{line.sku} stands in an earlier line too: put them in one."
            raise Problem(422, "A SKU twice", detail, field=f"lines[{n}].sku")
        seen.add(line.sku)


def _priced(customer: str, body: OrderRequest, products: dict[str, Product]) -> OrderPlaced:
    for n, line in enumerate(body.lines):
        if line.sku not in products:
            raise Problem(422, "Unknown SKU", f"There is no product {line.sku}.", field=f"lines[{n}].sku")
    lines = tuple(OrderLine(line.sku, line.quantity, products[line.sku].price) for line in body.lines)
    currencies = {line.price.currency for line in lines}
    if len(currencies) > 1:
        detail = f"One order is paid in one currency; these products are sold in {', '.join(sorted(currencies))}."
        raise Problem(422, "Several currencies", detail, field="lines")
    amount = sum(line.price.amount * line.quantity for line in lines)
    if amount > MOST:
        raise Problem(422, "Too much", f"An order may cost {MOST} minor units at most; place several.", field="lines")
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


def _replayed(item: Item[Order], body: OrderRequest) -> Reply:
    """The first answer again, where the request is the same one."""
    event = reactions.placed(item)
    same = (
        [(line.sku, line.quantity) for line in body.lines] == [(line.sku, line.quantity) for line in event.data.lines]
        and body.payment_method == event.data.payment_method
        and body.email == event.data.email
        and _address(body.address) == event.data.address
    )
    if not same:
        detail = "Another order was placed under this key. Send a new key with a new order."
        raise Problem(422, "The key is taken", detail, field="Idempotency-Key")
    return Reply(_first_answer(item), {"Location": f"/orders/{item.order}", "Idempotent-Replayed": "true"})


def _first_answer(item: Item[Order]) -> OrderView:
    """What placing it answered, whatever has become of it."""
    return _view(Item(item.order, state=Order(), events=item.events[:1]))


def _view(item: Item[Order]) -> OrderView:
    event = reactions.placed(item)
    order = reactions.existing(item)
    return OrderView(
        id=item.order,
        status=order.status,
        lines=event.data.lines,
        total=event.data.total,
        created_at=event.time,
        waiting_for=_waiting_for(order),
        reason=order.reason,
    )


def _waiting_for(order: Order) -> tuple[str, ...]:
    if order.status != "PENDING":
        return ()
    parts: Sequence[tuple[str, bool]] = (("payment", order.paid), ("stock", order.reserved))
    return tuple(name for name, there in parts if not there)
