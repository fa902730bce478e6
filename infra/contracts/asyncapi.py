"""The events' document: AsyncAPI 3.0, generated from what the services declare of their events and queues.

Names and times are those of the stage that it is made for. The bindings are of the versions that AsyncAPI's own schema
of 3.0.0 knows: SNS 0.1.0 and SQS 0.2.0. A test compares all of them with the synthesized templates.
"""

from collections.abc import Iterable, Sequence
from importlib import import_module
from typing import Any

from infra.contracts.schemas import Json
from infra.services import Found
from infra.stages import Stage
from tidings.events import Contract
from tidings.service import QueueKind, Service

SNS = "0.1.0"
SQS = "0.2.0"
DAY = 24 * 3600
TOPIC = "topic"


def document(services: Sequence[Found], contracts: Iterable[type[Contract]], stage: Stage) -> Json:
    """The document of the topic, the services' queues, who announces on the one and who reacts to the others."""
    types = [contract.__name__ for contract in contracts]
    consumers = [found.service for found in services if found.service.consumes]
    return {
        "asyncapi": "3.0.0",
        "id": "urn:tidings",
        "info": {
            "title": "Tidings",
            "version": "1",
            "description": (
                "The events of a shop: facts about its orders, announced on one topic by whoever made them true. "
                f"Names and times are those of the stage `{stage.name}`."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {protocol: _server(protocol) for protocol in ("sns", "sqs")},
        "channels": {
            TOPIC: _topic(stage, types),
            **{_channel(service): _queue_channel(service, stage, types) for service in consumers},
        },
        "operations": {
            **{f"{found.name}.announce": _announce(found.service) for found in services if found.service.announces},
            **{f"{service.name}.react": _react(service, stage, types) for service in consumers},
        },
        "components": {"messages": {contract.__name__: _message(contract) for contract in contracts}},
    }


def event_file(contract: type[Contract]) -> str:
    """Where an event's schema stands, beside the document."""
    return f"events/{contract.__name__}.{contract.major}.json"


def says(thing: Any) -> str:
    """The first sentence or so of a docstring: its first line."""
    return (thing.__doc__ or "").strip().partition("\n")[0]


def about(service: Service[Any]) -> str:
    """What a service is for, as its folder says it."""
    return says(import_module(f"functions.{service.name}.service"))


def _server(protocol: str) -> Json:
    return {
        "host": f"{protocol}.{{region}}.amazonaws.com",
        "protocol": protocol,
        "variables": {"region": {"description": "Where the stage is deployed."}},
    }


def _channel(service: Service[Any]) -> str:
    return f"{service.name}.queue"


def _topic(stage: Stage, types: Iterable[str]) -> Json:
    name = _topic_name(stage)
    return {
        "address": name,
        "description": (
            "All events. The message group is the event's subject, its order; the deduplication id is the event's own."
        ),
        "servers": [{"$ref": "#/servers/sns"}],
        "messages": _messages(types),
        "bindings": {
            "sns": {
                "name": name,
                "ordering": {"type": "FIFO", "contentBasedDeduplication": False},
                "bindingVersion": SNS,
            }
        },
    }


def _queue_channel(service: Service[Any], stage: Stage, types: Iterable[str]) -> Json:
    queue, dead, _ = _queues(service, stage)
    return {
        "address": queue["name"],
        "description": f"What the topic has for {service.name}. {about(service)}",
        "servers": [{"$ref": "#/servers/sqs"}],
        "messages": _messages(_heard(service, types)),
        "bindings": {"sqs": {"queue": queue, "deadLetterQueue": dead, "bindingVersion": SQS}},
    }


def _announce(service: Service[Any]) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{TOPIC}"},
        "summary": about(service),
        "messages": _selected(TOPIC, sorted(contract.__name__ for contract in service.announces)),
    }


def _react(service: Service[Any], stage: Stage, types: Iterable[str]) -> Json:
    queues = _queues(service, stage)
    queue, _, undelivered = queues
    subscription: Json = {
        "protocol": "sqs",
        "endpoint": {"name": queue["name"]},
        "rawMessageDelivery": True,
        "redrivePolicy": {"deadLetterQueue": {"name": undelivered["name"]}},
    }
    if not service.subscribes_to_all:
        subscription |= {"filterPolicy": {"type": _heard(service, types)}, "filterPolicyScope": "MessageAttributes"}
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_channel(service)}"},
        "summary": about(service),
        "messages": _selected(_channel(service), _heard(service, types)),
        "bindings": {
            "sns": {"topic": {"name": _topic_name(stage)}, "consumers": [subscription], "bindingVersion": SNS},
            "sqs": {"queues": list(queues), "bindingVersion": SQS},
        },
    }


def _message(contract: type[Contract]) -> Json:
    name = contract.__name__
    return {
        "name": name,
        "title": name,
        "summary": says(contract),
        "headers": {
            "type": "object",
            "description": "The message's attributes, by which subscriptions filter.",
            "properties": {"type": {"type": "string", "const": name}},
            "required": ["type"],
        },
        "payload": {"$ref": event_file(contract)},
        "correlationId": {"location": "$message.payload#/correlationid"},
    }


def _heard(service: Service[Any], types: Iterable[str]) -> list[str]:
    return list(types) if service.subscribes_to_all else sorted(each.__name__ for each in service.reactions)


def _messages(types: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in types}


def _selected(channel: str, types: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in types]


def _topic_name(stage: Stage) -> str:
    return f"{stage.named()}.fifo"


def _queues(service: Service[Any], stage: Stage) -> tuple[Json, Json, Json]:
    """The service's queue, its dead-letter queue, and that of what the topic could not deliver to it."""
    name = stage.named(service.name)
    queue, dead = _queue(name, service.queue, stage), _queue(f"{name}-dlq", service.queue, stage)
    if service.batching and stage.batch_window:
        queue["visibilityTimeout"] += max(0, service.batching.seconds - stage.batch_window)
    queue["redrivePolicy"] = {"deadLetterQueue": {"name": dead["name"]}, "maxReceiveCount": stage.max_receives}
    return queue, dead, _queue(f"{name}-undelivered", "fifo", stage)


def _queue(name: str, kind: QueueKind, stage: Stage) -> Json:
    queue: Json = {
        "name": f"{name}.fifo" if kind == "fifo" else name,
        "fifoQueue": kind == "fifo",
        "visibilityTimeout": stage.visibility,
        "messageRetentionPeriod": stage.message_retention_days * DAY,
    }
    high_throughput = {"deduplicationScope": "messageGroup", "fifoThroughputLimit": "perMessageGroupId"}
    return queue | (high_throughput if kind == "fifo" else {})
