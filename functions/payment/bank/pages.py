"""The bank's pages in HTML. They contain no script, and load nothing."""

import base64
import hashlib
from html import escape

from msgspec import Struct

from contracts.values.money import format_money
from functions.payment.simulated import SimulatedPayment

_STYLE = """
body { font: 1.125rem/1.5 system-ui, sans-serif; margin: 0; background: #fff; color: #1b1b1b; }
main { max-width: 32rem; margin: 0 auto; padding: 2rem 1rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: 0.25rem 1rem; }
dt { font-weight: bold; }
dd { margin: 0; overflow-wrap: anywhere; }
button { font: inherit; min-height: 3rem; padding: 0 1.5rem; margin: 0 1rem 1rem 0; border: 2px solid #14416b;
  border-radius: 0.25rem; background: #fff; color: #14416b; cursor: pointer; }
button[value="approve"] { background: #14416b; color: #fff; }
button:focus-visible { outline: 3px solid #b35900; outline-offset: 2px; }
.note { border-left: 0.25rem solid #b35900; padding-left: 1rem; }
"""
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    # Each page has a secret in its address.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_DIGEST}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
}
"""The headers of every page."""

_QUESTION = """<form method="post">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="decline">Decline</button>
</form>"""


class Page(Struct, frozen=True):
    """An answer of the bank.

    Attributes:
        status: The HTTP status.
        html: The page.
    """

    status: int
    html: str


def payment_page(payment: SimulatedPayment, status: int = 200) -> Page:
    """Return the page that asks for the customer's decision, or that shows what was decided."""
    if payment.status == "action_required":
        title, text = "Approve this payment?", _QUESTION
    elif payment.answer == "approved":
        title, text = "You approved this payment", _paragraph("You can close this page and return to the shop.")
    elif payment.answer == "declined":
        title, text = "You declined this payment", _paragraph("You can close this page and return to the shop.")
    else:
        title = "This payment awaits no approval"
        text = _paragraph("The shop has not asked for your approval yet, or it has withdrawn the payment.")
    facts = (
        f"<dt>Amount</dt><dd>{escape(format_money(payment.total))}</dd>\n<dt>Order</dt><dd>{escape(payment.order)}</dd>"
    )
    return Page(status, _document(title, f"<dl>\n{facts}\n</dl>\n{text}"))


def error_page(status: int, title: str, text: str) -> Page:
    """Return a page that says why a request was refused."""
    return Page(status, _document(title, _paragraph(text)))


def _paragraph(text: str) -> str:
    return f"<p>{escape(text)}</p>"


def _document(title: str, content: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)} - Simulated bank</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{escape(title)}</h1>
<p class="note">This page simulates a bank for tests. No money moves.</p>
{content}
</main>
</body>
</html>
"""
