"""The shop on moto. Its resources, handlers and environments come from the synthesized templates.

moto runs no Lambda function. A test carries records from streams to relays and messages from queues to consumers, in
the order and as often as it chooses.
"""

import copy
import importlib
import json
import os
import random
import sys
import threading
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast
from unittest.mock import patch

import boto3
import msgspec
import pytest
from botocore.client import BaseClient
from botocore.config import Config

from tidings.aws import clients
from tidings.handling.retries import RetryPolicy
from tidings.testing import make_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

REGION = "eu-west-1"
ACCOUNT = "123456789012"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_DEFAULT_REGION": REGION}
CREATED = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}
"""The resources that moto's CloudFormation creates. Others are created by their own API, from their properties."""

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


class CrashError(BaseException):
    """The end of a function's process. It is not an Exception, so that no code catches it."""


class Context:
    """The part of Lambda's context that the handlers use. In-progress records of a crashed function expire at once.

    The time ended a second ago, so that the machine's clock may be set back while a handler runs.
    """

    def get_remaining_time_in_millis(self) -> int:
        return -1000


@dataclass
class Calls:
    """The calls of functions to AWS, recorded. A call can be made to crash its function before or after it."""

    made: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    before: Callable[[str, Mapping[str, Any]], bool] = lambda _name, _request: False
    after: Callable[[str, Mapping[str, Any]], bool] = lambda _name, _request: False

    def names(self) -> Counter[str]:
        return Counter(name for name, _ in self.made)

    def clear(self) -> None:
        """Forget the calls, and crash at none."""
        self.made.clear()
        self.before = self.after = lambda _name, _request: False

    @contextmanager
    def counted(self) -> Iterator["Calls"]:
        self.made.clear()
        yield self

    def begin(self, params: Mapping[str, Any], model: Any, **_: Any) -> None:
        """Note that a call begins."""
        if self.before(model.name, params):
            raise CrashError(f"before {model.name}")
        self.made.append((model.name, dict(params)))

    def answered(self, response_dict: Any, **_: Any) -> None:
        """Note the answer to a call."""

    def end(self, model: Any, **_: Any) -> None:
        """Note that a call ended."""
        if self.after(model.name, {}):
            raise CrashError(f"after {model.name}")


class Session(boto3.Session):
    """A session that creates each client once, because that takes as long as a test.

    Attributes:
        calls: It records the calls of the clients.
    """

    def __init__(self) -> None:
        super().__init__(region_name=REGION)
        self.calls = Calls()
        self._clients: dict[tuple[Any, ...], Any] = {}
        self.events.register("before-parameter-build", lambda **call: self.calls.begin(**call))
        self.events.register("response-received", lambda **call: self.calls.answered(**call))
        self.events.register("after-call", lambda **call: self.calls.end(**call))

    def client(self, *names: str, config: Config | None = None, **options: Any) -> Any:  # type: ignore[override]
        """Return the client of a service with these options."""
        key = (*names, id(config), *sorted(options.items()))
        if key not in self._clients:
            create: Any = super().client
            self._clients[key] = config, create(*names, config=config, **options)
        return self._clients[key][1]


@cache
def session_of(callers: Literal["functions", "commands", "tests"]) -> Session:  # noqa: ARG001 - the cache's key
    """Return the session of these callers."""
    return Session()


@dataclass(frozen=True)
class Snapshot:
    """A copy of a cloud's state: items and stream records by table, e-mails, and overridden variables of functions."""

    items: Mapping[str, Any]
    streams: Mapping[str, list[Any]]
    seen: Mapping[str, int]
    mails: list[Any]
    settings: Mapping[tuple[str, str], dict[str, str]]


class Cloud:
    """The deployed shop."""

    def __init__(self, templates: Mapping[str, dict[str, Any]]) -> None:
        self._templates = {name.removeprefix("tidings-local-"): body for name, body in templates.items()}
        self._physical: dict[str, dict[str, str]] = {}
        self._exports: dict[str, str] = {}
        self._seen: dict[str, int] = {}
        self._handlers: dict[tuple[str, str], Handler] = {}
        self._settings: dict[tuple[str, str], dict[str, str]] = {}
        # The functions create their clients from the default session. The calls of the cloud's own are not recorded.
        boto3.DEFAULT_SESSION = session_of("functions")
        self.record(Calls())
        session = session_of("tests")
        self.dynamodb: DynamoDBClient = session.client("dynamodb")
        self.streams = session.client("dynamodbstreams")
        self.sqs = session.client("sqs")
        self.sns = session.client("sns")
        self.ses = session.client("ses")
        self._cloudformation = session.client("cloudformation")
        self._secrets = session.client("secretsmanager")
        self._deploy("bus")
        for service in self.services:
            self._deploy(service)
        self.ses.verify_email_identity(EmailAddress=self.environment("notification", "consumer")["SENDER"])

    def record(self, calls: Calls) -> None:
        """Have the calls of the functions and of commands recorded here."""
        self.calls = session_of("functions").calls = session_of("commands").calls = calls

    @property
    def services(self) -> list[str]:
        return sorted(set(self._templates) - {"bus", "api", "web", "users", "alarms", "monitoring"})

    @property
    def consumers(self) -> list[str]:
        """The services that have a queue."""
        return [service for service in self.services if "Queue" in self._templates[service]["Outputs"]]

    def environment(self, service: str, function: str) -> dict[str, str]:
        """Return a function's environment, as the template sets it, but that no message is too young to be given up."""
        variables = {name: self._value(service, value) for name, value in self._variables(service, function).items()}
        if policy := variables.get("RETRY_POLICY"):
            # A test may stop the functions' clock, so that even this is the age of a message that is sent later.
            variables["RETRY_POLICY"] = json.dumps(json.loads(policy) | {"age": -(10**9)})
        if "MANAGEMENT_ENDPOINT" in variables:
            # The template has a path below an emulator's address. moto has no WebSocket API, so nobody is connected.
            variables["MANAGEMENT_ENDPOINT"] = f"https://api.execute-api.{REGION}.amazonaws.com/local"
        return variables | self._settings.get((service, function), {})

    def retry_policy(self, service: str) -> RetryPolicy:
        """Return the retry policy of a service's consumer."""
        return msgspec.json.decode(self.environment(service, "consumer")["RETRY_POLICY"], type=RetryPolicy)

    def set_environment(self, service: str, function: str, **variables: str) -> None:
        """Override variables of a function's environment."""
        self._settings[service, function] = variables
        self.forget(service, function)

    def queue(self, service: str) -> str:
        return self.environment(service, "consumer")["QUEUE"]

    def dlq(self, service: str) -> str:
        return self.environment(service, "consumer")["DLQ"]

    def table(self, service: str) -> str:
        return self.environment(service, "consumer" if service in self.consumers else "api")["TABLE"]

    def queue_named(self, service: str, output: str) -> str | None:
        """Return the queue that a service's stack exports as this output, or None."""
        found = self._templates[service]["Outputs"].get(output)
        return self._value(service, found["Value"]) if found else None

    def handler_name(self, service: str, function: str) -> str:
        """Return the name of a function's handler in the template: `tidings.aws.consume.handler`."""
        return str(self._function(service, function)["Properties"]["Handler"])

    def handler(self, service: str, function: str) -> Handler:
        """Return the handler that the template names, loaded in the function's environment."""
        if (service, function) not in self._handlers:
            name, environment = self.handler_name(service, function), self.environment(service, function)
            self._handlers[service, function] = load_handler(name, environment)
        return self._handlers[service, function]

    def invoke(self, service: str, function: str, event: dict[str, Any]) -> dict[str, Any]:
        """Invoke a function once. After a crash, the next invocation starts a new process."""
        try:
            return self.handler(service, function)(event, Context())
        except CrashError:
            self.forget(service, function)
            raise

    def forget(self, service: str, function: str) -> None:
        """End a function's process, so that its next invocation starts a new one."""
        self._handlers.pop((service, function), None)

    def snapshot(self) -> "Snapshot":
        """Copy the tables, their streams, the e-mails and the overridden variables."""
        tables = _backend("dynamodb").tables
        return Snapshot(
            items={name: copy.deepcopy(table.items) for name, table in tables.items()},
            streams={name: list(table.stream_shard.items) for name, table in tables.items() if table.stream_shard},
            seen=dict(self._seen),
            mails=self.mails(),
            settings=dict(self._settings),
        )

    def restore(self, snapshot: "Snapshot") -> None:
        """Restore a snapshot, with empty queues and buckets and new processes. This is faster than another cloud."""
        self.calls.clear()
        for name, table in _backend("dynamodb").tables.items():
            table.items = copy.deepcopy(snapshot.items[name])
            if table.stream_shard:
                table.stream_shard.items[:] = snapshot.streams[name]
        for name, queue in _backend("sqs").queues.items():
            queue.last_purged_at = None  # moto allows one purge a minute
            _backend("sqs").purge_queue(name)
        for bucket in _backend("s3", "aws").buckets.values():
            bucket.keys.clear()
        _backend("ses").sent_messages[:] = snapshot.mails
        _backend("cloudwatch").reset()
        self._seen = dict(snapshot.seen)
        self._settings = dict(snapshot.settings)
        self._handlers.clear()

    def relay(self, service: str) -> int:
        """Deliver the new records of a service's stream to its relay. Return how many passed the filter."""
        arn = self.dynamodb.describe_table(TableName=self.table(service))["Table"].get("LatestStreamArn")
        seen = self._seen.get(arn or "", 0)
        if arn is None or len(_backend("dynamodb").tables[self.table(service)].stream_shard.items) == seen:
            # Reading a whole stream to find nothing new took most of a test's time.
            return 0
        # No iterator is kept: after a canceled transaction moto restores an older copy of the table, which lacks it.
        shard = self.streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        first = self.streams.get_shard_iterator(StreamArn=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
        new = self.streams.get_records(ShardIterator=first["ShardIterator"], Limit=10_000)["Records"][seen:]
        records = [record for record in new if _announces(record)]
        if records:
            result = self.invoke(service, "relay", {"Records": records})
            assert result == {"batchItemFailures": []}, result
        self._seen[arn] = seen + len(new)
        return len(records)

    def receive(self, queue: str) -> list[dict[str, Any]]:
        """Receive up to ten messages of a queue, as Lambda's records."""
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
        """Deliver one batch of a service's queue to its consumer. Failed messages are visible again at once.

        Args:
            service: The service.
            times: How often the same batch is delivered.
            rng: Shuffles the batch.
        """
        records = self.receive(self.queue(service))
        if rng:
            rng.shuffle(records)
        for _ in range(times if records else 0):
            try:
                answer = self.invoke(service, "consumer", {"Records": records})
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

    def drain(self, *, times: int = 1, rng: random.Random | None = None, without: tuple[str, ...] = ()) -> None:
        """Deliver stream records and messages until all streams and queues are empty.

        Args:
            times: How often each batch is delivered.
            rng: Shuffles services and batches.
            without: The services that consume nothing.
        """
        services = [service for service in self.consumers if service not in without]
        moved = 1
        while moved:
            moved = sum(self.relay(service) for service in self.services)
            if rng:
                rng.shuffle(services)
            moved += sum(self.deliver(service, times=times, rng=rng) for service in services)

    def hand(self, service: str, *bodies: str, receives: int = 1) -> list[dict[str, str]]:
        """Invoke a service's consumer with messages, ten at a time. Return the failed ones."""
        failures: list[dict[str, str]] = []
        for start in range(0, len(bodies), 10):
            records = [
                make_record(body, message_id=f"message-{n}", receives=receives)
                for n, body in enumerate(bodies[start : start + 10], start)
            ]
            failures += self.invoke(service, "consumer", {"Records": records})["batchItemFailures"]
        return failures

    def redrive(self, service: str) -> int:
        """Send the messages of a service's dead-letter queue to its queue again. Return their number."""
        letters = self.receive(self.dlq(service))
        for letter in letters:
            group = letter["attributes"].get("MessageGroupId")
            fifo = {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex} if group else {}
            self.sqs.send_message(QueueUrl=self.queue(service), MessageBody=letter["body"], **fifo)
            self.sqs.delete_message(QueueUrl=self.dlq(service), ReceiptHandle=letter["receiptHandle"])
        return len(letters)

    def dead_letters(self, service: str) -> list[dict[str, Any]]:
        """Receive a service's dead letters, each with the texts of its attributes as `reasons`."""
        return [
            record | {"reasons": {name: value["StringValue"] for name, value in record["messageAttributes"].items()}}
            for record in self.receive(self.dlq(service))
        ]

    def items(self, table: str) -> list[dict[str, Any]]:
        """Return all items of a table."""
        return [dict(item) for item in self.dynamodb.scan(TableName=table, ConsistentRead=True)["Items"]]

    def item(self, service: str, key: str) -> dict[str, Any]:
        """Return an entity's item in a service's table with its state decoded; empty if there is no item."""
        answer = self.dynamodb.get_item(TableName=self.table(service), Key={"pk": {"S": key}}, ConsistentRead=True)
        item: dict[str, Any] = dict(answer.get("Item", {}))
        return item | {"state": json.loads(item["state"]["S"])} if item else {}

    def payments(self) -> list[dict[str, Any]]:
        """Return the payments at the simulated gateway."""
        return self.items(self.environment("payment", "consumer")["GATEWAY_TABLE"])

    def moved(self, order: str | None = None) -> list[tuple[int, float]]:
        """Return how often each payment was captured, and which part of it was refunded; of one order or of all."""
        return [
            (int(each["captured"]["N"]), int(each["refunded"]["N"]) / int(each["amount"]["N"]))
            for each in self.payments()
            if order in (None, each["order"]["S"])
        ]

    def mails(self) -> list[Any]:
        """Return the e-mails that SES accepted."""
        return sent_mails()

    def _deploy(self, name: str) -> None:
        template = self._templates[name]
        resources = {key: body for key, body in template["Resources"].items() if body["Type"] in CREATED}
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
        for key, body in template["Resources"].items():
            if body["Type"] == "AWS::SecretsManager::Secret":
                self._physical[name][key] = self._create_secret(body["Properties"])

    def _create_secret(self, properties: Mapping[str, Any]) -> str:
        """Create a generated secret, and return its ARN."""
        length = properties["GenerateSecretString"]["PasswordLength"]
        value = self._secrets.get_random_password(PasswordLength=length)["RandomPassword"]
        return str(self._secrets.create_secret(Name=properties["Name"], SecretString=value)["ARN"])

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
            name = value["Fn::ImportValue"]
            # The API and its users are not deployed.
            return name if "-api:" in name or "-users:" in name else self._exports[name]
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return str(separator.join(self._value(stack, part) for part in parts))
        if value.get("Fn::GetAtt", ("", ""))[1] == "Id":
            return self._physical[stack][value["Fn::GetAtt"][0]]
        if value.get("Ref") in self._physical[stack]:
            return self._physical[stack][value["Ref"]]
        return str(self._templates[stack]["Resources"][value["Ref"]]["Properties"]["Name"])


def set_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment that boto3 needs, so that no client reaches an account or an emulator of this machine."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Create a table with the key `pk`."""
    client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )


def load_handler(name: str, environment: Mapping[str, str]) -> Handler:
    """Load a handler as a new Lambda process does: its module and its clients are created anew.

    Args:
        name: The module and the attribute, as in a template: `tidings.aws.consume.handler`.
        environment: The function's environment.
    """
    module, _, attribute = name.rpartition(".")
    # One generic module is the handler of several services, so it is executed again for each.
    sys.modules.pop(module, None)
    for client in (clients.dynamodb, clients.sqs, clients.sns):
        client.cache_clear()
    with patch.dict(os.environ, environment):
        handler: Handler = getattr(importlib.import_module(module), attribute)
        return handler


@contextmanager
def one_call_at_a_time() -> Iterator[None]:
    """Serialize the calls to AWS. moto's tables are plain dictionaries, and its transactions are not isolated."""
    lock = threading.RLock()
    call = BaseClient._make_api_call  # type: ignore[attr-defined]  # every call of every client

    def alone(self: BaseClient, *args: Any, **options: Any) -> Any:
        with lock:
            return call(self, *args, **options)

    with patch.object(BaseClient, "_make_api_call", alone):
        yield


def synthesized(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the templates of the stage `local`, by stack. They are synthesized unless the directory has them."""
    if not any(directory.glob("*.template.json")):
        from tests.infra.synthesis import synthesize

        synthesize("local", directory)
    return read_templates(directory)


def read_templates(directory: Path) -> dict[str, dict[str, Any]]:
    """Return the templates of a synthesized app, by stack."""
    return {
        path.name.removesuffix(".template.json"): json.loads(path.read_text())
        for path in directory.glob("*.template.json")
    }


def sent_mails() -> list[Any]:
    """Return the e-mails that moto's SES accepted."""
    return list(_backend("ses").sent_messages)


def _backend(service: str, region: str = REGION) -> Any:
    """Return moto's own state of a service."""
    from moto.backends import get_backend

    return get_backend(cast(Any, service))[ACCOUNT][region]


def _announces(record: Mapping[str, Any]) -> bool:
    """Apply the relay's stream filter. Infra's own tests compare it with the template."""
    marker = record["dynamodb"].get("NewImage", {}).get("announces")
    return record["eventName"] in ("INSERT", "MODIFY") and marker == {"BOOL": True}


def _refers_to(value: Any, resources: Mapping[str, Any]) -> bool:
    return isinstance(value, dict) and (
        value.get("Ref") in resources or value.get("Fn::GetAtt", [None])[0] in resources
    )
