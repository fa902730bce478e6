"""Signing in on Cognito's own page."""

from playwright.sync_api import Page

from ops.users import SignIn


def fill_in(page: Page, account: SignIn) -> None:
    """Fill in Cognito's form, and send it."""
    page.get_by_label("Username").fill(account.address)
    page.get_by_label("Password").fill(account.password)
    page.get_by_role("button", name="Sign in").click()
