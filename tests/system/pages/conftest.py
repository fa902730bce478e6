"""The pages of the deployed shop in a real browser."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from ops.outputs import PagesOutputs
from ops.pages import is_built
from tests.system.deployed import SECONDS, DeployedShop, tidings
from tests.system.pages.chromium import WEB, launched

SITE = Path(__file__).parent / "site"
"""A page without a framework, for a checkout in which the pages are not built."""

AXE = WEB / "node_modules" / "axe-core" / "axe.min.js"

# A page reports what its policy refused before any of its scripts runs.
REPORT_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) =>
  console.error(`the policy refuses ${event.blockedURI} by ${event.effectiveDirective}`));
"""

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

# Colours that change step by step are those of neither scheme meanwhile.
RUN_AXE = """async () => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  const ending = document.getAnimations().filter((each) => each.effect.getComputedTiming().endTime !== Infinity);
  await Promise.all(ending.map((each) => each.finished.catch(() => null)));
  return axe.run();
}"""

Axe = Callable[[Page], None]


@pytest.fixture(scope="session")
def pages(shop: DeployedShop) -> PagesOutputs:
    """The pages of the shop. They are the built ones or, if they are not built, those of `site/`."""
    assert shop.outputs.pages is not None
    if not is_built():
        uploaded = tidings(shop.cloud.directory, "pages", "upload", "--from", str(SITE))
        assert uploaded.returncode == 0, uploaded.stderr
    return shop.outputs.pages


# While the browser runs, its thread has an event loop, which tests outside this folder must not find.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with launched() as browser:
        yield browser


class Console:
    """The errors on the console of a page, which no test may leave unexpected."""

    def __init__(self) -> None:
        self.errors: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expect(self, pattern: str) -> None:
        """Expect errors whose text a pattern matches, such as the browser's own about a status of 404."""
        self._expected.append(re.compile(pattern))

    def record(self, message: ConsoleMessage) -> None:
        """Record a message if it is an error, with the address that it is about."""
        if message.type == "error":
            self.errors.append(f"{message.text} {message.location['url']}")

    @property
    def unexpected(self) -> list[str]:
        return [error for error in self.errors if not any(each.search(error) for each in self._expected)]


@pytest.fixture
def console() -> Console:
    return Console()


@pytest.fixture
def page(browser: Browser, pages: PagesOutputs, console: Console) -> Iterator[Page]:
    """A page of a new visitor. The test fails on an error on its console, and on what its policy refuses."""
    context = browser.new_context(base_url=pages.url)
    context.set_default_timeout(1000 * SECONDS)
    expect.set_options(timeout=1000 * SECONDS)
    context.add_init_script(REPORT_VIOLATIONS)
    # Of the context: a link may open another tab.
    context.on("console", console.record)
    context.on("weberror", lambda error: console.errors.append(str(error.error)))
    yield context.new_page()
    context.close()
    assert console.unexpected == []


@pytest.fixture(scope="session")
def axe() -> Axe:
    """Return a function that fails on a violation of accessibility by a page as it is now, in light or in dark."""
    source = AXE.read_text()

    def check(page: Page) -> None:
        # The debugging protocol evaluates it, so the page's policy need not allow it.
        page.evaluate(source)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            found: dict[str, Any] = page.evaluate(RUN_AXE)
            described = [
                f"{scheme}: {each['id']}: {each['help']}: {', '.join(str(node['target']) for node in each['nodes'])}"
                for each in found["violations"]
            ]
            assert described == []
            assert found["passes"]
        page.emulate_media(color_scheme="null")

    return check
