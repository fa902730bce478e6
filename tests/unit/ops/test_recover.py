"""The reasons that forbid a recovery, and the closing of a service."""

from collections.abc import Iterator
from typing import Any

import pytest

from ops.errors import CommandError
from ops.outputs import Outputs, Pool, ServiceOutputs
from ops.recover.closing import Closing
from ops.recover.declarations import recoverable, recovery_of
from ops.recover.effects import payment_port, port_of
from ops.stage import DeployedStage
from tests.invariants.services import SERVICES
from tidings.aws.recovery import FunctionSwitch

NAMES = ("tidings-local-orders-api", "tidings-local-orders-consumer", "tidings-local-orders-relay", "tidings-local-x")


class Lambda:
    """The part of Lambda's client that closes functions."""

    def __init__(self, *, consumer: str = "Enabled", relay: str = "Enabled", result: str = "OK") -> None:
        self.concurrency: dict[str, int] = {}
        self.states = {"consumer": consumer, "relay": relay}
        self.result = result

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
            "orders", "orders-dlq", "orders", "orders-consumer", "undelivered", "orders-relay-dlq"
        ),
        "history": ServiceOutputs("history", "history-dlq", "history", "history-consumer", "history-undelivered"),
    },
)


def closing(functions: Lambda, **depths: int) -> Closing:
    return Closing(Stage(**{"lambda": functions, "sqs": Sqs(depths)}), OUTPUTS, "orders")


def closed(**states: str) -> Lambda:
    functions = Lambda(**({"consumer": "Disabled"} | states))
    FunctionSwitch(functions, "tidings-local-orders-", ("-relay",), lambda _seconds: None).close()  # type: ignore[arg-type]
    return functions


def test_a_service_that_is_closed_and_whose_events_are_recorded_can_be_recovered() -> None:
    assert closing(closed()).blockers() == []


def test_an_open_function_and_a_consumer_that_receives_events_forbid_a_recovery() -> None:
    first, second = closing(Lambda()).blockers()
    assert first.startswith("tidings-local-orders-api, tidings-local-orders-consumer may write to its table")
    assert "close orders" in first
    assert second.startswith("its consumer receives events")


@pytest.mark.parametrize("states", [{"relay": "Disabled"}, {"result": "PROBLEM"}])
def test_a_relay_that_may_hold_events_forbids_a_recovery(states: dict[str, str]) -> None:
    (reason,) = closing(closed(**states)).blockers()
    assert reason.startswith("its relay may hold events that the log lacks")


def test_a_relays_dead_letters_forbid_a_recovery() -> None:
    (reason,) = closing(closed(), **{"orders-relay-dlq": 2}).blockers()
    assert reason.startswith("its relay's dead-letter queue holds 2")


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
