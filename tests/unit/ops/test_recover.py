"""The reasons that forbid a recovery, and the closing of a service."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from ops.errors import CommandError
from ops.outputs import Outputs, Pool, ServiceOutputs
from ops.recover.closing import Closing
from ops.recover.commands import close, open_service
from ops.recover.declarations import recoverable, recovery_of
from ops.recover.effects import payment_port, port_of
from ops.stage import DeployedStage
from tests.invariants.services import SERVICES
from tests.unit.tidings.recovery.memory import event
from tests.unit.tidings.recovery.test_table_stream import Streams, record
from tidings.aws.recovery import FunctionSwitch
from tidings.recovery import RecoverCheckpoint, RecoverProgress

NAMES = ("tidings-local-orders-api", "tidings-local-orders-consumer", "tidings-local-orders-relay", "tidings-local-x")


class Lambda:
    """The part of Lambda's client that closes functions."""

    def __init__(self, *, consumer: str = "Enabled", relay: str = "Enabled", result: str = "OK") -> None:
        self.concurrency: dict[str, int] = {}
        self.states = {"consumer": consumer, "relay": relay}
        self.result = result
        self.aliases: dict[str, str] = {}

    def list_event_source_mappings(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803 - boto3's names
        name = FunctionName.removeprefix("tidings-local-orders-").removesuffix(":live")
        return {"EventSourceMappings": [{"UUID": name, "State": self.states[name]}]}

    def update_event_source_mapping(self, *, UUID: str, Enabled: bool) -> None:  # noqa: N803
        self.states[UUID] = "Enabled" if Enabled else "Disabled"

    def list_versions_by_function(self, *, FunctionName: str) -> dict[str, Any]:  # noqa: N803
        assert FunctionName in NAMES
        return {"Versions": [{"Version": version} for version in ("$LATEST", "1")]}

    def update_alias(self, *, FunctionName: str, Name: str, FunctionVersion: str) -> None:  # noqa: N803
        self.aliases[f"{FunctionName}:{Name}"] = FunctionVersion

    def get_paginator(self, name: str) -> "Lambda":
        self.listed = name
        return self

    def paginate(self) -> Iterator[dict[str, Any]]:
        if self.listed == "list_functions":
            yield {"Functions": [{"FunctionName": name, "Timeout": 20 + n} for n, name in enumerate(NAMES)]}
            return
        sources = {"consumer": "arn:aws:sqs:x:1:orders", "relay": "arn:aws:dynamodb:x:1:table/orders/stream"}
        yield {
            "EventSourceMappings": [
                {
                    "FunctionArn": f"arn:aws:lambda:x:1:function:tidings-local-orders-{name}",
                    "EventSourceArn": source,
                    "State": self.states[name],
                    "LastProcessingResult": self.result if name == "relay" else "",
                }
                for name, source in sources.items()
            ]
        }

    def put_function_concurrency(self, *, FunctionName: str, ReservedConcurrentExecutions: int) -> None:  # noqa: N803
        self.concurrency[FunctionName] = ReservedConcurrentExecutions

    def delete_function_concurrency(self, *, FunctionName: str) -> None:  # noqa: N803
        del self.concurrency[FunctionName]

    def get_function_concurrency(self, *, FunctionName: str) -> dict[str, int]:  # noqa: N803
        found = self.concurrency.get(FunctionName)
        return {} if found is None else {"ReservedConcurrentExecutions": found}


class Tables(Streams):
    """The tables of orders and history, and the stream of orders' table.

    Attributes:
        recorded: The events that history has recorded.
        names: The tables that exist.
    """

    def __init__(self, *announced: str, recorded: Sequence[str] = (), names: Sequence[str] = ("orders",)) -> None:
        super().__init__({"s1": ([[record(body)] for body in announced], False)})
        self.recorded = recorded
        self.names = [f"tidings-local-{name}" for name in names]

    def describe_table(self, *, TableName: str) -> dict[str, Any]:  # noqa: N803
        if TableName == "history":
            return {"Table": {"TableId": "1", "GlobalSecondaryIndexes": [{"IndexName": "by-time"}]}}
        return super().describe_table(TableName="tickets" if TableName in self.names else TableName)

    def batch_get_item(self, *, RequestItems: Any) -> dict[str, Any]:  # noqa: N803
        wanted = {key["id"]["S"] for key in RequestItems["history"]["Keys"]}
        found = [{"id": {"S": event_id}, "event": {"S": ""}} for event_id in self.recorded if event_id in wanted]
        return {"Responses": {"history": found}, "UnprocessedKeys": {}}


class Sqs:
    """Queues with a number of messages."""

    def __init__(self, depths: dict[str, int]) -> None:
        self.depths = depths

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        return {
            "Attributes": {
                name: str(self.depths.get(QueueUrl, 0) if n == 0 else 0) for n, name in enumerate(AttributeNames)
            }
        }


class Stage(DeployedStage):
    """A stage whose clients are given."""

    def __init__(self, **clients: Any) -> None:
        object.__setattr__(self, "name", "local")
        object.__setattr__(self, "clients", clients)

    def client(self, service: Any, config: Any = None) -> Any:  # noqa: ARG002
        return vars(self)["clients"][service]


OUTPUTS = Outputs(
    api="",
    endpoint=None,
    region="eu-west-1",
    topic="",
    users=Pool("", ""),
    operators=Pool("", ""),
    services={
        "orders": ServiceOutputs(
            "orders", "orders-dlq", "tidings-local-orders", "orders-consumer", "undelivered", "orders-relay-dlq"
        ),
        "history": ServiceOutputs("history", "history-dlq", "history", "history-consumer", "history-undelivered"),
    },
)


PLACED = event("a", 1, source="orders")


def closing(
    functions: Lambda, tables: Tables | None = None, outputs: Outputs = OUTPUTS, queues: Sqs | None = None
) -> Closing:
    tables = tables or Tables()
    clients = {"lambda": functions, "sqs": queues or Sqs({}), "dynamodb": tables, "dynamodbstreams": tables}
    return Closing(Stage(**clients), outputs, "orders", lambda _seconds: None)


def closed(**states: str) -> Lambda:
    functions = Lambda(**({"consumer": "Disabled"} | states))
    FunctionSwitch(functions, "tidings-local-orders-", ("-relay",), lambda _seconds: None).close()  # type: ignore[arg-type]
    return functions


@pytest.mark.parametrize("relay", ["Enabled", "Disabled"])
def test_a_service_that_is_closed_and_whose_events_are_recorded_can_be_recovered(relay: str) -> None:
    assert closing(closed(relay=relay), Tables(PLACED, recorded=["orders/a/1"])).blockers() == []


def test_an_open_function_and_a_consumer_that_receives_events_forbid_a_recovery() -> None:
    first, second = closing(Lambda()).blockers()
    assert first.startswith("tidings-local-orders-api, tidings-local-orders-consumer may write to its table")
    assert "close orders" in first
    assert second.startswith("its consumer receives events")


@pytest.mark.parametrize(
    ("states", "problem"), [({}, ""), ({"relay": "Disabled"}, " The relay: It delivers nothing until it is enabled.")]
)
def test_an_event_in_the_stream_that_the_log_lacks_forbids_a_recovery(states: dict[str, str], problem: str) -> None:
    (reason,) = closing(closed(**states), Tables(PLACED)).blockers()
    assert reason.startswith(f"the log lacks 1 event in its table's stream (orders/a/1).{problem} ")
    assert reason.endswith("relay --service orders --since 2026-01-31T12:00:00.000Z publishes them too")


def test_an_event_in_the_stream_of_an_earlier_generation_of_the_table_forbids_a_recovery() -> None:
    service = msgspec.structs.replace(OUTPUTS.services["orders"], table="tidings-local-orders-2")
    outputs = msgspec.structs.replace(OUTPUTS, services={**OUTPUTS.services, "orders": service})
    for names, reasons in (((), 0), (("orders",), 1), (("orders-2",), 1), (("orders-3",), 0)):
        assert len(closing(closed(), Tables(PLACED, names=names), outputs).blockers()) == reasons


def test_what_no_relay_publishes_is_in_its_dead_letter_queue_and_is_not_waited_for() -> None:
    assert closing(closed(), Tables("no event", event("a", 1, source="payment"))).blockers() == []


def test_a_relays_dead_letters_forbid_a_recovery() -> None:
    (reason,) = closing(closed(), queues=Sqs({"orders-relay-dlq": 2})).blockers()
    assert reason.startswith("its relay's dead-letter queue holds 2")


def test_a_service_is_closed_once_its_relay_has_published_all_and_opened_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    functions, tables, steps = Lambda(), Tables(PLACED), list[str]()
    both = closing(functions, tables)

    def wait(condition: Any, seconds: float, *_: Any, **__: Any) -> None:
        assert functions.concurrency == {"tidings-local-orders-api": 0, "tidings-local-orders-consumer": 0}
        assert functions.states == {"consumer": "Disabled", "relay": "Enabled"}
        assert not condition()
        tables.recorded = ["orders/a/1"]
        assert condition()
        steps.append(f"waited {seconds:.0f} s at most")

    monkeypatch.setattr("ops.unpublished.wait_until", wait)
    both.close()
    assert steps == ["waited 900 s at most"]
    assert functions.states == {"consumer": "Disabled", "relay": "Disabled"}
    aliases = {f"tidings-local-orders-{name}:live" for name in ("api", "consumer")}
    assert functions.aliases == dict.fromkeys(aliases, "$LATEST")
    assert both.blockers() == []
    both.open()
    assert functions.aliases == dict.fromkeys(aliases, "1")
    assert functions.concurrency == {}
    assert functions.states == {"consumer": "Enabled", "relay": "Enabled"}


def test_a_relay_that_does_not_publish_in_time_is_named_and_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    functions = Lambda(result="PROBLEM")
    monkeypatch.setattr("ops.unpublished.RELAY_SECONDS", -1)
    problem = r"the log lacks 1 event .* The relay: Its last batch failed\. .*close orders waits again"
    with pytest.raises(CommandError, match=problem):
        closing(functions, Tables(PLACED)).close()
    assert functions.states == {"consumer": "Disabled", "relay": "Enabled"}


def test_all_functions_but_the_relay_are_closed_until_the_longest_must_have_ended_and_opened_again() -> None:
    functions, pauses = Lambda(), list[float]()
    switch = FunctionSwitch(functions, "tidings-local-orders-", ("-relay",), pauses.append)  # type: ignore[arg-type]
    switch.close()
    assert functions.concurrency == {"tidings-local-orders-api": 0, "tidings-local-orders-consumer": 0}
    assert pauses == [21]
    assert switch.open_names() == []
    switch.open()
    assert functions.concurrency == {}
    assert switch.open_names() == switch.names()


def test_each_service_that_announces_events_can_be_recovered() -> None:
    assert recoverable() == sorted(service.name for service in SERVICES if service.announces)
    assert [recovery_of(name).service.name for name in recoverable()] == recoverable()


def test_a_service_that_announces_nothing_is_refused_with_what_to_do_instead() -> None:
    with pytest.raises(CommandError, match="analytics announces no events; rebuild it with replay analytics --rebuild"):
        recovery_of("analytics")
    with pytest.raises(CommandError, match="history announces no events; its table is not recovered"):
        recovery_of("history")


def test_a_service_without_effects_outside_needs_no_port() -> None:
    assert port_of(Stage(), OUTPUTS, "orders") is None


def test_an_unknown_payment_gateway_is_refused() -> None:
    with pytest.raises(CommandError, match="'paypal'"):
        payment_port(Stage(), OUTPUTS, {"GATEWAY": "paypal"})


# The commands


@pytest.fixture
def context(tmp_path: Path) -> Any:
    work = SimpleNamespace(
        stage=None, stage_name="local", outputs=OUTPUTS, directory=tmp_path, command=lambda text: f"tidings {text}"
    )
    return SimpleNamespace(obj=work)


def test_an_interrupted_closing_says_what_continues_and_what_ends_it(
    context: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_closing: Closing) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Closing, "close", interrupted)
    with pytest.raises(KeyboardInterrupt):
        close(context, "orders")
    said = " ".join(capsys.readouterr().err.split())
    assert "Parts of orders are closed. The same command continues here; tidings open orders opens it." in said


def test_a_service_is_not_opened_while_its_recovery_has_begun_and_not_ended_unless_forced(
    context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(Closing, "open", lambda closing: opened.append(closing.service))
    checkpoint = RecoverCheckpoint.of(context.obj.directory / "local", "orders", "a snapshot")
    checkpoint.save(RecoverProgress())
    with pytest.raises(CommandError, match="the recovery of orders has not ended: repeat tidings recover orders"):
        open_service(context, "orders")
    open_service(context, "loyalty")
    open_service(context, "orders", force=True)
    checkpoint.remove()
    open_service(context, "orders")
    assert opened == ["loyalty", "orders", "orders"]
