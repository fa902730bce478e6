"""The shop's page as customers use it, against the deployed shop."""

import json
import re
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocket, expect

from functions.live.viewers import customers_partition
from ops.orders import ShopClient
from ops.outputs import PagesOutputs
from ops.users import sign_in_of
from tests.system.deployed import SECONDS, DeployedShop, User, order_id
from tests.system.pages.conftest import Axe, Console
from tests.system.pages.signing_in import claims_of, fill_in, store_session
from tidings.recovery import wait_until

APPROVED = "pm_card_authentication_required"

ADDRESS = {"Name": "Ada Example", "Street and number": "Main Street 1", "Postal code": "10115", "City": "Berlin"}

PHONE = {"width": 360, "height": 740}

# It is lost if the page is loaded again.
MARK = "() => { window.marked = true; }"
MARKED = "() => window.marked === true"

FITS = "() => document.documentElement.scrollWidth <= document.documentElement.clientWidth"

Look = Callable[[Page], None]


@pytest.fixture(scope="module")
def look(axe: Axe) -> Look:
    """Return a function that fails if a page, as it is now, is not accessible or too wide for a phone."""

    def check(page: Page) -> None:
        axe(page)
        usual = page.viewport_size
        assert usual is not None
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]  # a dictionary of its keys
        assert page.evaluate(FITS)
        page.set_viewport_size(usual)

    return check


@pytest.fixture
def buyer(shop: DeployedShop) -> User:
    """A customer who has no orders yet."""
    return shop.user()


@pytest.fixture
def signed_in(page: Page, shop: DeployedShop, pages: PagesOutputs, buyer: User) -> Page:
    """A page on which the buyer has signed in."""
    store_session(page, shop, pages, buyer)
    return page


def put_into_basket(page: Page, sku: str) -> None:
    page.goto(f"/products/{sku}")
    page.get_by_role("button", name="Add Thing to the basket").click()
    expect(page.get_by_text("1 in the basket")).to_be_visible()


def fill_address(page: Page, **changes: str) -> None:
    for label, text in (ADDRESS | changes).items():
        page.get_by_label(label, exact=True).fill(text)


def state(page: Page) -> Locator:
    """Return the part of an order's page that says how far the order is."""
    return page.get_by_role("region", name="Status").get_by_role("status")


def confirmed(page: Page) -> None:
    """Wait until the page of an order says that it is confirmed."""
    expect(state(page)).to_contain_text("Confirmed")


def test_a_customer_signs_in_orders_approves_and_watches_the_order_confirm(
    page: Page, shop: DeployedShop, operator: User, buyer: User, look: Look
) -> None:
    mug, tea = (shop.add_product(operator, stock=10, amount=amount) for amount in (1299, 890))
    page.goto("/")
    expect(page.get_by_role("listitem").first).to_be_visible()
    look(page)
    for sku in (mug, tea):
        put_into_basket(page, sku)
    look(page)
    page.get_by_role("link", name="Basket").click()
    expect(page.get_by_text("€21.89")).to_be_visible()
    look(page)
    page.get_by_role("link", name="Check out").click()
    look(page)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    fill_in(page, sign_in_of(shop.stage, shop.outputs.users, buyer.name))
    page.wait_for_url("**/checkout")
    fill_address(page)
    page.get_by_label("Payment method").select_option(APPROVED)
    look(page)
    page.evaluate(MARK)

    page.get_by_role("button", name="Order and pay €21.89").click()
    with page.expect_popup() as opened:
        page.get_by_role("link", name="Go to your bank").click()
    bank = opened.value
    look(page)
    bank.get_by_role("button", name="Approve").click()
    expect(bank.get_by_role("heading", name="You approved this payment")).to_be_visible()
    bank.close()
    confirmed(page)
    expect(page.get_by_role("listitem").filter(has_text="You paid €21.89.")).to_be_visible()
    expect(page.get_by_text("You earned 21 points with this order.")).to_be_visible()
    look(page)

    # The list changes too while it is shown, and another order can be cancelled.
    page.get_by_role("link", name="Orders").click()
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)
    other = order_id(buyer.place({tea: 1}))
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(2)
    look(page)
    page.locator(f"a[href='/orders/{other}']").click()
    confirmed(page)
    page.get_by_role("button", name="Cancel the order").click()
    look(page)
    page.get_by_role("dialog").get_by_role("button", name="Cancel the order").click()
    expect(state(page)).to_contain_text("Cancelled")
    expect(state(page)).to_contain_text("You cancelled it.")
    assert page.evaluate(MARKED)
    look(page)

    # Both products were in one order, which recommendation handles in its own time.
    wait_until(lambda: shop.http().get(f"/recommendations/{mug}").json()["items"], SECONDS, "what is also bought")
    page.goto(f"/products/{mug}")
    expect(page.get_by_role("region", name="Also bought").get_by_role("listitem")).to_have_count(1)


def test_an_order_is_placed_and_cancelled_by_the_keyboard_alone(signed_in: Page, sku: str) -> None:
    page = signed_in
    page.goto("/basket")
    expect(page.get_by_text("Your basket is empty")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Go to the content")).to_be_focused()
    page.goto(f"/products/{sku}")
    press(page, page.get_by_role("button", name="Add Thing to the basket"))
    press(page, page.get_by_role("link", name="Basket"))
    press(page, page.get_by_role("link", name="Check out"))
    for label, text in ADDRESS.items():
        move_to(page, page.get_by_label(label, exact=True))
        page.keyboard.type(text)
    press(page, page.get_by_role("button", name="Order and pay €10.00"))
    expect(page.get_by_role("heading", name="Your order", level=1)).to_be_focused()
    confirmed(page)
    cancel = page.get_by_role("main").get_by_role("button", name="Cancel the order")
    press(page, cancel)
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    # It is asked again at once, and answered.
    page.keyboard.press("Enter")
    press(page, page.get_by_role("dialog").get_by_role("button", name="Cancel the order"))
    expect(state(page)).to_contain_text("Cancelled")
    # The button is gone.
    expect(page.get_by_role("heading", name="Your order", level=1)).to_be_focused()


def press(page: Page, target: Locator) -> None:
    """Move to a button or a link by the keyboard, and press it."""
    move_to(page, target)
    page.keyboard.press("Enter")


def move_to(page: Page, target: Locator, most: int = 100) -> None:
    """Move to an element by the keyboard."""
    expect(target).to_be_visible()
    for _ in range(most):
        if target.evaluate("(element) => element === document.activeElement"):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {target}")


def test_the_apis_problems_are_at_their_fields_and_a_dearer_order_is_confirmed_anew(
    signed_in: Page, console: Console, operator: User, buyer: User, sku: str, look: Look
) -> None:
    page = signed_in
    console.expect("status of (400|409|422)")
    put_into_basket(page, sku)
    page.goto("/checkout")
    fill_address(page, **{"Postal code": "!", "City": " "})
    place = page.get_by_role("button", name="Order and pay")
    with page.expect_response("**/v1/orders") as refused:
        place.click()
    errors = {each["field"]: each["detail"] for each in refused.value.json()["errors"]}
    assert errors.keys() == {"address.postal_code", "address.city"}
    for label, field in (("Postal code", "address.postal_code"), ("City", "address.city")):
        control = page.get_by_label(label, exact=True)
        expect(control).to_have_accessible_description(errors[field])
        expect(control).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Postal code", exact=True)).to_be_focused()
    look(page)

    fill_address(page)
    price = {"amount": 1500, "currency": "EUR"}
    operator.http.put(f"/operators/products/{sku}", json={"name": "Thing", "price": price}).raise_for_status()
    place.click()
    expect(page.get_by_role("alert")).to_contain_text("The order costs €15.00 now. Nothing was ordered yet.")
    look(page)
    page.get_by_role("button", name="Order and pay €15.00").click()
    expect(page.get_by_role("heading", name="Your order", level=1)).to_be_visible()
    order = page.url.rpartition("/")[2]
    assert buyer.outcome(order)["total"] == price


def test_a_lost_answer_a_reload_and_another_payment_method_place_one_order(
    signed_in: Page, console: Console, buyer: User, sku: str, look: Look
) -> None:
    page = signed_in
    console.expect("ERR_FAILED|status of 422")
    put_into_basket(page, sku)
    page.goto("/checkout")
    fill_address(page)

    def lose(route: Route) -> None:
        """Place the order as the page asks for it, and let the page have no answer."""
        headers = {name: route.request.headers[name] for name in ("idempotency-key", "content-type")}
        buyer.http.post("/orders", content=route.request.post_data, headers=headers).raise_for_status()
        route.abort()

    page.route("**/v1/orders", lose)
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_role("alert")).to_contain_text("The shop could not be reached.")
    look(page)
    page.unroute("**/v1/orders")
    page.reload()
    fill_address(page)
    page.get_by_label("Payment method").select_option(APPROVED)
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_text("This order had been placed before")).to_be_visible()
    confirmed(page)
    look(page)
    assert len(buyer.http.get("/orders").json()["items"]) == 1


# Another customer


CONNECT = """(address) => new Promise((done) => {
  const socket = new WebSocket(address);
  socket.onopen = () => done("opened");
  socket.onclose = ({ code }) => done(code);
})"""

# A browser does not tell a page why (WebSocket API, "abnormal closure").
REFUSED = 1006


def test_a_customer_sees_nothing_of_another(
    signed_in: Page, console: Console, shop: DeployedShop, buyer: User, sku: str, look: Look
) -> None:
    page, sockets, pushed = signed_in, list[WebSocket](), list[dict[str, Any]]()

    def watch(socket: WebSocket) -> None:
        sockets.append(socket)
        socket.on("framereceived", lambda payload: pushed.append(json.loads(payload)))

    page.on("websocket", watch)
    page.goto("/orders")
    expect(page.get_by_text("You have not ordered anything yet")).to_be_visible()
    look(page)
    other = shop.user()
    others = order_id(other.place({sku: 1}))
    assert other.outcome(others)["status"] == "CONFIRMED"
    own = order_id(buyer.place({sku: 1}))
    expect(page.locator(f"a[href='/orders/{own}']")).to_contain_text("Confirmed")
    wait_until(lambda: page.evaluate("1") and len(pushed) > 2, SECONDS, "notifications")
    assert {event["subject"] for event in pushed} == {own}
    expect(page.get_by_role("main").get_by_role("listitem")).to_have_count(1)

    console.expect("status of 404")
    for unknown in (others, str(uuid.uuid4())):
        page.goto(f"/orders/{unknown}")
        expect(page.get_by_role("heading", name="There is no such order")).to_be_visible()
    look(page)

    console.expect("WebSocket connection to .* failed")
    used = sockets[0].url
    guessed = re.sub("ticket=.*", f"ticket={'A' * 22}", used)
    for address in (used, guessed):
        assert page.evaluate(CONNECT, address) == REFUSED


# The account


def test_a_customer_sees_points_and_exports_and_erases_the_own_data(
    signed_in: Page, shop: DeployedShop, operator: User, buyer: User, sku: str, look: Look
) -> None:
    page = signed_in
    order = order_id(buyer.place({sku: 1}))
    buyer.timeline(order, "OrderConfirmed", "PointsAwarded")
    page.goto("/account")
    expect(page.get_by_role("region", name="Your points")).to_contain_text("10 points")
    page.get_by_role("button", name="Export your data").click()
    link = page.get_by_role("link", name="Download your data")
    wait_until(lambda: finished(shop, link), SECONDS, "the export")
    with page.expect_download() as saved:
        link.click()
    assert order in Path(saved.value.path()).read_text()
    look(page)

    page.get_by_role("button", name="Erase your account").click()
    look(page)
    page.get_by_role("dialog").get_by_role("button", name="Erase everything").click()
    under_way = page.get_by_role("main").get_by_role("link", name=order)
    wait_until(lambda: finished(shop, under_way), SECONDS, "the report")
    wait_until(
        lambda: operator.http.post(f"/operators/shipments/{order}/dispatch", json={}).is_success, SECONDS, "the parcel"
    )
    buyer.timeline(order, "OrderDispatched")
    erased = page.get_by_role("heading", name="Your account is erased")
    wait_until(lambda: finished(shop, erased), SECONDS, "the erasure")
    look(page)


def finished(shop: DeployedShop, shown: Locator) -> bool:
    """Run the jobs of privacy, which a schedule runs otherwise, and return True if the page shows their result."""
    run = shop.client("lambda").invoke(FunctionName="tidings-local-privacy-jobs:live", Payload=b'{"all": true}')
    assert "FunctionError" not in run, run["Payload"].read()
    return shown.is_visible()


# The connection


def test_a_page_that_cannot_be_loaded_says_so_and_is_accessible(signed_in: Page, console: Console, look: Look) -> None:
    page = signed_in
    console.expect("status of 503")
    problem = {"type": "about:blank", "title": "Busy", "status": 503, "detail": "Try again shortly."}
    page.route(
        re.compile("/v1/(products|orders|loyalty)"),
        lambda route: route.fulfill(status=503, json=problem, content_type="application/problem+json"),
    )
    for path, what in (("/", "the products"), ("/orders", "your orders"), ("/account", "your points")):
        page.goto(path)
        expect(page.get_by_role("alert")).to_contain_text(f"We could not load {what}.")
        look(page)


def test_a_lost_connection_is_said_and_recovers_by_itself_and_the_page_then_shows_the_truth(
    signed_in: Page, console: Console, shop: DeployedShop, operator: User, buyer: User, sku: str, look: Look
) -> None:
    page = signed_in
    order = order_id(buyer.place({sku: 1}, payment_method=APPROVED))
    buyer.timeline(order, "PaymentActionRequired")
    page.goto(f"/orders/{order}")
    expect(page.get_by_role("link", name="Go to your bank")).to_be_visible()
    page.evaluate(MARK)

    console.expect("ERR_INTERNET_DISCONNECTED|ERR_FAILED")
    page.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    look(page)
    customer = ShopClient(shop.outputs.api, buyer.token)
    customer.decide(order, customer.payment(order)["approval"]["url"], "approve")
    assert buyer.outcome(order)["status"] == "CONFIRMED"
    expect(page.get_by_role("link", name="Go to your bank")).to_be_visible()
    page.context.set_offline(False)
    confirmed(page)

    # No ticket is given out, so the page cannot connect again.
    page.route("**/v1/live/tickets", lambda route: route.abort())
    partition = customers_partition(claims_of(buyer.token)["sub"])
    wait_until(lambda: shop.connections(partition), SECONDS, "the connection")
    shop.disconnect(partition)
    expect(page.get_by_text("Live updates are interrupted.")).to_be_visible()
    look(page)
    wait_until(
        lambda: operator.http.post(f"/operators/shipments/{order}/dispatch", json={}).is_success, SECONDS, "the parcel"
    )
    buyer.timeline(order, "OrderDispatched")
    page.unroute("**/v1/live/tickets")
    expect(page.get_by_text("Live updates are interrupted.")).to_have_count(0)
    expect(state(page)).to_contain_text("On its way")
    assert page.evaluate(MARKED)
