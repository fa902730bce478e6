"""The operators' console, against the deployed shop."""

import uuid
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from functions.live.viewers import OPERATORS
from ops.outputs import PagesOutputs
from ops.users import sign_in_of
from tests.system.deployed import SECONDS, DeployedShop, User, order_id, tidings
from tests.system.pages.conftest import Axe, Console
from tests.system.pages.signing_in import claims_of, fill_in, store_session
from tidings.recovery import wait_until

CONFIRMED = {"OrderPlaced", "PaymentAuthorized", "StockReserved", "OrderConfirmed"}


@pytest.fixture
def signed_in(page: Page, shop: DeployedShop, pages: PagesOutputs, operator: User) -> Page:
    """A page on which the operator has signed in."""
    store_session(page, shop, pages, operator, console=True)
    return page


@pytest.fixture
def broken_gateway(shop: DeployedShop) -> Iterator[None]:
    """A payment gateway that is down until the test or this fixture mends it."""
    run(shop, "break", "gateway")
    yield
    tidings(shop.cloud.directory, "mend", "gateway")


def run(shop: DeployedShop, *arguments: str) -> None:
    done = tidings(shop.cloud.directory, *arguments)
    assert done.returncode == 0, done.stderr


def open_page(page: Page, name: str) -> None:
    """Open a page by the navigation, and wait for its heading."""
    page.get_by_role("navigation", name="Pages").get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", name=name, level=1, exact=True)).to_be_visible()


def rows(page: Page, table: str) -> Locator:
    """Return the rows of a table, with that of its headings."""
    return page.get_by_role("table", name=table).get_by_role("row")


def test_an_operator_signs_in_and_follows_an_order_live(
    page: Page, shop: DeployedShop, customer: User, sku: str, axe: Axe
) -> None:
    page.goto("/console/")
    expect(page.get_by_role("heading", name="Sign in to see the shop at work")).to_be_visible()
    axe(page)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    fill_in(page, sign_in_of(shop.stage, shop.outputs.operators, "operator"))
    expect(page.get_by_role("heading", name="Live", level=1)).to_be_visible()
    wait_until(lambda: shop.connections(OPERATORS), SECONDS, "the connection")

    order = order_id(customer.place({sku: 1}))
    events = rows(page, "Events").filter(has_text=order)
    for name in CONFIRMED:
        expect(events.filter(has_text=name)).to_have_count(1)
    # The map and the latest event are on the screen together.
    expect(page.get_by_role("group", name="Map")).to_be_in_viewport(ratio=1)
    expect(rows(page, "Events").nth(3)).to_be_in_viewport(ratio=1)
    page.get_by_role("button", name="Numbers by service").click()
    orders = rows(page, "Numbers by service").filter(has=page.get_by_role("rowheader", name="orders", exact=True))
    expect(orders.get_by_role("cell").first).not_to_have_text("0")
    page.get_by_role("button", name="Pause").click()
    axe(page)

    events.first.get_by_role("link").click()
    expect(page.get_by_role("heading", name=f"Order {order}", level=1)).to_be_visible()
    waterfall = page.get_by_role("listbox", name="Events by time")
    for name in CONFIRMED:
        expect(waterfall.get_by_role("option", name=name)).to_be_visible()
    waterfall.get_by_role("option", name="OrderConfirmed").click()
    details = page.get_by_role("region", name="Event OrderConfirmed")
    expect(details).to_contain_text("Caused by")
    axe(page)


@pytest.mark.usefixtures("broken_gateway")
def test_an_operator_sees_a_failure_redrives_it_and_watches_the_order_confirm(
    signed_in: Page, console: Console, shop: DeployedShop, operator: User, customer: User, sku: str, axe: Axe
) -> None:
    page = signed_in
    # The payment of this order has not begun.
    console.expect("status of 404")
    order = order_id(customer.place({sku: 1}))
    wait_until(
        lambda: operator.http.get("/operators/dead-letters", params={"order": order}).json()["items"],
        SECONDS,
        "the dead letter",
    )
    page.goto(f"/console/orders/{order}")
    letter = rows(page, "Dead letters").filter(has_text="OrderPlaced")
    expect(letter).to_contain_text("gave-up")
    axe(page)
    page.get_by_role("button", name="Redrive", exact=True).click()
    expect(page.get_by_role("dialog", name="Redrive the dead letters")).to_contain_text("payment")
    axe(page)
    page.get_by_role("dialog").get_by_role("button", name="Back").click()
    page.goto("/console/failures")
    failure = rows(page, "Dead letters").filter(has_text=order[:8])
    expect(failure).to_contain_text("payment")
    failure.get_by_role("button", name="OrderPlaced").click()
    dialog = page.get_by_role("dialog", name="OrderPlaced")
    dialog.get_by_role("button", name="Show the message").click()
    expect(dialog.get_by_role("region", name="Message")).to_contain_text(order)
    axe(page)
    dialog.get_by_role("button", name="Close").last.click()
    failure.get_by_role("checkbox").check()
    run(shop, "mend", "gateway")

    page.get_by_role("button", name="Drop…").click()
    dialog = page.get_by_role("dialog", name="Drop dead letters")
    expect(dialog.get_by_role("button", name="Drop 1 message")).to_be_enabled()
    axe(page)
    dialog.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Redrive…").click()
    dialog = page.get_by_role("dialog", name="Redrive dead letters")
    expect(dialog.get_by_role("table").get_by_text("payment")).to_be_visible()
    axe(page)
    dialog.get_by_role("button", name="Redrive 1 message").click()
    expect(dialog).to_contain_text("Sent: 1 message")
    axe(page)
    dialog.get_by_role("button", name="Close").last.click()
    expect(failure).to_have_count(0)
    action = rows(page, "Record of actions").nth(1)
    expect(action).to_contain_text("You")
    expect(action).to_contain_text("Done")
    axe(page)

    page.goto(f"/console/orders/{order}")
    expect(page.get_by_text("Confirmed", exact=True).first).to_be_visible()
    expect(page.get_by_role("option", name="OrderConfirmed")).to_be_visible()
    expect(page.get_by_text("No dead letters")).to_be_visible()
    expect(rows(page, "Recorded actions").nth(1)).to_contain_text("Redrive")
    axe(page)


def test_products_get_their_price_and_stock_on_the_page(
    signed_in: Page, console: Console, shop: DeployedShop, operator: User, axe: Axe
) -> None:
    page, sku = signed_in, f"a-{uuid.uuid4().hex[:12]}"
    # A new product must not be there already.
    console.expect("status of 404")
    page.goto("/console/products")
    page.get_by_role("button", name="New product…").click()
    dialog = page.get_by_role("dialog")
    for label, text in (("SKU", sku), ("Name", "Kettle"), ("Price", "20.5")):
        dialog.get_by_label(label, exact=True).fill(text)
    axe(page)
    dialog.get_by_role("button", name="Save").click()
    product = rows(page, "Products").filter(has_text=sku)
    expect(product).to_contain_text("€20.50")
    expect(product).to_contain_text("Never set")
    product.get_by_role("button", name=f"Stock of {sku}").click()
    dialog.get_by_label("Units on hand").fill("many")
    dialog.get_by_role("button", name="Set the stock").click()
    expect(dialog.get_by_label("Units on hand")).to_have_attribute("aria-invalid", "true")
    axe(page)
    dialog.get_by_label("Units on hand").fill("7")
    dialog.get_by_role("button", name="Set the stock").click()
    expect(product).to_contain_text("7 of 7")
    product.get_by_role("button", name=f"Name and price of {sku}").click()
    dialog.get_by_label("Price", exact=True).fill("19.99")
    dialog.get_by_role("button", name="Save").click()
    expect(product).to_contain_text("€19.99")
    axe(page)
    assert operator.stock(sku)["on_hand"] == 7
    assert shop.http().get(f"/products/{sku}").json()["price"] == {"amount": 1999, "currency": "EUR"}


def test_each_page_shows_what_is_there(signed_in: Page, operator: User, customer: User, sku: str, axe: Axe) -> None:
    page = signed_in
    order = order_id(customer.place({sku: 2}))
    customer.timeline(order, "OrderConfirmed", "PointsAwarded")
    person = claims_of(customer.token)["sub"]

    page.goto(f"/console/orders?customer={person}")
    expect(rows(page, "The customer's orders").filter(has_text=order)).to_contain_text("Confirmed")
    axe(page)
    page.goto(f"/console/orders/{order}")
    for action, title in (("Refund", "Refund"), ("Dispatch", "Dispatch"), ("Cancel the order", "Cancel the order")):
        page.get_by_role("button", name=action, exact=True).click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text(title)
        axe(page)
        dialog.get_by_role("button", name="Close").click()
        expect(dialog).to_have_count(0)
    page.goto("/console/products?tab=shipments")
    dispatch = page.get_by_role("button", name=f"Dispatch order {order}")
    wait_until(
        lambda: any(each["id"] == order for each in operator.http.get("/operators/shipments").json()["items"]),
        SECONDS,
        "the shipment",
    )
    page.reload()
    dispatch.click()
    page.get_by_role("dialog").get_by_label("Tracking code").fill("T-1")
    axe(page)
    page.get_by_role("dialog").get_by_role("button", name="Dispatch").click()
    expect(dispatch).to_have_count(0)
    customer.timeline(order, "OrderDispatched")

    open_page(page, "Sales")
    expect(rows(page, "Sales by product").filter(has_text=sku)).to_contain_text("€20.00")
    axe(page)
    page.goto(f"/console/customers?id={person}")
    expect(rows(page, "Points").filter(has_text=order[:8])).to_contain_text("Awarded")
    axe(page)
    open_page(page, "Services")
    expect(page.get_by_role("heading", name="payment", level=2)).to_be_visible()
    expect(page.get_by_text("Announces").first).to_be_visible()
    axe(page)
    page.goto("/console/runbook/dlq-depth?service=payment")
    expect(page.get_by_text("tidings dlq show payment").first).to_be_visible()
    axe(page)
    open_page(page, "Contracts")
    page.get_by_role("button", name="OrderConfirmed").click()
    expect(page.get_by_role("table", name="Fields of OrderConfirmed")).to_be_visible()
    axe(page)
    page.goto("/console/nowhere")
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    axe(page)


def test_a_lost_connection_is_said_and_what_was_missed_is_read(
    signed_in: Page, console: Console, customer: User, sku: str, axe: Axe
) -> None:
    page = signed_in
    order = order_id(customer.place({sku: 1}, payment_method="pm_card_authentication_required"))
    customer.timeline(order, "PaymentActionRequired")
    page.goto(f"/console/orders/{order}")
    expect(page.get_by_role("option", name="PaymentActionRequired")).to_be_visible()
    console.expect("ERR_INTERNET_DISCONNECTED")
    page.context.set_offline(True)
    expect(page.get_by_text("This computer has no network.")).to_be_visible()
    axe(page)
    assert customer.cancel(order).is_success
    customer.timeline(order, "OrderCancelled")
    page.context.set_offline(False)
    expect(page.get_by_text("This computer has no network.")).to_have_count(0)
    expect(page.get_by_role("option", name="OrderCancelled")).to_be_visible()


def test_a_lost_connection_for_live_events_is_said_and_pages_are_still_shown(signed_in: Page, axe: Axe) -> None:
    page = signed_in
    page.route_web_socket("**/*", lambda socket: socket.close())
    page.goto("/console/services")
    expect(page.get_by_text("The connection for live events is lost.")).to_be_visible()
    expect(page.get_by_text("The local cloud evaluates no alarms", exact=True)).to_be_visible()
    axe(page)
    page.goto("/console/failures")
    expect(page.get_by_text("The connection for live events is lost.")).to_be_visible()
    expect(page.get_by_role("table", name="Dead letters")).to_be_visible()
    axe(page)


def test_a_customers_token_opens_nothing_of_the_console(
    page: Page, console: Console, shop: DeployedShop, pages: PagesOutputs, customer: User
) -> None:
    store_session(page, shop, pages, customer, console=True)
    console.expect("status of 401")
    page.goto("/console/services")
    expect(page.get_by_role("heading", name="Sign in to see the shop at work")).to_be_visible()
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    account = sign_in_of(shop.stage, shop.outputs.users, customer.name)
    console.expect("status of (400|401|403)")
    fill_in(page, account)
    expect(page.get_by_label("Password")).to_be_visible()
    assert "/signed-in" not in page.url
