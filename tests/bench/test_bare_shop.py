"""The bare topology: it is the shop's own, and an order has as many events."""

import importlib
import json
import re
from collections import deque
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from aws_cdk import App

from bench.bare_shop.app import SHOP_SETTINGS, STAGE, bare
from bench.flow import EVENTS
from infra.shop import SETTINGS, shop_services
from infra.stages import STAGES
from tests.infra.synthesis import CONTEXT, Synthesis, synthesize

LOCAL = STAGES["local"]
HAPPY = {
    "OrderPlaced",
    "PaymentAuthorized",
    "StockReserved",
    "OrderConfirmed",
    "PaymentCaptured",
    "EmailSent",
    "PointsAwarded",
}


HASHED = re.compile(r"tidings(?:bare|local)(\w+?)(?:[0-9A-F]{8}){1,2}\b")
"""The id that the CDK derives from the path to a construct in another stack."""

VERSION = re.compile(r"(CurrentVersion[0-9A-F]{8})[0-9a-f]{32}\b")
"""The id of a function's version. The CDK derives its end from the function's code and settings."""


def as_local(synthesis: Synthesis) -> dict[str, Any]:
    """Return the stage's templates with the names and the sender of the stage `local`."""
    text = VERSION.sub(r"\1", HASHED.sub(r"tidings\1", json.dumps(synthesis.templates)))
    names = {f"tidings-{STAGE.name}": f"tidings-{LOCAL.name}", SHOP_SETTINGS.sender: SETTINGS["local"].sender}
    # The dashboard's body is a text, in which quotes are escaped.
    quoted = {f"{quote}{STAGE.name}{quote}": f"{quote}{LOCAL.name}{quote}" for quote in ('"', r"\"")}
    # The stage of the WebSocket API has the stage's name too, and the distribution's comment contains it.
    paths = {f"/{STAGE.name}{end}": f"/{LOCAL.name}{end}" for end in ("/", '"', ";")}
    comment = {f"stage {STAGE.name}": f"stage {LOCAL.name}"}
    for name, local in (names | quoted | paths | comment).items():
        text = text.replace(name, local)
    templates: dict[str, Any] = json.loads(text)
    return templates


def without_code(templates: dict[str, Any]) -> dict[str, Any]:
    for template in templates.values():
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                for name in ("Code", "Handler", "Layers"):
                    resource["Properties"].pop(name, None)
                resource.pop("Metadata", None)
    return templates


def test_the_bare_topology_differs_from_the_shops_only_in_its_functions_code(tmp_path: Path) -> None:
    app = App(context=CONTEXT, outdir=str(tmp_path / "bare"), analytics_reporting=False)
    bare(app)
    app.synth()
    stripped = Synthesis(STAGE.name, tmp_path / "bare")
    shop = synthesize("local", tmp_path / "shop")

    functions = [function.properties for function in stripped.resources("AWS::Lambda::Function")]
    kept = [function["Handler"] for function in functions if not function["Handler"].startswith("index.")]
    others = {
        "function.handler",
        "functions.live.websocket.authorizer.handler",
        "functions.live.websocket.function.handler",
        "functions.orders.expiry.function.handler",
        "functions.payment.bank.function.handler",
        "functions.payment.checks.function.handler",
        "functions.payment.webhooks.function.handler",
        "functions.privacy.jobs.function.handler",
        "tidings.aws.personal.handler",
    }
    assert set(kept) == others, "no happy order passes these functions"
    assert without_code(as_local(stripped)) == without_code(as_local(shop))


class Aws:
    """A stub of AWS that records the items and the events."""

    def __init__(self) -> None:
        self.put: deque[dict[str, Any]] = deque()
        self.published: deque[dict[str, Any]] = deque()

    def put_item(self, *, Item: dict[str, Any], **_: Any) -> None:  # noqa: N803 - boto3's own name
        self.put.append(Item)

    def publish_batch(self, *, PublishBatchRequestEntries: list[dict[str, Any]], **_: Any) -> None:  # noqa: N803 - boto3's name
        assert len(PublishBatchRequestEntries) <= 10
        self.published.extend(PublishBatchRequestEntries)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Aws:
    monkeypatch.setenv("TABLE", "table")
    monkeypatch.setenv("TOPIC", "topic")
    return Aws()


@pytest.fixture
def handlers(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    module = importlib.import_module("bench.bare_shop.handlers")
    monkeypatch.setattr(module, "dynamodb", aws)
    monkeypatch.setattr(module, "sns", aws)
    return module


def test_the_bare_handlers_announce_the_same_event_types_as_the_shop_for_a_happy_order(
    handlers: ModuleType, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE", "orders")
    handlers.api({"requestContext": {"http": {"method": "POST"}}, "body": '{"lines": []}'}, None)
    types, puts, deliveries = [], 0, 0

    while aws.put:
        images = [{"dynamodb": {"NewImage": item}} for item in aws.put if item["announces"]["BOOL"]]
        puts += len(aws.put)
        aws.put.clear()
        handlers.relay({"Records": images}, None)
        while aws.published:
            message = aws.published.popleft()
            types.append(message["MessageAttributes"]["type"]["StringValue"])
            for service in subscribers(types[-1]):
                monkeypatch.setenv("SERVICE", service)
                handlers.consumer({"Records": [{"body": message["Message"]}]}, None)
                deliveries += 1

    assert sorted(types) == sorted(HAPPY)
    assert len(types) == EVENTS
    assert puts == deliveries + 1, "one item for each message, and one for the order"


def subscribers(kind: str) -> list[str]:
    """Return the services that receive events of this type."""
    return [
        folder.name
        for folder in shop_services()
        if folder.service.subscribes_to_all or kind in {contract.__name__ for contract in folder.service.contracts}
    ]


def test_a_bare_order_is_confirmed_once_its_payment_is_authorized(
    handlers: ModuleType, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SERVICE", "orders")
    authorized = {"id": "payment/1/1", "type": "PaymentAuthorized", "subject": "1", "data": {"lines": []}}

    handlers.consumer({"Records": [{"body": json.dumps(authorized)}]}, None)

    (item,) = aws.put
    event = json.loads(item["event"]["S"])
    assert item["pk"] == {"S": "1"}
    assert (event["type"], event["id"], event["data"]) == ("OrderConfirmed", "orders/1/2", {"lines": []})
