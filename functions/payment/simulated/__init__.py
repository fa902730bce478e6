"""The simulated payment gateway, for stages without a real one. It keeps payments in a table and moves no money.

The payment method's id selects the outcome:

- `pm_card_visa` succeeds.
- `pm_card_declined` and `pm_card_insufficient_funds` are declined.
- `pm_card_error_once` succeeds after its first authorization failed.
- `pm_card_authentication_required` must be approved on the bank's page (`functions/payment/bank/`).
- `pm_card_processing` is not decided when it is authorized, and is authorized at the next look. The shop cannot void it
  before.
- `pm_card_authorization_expires` is authorized, and its capture fails for good.
- `pm_card_refund_pending` succeeds. Its refunds are pending when they are made, and have succeeded at the next look.
- `pm_card_refund_fails` succeeds. Its first refund fails, and the next attempt succeeds.
- `pm_card_refund_returned` succeeds. Its first refund succeeds, and has failed at the second look after that, because
  the bank returned the money. The next attempt succeeds.
- `pm_card_disputed` is disputed as soon as it is captured. It cannot be refunded unless the shop wins the dispute.

A look is any call that returns the state: an inspection, or a repeat of the call that began it.

As with Stripe, an amount that is too small or too large, or in another currency, is declined before a payment is
opened. A call that Stripe refuses, such as the capture of a payment that is not authorized, raises an error.
"""

from functions.payment.simulated.gateway import SimulatedGateway, from_item
from functions.payment.simulated.payment import DECLINES, METHODS, News, SimulatedPayment
from functions.payment.simulated.webhooks import WebhookSender

__all__ = ["DECLINES", "METHODS", "News", "SimulatedGateway", "SimulatedPayment", "WebhookSender", "from_item"]
