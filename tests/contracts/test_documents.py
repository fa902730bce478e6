"""The AsyncAPI and OpenAPI documents: valid by the official schemas, and equal to the templates."""

import copy
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from openapi_spec_validator import validate

from infra.application import Application
from infra.discovery import ROOT
from infra.openapi.document import openapi_document
from infra.published_language.baseline import FOLDER, PRIVACY
from infra.published_language.schemas import Json
from tests.contracts.validation import draft_7_complaints
from tests.infra.synthesis import Resource, Synthesis, synthesize

OFFICIAL = ROOT / "node_modules" / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"


@pytest.fixture(scope="module")
def asyncapi() -> Json:
    document: Json = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def official() -> Json:
    """AsyncAPI's own schema of its documents and bindings, which npm installs."""
    schema: Json = json.loads(OFFICIAL.read_text(encoding="utf-8"))
    return schema


@pytest.fixture(scope="module")
def prod(tmp_path_factory: pytest.TempPathFactory) -> Synthesis:
    return synthesize("prod", tmp_path_factory.mktemp("prod"))


def receiving(asyncapi: Json) -> dict[str, Json]:
    """Return the operations of consumers by the service's name."""
    return {
        name.removesuffix(".handle"): operation
        for name, operation in asyncapi["operations"].items()
        if operation["action"] == "receive"
    }


def test_asyncapi_is_valid_by_the_official_schema(asyncapi: Json, official: Json) -> None:
    assert draft_7_complaints(official, asyncapi) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("asyncapi",), "2.6.0"),
        (("channels", "topic", "bindings", "sns", "ordering", "type"), "sorted"),
        (("channels", "topic", "bindings", "sns", "bindingVersion"), "9.9.9"),
        (("operations", "payment.handle", "action"), "listen"),
        (("operations", "payment.handle", "bindings", "sqs", "queues", 0, "visibilityTimeout"), 99_999),
        (("operations", "payment.handle", "bindings", "sns", "consumers", 0, "protocol"), "pigeon"),
    ],
)
def test_the_official_schema_finds_a_mistake(
    path: tuple[str | int, ...], value: Any, asyncapi: Json, official: Json
) -> None:
    holder = wrong = copy.deepcopy(asyncapi)
    for key in path[:-1]:
        holder = holder[key]  # type: ignore[index]  # the way into a list is a number
    holder[path[-1]] = value  # type: ignore[index]  # as above
    assert draft_7_complaints(official, wrong) != []


def test_every_reference_has_a_target(asyncapi: Json) -> None:
    for reference in references(asyncapi):
        file, _, pointer = reference.partition("#")
        target: Any = json.loads((FOLDER / file).read_text(encoding="utf-8")) if file else asyncapi
        for key in pointer.split("/")[1:]:
            assert key in target, reference
            target = target[key]


def test_a_messages_payload_is_the_events_schema(asyncapi: Json) -> None:
    for name, message in asyncapi["components"]["messages"].items():
        schema = json.loads((FOLDER / message["payload"]["$ref"]).read_text(encoding="utf-8"))
        assert schema["properties"]["type"]["const"] == name


def test_producers_send_their_events_to_the_topic(asyncapi: Json, application: Application) -> None:
    sending = {
        name: {reference["$ref"] for reference in operation["messages"]}
        for name, operation in asyncapi["operations"].items()
        if operation["action"] == "send"
    }
    assert sending == {
        f"{found.name}.announce": {
            f"#/channels/topic/messages/{contract.__name__}" for contract in found.service.announces
        }
        for found in application.services
        if found.service.announces
    }


def test_consumers_receive_the_events_that_they_handle_from_their_own_queue(
    asyncapi: Json, application: Application
) -> None:
    everything = set(asyncapi["components"]["messages"])
    for found in application.services:
        if not found.service.consumes:
            continue
        handled = everything if found.service.subscribes_to_all else {each.__name__ for each in found.service.contracts}
        channel = f"#/channels/{found.name}.queue"
        operation = receiving(asyncapi)[found.name]
        assert operation["channel"] == {"$ref": channel}
        assert {reference["$ref"] for reference in operation["messages"]} == {
            f"{channel}/messages/{name}" for name in handled
        }


def test_every_queue_that_a_binding_names_is_described_in_it(asyncapi: Json) -> None:
    for operation in receiving(asyncapi).values():
        queues = operation["bindings"]["sqs"]["queues"]
        (subscription,) = operation["bindings"]["sns"]["consumers"]
        named = {subscription["endpoint"]["name"], subscription["redrivePolicy"]["deadLetterQueue"]["name"]}
        named |= {queue["redrivePolicy"]["deadLetterQueue"]["name"] for queue in queues if "redrivePolicy" in queue}
        assert named == {queue["name"] for queue in queues}


def test_the_topic_equals_the_template(asyncapi: Json, prod: Synthesis) -> None:
    topic = prod.only("bus", "AWS::SNS::Topic").properties
    described = asyncapi["channels"]["topic"]
    assert described["address"] == described["bindings"]["sns"]["name"] == topic["TopicName"]
    assert described["bindings"]["sns"]["ordering"] == {
        "type": "FIFO" if topic["FifoTopic"] else "standard",
        "contentBasedDeduplication": topic["ContentBasedDeduplication"],
    }


def test_the_queues_equal_the_templates(asyncapi: Json, prod: Synthesis) -> None:
    deployed = {resource.properties["QueueName"]: as_described(resource, prod) for resource in queues(prod)}
    for name, operation in receiving(asyncapi).items():
        queue, dead, undelivered = operation["bindings"]["sqs"]["queues"]
        assert [queue, dead, undelivered] == [deployed[each["name"]] for each in (queue, dead, undelivered)]
        channel = asyncapi["channels"][f"{name}.queue"]
        assert channel["address"] == queue["name"]
        assert channel["bindings"]["sqs"] == {"queue": queue, "deadLetterQueue": dead, "bindingVersion": "0.2.0"}


def test_the_subscriptions_equal_the_templates(asyncapi: Json, prod: Synthesis) -> None:
    described = {name: operation["bindings"]["sns"]["consumers"] for name, operation in receiving(asyncapi).items()}
    assert described == {
        resource.stack: [subscription(resource, prod)]
        for resource in prod.resources("AWS::SNS::Subscription")
        if resource.properties["TopicArn"] == events_topic(prod)
    }


def test_the_page_about_personal_data_names_what_the_templates_contain(prod: Synthesis) -> None:
    text = (FOLDER / PRIVACY).read_text(encoding="utf-8")
    tables = {resource.properties["TableName"] for resource in prod.resources("AWS::DynamoDB::Table")}
    deployed = {resource.properties["QueueName"].removesuffix(".fifo") for resource in queues(prod)} | tables
    named = set(re.findall(r"`(tidings-prod-[a-z-]+)`", text))
    assert named
    assert named <= deployed
    retained = {resource.properties["MessageRetentionPeriod"] for resource in queues(prod)}
    assert retained == {14 * 24 * 3600}
    assert "| messages in queues and dead-letter queues | 14 days | 14 days | 14 days |" in text


def test_openapi_is_valid(application: Application) -> None:
    document = json.loads((FOLDER / "openapi.json").read_text(encoding="utf-8"))
    validate(document)
    assert document == openapi_document(application)


def test_openapi_describes_a_status_in_one_way_in_every_version_of_python(application: Application) -> None:
    described = {
        (status, answer["description"].partition("\n")[0])
        for path in openapi_document(application)["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
    }
    assert {("413", "Content Too Large"), ("422", "Unprocessable Content")} <= described
    assert len(described) == len({status for status, _ in described})


def queues(synthesis: Synthesis) -> list[Resource]:
    return synthesis.resources("AWS::SQS::Queue")


def events_topic(synthesis: Synthesis) -> Any:
    """Return the topic of all events, as history's subscription refers to it."""
    return synthesis.only("history", "AWS::SNS::Subscription").properties["TopicArn"]


def as_described(resource: Resource, synthesis: Synthesis) -> Json:
    """Return a template's queue in the form of the SQS binding."""
    properties = resource.properties
    fifo = properties.get("FifoQueue", False)
    queue: Json = {
        "name": properties["QueueName"],
        "fifoQueue": fifo,
        "visibilityTimeout": properties["VisibilityTimeout"],
        "messageRetentionPeriod": properties["MessageRetentionPeriod"],
    }
    if fifo:
        queue["deduplicationScope"] = properties["DeduplicationScope"]
        queue["fifoThroughputLimit"] = properties["FifoThroughputLimit"]
    if policy := properties.get("RedrivePolicy"):
        queue["redrivePolicy"] = {
            "deadLetterQueue": {"name": queue_name(policy["deadLetterTargetArn"], resource.stack, synthesis)},
            "maxReceiveCount": policy["maxReceiveCount"],
        }
    return queue


def subscription(resource: Resource, synthesis: Synthesis) -> Json:
    """Return a template's subscription in the form of the SNS binding."""
    properties = resource.properties
    described: Json = {
        "protocol": properties["Protocol"],
        "endpoint": {"name": queue_name(properties["Endpoint"], resource.stack, synthesis)},
        "rawMessageDelivery": properties["RawMessageDelivery"],
        "redrivePolicy": {
            "deadLetterQueue": {
                "name": queue_name(properties["RedrivePolicy"]["deadLetterTargetArn"], resource.stack, synthesis)
            }
        },
    }
    if "FilterPolicy" in properties:
        described["filterPolicy"] = properties["FilterPolicy"]
        described["filterPolicyScope"] = properties.get("FilterPolicyScope", "MessageAttributes")
    return described


def queue_name(arn: Any, stack: str, synthesis: Synthesis) -> Any:
    """Return the name of the queue whose ARN a template refers to."""
    return synthesis.templates[stack]["Resources"][arn["Fn::GetAtt"][0]]["Properties"]["QueueName"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from (value["$ref"],) if "$ref" in value else ()
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from references(each)
