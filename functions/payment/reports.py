"""The reports of the gateway about payments: messages on payment's queue that come from elsewhere than the topic.

A report of the gateway names a payment, and perhaps its order. One that names no order, such as that of a dispute, has
the payment's id as its group. Its consumer asks the gateway for the order, and sends the report again.
"""

from typing import Annotated, Any, Final, Literal, Protocol

import msgspec
from msgspec import Meta, Struct

from contracts.values.order import OrderEvent, OrderId
from contracts.values.text import Id
from functions.payment.gateway import Gateway, PaymentPort
from tidings.core.clock import TIME_PATTERN
from tidings.core.contract import Contract
from tidings.core.errors import PermanentError
from tidings.core.event import CorrelationId, Event, Traceparent
from tidings.core.explanation import explained
from tidings.core.strict_json import StrictJsonError, decode_strict
from tidings.messaging.consumer import Parse

SOURCE: Final = "gateway"

ReportId = Annotated[str, Meta(pattern=r"^[!-.0-~]{1,64}\Z")]
"""A report's id. It contains no slash, because it becomes the last part of an event's id."""

About = Literal["authorized", "captured", "ended", "refund", "dispute"]
"""The subject of a report. `ended` means that no money will move: the payment failed, expired or was cancelled."""


class PaymentReported(OrderEvent, frozen=True, kw_only=True):
    """A report of the gateway about a payment. It comes from the gateway only, never from the topic."""

    producer = SOURCE

    payment: Id
    about: About


class UnaddressedReport(Contract, frozen=True, kw_only=True):
    """A report of the gateway that names no order. Its subject is the payment's id."""

    producer = SOURCE

    about: About


class Report(Struct, frozen=True, kw_only=True):
    """A report as a message.

    Attributes:
        source: Always `gateway`.
        id: The gateway's id of the report.
        payment: The gateway's id of the payment.
        about: What the report is about.
        time: The time at which it was received, as events carry it.
        order: The order; None if it is not known yet.
        correlationid: The correlation id of the order's request; the report's id if it is not known.
        traceparent: The trace of the order's request, or a new one.
    """

    source: Literal["gateway"] = SOURCE
    id: ReportId
    payment: Id
    about: About
    time: Annotated[str, Meta(pattern=TIME_PATTERN)]
    order: OrderId | None = None
    correlationid: CorrelationId
    traceparent: Traceparent

    @property
    def group(self) -> str:
        """The group of its message: the order, or the payment."""
        return self.order or self.payment

    @property
    def deduplication_id(self) -> str:
        """The id by which a queue knows a repeated message. A report that is sent again has another.

        A queue's id has at most 128 characters.
        """
        return f"{self.id}/{self.group}"[:128]


class ReportQueue(Protocol):
    """Payment's own queue, as reports reach it."""

    def send(self, report: Report) -> None:
        """Send a report. A repeat within five minutes is dropped."""


class ReportPort(PaymentPort, Protocol):
    """The port of the handler of reports that name no order."""

    @property
    def reports(self) -> ReportQueue:
        """The queue that they are sent to again."""


class Ports(Struct, frozen=True):
    """The gateway, and the queue of its reports."""

    gateway: Gateway
    reports: ReportQueue


class Readdress(Struct, frozen=True):
    """The request to send a report again under its order. A report about no order of this stage is dropped."""

    payment: str
    about: About
    event: str
    time: str

    def perform(self, port: ReportPort) -> None:
        """Ask the gateway for the payment's order, and send the report."""
        labels = port.gateway.labels(self.payment)
        if labels is None:
            return
        port.reports.send(
            Report(
                id=self.event.rpartition("/")[2],
                payment=self.payment,
                about=self.about,
                time=self.time,
                order=labels.order,
                correlationid=labels.origin.correlation,
                traceparent=labels.origin.trace,
            )
        )


def with_reports(parse: Parse) -> Parse:
    """Return a parser of the gateway's reports, which leaves everything else to `parse`."""

    def either(body: str) -> Event[Any]:
        try:
            value = decode_strict(body)
        except StrictJsonError:
            value = None
        return _event(value) if isinstance(value, dict) and value.get("source") == SOURCE else parse(body)

    return either


def _event(value: object) -> Event[Any]:
    try:
        report = msgspec.convert(value, Report)
    except ValueError as error:
        raise PermanentError("breaks-contract", f"a report of the gateway: {explained(error)}") from error
    data = (
        UnaddressedReport(about=report.about)
        if report.order is None
        else PaymentReported(payment=report.payment, about=report.about)
    )
    return Event(
        id=f"{SOURCE}/{report.group}/{report.id}",
        source=SOURCE,
        type=type(data).__name__,
        dataschema=data.schema(),
        subject=report.group,
        time=report.time,
        correlationid=report.correlationid,
        traceparent=report.traceparent,
        data=data,
    )
