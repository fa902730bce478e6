"""The guide to Stripe, compared with the code."""

import re

from functions.payment.webhooks.events import INTENTS, OTHERS
from ops.stage import ROOT

GUIDE = (ROOT / "docs" / "guides" / "take-payments-with-stripe.md").read_text()


def test_the_guide_names_the_types_of_events_that_the_webhook_understands() -> None:
    named = re.findall(r"`((?:payment_intent|refund|charge)\.[a-z_.]+)`", GUIDE)
    assert sorted(named) == sorted(INTENTS | OTHERS)
