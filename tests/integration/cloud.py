"""The shop on moto: its resources and its functions' environments come from the synthesized templates.

moto runs no function by itself. What AWS would carry from stream to relay and from queue to consumer, a test carries
here, when and as often as it wants to.
"""

import importlib
import json
import os
import random
import sys
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3

from tidings import aws

REGION = "eu-west-1"
KEPT = {"AWS::DynamoDB::Table", "AWS::SNS::Topic", "AWS::SQS::Queue"}
"""What moto's CloudFormation makes; subscriptions are made from their properties, through SNS itself."""

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class CrashError(BaseException):
    """The function's process ends here: not an Exception, since no code may catch it."""


class Context:
    """As much of Lambda's context as the handlers look at; what a crashed function claimed is free again at once."""

    def get_remaining_time_in_millis(self) -> int:
        return 0


@dataclass
class Calls:
    """Counts a function's calls to AWS, and can end its process before or after any of them."""

    made: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    before: Callable[[str, Mapping[str, Any]], bool] = lambda _name, _request: False
    after: Callable[[str, Mapping[str, Any]], bool] = lambda _name, _request: False
    _open: dict[int, tuple[str, Mapping[str, Any]]] = field(default_factory=dict)

    def install(self, client: Any) -> None:
        client.meta.events.register("before-parameter-build", self._begin)
        client.meta.events.register("after-call", self._end)

    def names(self) -> Counter[str]:
        return Counter(name for name, _ in self.made)

    @contextmanager
    def counted(self) -> Iterator["Calls"]:
        self.made.clear()
        yield self

    def _begin(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        if self.before(model.name, params):
            raise CrashError(f"before {model.name}")
        self.made.append((model.name, dict(params)))

    def _end(self, model: Any, **_: Any) -> None:
        if self.after(model.name, {}):
            raise CrashError(f"after {model.name}")


class Cloud:
    """The deployed shop."""

    def __init__(self, templates: Mapping[str, dict[str, Any]]) -> None:
        self._templates = {name.removeprefix("tidings-local-"): body for name, body in templates.items()}
        self._physical: dict[str, dict[str, str]] = {}
        self._exports: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._settings: dict[tuple[str, str], dict[str, str]] = {}
        self.calls = Calls()
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.streams = boto3.client("dynamodbstreams", REGION)
        self.sqs = boto3.client("sqs", REGION)
        self.sns = boto3.client("sns", REGION)
        self.ses = boto3.client("ses", REGION)
        self._cloudformation = boto3.client("cloudformation", REGION)
        self._deploy("bus")
        for service in self.services:
            self._deploy(service)
        self.ses.verify_email_identity(EmailAddress=self.environment("notification", "consumer")["SENDER"])

    @property
    def services(self) -> list[str]:
        return sorted(set(self._templates) - {"bus", "api"})

    def environment(self, service: str, function: str) -> dict[str, str]:
        """A function's environment, as the template sets it."""
        return {
            name: self._value(service, value) for name, value in self._variables(service, function).items()
        } | self._settings.get((service, function), {})

    def set_environment(self, service: str, function: str, **variables: str) -> None:
        """Overrides a function's environment, for as long as this cloud lasts."""
        self._settings[service, function] = variables

    def queue(self, service: str) -> str:
        return self.environment(service, "consumer")["QUEUE"]

    def dlq(self, service: str) -> str:
        return self.environment(service, "consumer")["DLQ"]

    def table(self, service: str) -> str:
        return self.environment(service, "consumer")["TABLE"]

    def queue_named(self, service: str, output: str) -> str | None:
        """The queue that a service's stack gives out under this name, where there is one."""
        found = self._templates[service]["Outputs"].get(output)
        return self._value(service, found["Value"]) if found else None

    def handler(self, service: str, function: str) -> Handler:
        """A function's real handler, imported under its own environment."""
        if (service, function) not in self._handlers:
            handler_name = self._function(service, function)["Properties"]["Handler"]
            module, _, attribute = handler_name.rpartition(".")
            sys.modules.pop(module, None)
            with patch.dict(os.environ, self.environment(service, function)), self._counted_clients():
                self._handlers[service, function] = getattr(importlib.import_module(module), attribute)
        return self._handlers[service, function]

    def forget(self, service: str, function: str) -> None:
        """The function's next call finds a new process."""
        del self._handlers[service, function]

    def relay(self, service: str) -> int:
        """Carries what is new in a service's stream to its relay; gives how many records passed the filter."""
        arn = self.dynamodb.describe_table(TableName=self.table(service))["Table"].get("LatestStreamArn")
        if arn is None:
            return 0
        # An iterator would be lost with a cancelled transaction, since moto then puts an older copy of the table back.
        shard = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        first = self.streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        seen = self._seen.get(arn, 0)
        new = self.streams.get_records(ShardIterator=first["ShardIterator"], Limit=10_000)["Records"][seen:]
        records = [record for record in new if _announces(record)]
        if records:
            result = self.handler(service, "relay")({"Records": records}, Context())
            assert result == {"batchItemFailures": []}, result
        self._seen[arn] = seen + len(new)
        return len(records)

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """The messages that a queue would hand over now, as Lambda's records."""
        answer = self.sqs.receive_message(
            QueueUrl=queue, MaxNumberOfMessages=10, AttributeNames=["All"], MessageAttributeNames=["All"]
        )
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": message.get("MessageAttributes", {}),
            }
            for message in answer.get("Messages", [])
        ]

    def deliver(self, service: str, *, times: int = 1, rng: random.Random | None = None) -> int:
        """Carries one batch of a queue to its consumer, so many times; what then failed is visible again at once."""
        records = self.receive(self.queue(service))
        if rng:
            rng.shuffle(records)
        for _ in range(times if records else 0):
            try:
                answer = self.handler(service, "consumer")({"Records": records}, Context())
                failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
            except CrashError:
                failed = {record["messageId"] for record in records}
        for record in records:
            handle = {"QueueUrl": self.queue(service), "ReceiptHandle": record["receiptHandle"]}
            if record["messageId"] in failed:
                self.sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self.sqs.delete_message(**handle)
        return len(records)

    def settle(self, *, times: int = 1, rng: random.Random | None = None, without: tuple[str, ...] = ()) -> None:
        """Carries everything everywhere until nothing moves any more; `without` are services that are down."""
        services = [service for service in self.services if service not in without]
        moved = 1
        while moved:
            moved = sum(self.relay(service) for service in self.services)
            if rng:
                rng.shuffle(services)
            moved += sum(self.deliver(service, times=times, rng=rng) for service in services)

    def hand(self, service: str, *bodies: str, attempts: int = 1) -> list[dict[str, str]]:
        """Hands messages to a service's consumer as they are, ten at a time; gives those that it says failed."""
        failures: list[dict[str, str]] = []
        for start in range(0, len(bodies), 10):
            records = [
                {
                    "messageId": f"message-{start + n}",
                    "receiptHandle": f"receipt-{start + n}",
                    "body": body,
                    "attributes": {"ApproximateReceiveCount": str(attempts), "SentTimestamp": "1700000000000"},
                }
                for n, body in enumerate(bodies[start : start + 10])
            ]
            failures += self.handler(service, "consumer")({"Records": records}, Context())["batchItemFailures"]
        return failures

    def redrive(self, service: str) -> int:
        """Sends what lies in a dead-letter queue back to where it came from, as new messages."""
        letters = self.receive(self.dlq(service))
        for letter in letters:
            group = letter["attributes"].get("MessageGroupId")
            fifo = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex} if group else {}
            self.sqs.send_message(QueueUrl=self.queue(service), MessageBody=letter["body"], **fifo)
            self.sqs.delete_message(QueueUrl=self.dlq(service), ReceiptHandle=letter["receiptHandle"])
        return len(letters)

    def dead_letters(self, service: str) -> list[dict[str, Any]]:
        """What lies in a service's dead-letter queue, each with its attributes as text."""
        return [
            record | {"reasons": {name: value["StringValue"] for name, value in record["messageAttributes"].items()}}
            for record in self.receive(self.dlq(service))
        ]

    def items(self, table: str) -> list[dict[str, Any]]:
        """All items of a table."""
        return [dict(item) for item in self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]]

    def item(self, service: str, order: str) -> dict[str, Any]:
        """An order's item in a service's table, with its state decoded."""
        answer = self.dynamodb.get_item(TableName=self.table(service), Key={"pk": {"S": order}}, ConsistentRead=True)
        item: dict[str, Any] = dict(answer.get("Item", {}))
        return item | {"state": json.loads(item["state"]["S"])} if item else {}

    def payments(self) -> list[dict[str, Any]]:
        """The payments at the simulated gateway."""
        return self.items(self.environment("payment", "consumer")["GATEWAY_TABLE"])

    def mails(self) -> list[Any]:
        """The e-mails that SES has taken."""
        from moto.backends import get_backend

        return list(get_backend("ses")["123456789012"][REGION].sent_messages)

    def _deploy(self, name: str) -> None:
        template = self._templates[name]
        resources = {key: body for key, body in template["Resources"].items() if body["Type"] in KEPT}
        for body in resources.values():
            body.pop("DependsOn", None)
            body["Properties"].pop("KmsMasterKeyId", None)
        outputs = {
            key: body
            for key, body in template.get("Outputs", {}).items()
            if "Export" in body and _refers_to(body["Value"], resources)
        }
        text = json.dumps({"Resources": resources, "Outputs": outputs})
        self._cloudformation.create_stack(StackName=name, TemplateBody=text)
        made = self._cloudformation.describe_stack_resources(StackName=name)["StackResources"]
        self._physical[name] = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in made}
        self._exports = {each["Name"]: each["Value"] for each in self._cloudformation.list_exports()["Exports"]}
        for body in template["Resources"].values():
            if body["Type"] == "AWS::SNS::Subscription":
                self._subscribe(name, body["Properties"])
            if body["Type"] == "AWS::SES::ConfigurationSet":
                self.ses.create_configuration_set(ConfigurationSet={"Name": body["Properties"]["Name"]})

    def _subscribe(self, stack: str, properties: Mapping[str, Any]) -> None:
        attributes = {"RawMessageDelivery": str(properties["RawMessageDelivery"]).lower()}
        if "FilterPolicy" in properties:
            attributes["FilterPolicy"] = json.dumps(properties["FilterPolicy"])
        queue = self._physical[stack][properties["Endpoint"]["Fn::GetAtt"][0]]
        arn = self.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        topic = self._value(stack, properties["TopicArn"])
        self.sns.subscribe(TopicArn=topic, Protocol=properties["Protocol"], Endpoint=arn, Attributes=attributes)

    def _function(self, service: str, function: str) -> dict[str, Any]:
        name = f"tidings-local-{service}-{function}"
        for body in self._templates[service]["Resources"].values():
            if body["Type"] == "AWS::Lambda::Function" and body["Properties"].get("FunctionName") == name:
                return dict(body)
        raise KeyError(name)

    def _variables(self, service: str, function: str) -> dict[str, Any]:
        return dict(self._function(service, function)["Properties"]["Environment"]["Variables"])

    def _value(self, stack: str, value: Any) -> str:
        if isinstance(value, str):
            return value
        if "Fn::ImportValue" in value:
            return self._exports[value["Fn::ImportValue"]]
        if value.get("Ref") in self._physical[stack]:
            return self._physical[stack][value["Ref"]]
        return str(self._templates[stack]["Resources"][value["Ref"]]["Properties"]["Name"])

    @contextmanager
    def _counted_clients(self) -> Iterator[None]:
        make = boto3.client

        def counted(*args: Any, **options: Any) -> Any:
            client = make(*args, **options)
            self.calls.install(client)
            return client

        aws.dynamodb.cache_clear()
        with patch("boto3.client", counted):
            # Clients that are made when something first fails are made within the handler: they are not counted.
            yield


def read_templates(directory: Path) -> dict[str, dict[str, Any]]:
    """The templates of a synthesized app, by stack."""
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in directory.glob("*.template.json")
    }


def _announces(record: Mapping[str, Any]) -> bool:
    """The relay's stream filter, which infra's own tests compare with the template."""
    marker = record["dynamodb"].get("NewImage", {}).get("announces")
    return record["eventName"] in ("INSERT", "MODIFY") and marker == {"BOOL": True}


def _refers_to(value: Any, resources: Mapping[str, Any]) -> bool:
    return isinstance(value, dict) and (
        value.get("Ref") in resources or value.get("Fn::GetAtt", [None])[0] in resources
    )
