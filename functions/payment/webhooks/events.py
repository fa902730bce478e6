"""Stripe's events, and the reports that they become (Stripe API Reference, "The Event object").

A report says only which payment the gateway is to be asked about, so an event that is old, repeated or out of order
does no harm.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from contracts.values.order import is_order_id
from contracts.values.text import Id
from functions.payment.reports import About, Report, ReportId
from tidings.core.clock import to_rfc3339
from tidings.core.event import CorrelationId, Traceparent

INTENTS: dict[str, About] = {
    "payment_intent.amount_capturable_updated": "authorized",
    # The customer has approved the payment, so it concerns the same orders as an authorization.
    "payment_intent.processing": "authorized",
    "payment_intent.succeeded": "captured",
    "payment_intent.payment_failed": "ended",
    "payment_intent.canceled": "ended",
}
"""The subjects of the events of payment intents, by type (Stripe API Reference, "Types of events")."""

OTHERS: dict[str, About] = {
    "refund.created": "refund",
    "refund.updated": "refund",
    "refund.failed": "refund",
    "charge.refund.updated": "refund",
    "charge.dispute.created": "dispute",
    "charge.dispute.updated": "dispute",
    "charge.dispute.closed": "dispute",
    "charge.dispute.funds_reinstated": "dispute",
    "charge.dispute.funds_withdrawn": "dispute",
}
"""The subjects of the events of refunds and disputes, which name their payment intent."""


class _Data(Struct, frozen=True):
    object: Raw


class _Event(Struct, frozen=True):
    id: ReportId
    type: str
    data: _Data


class _Intent(Struct, frozen=True):
    id: Id
    metadata: dict[str, str]


class _OfIntent(Struct, frozen=True):
    payment_intent: Id | None = None
    metadata: dict[str, str] | None = None


def report_of(body: bytes, stage: str, now: int, trace: str) -> Report | None:
    """Return the report that an event of Stripe becomes; None if the event concerns no order of this stage.

    An intent's metadata name the stage and the order. Those of a refund do, too, unless it was made at Stripe's
    dashboard. A dispute has none. If the order is not named, the consumer asks Stripe for it.

    Args:
        body: The event's JSON, whose signature is valid.
        stage: The stage's name.
        now: The time in milliseconds since 1970.
        trace: The trace to begin if that of the order's request is not known.

    Raises:
        ValueError: If the event has not the form of its type.
    """
    event = msgspec.json.decode(body, type=_Event)
    if about := INTENTS.get(event.type):
        intent = msgspec.json.decode(event.data.object, type=_Intent)
        payment, labels = intent.id, intent.metadata
        order = _order(labels, stage)
        # The shop labels each of its intents, so another one is not the shop's.
        concerned = order is not None
    elif about := OTHERS.get(event.type):
        found = msgspec.json.decode(event.data.object, type=_OfIntent)
        payment, labels = found.payment_intent or "", found.metadata or {}
        order = _order(labels, stage)
        concerned = payment != "" and labels.get("stage", stage) == stage
    else:
        return None
    if not concerned:
        return None
    return Report(
        id=event.id,
        payment=payment,
        about=about,
        time=to_rfc3339(now),
        order=order,
        correlationid=_valid(labels.get("correlation"), CorrelationId) or event.id,
        traceparent=_valid(labels.get("trace"), Traceparent) or trace,
    )


def _order(labels: Mapping[str, str], stage: str) -> str | None:
    """Return the order of this stage that labels name; None if they name none."""
    order = labels.get("order", "")
    return order if labels.get("stage") == stage and is_order_id(order) else None


def _valid(value: str | None, form: Any) -> str | None:
    """Return a label if it is valid. Staff can change labels at Stripe's dashboard."""
    try:
        text: str = msgspec.convert(value, form)
    except msgspec.ValidationError:
        return None
    return text
