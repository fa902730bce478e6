"""Personal data reaches no log, metric, message attribute, reason of a dead letter, refusal or command output.

Marked values, which nothing else contains, go through successes and failures. In the failures, providers quote the
whole request, as AWS's services do.
"""

import io
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from ops.cli import app
from tests.integration.cli_driver import CliDriver
from tests.integration.cloud import Cloud, Context
from tests.integration.facts import bounce, confirmed, new_order, placed
from tests.integration.poison import SERVICES, changed, poison
from tests.integration.shop import Shop
from tidings.observability.log import logger
from tidings.testing import make_record

ADDRESS = {
    "name": "Zebulon Quuxworth",
    "street": "17 Xylographer Mews",
    "city": "Vexholm",
    "postal_code": "ZQ77-1XV",
    "country": "BE",
}
EMAIL = "customer@example.com"
"""The address in the tokens of the shop's customer."""

TEXT = "550 5.1.1 no such user"
"""The text of the mail system in a report about a bounce."""

MARKS = ("Zebulon", "Quuxworth", "Xylographer", "Vexholm", "ZQ77", EMAIL, TEXT)
PLAIN = {"A. Customer": "name", "1 Mill Lane": "street", "Ghent": "city", "9000": "postal_code"}
"""The values in the events of other tests, by the field of the address."""

BODIES = frozenset({"MessageBody", "Message"})
"""The members of a request that contain a message itself."""


def marked(body: str) -> str:
    """Return a message with the marked address in the place of the tests' own."""
    for value, field in PLAIN.items():
        body = body.replace(value, ADDRESS[field])
    return body


def leaks(text: str) -> list[str]:
    """Return the marked values that a text contains, in whatever way JSON writes it."""
    return [mark for mark in MARKS if mark in text or mark in text.replace("\\\\", "")]


def without_bodies(value: Any) -> Any:
    """Return a request without the messages that it contains."""
    if isinstance(value, Mapping):
        return {name: without_bodies(each) for name, each in value.items() if name not in BODIES}
    return [without_bodies(each) for each in value] if isinstance(value, list | tuple) else value


class Witness:
    """All texts that functions leave behind, where no personal data may be."""

    def __init__(self, cloud: Cloud, log: io.StringIO, printed: Callable[[], str]) -> None:
        self._cloud = cloud
        self._log = log
        self._printed = printed
        self._thrown: list[str] = []

    def invoke(self, service: str, function: str, event: dict[str, Any]) -> None:
        """Invoke a function. Keep the error that Lambda would log and return to the caller."""
        try:
            self._cloud.handler(service, function)(event, Context())
        except Exception as error:  # noqa: BLE001 - Lambda catches all
            self._thrown += traceback.format_exception(error)

    def deliver(self, service: str, *bodies: str, receives: int = 1) -> None:
        """Deliver messages to a service's consumer in one batch."""
        records = [make_record(body, message_id=f"m-{n}", receives=receives) for n, body in enumerate(bodies)]
        self.invoke(service, "consumer", {"Records": records})

    def texts(self) -> Mapping[str, str]:
        """Return what was left behind until now, by the place where it is."""
        sent = [
            without_bodies(request)
            for name, request in self._cloud.calls.made
            if name.startswith(("SendMessage", "Publish", "ChangeMessageVisibility"))
        ]
        # The customer's own address is where an e-mail goes.
        mails = [request["Tags"] for name, request in self._cloud.calls.made if name == "SendEmail"]
        return {
            "log": self._log.getvalue(),
            "metrics and prints": self._printed(),
            "errors of functions": "\n".join(self._thrown),
            "message attributes": json.dumps(sent, default=str),
            "tags of e-mails": json.dumps(mails),
        }

    def find(self) -> dict[str, list[str]]:
        """Return the marked values that are anywhere, by their place."""
        return {place: found for place, text in self.texts().items() if (found := leaks(text))}


@pytest.fixture
def witness(cloud: Cloud, capfd: pytest.CaptureFixture[str]) -> Iterator[Witness]:
    log, printed = io.StringIO(), io.StringIO()

    def read() -> str:
        printed.write("".join(capfd.readouterr()))
        return printed.getvalue()

    handler = cast("Any", logger.registered_handler)
    before = handler.setStream(log)
    yield Witness(cloud, log, read)
    handler.setStream(before)


def quote(cloud: Cloud, code: str, *names: str) -> None:
    """Make calls fail with a text that quotes the request; all calls if no name is given."""

    def refuses(call: str, request: Mapping[str, Any]) -> bool:
        if call in names or not names:
            message = f"Value {json.dumps(request, default=str)} is refused; 1 validation error of {EMAIL}: {TEXT}"
            raise ClientError({"Error": {"Code": code, "Message": message}}, call)
        return False

    cloud.calls.before = refuses


def repair(cloud: Cloud) -> None:
    """Let all calls succeed again."""
    cloud.calls.before = lambda _name, _request: False


def test_the_search_finds_a_mark_in_each_place(witness: Witness, cloud: Cloud) -> None:
    logger.info("a mail", extra={"address": ADDRESS})
    sys.stdout.write(json.dumps(ADDRESS))
    with suppress(ClientError):
        cloud.handler("payment", "consumer")
        quote(cloud, "InternalFailure")
        cloud.dynamodb.list_tables()
    repair(cloud)
    cloud.calls.made.append(("SendMessage", {"MessageAttributes": {"detail": {"StringValue": json.dumps(ADDRESS)}}}))
    cloud.calls.made.append(("SendEmail", {"Tags": [{"Value": EMAIL}]}))
    assert witness.find().keys() == {"log", "metrics and prints", "message attributes", "tags of e-mails"}
    assert leaks(json.dumps(json.dumps(ADDRESS))) == list(MARKS[:5])
    assert without_bodies({"MessageBody": EMAIL, "Entries": [{"Message": EMAIL, "Id": 1}]}) == {"Entries": [{"Id": 1}]}


def test_an_order_that_succeeds_leaves_personal_data_nowhere_else(shop: Shop, witness: Witness) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    order, cancelled = (str(shop.post(shop.order(("mug", 1), address=ADDRESS)).body["id"]) for _ in range(2))
    cloud.drain(times=2)
    assert shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": "t"}, caller="op").status == 202
    assert shop.cancel(cancelled).status == 202
    cloud.drain()
    witness.deliver("notification", bounce(order, "receipt"))
    assert shop.timeline(order)
    assert any(ADDRESS["name"] in json.dumps(item) for item in cloud.items(cloud.table("warehouse")))
    assert "SendEmail" in cloud.calls.names()
    assert witness.find() == {}


def broken_people() -> Iterator[str]:
    """Yield events whose personal data breaks the contract, in every way that a type or a rule refuses."""
    good = json.loads(marked(placed(new_order(), ("mug", 1))))
    recipient = json.loads(good["personal"])
    for field, value in ADDRESS.items():
        wrong = (f"{value}\n{EMAIL}", f"http://{value}.example/{EMAIL}", value * 40, 7, None, [value], {value: value})
        for each in wrong:
            yield changed(
                json.dumps(good),
                personal=json.dumps(recipient | {"address": recipient["address"] | {field: each}}),
            )
        rest = {name: each for name, each in recipient["address"].items() if name != field}
        yield changed(json.dumps(good), personal=json.dumps(recipient | {"address": rest}))
    for email in ("Zebulon", f"{EMAIL} {EMAIL}", f"Zebulon <{EMAIL}>", 7, [EMAIL]):
        yield changed(json.dumps(good), personal=json.dumps(recipient | {"email": email}))
    for personal in (ADDRESS, [EMAIL], json.dumps(ADDRESS)[:-9], EMAIL * 2_000, json.dumps([EMAIL]), f'"{EMAIL}"'):
        yield changed(json.dumps(good), personal=personal)


def broken_envelopes() -> Iterator[str]:
    """Yield messages that are no events, or no JSON, although they contain personal data."""
    body = marked(placed(new_order(), ("mug", 1)))
    event = json.loads(body)
    yield from (body[:-n] for n in (1, 40, 200, 400))
    yield body.replace(",", ";", 3)
    yield body + body
    yield json.dumps(body)
    yield json.dumps([event])
    yield json.dumps(event | {"data": event["data"] | {"pad": ADDRESS["name"] * 6_000}})
    yield json.dumps(event | {"data": ADDRESS})
    yield json.dumps(event | {"data": list(ADDRESS.values())})
    yield json.dumps(event | {"data": event["data"] | {"lines": [ADDRESS], "customer": ADDRESS["name"]}})
    for name in ("id", "source", "type", "dataschema", "subject", "time", "correlationid", "traceparent"):
        yield json.dumps(event | {name: f"{ADDRESS['name']} {EMAIL}"})
        yield json.dumps(event | {name: ADDRESS})


def test_a_message_that_cannot_be_handled_is_quoted_nowhere(shop: Shop, witness: Witness) -> None:
    for name, service in SERVICES.items():
        bodies = [
            *broken_people(),
            *broken_envelopes(),
            *(marked(body) for body, _ in poison(service)),
            bounce("x", "receipt").replace('"tags"', '"rags"'),
            bounce(new_order(), EMAIL),
        ]
        shop.cloud.calls.made.clear()
        for start in range(0, len(bodies), 10):
            witness.deliver(name, *bodies[start : start + 10])
        assert shop.cloud.calls.names()["SendMessage"] > len(bodies) / 3, name
        assert witness.find() == {}, name


CODES = ("InternalFailure", "ValidationException", "MessageRejected", "Throttling")


@pytest.mark.parametrize("code", CODES)
def test_a_provider_that_quotes_the_request_is_not_repeated_by_a_consumer(
    shop: Shop, witness: Witness, code: str
) -> None:
    for name in SERVICES:
        shop.cloud.handler(name, "consumer")
        _quote_to(shop.cloud, witness, name, code)
        assert witness.find() == {}, name
    assert witness.texts()["log"]


def _quote_to(cloud: Cloud, witness: Witness, name: str, code: str) -> None:
    """Deliver messages to a service's consumer while the calls of each kind fail."""
    order = new_order()
    bodies = [marked(placed(order, ("mug", 1))), marked(confirmed(order, ("mug", 1))), bounce(order, "receipt")]
    reading = ("GetItem", "BatchGetItem", "Query", "GetSecretValue")
    writing = ("PutItem", "UpdateItem", "TransactWriteItems")
    for calls in ((*reading, *writing, "SendEmail"), writing, ("SendEmail",), ("SendMessage",), ()):
        quote(cloud, code, *calls)
        for receives in (1, 100):
            witness.deliver(name, *bodies, "{", receives=receives)
    repair(cloud)


@pytest.mark.parametrize("code", [*CODES, "InvalidParameter"])
def test_a_topic_that_quotes_the_event_is_not_repeated_by_a_relay(shop: Shop, witness: Witness, code: str) -> None:
    cloud = shop.cloud
    shop.stock("mug", 10)
    order = shop.post(shop.order(("mug", 1), address=ADDRESS)).body["id"]
    (image,) = [item for item in cloud.items(cloud.table("orders")) if item["pk"]["S"] == order]
    foreign = json.loads(json.dumps(image).replace('\\\\"orders\\\\"', '\\\\"mail\\\\"'))
    torn = {**image, "outbox": {"L": [{"S": image["outbox"]["L"][0]["S"][:-30]}]}}
    strange = {**image, "outbox": {"L": [{"N": EMAIL}, {"S": json.dumps(ADDRESS)}]}}
    for names in (("Publish", "PublishBatch"), ("SendMessage",), ()):
        quote(cloud, code, *names)
        for n, new in enumerate((image, foreign, torn, strange, {"announces": {"S": EMAIL}}, {"outbox": ADDRESS})):
            record = {"eventName": "INSERT", "dynamodb": {"SequenceNumber": str(n), "NewImage": new}}
            witness.invoke("orders", "relay", {"Records": [record]})
    repair(cloud)
    assert witness.texts()["log"]
    assert witness.find() == {}


def refused_orders(shop: Shop) -> Iterator[Any]:
    """Yield bodies of orders that are refused, each of which contains marked values."""
    good = shop.order(("mug", 1), address=ADDRESS)
    text = json.dumps(good)
    yield from (
        text[:-1],
        text[:-40],
        text + text,
        json.dumps(text),
        text.replace(",", ";", 2),
        [good],
        {"x": text * 500},
    )
    for field, value in ADDRESS.items():
        for wrong in (f"{value}\n", f"http://{value}.example/{EMAIL}", value * 40, 7, [value], ""):
            yield good | {"address": ADDRESS | {field: wrong}}
        yield good | {"address": {name: each for name, each in ADDRESS.items() if name != field}}
    yield good | {"address": list(ADDRESS.values())}
    yield good | {"payment_method": f"{ADDRESS['name']} {EMAIL}"}
    yield good | {"payment_method": "Zebulon"}
    yield good | {"lines": [{"sku": f"{ADDRESS['name']} {EMAIL}", "quantity": 1}]}
    yield good | {"expected_total": ADDRESS["name"]}
    yield good | {"lines": [ADDRESS]}


def test_a_refused_request_is_quoted_nowhere(shop: Shop, witness: Witness) -> None:
    shop.stock("mug", 10)
    answers = [shop.post(body) for body in refused_orders(shop)]
    answers += [
        shop.post(shop.order(("mug", 1), address=ADDRESS), key) for key in (f"{ADDRESS['name']} {EMAIL}", EMAIL * 40)
    ]
    key = "a-key"
    assert shop.post(shop.order(("mug", 1), address=ADDRESS), key).status == 202
    answers.append(shop.post(shop.order(("mug", 1), address=ADDRESS | {"city": "Quuxworth"}), key))
    assert {answer.status // 100 for answer in answers} == {4}
    assert leaks(json.dumps([answer.body for answer in answers])) == []
    assert witness.find() == {}


@pytest.mark.parametrize("code", CODES)
def test_a_failed_request_is_quoted_nowhere(shop: Shop, witness: Witness, code: str) -> None:
    shop.stock("mug", 10)
    order = str(shop.post(shop.order(("mug", 1), address=ADDRESS)).body["id"])
    shop.cloud.drain()
    answers = []
    for names in (("PutItem",), ("GetItem", "BatchGetItem", "Query"), ("TransactWriteItems", "UpdateItem")):
        quote(shop.cloud, code, *names)
        answers += [
            shop.post(shop.order(("mug", 1), address=ADDRESS)),
            shop.call("GET", f"/orders/{order}"),
            shop.call("GET", "/orders"),
            shop.call("GET", f"/orders/{order}/timeline"),
            shop.cancel(order),
            shop.call("GET", "/operators/shipments", caller="op"),
            shop.call("POST", f"/operators/shipments/{order}/dispatch", {"tracking": "t"}, caller="op"),
        ]
    repair(shop.cloud)
    refused = [answer.body for answer in answers if answer.status >= 400]
    assert len(refused) > 5
    assert leaks(json.dumps(refused)) == []
    assert witness.find() == {}


def test_the_scheduled_jobs_quote_nothing(shop: Shop, witness: Witness) -> None:
    shop.stock("mug", 10)
    shop.post(shop.order(("mug", 1), address=ADDRESS))
    jobs = [("orders", "expiry"), ("payment", "checks")]
    for service, function in jobs:
        shop.cloud.handler(service, function)
    for names in ((), ("GetItem",), ("PutItem", "TransactWriteItems")):
        quote(shop.cloud, "InternalFailure", *names)
        for service, function in jobs:
            witness.invoke(service, function, {"all": True, "older_than": -1})
    repair(shop.cloud)
    assert "FunctionError" in witness.texts()["errors of functions"]
    assert witness.find() == {}


# Commands

COMMANDS = (
    ("dlq", "list"),
    ("dlq", "list", "--json"),
    ("dlq", "show", "payment"),
    ("dlq", "show", "payment", "--json"),
    ("dlq", "show", "orders", "--relay"),
    ("dlq", "show", "fraud", "--undelivered"),
    ("dlq", "redrive", "payment", "--dry-run"),
    ("dlq", "redrive", "payment"),
    ("dlq", "redrive", "fraud", "--undelivered"),
    ("relay", "--since", "1000d", "--dry-run"),
    ("relay", "--since", "1000d"),
    ("replay", "loyalty", "--to", "1s", "--dry-run"),
    ("replay", "loyalty", "--to", "1s"),
    ("dlq", "drop", "fraud", "--undelivered", "--yes"),
    ("dlq", "drop", "payment", "--yes"),
    ("dlq", "forget", "--yes"),
)


@pytest.fixture
def run(driver: CliDriver, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """A function that runs a command, and returns all that it printed."""
    monkeypatch.setattr("ops.context.stage_named", lambda _name, _cloud: driver.stage)
    monkeypatch.setattr("ops.context.outputs_of", lambda _stage: driver.outputs)

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["--local", str(driver.directory), *arguments])
        error = traceback.format_exception(done.exception) if done.exception else []
        # An expected error ends the program without a traceback.
        return done.output + ("" if isinstance(done.exception, SystemExit) else "".join(error))

    return run


def send(cloud: Cloud, queue: str, body: str, **attributes: str) -> None:
    """Send a message to a queue of either kind."""
    fifo: Any = {"MessageGroupId": "g", "MessageDeduplicationId": new_order()} if queue.endswith(".fifo") else {}
    texts: Any = {name: {"DataType": "String", "StringValue": text} for name, text in attributes.items()}
    cloud.sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=texts, **fifo)


def fill(shop: Shop, driver: CliDriver) -> None:
    """Fill each kind of dead-letter queue and the event log with messages that contain marked values."""
    cloud = shop.cloud
    shop.stock("mug", 10)
    shop.post(shop.order(("mug", 1), address=ADDRESS))
    event = marked(placed(new_order(), ("mug", 1)))
    quoted = f"Value {event} is refused: {EMAIL}"
    for body in (event, event[:-9], EMAIL):
        send(cloud, cloud.dlq("payment"), body, reason="gave-up", detail="ClientError: InternalFailure of PutItem")
        send(cloud, str(cloud.queue_named("fraud", "Undelivered")), body, ErrorCode="Gone", ErrorMessage=quoted)
        send(cloud, str(cloud.queue_named("orders", "RelayDlq")), body, reason="refused", detail="InvalidParameter")
    send(cloud, str(cloud.queue_named("orders", "RelayDlq")), json.dumps({"requestContext": {"condition": "Age"}}))
    driver.record(event, marked(confirmed(new_order(), ("mug", 1))))
    cloud.dynamodb.put_item(
        TableName=cloud.table("history"),
        Item={"pk": {"S": "o"}, "id": {"S": "i"}, "event": {"S": event[:-9]}},
    )


def test_no_command_prints_personal_data_unasked(shop: Shop, driver: CliDriver, run: Callable[..., str]) -> None:
    fill(shop, driver)
    printed = {command: run(*command) for command in COMMANDS}
    assert {command: found for command, text in printed.items() if (found := leaks(text))} == {}
    assert "gave-up" in printed["dlq", "list"]


def test_the_body_of_a_dead_letter_is_printed_if_that_is_asked_for(
    shop: Shop, driver: CliDriver, run: Callable[..., str]
) -> None:
    fill(shop, driver)
    assert leaks(run("dlq", "show", "payment", "--body"))
    assert leaks(run("dlq", "show", "payment", "--body", "--json"))


@pytest.mark.parametrize("code", ["InternalFailure", "InvalidMessageContents", "AccessDenied"])
def test_no_command_repeats_a_provider_that_quotes_the_request(
    shop: Shop, driver: CliDriver, run: Callable[..., str], code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Without the pauses between several attempts.
    monkeypatch.setattr("tidings.recovery.sender.MAX_SEND_ATTEMPTS", 1)
    fill(shop, driver)
    for names in (("SendMessageBatch", "PublishBatch"), ("ReceiveMessage", "Query", "Scan"), ("DeleteMessageBatch",)):
        quote(shop.cloud, code, *names)
        printed = {command: run(*command) for command in COMMANDS}
        repair(shop.cloud)
        assert {command: found for command, text in printed.items() if (found := leaks(text))} == {}
