"""The AsyncAPI 3.0 document of an application's events, generated from what its services declare.

The bindings have the versions that AsyncAPI's own schema of 3.0.0 supports: SNS 0.1.0 and SQS 0.2.0. A test compares
names and times with the synthesized templates.
"""

from collections.abc import Iterable

from infra.application import Application
from infra.discovery import ServiceFolder, summary_of
from infra.published_language.schemas import Json, schema_path
from infra.stages import Stage
from tidings.core.contract import Contract
from tidings.core.service import QueueKind

SNS = "0.1.0"
SQS = "0.2.0"
DAY = 24 * 3600
TOPIC = "topic"

PERSONAL_TAG = {"name": "personal data", "description": "The attribute `personal` contains personal data."}
"""The tag of messages that carry personal data."""


def asyncapi_document(application: Application) -> Json:
    """Return the document: the topic, the services' queues, the operations on both, and the messages."""
    consumers = [service for service in application.services if service.service.consumes]
    producers = [service for service in application.services if service.service.announces]
    return {
        "asyncapi": "3.0.0",
        "id": f"urn:{application.name}",
        "info": {
            "title": application.title,
            "version": "1",
            "description": (
                f"The events of {application.title}. Every service announces its events on one topic, and handles "
                f"others' events from its own queue. Names and times are those of the stage `{application.stage.name}`."
            ),
        },
        "defaultContentType": "application/cloudevents+json",
        "servers": {protocol: _server(protocol) for protocol in ("sns", "sqs")},
        "channels": {
            TOPIC: _topic_channel(application),
            **{_channel(service): _queue_channel(service, application) for service in consumers},
        },
        "operations": {
            **{f"{service.name}.announce": _send(service) for service in producers},
            **{f"{service.name}.handle": _receive(service, application) for service in consumers},
        },
        "components": {"messages": {contract.__name__: _message(contract) for contract in application.contracts}},
    }


def _server(protocol: str) -> Json:
    return {
        "host": f"{protocol}.{{region}}.amazonaws.com",
        "protocol": protocol,
        "variables": {"region": {"description": "The region of the stage."}},
    }


def _channel(service: ServiceFolder) -> str:
    return f"{service.name}.queue"


def _topic_channel(application: Application) -> Json:
    name = _topic_name(application)
    return {
        "address": name,
        "description": (
            "All events. The message group is the event's subject, and the deduplication id is the event's id."
        ),
        "servers": [{"$ref": "#/servers/sns"}],
        "messages": _messages(_names(application.contracts)),
        "bindings": {
            "sns": {
                "name": name,
                "ordering": {"type": "FIFO", "contentBasedDeduplication": False},
                "bindingVersion": SNS,
            }
        },
    }


def _queue_channel(service: ServiceFolder, application: Application) -> Json:
    queue, dead_letters, _ = _queues(service, application)
    return {
        "address": queue["name"],
        "description": f"The events that {service.name} handles. {service.summary}",
        "servers": [{"$ref": "#/servers/sqs"}],
        "messages": _messages(_handled(service, application)),
        "bindings": {"sqs": {"queue": queue, "deadLetterQueue": dead_letters, "bindingVersion": SQS}},
    }


def _send(service: ServiceFolder) -> Json:
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{TOPIC}"},
        "summary": service.summary,
        "messages": _references(TOPIC, sorted(_names(service.service.announces))),
    }


def _receive(service: ServiceFolder, application: Application) -> Json:
    queues = _queues(service, application)
    queue, _, undelivered = queues
    handled = _handled(service, application)
    subscription: Json = {
        "protocol": "sqs",
        "endpoint": {"name": queue["name"]},
        "rawMessageDelivery": True,
        "redrivePolicy": {"deadLetterQueue": {"name": undelivered["name"]}},
    }
    if not service.service.subscribes_to_all:
        subscription |= {"filterPolicy": {"type": handled}, "filterPolicyScope": "MessageAttributes"}
    topic = {"name": _topic_name(application)}
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{_channel(service)}"},
        "summary": service.summary,
        "messages": _references(_channel(service), handled),
        "bindings": {
            "sns": {"topic": topic, "consumers": [subscription], "bindingVersion": SNS},
            "sqs": {"queues": list(queues), "bindingVersion": SQS},
        },
    }


def _message(contract: type[Contract]) -> Json:
    name = contract.__name__
    return {
        "name": name,
        "title": name,
        "summary": summary_of(contract),
        "headers": {
            "type": "object",
            "description": "The message's attributes, by which subscriptions filter.",
            "properties": {"type": {"type": "string", "const": name}},
            "required": ["type"],
        },
        "payload": {"$ref": schema_path(contract)},
        "correlationId": {"location": "$message.payload#/correlationid"},
        **({"tags": [PERSONAL_TAG]} if contract.personal else {}),
    }


def _names(contracts: Iterable[type[Contract]]) -> list[str]:
    return [contract.__name__ for contract in contracts]


def _handled(service: ServiceFolder, application: Application) -> list[str]:
    if service.service.subscribes_to_all:
        return _names(application.contracts)
    return sorted(_names(service.service.contracts))


def _messages(types: Iterable[str]) -> Json:
    return {name: {"$ref": f"#/components/messages/{name}"} for name in types}


def _references(channel: str, types: Iterable[str]) -> list[Json]:
    return [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in types]


def _topic_name(application: Application) -> str:
    return f"{application.resource_name()}.fifo"


def _queues(service: ServiceFolder, application: Application) -> tuple[Json, Json, Json]:
    """Return the service's queue, its dead-letter queue, and the queue of what the topic could not deliver to it."""
    name, stage, kind = application.resource_name(service.name), application.stage, service.service.queue
    queue = _queue(name, kind, stage, stage.batch(service.service.strategy.batch).seconds)
    dead_letters = _queue(f"{name}-dlq", kind, stage)
    queue["redrivePolicy"] = {"deadLetterQueue": {"name": dead_letters["name"]}, "maxReceiveCount": stage.max_receives}
    return queue, dead_letters, _queue(f"{name}-undelivered", "fifo", stage)


def _queue(name: str, kind: QueueKind, stage: Stage, window: int = 0) -> Json:
    queue: Json = {
        "name": f"{name}.fifo" if kind == "fifo" else name,
        "fifoQueue": kind == "fifo",
        "visibilityTimeout": stage.visibility_timeout(window),
        "messageRetentionPeriod": stage.message_retention_days * DAY,
    }
    high_throughput = {"deduplicationScope": "messageGroup", "fifoThroughputLimit": "perMessageGroupId"}
    return queue | (high_throughput if kind == "fifo" else {})
