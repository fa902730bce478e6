"""Signing in on Cognito's own page, and pages of people who have signed in already."""

import base64
import json
from typing import Any

from playwright.sync_api import Page

from ops.outputs import PagesOutputs
from ops.pages.config import config_of
from ops.users import SignIn
from tests.system.deployed import DeployedShop, User

# The pages keep the session in their tab. It is stored once, so that a page on which it has ended stays signed out.
STORE = """([origin, key, session]) => {
  if (location.origin !== origin || sessionStorage.getItem("stored") !== null) return;
  sessionStorage.setItem("stored", "yes");
  sessionStorage.setItem(key, session);
}"""


def fill_in(page: Page, account: SignIn) -> None:
    """Fill in Cognito's form, and send it."""
    page.get_by_label("Username").fill(account.address)
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Sign in").click()


def store_session(page: Page, shop: DeployedShop, pages: PagesOutputs, user: User, *, console: bool = False) -> None:
    """Let a page begin as that of a user who has signed in. The sign-in itself has its own tests.

    Args:
        page: The page, which shows nothing yet.
        shop: The shop.
        pages: Its pages.
        user: The user.
        console: Whether the session is that of the operators' console; the shop's otherwise.
    """
    people = config_of("local", shop.outputs, pages)["operators" if console else "users"]
    claims = claims_of(user.token)
    session = {
        "id_token": user.token,
        "access_token": user.token,
        "token_type": "Bearer",
        "scope": "openid email",
        "profile": claims,
        "expires_at": claims["exp"],
    }
    key = f"oidc.user:{people['authority']}:{people['clientId']}"
    page.add_init_script(f"({STORE})({json.dumps([pages.url, key, json.dumps(session)])})")


def claims_of(token: str) -> dict[str, Any]:
    """Return the claims in a token, whose signature the API checks."""
    payload = token.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return claims
