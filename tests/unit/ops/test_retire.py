"""The command `tidings retire`: a service is removed in order, and nothing is deleted while something is left."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from typer.testing import CliRunner

from ops.cli import app
from ops.errors import CommandError
from ops.outputs import Outputs, Pool, ServiceOutputs
from ops.retire import retirement
from ops.retire.commands import check_name
from ops.retire.retirement import Retirement
from ops.retire.stack import RetiredStack
from ops.unpublished import unpublished_events
from tests.integration.cloud import REGION, set_credentials
from tests.unit.tidings.recovery.memory import event
from tidings.core.entity import EventHead, OutboxEvent
from tidings.core.event import decode
from tidings.recovery import LoggedEvent, QueueDepth, RecoveryError, UnreadableEvent

EARLY, NOON, LATE = (f"2026-01-31T{hour}:00:00.000Z" for hour in ("11", "12", "13"))
STACK = "tidings-dev-popularity"


@pytest.mark.parametrize(
    ("service", "reason"),
    [("history", "is the event log"), ("loyalty", "still declares loyalty, and the next deployment would add it")],
)
def test_a_service_that_is_needed_or_would_come_back_is_not_removed(service: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        check_name(service)


def test_a_service_without_a_folder_may_be_removed() -> None:
    check_name("popularity")


def test_the_command_says_that_the_folder_must_be_deleted_first(tmp_path: Path) -> None:
    answer = CliRunner(env={"TIDINGS_LOCAL": str(tmp_path)}).invoke(app, ["retire", "loyalty", "--yes"])
    assert answer.exit_code == 1
    assert "delete the folder and deploy first" in answer.output


def test_the_local_cloud_which_ignores_the_protection_of_tables_keeps_no_data(tmp_path: Path) -> None:
    environment = {"TIDINGS_LOCAL": str(tmp_path)}
    answer = CliRunner(env=environment).invoke(app, ["retire", "popularity", "--keep-data", "--yes"])
    assert answer.exit_code == 1
    assert "use --delete-data" in answer.output


# Unpublished events


@dataclass
class Log:
    """An event log with some events."""

    bodies: Sequence[str]

    def read(self, _start: str, _end: str) -> Iterator[LoggedEvent | UnreadableEvent]:
        raise NotImplementedError

    def beginning(self) -> str | None:
        raise NotImplementedError

    def read_entity(self, _subject: str) -> Sequence[LoggedEvent | UnreadableEvent]:
        raise NotImplementedError

    def find(self, heads: Sequence[EventHead]) -> Mapping[str, str]:
        wanted = {head.id for head in heads}
        return {event.id: body for body in self.bodies if (event := decode(body)).id in wanted}


@dataclass
class Outboxes:
    """A table with these outboxes."""

    pages: Sequence[Sequence[str]]

    def entity_outbox(self, _key: str) -> Sequence[OutboxEvent]:
        raise NotImplementedError

    def outboxes(self) -> Iterator[Sequence[OutboxEvent]]:
        return iter([OutboxEvent(body) for body in page] for page in self.pages)


def test_the_events_that_the_log_lacks_are_found_among_those_that_a_stream_may_still_hold() -> None:
    recorded, missing, other = event("a", 1, time=NOON), event("a", 2, time=LATE), event("b", 1, time=LATE)
    old = event("c", 1, time=EARLY)
    table = Outboxes([[recorded, missing], [other, old, "no event"]])
    found = unpublished_events(table, Log([recorded]), NOON)
    assert [(head.id, head.subject) for head in found] == [("tickets/a/2", "a"), ("tickets/b/1", "b")]
    assert unpublished_events(table, Log([recorded, missing, other]), NOON) == []


# The stack


@dataclass
class CloudFormation:
    """A stack with resources, whose deletion fails at those that are protected."""

    resources: dict[str, tuple[str, str]]
    failing: set[str] = field(default_factory=set)
    status: str = "UPDATE_COMPLETE"
    protected: bool = True
    deletions: list[list[str]] = field(default_factory=list)
    exceptions: Any = boto3.client("cloudformation", region_name=REGION).exceptions

    def describe_stacks(self, *, StackName: str) -> Any:  # noqa: N803 - boto3's names
        return {
            "Stacks": [{"StackId": f"id of {StackName}".replace("id of id of", "id of"), "StackStatus": self.status}]
        }

    def update_termination_protection(self, *, EnableTerminationProtection: bool, StackName: str) -> None:  # noqa: N803
        assert StackName == f"id of {STACK}"
        self.protected = EnableTerminationProtection

    def delete_stack(self, *, StackName: str, RetainResources: Sequence[str] = ()) -> None:  # noqa: N803
        assert StackName == f"id of {STACK}"
        assert not self.protected
        self.deletions.append(list(RetainResources))
        self.status = "DELETE_FAILED" if self.failing - set(RetainResources) else "DELETE_COMPLETE"

    def get_paginator(self, operation: str) -> "CloudFormation":
        assert operation == "list_stack_resources"
        return self

    def paginate(self, **_request: str) -> Any:
        return [
            {
                "StackResourceSummaries": [
                    {
                        "LogicalResourceId": name,
                        "ResourceType": kind,
                        "PhysicalResourceId": physical,
                        "ResourceStatus": "DELETE_FAILED" if name in self.failing else "CREATE_COMPLETE",
                    }
                ]
            }
            for name, (kind, physical) in self.resources.items()
        ]


TABLE = {"table": ("AWS::DynamoDB::Table", STACK)}


@dataclass
class Stage:
    """A stage whose stacks are those of a fake, and whose other services are those of moto."""

    cloudformation: CloudFormation
    name: str = "dev"
    prefix: str = "tidings-dev-"
    endpoint: str | None = None

    @property
    def session(self) -> Any:
        return boto3.Session(region_name=REGION)

    def client(self, service: str) -> Any:
        return self.cloudformation if service == "cloudformation" else boto3.client(service, region_name=REGION)  # type: ignore[call-overload]


def retired(cloudformation: CloudFormation) -> RetiredStack:
    stage: Any = Stage(cloudformation)
    return RetiredStack(stage, STACK)


def test_a_stack_without_protected_tables_is_deleted_with_all_its_resources() -> None:
    cloudformation = CloudFormation(TABLE)
    retired(cloudformation).delete()
    assert cloudformation.deletions == [[]]
    assert cloudformation.status == "DELETE_COMPLETE"


def test_protected_tables_outlast_the_stack() -> None:
    cloudformation = CloudFormation(TABLE, failing={"table"})
    retired(cloudformation).delete()
    assert cloudformation.deletions == [[], ["table"]]
    assert cloudformation.status == "DELETE_COMPLETE"


def test_a_resource_that_cannot_be_deleted_is_named_and_not_left_behind() -> None:
    cloudformation = CloudFormation({**TABLE, "bucket": ("AWS::S3::Bucket", "b")}, failing={"table", "bucket"})
    with pytest.raises(CommandError, match="CloudFormation cannot delete bucket"):
        retired(cloudformation).delete()
    assert cloudformation.deletions == [[]]


def test_a_deletion_that_failed_is_continued() -> None:
    cloudformation = CloudFormation(TABLE, failing={"table"}, status="DELETE_FAILED")
    assert retired(cloudformation).is_being_deleted
    retired(cloudformation).delete()
    assert cloudformation.deletions == [["table"]]


class Functions:
    """A client that closes functions. Those that work on events are none of them."""

    def __init__(self) -> None:
        self.closed: list[str] = []
        self.aliases: dict[str, str] = {}

    def get_paginator(self, operation: str) -> "Functions":
        assert operation == "list_functions"
        return self

    def paginate(self) -> list[dict[str, Any]]:
        timeouts = {"api": 20, "consumer": 300, "jobs": 60, "relay": 300}
        own = [{"FunctionName": f"{STACK}-{role}", "Timeout": timeout} for role, timeout in timeouts.items()]
        return [{"Functions": [*own, {"FunctionName": f"{STACK}2-api", "Timeout": 900}]}]

    def put_function_concurrency(self, *, FunctionName: str, ReservedConcurrentExecutions: int) -> None:  # noqa: N803
        assert ReservedConcurrentExecutions == 0
        self.closed.append(FunctionName)

    def update_alias(self, *, FunctionName: str, Name: str, FunctionVersion: str) -> None:  # noqa: N803 - boto3's names
        assert Name == "live"
        self.aliases[FunctionName] = FunctionVersion


@pytest.mark.parametrize("name", ["dev", "local"])
def test_the_functions_that_may_begin_something_are_closed_until_their_last_run_must_have_ended(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions, pauses = Functions(), list[float]()
    stage: Any = Stage(CloudFormation(TABLE), name)
    monkeypatch.setattr(
        Stage, "client", lambda self, service: functions if service == "lambda" else self.cloudformation
    )
    RetiredStack(stage, STACK, pauses.append).close()
    assert functions.closed == [f"{STACK}-api", f"{STACK}-jobs"]
    # The local cloud invokes versions whatever concurrency is reserved.
    assert functions.aliases == (dict.fromkeys(functions.closed, "$LATEST") if name == "local" else {})
    assert pauses == [60]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_credentials(monkeypatch)
    with mock_aws():
        yield


def create_table() -> Any:
    client = boto3.client("dynamodb", region_name=REGION)
    client.create_table(
        TableName=STACK,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.mark.usefixtures("aws")
def test_kept_tables_are_protected_from_deletion() -> None:
    client = create_table()
    assert retired(CloudFormation(TABLE)).protect_tables() == [STACK]
    assert client.describe_table(TableName=STACK)["Table"]["DeletionProtectionEnabled"]
    assert retired(CloudFormation({"gone": ("AWS::DynamoDB::Table", "gone")})).protect_tables() == []


@pytest.mark.usefixtures("aws")
def test_the_data_is_deleted_whatever_protects_it_and_a_second_run_finds_nothing() -> None:
    client = create_table()
    client.update_table(TableName=STACK, DeletionProtectionEnabled=True)
    secrets: Any = boto3.client("secretsmanager", region_name=REGION)
    logs: Any = boto3.client("logs", region_name=REGION)
    files: Any = boto3.client("s3", region_name=REGION)
    secret = secrets.create_secret(Name="key", SecretString="x")["ARN"]
    logs.create_log_group(logGroupName="/aws/lambda/a")
    files.create_bucket(Bucket="exports", CreateBucketConfiguration={"LocationConstraint": REGION})
    files.put_object(Bucket="exports", Key="a", Body=b"a")
    resources = {
        **TABLE,
        "secret": ("AWS::SecretsManager::Secret", secret),
        "logs": ("AWS::Logs::LogGroup", "/aws/lambda/a"),
        "bucket": ("AWS::S3::Bucket", "exports"),
        "role": ("AWS::IAM::Role", "role"),
    }
    for _ in range(2):
        retired(CloudFormation(resources)).delete_data()
        assert client.list_tables()["TableNames"] == []
        assert secrets.list_secrets()["SecretList"] == []
        assert logs.describe_log_groups()["logGroups"] == []
        assert "Contents" not in files.list_objects_v2(Bucket="exports")


@pytest.mark.usefixtures("aws")
def test_data_that_cannot_be_deleted_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    denied = ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteTable")

    def deletions(_stack: RetiredStack) -> dict[str, Callable[[str], object]]:
        def refuse(_name: str) -> object:
            raise denied

        return {"AWS::DynamoDB::Table": refuse}

    create_table()
    monkeypatch.setattr(RetiredStack, "_deletions", deletions)
    with pytest.raises(RecoveryError, match="AccessDeniedException"):
        retired(CloudFormation(TABLE)).delete_data()


# The steps


@dataclass
class World:
    """The world that the steps of a retirement see, and the steps that were done."""

    depths: dict[str, int] = field(default_factory=dict)
    deleted: bool = False
    done: list[str] = field(default_factory=list)


@dataclass
class Switch:
    world: World
    client: Any
    function: str

    def start(self) -> None:
        self.world.done.append("start")

    def stop(self) -> None:
        self.world.done.append("stop")


@dataclass
class Gauge:
    world: World
    client: Any
    name: str

    def depth(self) -> QueueDepth:
        return QueueDepth(self.world.depths.get(self.name, 0), 0)


@dataclass
class Drain:
    world: World
    gauge: Gauge
    delays: Any

    def wait_until_handled(self, report: Callable[[QueueDepth], None]) -> None:
        report(QueueDepth(0, 0))
        self.world.done.append(f"drain {self.gauge.name}")


@dataclass
class Stack:
    world: World
    stage: Any
    name: str

    @property
    def is_being_deleted(self) -> bool:
        return self.world.deleted

    def close(self) -> None:
        self.world.done.append("close")

    def protect_tables(self) -> list[str]:
        self.world.done.append("protect")
        return [self.name]

    def delete_data(self) -> None:
        self.world.done.append("delete data")

    def delete(self) -> None:
        self.world.done.append("delete")


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    found = World()
    fakes = {"EventSourceMapping": Switch, "SqsQueueGauge": Gauge, "QueueDrain": Drain, "RetiredStack": Stack}
    for name, made in fakes.items():
        monkeypatch.setattr(retirement, name, partial(made, found))
    monkeypatch.setattr(Retirement, "_unsubscribe", lambda _self, queue: found.done.append(f"unsubscribe {queue}"))
    monkeypatch.setattr(Retirement, "_drain_relay", lambda _self: found.done.append("drain relay"))
    return found


def retire(*, keep: bool = False, relay: bool = True) -> None:
    service = ServiceOutputs("queue", "dlq", STACK, f"{STACK}-consumer", "undelivered", "relay-dlq" if relay else None)
    pool = Pool("pool", "client")
    outputs = Outputs("api", None, REGION, "topic", pool, pool, {"popularity": service})
    stage: Any = Stage(CloudFormation({}))
    stage.command = str
    Retirement(stage, outputs, "popularity", keep, lambda _text: None).run()


def test_a_service_is_closed_unsubscribed_and_drained_before_it_is_deleted(world: World) -> None:
    retire()
    steps = ["close", "unsubscribe queue", "start", "drain queue", "stop", "drain relay", "delete data", "delete"]
    assert world.done == steps


def test_kept_data_is_protected_and_not_deleted(world: World) -> None:
    retire(keep=True, relay=False)
    assert world.done == ["close", "unsubscribe queue", "start", "drain queue", "stop", "protect", "delete"]


@pytest.mark.parametrize("queue", ["dlq", "undelivered", "relay-dlq"])
def test_nothing_is_deleted_while_there_are_dead_letters_and_the_consumer_runs(world: World, queue: str) -> None:
    world.depths[queue] = 3
    with pytest.raises(CommandError, match=rf"popularity has dead letters \({queue} has 3 messages\)"):
        retire()
    assert world.done[-1] == "drain queue"


def test_nothing_is_deleted_if_a_message_arrived_after_the_drain(world: World) -> None:
    world.depths["queue"] = 1
    with pytest.raises(CommandError, match="holds 1 message again"):
        retire()
    assert world.done[-1] == "stop"


def test_a_run_that_continues_a_deletion_goes_on_with_it(world: World) -> None:
    world.deleted = True
    retire()
    assert world.done == ["delete data", "delete"]
    world.done.clear()
    retire(keep=True)
    assert world.done == ["delete"]
