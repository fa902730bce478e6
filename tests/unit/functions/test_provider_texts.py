"""No text of another system reaches a log line, a dead letter, an event, a metric or an answer: only codes do."""

import io
import json
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from typing import Any, cast

import boto3
import pytest
import stripe
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError

import tidings.aws.clients  # noqa: F401 - it registers the description of AWS's errors
from contracts.payment.payment_captured import PaymentCaptured
from contracts.values.money import Money
from functions.notification.bounces import with_bounces
from functions.notification.mail import SesMailer
from functions.notification.service import service as notification
from functions.payment.gateway import Declined, Origin
from functions.payment.reports import Ports
from functions.payment.service import service as payment
from functions.payment.stripe_gateway import StripeGateway
from tests.gateway.keys import StubSecrets
from tests.unit.facts import ORDER, fact, order_placed
from tidings.aws import lambdas
from tidings.aws.sns import SnsTopic
from tidings.aws.sqs import SqsQueue
from tidings.aws.throttling import is_throttled
from tidings.core.entity import OutboxEvent
from tidings.core.errors import RetryableError, described
from tidings.core.event import encode
from tidings.core.ports import DeadLetter, StreamRecord
from tidings.http.requests import Request
from tidings.http.routes import route
from tidings.http.server import serve
from tidings.messaging.assembly import parser_of
from tidings.messaging.relay import Relay
from tidings.observability.log import logger
from tidings.testing import InlineExecutor, MemoryRelayDeadLetterQueue, Outcome, given

ADDRESS = "ann@customers.example"
TEXT = f"550 5.1.1 the mailbox of {ADDRESS} is unknown"
PLACED = fact(order_placed())
PAID = fact(PaymentCaptured(payment="pay_1", amount=Money(2000, "EUR")))


def refusal(code: str, operation: str = "SendEmail", text: str = TEXT) -> ClientError:
    return ClientError(
        {
            "Error": {"Code": code, "Message": text},
            "ResponseMetadata": cast(Any, {"HTTPStatusCode": 400, "RequestId": "r-1"}),
        },
        operation,
    )


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The lines that the functions' own logger writes."""
    stream = io.StringIO()
    handler = cast("Any", logger.registered_handler)
    before = handler.setStream(stream)
    yield stream
    handler.setStream(before)


class Failing:
    """A client, or a port, of which every call fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*_: object, **__: object) -> Any:
            raise self._error

        return call


def attributes(letter: DeadLetter) -> str:
    """Return the message that a dead letter is, without its body."""
    sent: list[Any] = []

    class Client:
        def send_message(self, **request: Any) -> None:
            sent.append({name: value for name, value in request.items() if name != "MessageBody"})

    SqsQueue(lambda: cast(Any, Client()), "queue", "dlq", "standard").dead_letter(letter)
    return json.dumps(sent)


def shown(outcome: Outcome[Any]) -> str:
    """Return what a delivery leaves behind."""
    outboxes = [str(entity.outbox) + entity.state for entity in outcome.scenario.table.entities.values()]
    return "\n".join([*map(attributes, outcome.dead_letters), *map(encode, outcome.events), *outboxes])


ERRORS = [
    refusal("InternalFailure"),
    refusal("MessageRejected", text=f"Email address is not verified: {ADDRESS}"),
    refusal(TEXT),
    refusal("Throttling"),
    ParamValidationError(report=f"Invalid type for parameter Destination, value: {ADDRESS}"),
    ValueError(TEXT),
    KeyError(ADDRESS),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("receives", [1, 100])
def test_a_failed_mail_is_described_by_codes_in_the_log_and_in_its_dead_letter(
    error: Exception, receives: int, log: io.StringIO
) -> None:
    mailer = SesMailer(cast(Any, Failing(error)), "orders@tidings.example", "set")
    outcome = given(notification, PLACED, port=mailer).when_batch(PAID, receives=receives, age=24 * 60 * 60)
    # The mailbox itself keeps the customer's own address, which the order gives.
    assert TEXT not in shown(outcome)
    assert "mailbox of" not in shown(outcome)
    assert all(ADDRESS not in attributes(letter) for letter in outcome.dead_letters)
    assert len(outcome.dead_letters) == (receives == 100)
    assert "message" in log.getvalue()
    assert ADDRESS not in log.getvalue()


def test_codes_and_the_request_id_are_shown(log: io.StringIO) -> None:
    mailer = SesMailer(cast(Any, Failing(refusal("InternalFailure"))), "orders@tidings.example", "set")
    given(notification, PLACED, port=mailer).when_batch(PAID)
    for words in ("InternalFailure of SendEmail", "HTTP 400", "request r-1"):
        assert words in log.getvalue()


def test_a_refused_mail_is_announced_with_a_code_only() -> None:
    mailer = SesMailer(
        cast(Any, Failing(refusal("MessageRejected", text=f"Address {ADDRESS} is blocked."))), "a@b.net", "set"
    )
    outcome = given(notification, PLACED, port=mailer).when(PAID)
    assert [json.loads(encode(event))["data"] for event in outcome.events] == [
        {"kind": "receipt", "code": "MessageRejected", "address_bad": True}
    ]
    assert ADDRESS not in shown(outcome)


def test_a_parameter_that_botocore_refuses_is_not_logged(log: io.StringIO) -> None:
    client = boto3.client(
        "ses",
        region_name="eu-west-1",
        config=Config(parameter_validation=True, signature_version=UNSIGNED),
    )
    mailer = SesMailer(client, cast(Any, [ADDRESS]), "set")
    outcome = given(notification, PLACED, port=mailer).when_batch(PAID, receives=100)
    ((_, error),) = outcome.errors.items()
    assert ADDRESS in str(error.__cause__)
    (letter,) = outcome.dead_letters
    assert "ParamValidationError at botocore." in letter.detail
    assert ADDRESS not in attributes(letter)
    assert ADDRESS not in log.getvalue()


def test_a_report_that_cannot_be_read_is_not_quoted() -> None:
    tags = {"order": [ORDER], "kind": [ADDRESS], "correlation": ["61"], "trace": [PLACED.traceparent]}
    report = {"eventType": "Bounce", "mail": {"messageId": "m-1", "timestamp": PLACED.time, "tags": tags}}
    body = json.dumps({"source": "aws.ses", "detail": report})
    outcome = given(notification, parse=with_bounces(parser_of(notification))).when_batch(body)
    (letter,) = outcome.dead_letters
    assert letter.detail == "a report of SES: detail.mail.tags.kind[0]: This is none of the allowed values"
    assert ADDRESS not in attributes(letter)


untyped: Any = stripe
"""Stripe, whose errors' constructors have no types."""

STRIPES: list[stripe.StripeError] = [
    untyped.RateLimitError(TEXT, code="rate_limit", http_status=429),
    untyped.APIConnectionError(TEXT),
    untyped.APIError(TEXT, http_status=500),
    untyped.PermissionError(TEXT, http_status=403),
    untyped.InvalidRequestError(TEXT, "metadata", code="parameter_invalid", http_status=400),
]


class FailingHttp(stripe.HTTPClient):
    """An HTTP client of which every request raises an error of Stripe's."""

    name = "failing"

    def __init__(self, error: stripe.StripeError) -> None:
        super().__init__()
        self._error = error

    def request(self, *_: object, **__: object) -> Any:
        raise self._error

    def close(self) -> None:
        pass


def stripe_over(error: stripe.StripeError) -> StripeGateway:
    """Return Stripe's gateway, of which every request raises this error."""
    return StripeGateway(StubSecrets("sk").secret(), "test", "pk", http=FailingHttp(error))


@pytest.mark.parametrize("error", STRIPES, ids=lambda error: type(error).__name__)
def test_a_failed_payment_is_described_by_stripes_codes(error: stripe.StripeError, log: io.StringIO) -> None:
    ports = Ports(stripe_over(error), cast(Any, None))
    outcome = given(payment, port=ports).when_batch(PLACED, receives=100, age=24 * 60 * 60)
    (letter,) = outcome.dead_letters
    assert type(error).__name__ in letter.detail
    assert ADDRESS not in attributes(letter)
    assert ADDRESS not in log.getvalue()
    assert "message goes to the dead-letter queue" in log.getvalue()


class Api:
    """An API whose only route fails."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    @route("GET", "/customers", str)
    def show(self, _request: Request) -> str:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    "error", [*ERRORS, RetryableError("another"), *STRIPES], ids=lambda error: type(error).__name__
)
def test_a_failed_request_shows_no_text_in_its_answer_or_in_the_log(error: Exception, log: io.StringIO) -> None:
    event = {
        "routeKey": "GET /customers",
        "rawPath": "/customers",
        "requestContext": {"requestId": "r", "authorizer": {"jwt": {"claims": {"sub": "ann", "token_use": "id"}}}},
    }
    answer = serve(Api(error), is_throttled)(event, cast(Any, None))
    assert answer["statusCode"] in (500, 503)
    assert ADDRESS not in json.dumps(answer)
    assert log.getvalue()
    assert ADDRESS not in log.getvalue()


def test_an_error_that_caused_another_is_logged_without_its_text(log: io.StringIO) -> None:
    try:
        try:
            raise refusal("MessageRejected")
        except ClientError as cause:
            raise ValueError(TEXT) from cause
    except ValueError:
        logger.exception("it failed")
    line = json.loads(log.getvalue())
    assert (line["message"], line["exception_name"]) == ("it failed", "ValueError")
    assert "MessageRejected of SendEmail" in line["exception"]
    assert "test_provider_texts.py" in line["exception"]
    assert ADDRESS not in log.getvalue()


@pytest.mark.parametrize("code", ["InternalFailure", "InvalidParameter"])
def test_an_event_that_a_topic_does_not_take_leaves_no_text(code: str, log: io.StringIO) -> None:
    body = encode(fact(order_placed(), source="orders"))
    record = StreamRecord("1", (OutboxEvent(body),), ORDER)
    dlq = MemoryRelayDeadLetterQueue()
    topic = SnsTopic(cast(Any, Failing(refusal(code, "PublishBatch"))), "arn")
    Relay("orders", topic, dlq, cast(Executor, InlineExecutor())).handle([record])
    assert ADDRESS not in log.getvalue() + "".join(letter.detail for letter in dlq.letters)
    assert code in log.getvalue()


def test_a_code_with_the_form_of_a_text_is_not_shown() -> None:
    assert described(refusal(TEXT)) == "ClientError: unknown of SendEmail, HTTP 400, request r-1"
    assert described(ClientError({}, "SendEmail")) == "ClientError: unknown of SendEmail, HTTP None, request unknown"
    canceled = refusal("TransactionCanceledException", "TransactWriteItems")
    cast(Any, canceled.response)["CancellationReasons"] = [
        {"Code": "None"},
        {"Code": "ThrottlingError", "Message": TEXT},
    ]
    assert "None, ThrottlingError" in described(canceled)
    assert ADDRESS not in described(canceled)


def test_a_decline_carries_stripes_code_and_not_its_text() -> None:
    refused = untyped.InvalidRequestError(TEXT, "amount", code="amount_too_small", http_status=400)
    origin = Origin(PLACED.correlationid, PLACED.traceparent)
    assert stripe_over(refused).open(ORDER, Money(1, "EUR"), "pm", origin) == Declined("amount_too_small")


@pytest.mark.parametrize("error", [*ERRORS, *STRIPES], ids=lambda error: type(error).__name__)
def test_a_function_that_fails_shows_no_text_to_lambda(error: Exception, log: io.StringIO) -> None:
    @lambdas.without_texts
    def handler(_event: object, _context: object) -> dict[str, Any]:
        raise error

    with pytest.raises(lambdas.FunctionError) as caught:
        handler({}, cast(Any, None))
    # Lambda shows the text, and the traceback without that of other errors.
    assert ADDRESS not in "".join(traceback.format_exception(caught.value))
    assert "the function failed" in log.getvalue()
    assert ADDRESS not in log.getvalue()
