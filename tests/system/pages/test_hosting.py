"""The hosting of the pages: one origin for the pages and the API, its headers, and the sign-in."""

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, Request, expect

from ops.outputs import PagesOutputs, Pool
from ops.pages.config import config_of
from ops.users import sign_in_of
from tests.system.deployed import DeployedShop, User, problem_of
from tests.system.pages.conftest import SITE, Axe, Console
from tests.system.pages.signing_in import fill_in

INLINE = """() => {
  const script = document.createElement("script");
  script.text = "window.inline = 1";
  document.body.append(script);
  return window.inline ?? null;
}"""


@pytest.fixture(scope="module")
def http(shop: DeployedShop, pages: PagesOutputs) -> httpx.Client:
    """A client of the pages' origin. It names the origin itself, as not every machine resolves it."""
    return httpx.Client(base_url=str(shop.stage.endpoint), headers={"Host": urlsplit(pages.url).netloc}, timeout=30)


@pytest.fixture
def site(shop: DeployedShop, pages: PagesOutputs) -> str:
    """The path of a page that the tests have put beside the shop's, with its own script and style."""
    files = {
        "assets/site/index.html": (SITE / "index.html").read_text().replace("/assets/", "/assets/site/"),
        "assets/site/page.js": (SITE / "assets" / "page.js").read_text(),
        "assets/site/page.css": (SITE / "assets" / "page.css").read_text(),
    }
    types = {".html": "text/html", "js": "text/javascript", "css": "text/css"}
    client = shop.client("s3")
    for key, text in files.items():
        media_type = next(value for end, value in types.items() if key.endswith(end))
        client.put_object(Bucket=pages.bucket, Key=key, Body=text.encode(), ContentType=media_type)
    return "/assets/site/index.html"


def test_a_page_calls_the_api_under_its_own_origin(
    page: Page, site: str, shop: DeployedShop, operator: User, axe: Axe
) -> None:
    shop.add_product(operator, stock=1)
    requests: list[Request] = []
    page.on("request", lambda request: requests.append(request))
    page.goto(site)
    expect(page.get_by_role("listitem").first).to_be_visible()
    origins = {urlsplit(request.url).netloc for request in requests if not request.url.startswith("data:")}
    assert origins == {urlsplit(page.url).netloc}
    assert any(urlsplit(request.url).path == "/v1/products" for request in requests)
    axe(page)


def test_the_browser_refuses_what_the_policy_does_not_allow(page: Page, site: str, console: Console) -> None:
    page.goto(site)
    expect(page.get_by_role("heading")).to_be_visible()
    console.expect("Content Security Policy|the policy refuses")
    with page.expect_console_message(lambda message: "refuses https://elsewhere.example" in message.text):
        refused = page.evaluate("() => fetch('https://elsewhere.example/').then(() => 'sent', () => 'refused')")
    with page.expect_console_message(lambda message: "refuses inline by script-src" in message.text):
        inline = page.evaluate(INLINE)
    assert (refused, inline) == ("refused", None)


def test_a_violation_of_accessibility_is_found(page: Page, site: str, axe: Axe) -> None:
    page.goto(site)
    page.evaluate("() => { document.querySelector('main').append(document.createElement('button')); }")
    with pytest.raises(AssertionError, match="button-name"):
        axe(page)


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/", "/index.html"),
        ("/orders/1", "/index.html"),
        ("/signed-in?code=1&state=2", "/index.html"),
        ("/console", "/console/index.html"),
        ("/console/orders/1", "/console/index.html"),
    ],
)
def test_a_deep_link_gets_its_page(http: httpx.Client, path: str, page: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer.text == http.get(page).text
    assert answer.headers["cache-control"] == "no-cache"


def test_assets_are_immutable_and_an_asset_that_is_missing_is_no_page(http: httpx.Client, shop: DeployedShop) -> None:
    assert shop.outputs.pages is not None
    stored = shop.client("s3").list_objects_v2(Bucket=shop.outputs.pages.bucket, Prefix="assets/")["Contents"]
    script = next(each["Key"] for each in stored if each["Key"].endswith(".js") and "/site/" not in each["Key"])
    answer = http.get(f"/{script}")
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    # S3 says so of a file that is not there, to those who may not list the files.
    assert http.get("/assets/none.js").status_code == 403


@pytest.mark.parametrize("path", ["/a.b", "/.env", "/index.php", "/console/none.html"])
def test_a_file_that_does_not_exist_is_not_found(http: httpx.Client, path: str) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "There is no such file" in answer.text


@pytest.mark.parametrize(
    ("path", "media_type", "begins"),
    [
        ("/favicon.ico", "image/vnd.microsoft.icon", b"\x00\x00\x01\x00"),
        ("/robots.txt", "text/plain; charset=utf-8", b"User-agent: *\n"),
    ],
)
def test_the_files_that_browsers_and_robots_ask_for_are_served(
    http: httpx.Client, path: str, media_type: str, begins: bytes
) -> None:
    answer = http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert answer.content.startswith(begins)


def test_the_configuration_is_that_of_the_stage(http: httpx.Client, shop: DeployedShop, pages: PagesOutputs) -> None:
    answer = http.get("/config.json")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.json() == config_of("local", shop.outputs, pages)
    assert answer.json()["live"].startswith("ws://127.0.0.1:")


@pytest.mark.parametrize("path", ["/", "/config.json", "/v1/products", "/v1/nothing"])
def test_every_answer_has_the_security_headers(http: httpx.Client, path: str) -> None:
    headers = http.get(path).headers
    assert "script-src 'self';" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "strict-origin"
    assert headers["strict-transport-security"] == "max-age=31536000"


def test_the_bank_keeps_its_stricter_policy(http: httpx.Client) -> None:
    headers = http.get("/v1/simulated-bank").headers
    assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert headers["referrer-policy"] == "no-referrer"


def test_an_error_of_the_api_stays_a_problem(http: httpx.Client, customer: User) -> None:
    assert problem_of(http.get("/v1/nothing"))["status"] == 404
    assert problem_of(http.get("/v1"))["status"] == problem_of(http.get("/v1/"))["status"] == 404
    unknown = http.get("/v1/orders/00000000-0000-4000-8000-000000000000", headers=customer.http.headers)
    assert problem_of(unknown)["status"] == 404
    assert http.get("/v1/orders").status_code == 401


def test_an_order_that_was_placed_under_the_pages_origin_is_at_its_location(
    http: httpx.Client, shop: DeployedShop, customer: User, sku: str
) -> None:
    through = User(
        customer.name,
        customer.token,
        httpx.Client(
            base_url=f"{shop.stage.endpoint}/v1", headers={**http.headers, "Authorization": f"Bearer {customer.token}"}
        ),
    )
    placed = through.place({sku: 1})
    assert placed.status_code == 202
    found = through.http.get(placed.url.join(placed.headers["location"]))
    assert found.json()["id"] == placed.json()["id"]


# Other clients of the API


def preflight(shop: DeployedShop, origin: str) -> httpx.Response:
    """Ask as a browser does before it places an order for a page of an origin."""
    headers = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization,content-type,idempotency-key",
    }
    return shop.http().options("/orders", headers=headers)


def test_the_api_admits_the_named_origins_and_the_pages(shop: DeployedShop, pages: PagesOutputs) -> None:
    for origin in ("http://localhost:5173", pages.url):
        answer = preflight(shop, origin)
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == origin
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "idempotency-key" in answer.headers["access-control-allow-headers"]
        refused = shop.http({"Origin": origin}).get("/nothing")
        assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (404, origin)


def test_the_api_admits_no_other_origin(shop: DeployedShop) -> None:
    for origin in ("https://elsewhere.example", "http://localhost:5174", "null"):
        assert "access-control-allow-origin" not in preflight(shop, origin).headers
        assert "access-control-allow-origin" not in shop.http({"Origin": origin}).get("/products").headers


# The sign-in


EXCHANGE = """async ([address, form]) => {
  const answer = await fetch(address, { method: "POST", body: new URLSearchParams(form) });
  return { status: answer.status, body: await answer.json() };
}"""

CALL = """async ([path, token]) => {
  const answer = await fetch(path, { headers: { Authorization: `Bearer ${token}` } });
  return answer.status;
}"""


def code_of(page: Page, pool: Pool, home: str, verifier: str, shop: DeployedShop, name: str) -> str:
    """Sign in on Cognito's page, and return the code with which it sends the browser back to the page."""
    state = secrets.token_urlsafe(16)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    query = {
        "client_id": pool.client,
        "response_type": "code",
        "scope": "openid email",
        "redirect_uri": f"{home}signed-in",
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    # The page that returns is not under test here. It would exchange the code itself.
    page.route("**/signed-in?*", lambda route: route.fulfill(path=SITE / "index.html", content_type="text/html"))
    page.goto(f"{pool.domain}/oauth2/authorize?{urlencode(query)}")
    fill_in(page, sign_in_of(shop.stage, pool, name))
    page.wait_for_url("**/signed-in?*")
    assert page.url.startswith(f"{home}signed-in?")
    answer = parse_qs(urlsplit(page.url).query)
    assert answer["state"] == [state]
    return answer["code"][0]


def exchange(page: Page, pool: Pool, home: str, code: str, verifier: str) -> dict[str, Any]:
    """Exchange a code for tokens, as a script of the page does under the page's policy."""
    form = {
        "grant_type": "authorization_code",
        "client_id": pool.client,
        "code": code,
        "redirect_uri": f"{home}signed-in",
        "code_verifier": verifier,
    }
    found: dict[str, Any] = page.evaluate(EXCHANGE, [f"{pool.domain}/oauth2/token", form])
    return found


@pytest.mark.parametrize(
    ("operators", "own", "others"),
    [(False, "/v1/orders", "/v1/operators/shipments"), (True, "/v1/operators/shipments", "/v1/orders")],
    ids=["customer", "operator"],
)
def test_people_sign_in_by_the_code_flow_with_pkce(
    page: Page,
    console: Console,
    shop: DeployedShop,
    pages: PagesOutputs,
    site: str,
    operators: bool,
    own: str,
    others: str,
) -> None:
    pool = shop.outputs.operators if operators else shop.outputs.users
    home = pages.console if operators else f"{pages.url}/"
    verifier = secrets.token_urlsafe(48)
    code = code_of(page, pool, home, verifier, shop, f"visitor-{secrets.token_hex(4)}")
    page.goto(site)
    answer = exchange(page, pool, home, code, verifier)
    assert answer["status"] == 200, answer
    token = answer["body"]["id_token"]
    assert page.evaluate(CALL, [own, token]) == 200
    assert page.evaluate(CALL, [others, token]) == 401
    console.expect("status of 401")


def test_a_code_is_worth_nothing_without_its_verifier(
    page: Page, console: Console, shop: DeployedShop, pages: PagesOutputs, site: str
) -> None:
    pool, home = shop.outputs.users, f"{pages.url}/"
    code = code_of(page, pool, home, secrets.token_urlsafe(48), shop, "visitor")
    page.goto(site)
    answer = exchange(page, pool, home, code, secrets.token_urlsafe(48))
    assert (answer["status"], answer["body"]["error"]) == (400, "invalid_grant")
    console.expect("status of 400")


def test_the_shown_sign_in_stays_valid_while_other_commands_sign_in(
    page: Page, shop: DeployedShop, pages: PagesOutputs
) -> None:
    shown = sign_in_of(shop.stage, shop.outputs.users, "customer")
    shop.user("customer")
    assert sign_in_of(shop.stage, shop.outputs.users, "customer") == shown
    assert code_of(page, shop.outputs.users, f"{pages.url}/", secrets.token_urlsafe(48), shop, "customer")
