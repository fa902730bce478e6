"""Pictures of the pages for the documentation, taken on another local cloud: `make screenshots`."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, expect

from ops.local import LocalCloud
from ops.outputs import PagesOutputs
from ops.stage import ROOT
from ops.users import CUSTOMER, OPERATOR
from tests.system.deployed import SECONDS, DeployedShop, User, clean_environment, deploy_shop, order_id, tidings
from tests.system.pages.chromium import launched
from tests.system.pages.signing_in import claims_of, store_session
from tidings.recovery import wait_until

PICTURES = ROOT / "docs" / "pictures"
SIZE = {"width": 1280, "height": 800}

APPROVED = "pm_card_authentication_required"

ADDRESS = {"Name": "Ada Example", "Street and number": "Main Street 1", "Postal code": "10115", "City": "Berlin"}

# The heading is at the top, with some space above it.
SHOW = "(heading) => scrollBy(0, heading.getBoundingClientRect().top - 32)"

Take = Callable[[str], None]


def main() -> None:
    """Deploy the shop, let something happen, and take a picture of each page."""
    expect.set_options(timeout=1000 * SECONDS)
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder, deploy_shop(LocalCloud(Path(folder))) as shop, launched() as browser:
        assert shop.outputs.pages is not None
        run(shop, "demo")
        customer, operator = shop.user(CUSTOMER), shop.user(OPERATOR, operator=True)
        page = signed_in(browser, shop, shop.outputs.pages, customer)
        take_shop(page, taker(page, "shop"))
        fail(shop, customer, operator)
        page = signed_in(browser, shop, shop.outputs.pages, operator)
        take_console(page, taker(page, "console"), shop, customer)


def run(shop: DeployedShop, *arguments: str) -> None:
    done = tidings(shop.cloud.directory, *arguments)
    assert done.returncode == 0, done.stderr


def signed_in(browser: Browser, shop: DeployedShop, pages: PagesOutputs, user: User) -> Page:
    """Return a page of a user who has signed in."""
    context = browser.new_context(
        base_url=pages.url,
        viewport=SIZE,  # type: ignore[arg-type]  # a dictionary of its keys
        locale="en-GB",
        timezone_id="Europe/Berlin",
        color_scheme="light",
    )
    context.set_default_timeout(1000 * SECONDS)
    page = context.new_page()
    store_session(page, shop, pages, user, console=user.operator)
    return page


def taker(page: Page, prefix: str) -> Take:
    """Return a function that takes a picture of a page as it is now."""

    def take(name: str) -> None:
        expect(page.get_by_role("status").filter(has_text="Loading")).to_have_count(0)
        page.evaluate("() => document.fonts.ready")
        page.screenshot(path=PICTURES / f"{prefix}-{name}.png", animations="disabled", caret="hide")

    return take


def take_shop(page: Page, take: Take) -> None:
    """Take pictures of the shop, with an order that waits for its customer."""
    page.goto("/")
    expect(page.get_by_role("link", name="Blue mug")).to_be_visible()
    take("products")
    for sku in ("tea-assam", "mug-blue"):
        page.goto(f"/products/{sku}")
        page.get_by_role("main").get_by_role("button", name="to the basket").first.click()
    expect(page.get_by_role("region", name="Also bought").get_by_role("listitem").first).to_be_visible()
    take("product")
    page.get_by_role("link", name="Basket").click()
    page.get_by_role("link", name="Check out").wait_for()
    take("basket")
    page.get_by_role("link", name="Check out").click()
    for label, text in ADDRESS.items():
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_label("Country").select_option("DE")
    page.get_by_label("Payment method").select_option(APPROVED)
    page.get_by_label("City").blur()
    take("checkout")
    page.get_by_role("button", name="Order and pay").click()
    page.get_by_role("link", name="Go to your bank").wait_for()
    take("order")
    page.goto("/orders")
    page.get_by_role("main").get_by_role("listitem").first.wait_for()
    take("orders")
    page.goto("/account")
    page.get_by_text("points", exact=False).first.wait_for()
    expect(page.get_by_role("region", name="Your points").get_by_role("listitem").first).to_be_visible()
    take("account")


def fail(shop: DeployedShop, customer: User, operator: User) -> None:
    """Let two services fail to handle a message."""
    run(shop, "break", "poison")
    run(shop, "break", "gateway")
    order = order_id(customer.place({"mug-blue": 1}))
    wait_until(
        lambda: len(operator.http.get("/operators/dead-letters").json()["items"]) >= 2, SECONDS, f"a failure of {order}"
    )
    run(shop, "mend", "gateway")


def take_console(page: Page, take: Take, shop: DeployedShop, customer: User) -> None:
    """Take pictures of the console, while orders are placed."""
    page.goto("/console/live")
    events = page.get_by_role("table", name="Events").get_by_role("row")
    with traffic(shop):
        events.nth(25).wait_for(state="attached")
        take("live")
    orders = customer.http.get("/orders", params={"limit": 100}).json()["items"]
    order = next(each["id"] for each in orders if each["status"] == "DISPATCHED")
    for name, path, text in (
        ("orders", f"orders?customer={claims_of(customer.token)['sub']}", "Confirmed"),
        ("order", f"orders/{order}", "OrderDispatched"),
        ("failures", "failures", "gave-up"),
        ("sales", "sales", "Confirmed"),
        ("products", "products", "Golden teapot"),
        ("customers", f"customers?id={claims_of(customer.token)['sub']}", "Awarded"),
        ("services", "services", "analytics"),
        ("runbook", "runbook/undelivered-depth?service=payment", "Meaning"),
        ("contracts", "contracts?event=OrderConfirmed", "Announced by"),
    ):
        page.goto(f"/console/{path}")
        page.get_by_role("main").get_by_text(text).first.wait_for()
        if name == "order":
            page.get_by_role("option", name="OrderConfirmed").click()
            page.get_by_role("heading", name="Timeline").evaluate(SHOW)
        take(name)


@contextmanager
def traffic(shop: DeployedShop) -> Iterator[None]:
    """Place an order each second for the duration of the context."""
    command = [sys.executable, "-m", "ops", "--local", str(shop.cloud.directory), "demo", "traffic", "--rate", "1"]
    with subprocess.Popen(command, cwd=ROOT, env=clean_environment()) as process:  # noqa: S603 - our own command
        yield
        process.terminate()


if __name__ == "__main__":
    main()
