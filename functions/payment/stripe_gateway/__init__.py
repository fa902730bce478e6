"""Stripe as the payment gateway."""

from functions.payment.stripe_gateway.api import API_BASE
from functions.payment.stripe_gateway.gateway import StripeGateway

__all__ = ["API_BASE", "StripeGateway"]
