"""The connections from queues and streams to functions: event source mappings of AWS Lambda."""

import re
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from tidings.aws.names import ALIAS
from tidings.aws.recovery.refusals import reporting
from tidings.recovery.errors import RecoveryError
from tidings.recovery.polling import wait_until

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

SWITCH_SECONDS = 300
"""Maximum time to wait for a change of the mapping."""

MappingKind = Literal["queue", "stream"]

WORKING = re.compile("(OK.*|No records processed|)", re.DOTALL)
"""The results of a mapping's last batch that are no problem (AWS Lambda API Reference,
"EventSourceMappingConfiguration"). A mapping of a queue has none. The local cloud adds the number of records."""

BY_A_USER = re.compile("user", re.IGNORECASE)
"""The beginning of the reasons of a state that a user changed. The others are Lambda's (AWS Lambda API Reference,
"EventSourceMappingConfiguration")."""


class MappingStatus(Struct, frozen=True):
    """The status of one event source mapping.

    Attributes:
        function: The function's name.
        kind: Whether its source is a queue or a table's stream.
        state: Lambda's word for its state: `Enabled`, `Disabled`, or a change to one of them.
        problem: Why it delivers nothing, as a sentence; None if it does. None of Lambda's own words is repeated.
        source: The ARN of its source.
    """

    function: str
    kind: MappingKind
    state: str
    problem: str | None
    source: str = ""


class EventSourceMapping:
    """The one event source mapping of a function, which is that of its alias."""

    def __init__(self, client: "LambdaClient", function: str) -> None:
        """Create the switch of a function's mapping.

        Args:
            client: The client.
            function: The function's name.
        """
        self._client = client
        self._function = function

    def stop(self) -> None:
        """Disable the mapping, and wait until it is disabled."""
        self._switch("Disabled")

    def start(self) -> None:
        """Enable the mapping, and wait until it is enabled."""
        self._switch("Enabled")

    def changed(self) -> int:
        """Return when the mapping was changed last, such as stopped, in milliseconds since 1970."""
        return round(self._find()["LastModified"].timestamp() * 1000)

    def _switch(self, state: str) -> None:
        # A mapping that is being changed refuses another change.
        settled = wait_until(
            lambda: found if (found := self._find())["State"] in ("Enabled", "Disabled") else None,
            SWITCH_SECONDS,
            f"the mapping of {self._function} in a settled state",
        )
        if settled["State"] != state:
            self._client.update_event_source_mapping(UUID=settled["UUID"], Enabled=state == "Enabled")
            wait_until(
                lambda: self._find()["State"] == state, SWITCH_SECONDS, f"the mapping of {self._function}: {state}"
            )

    def _find(self) -> "EventSourceMappingConfigurationTypeDef":
        found = self._client.list_event_source_mappings(FunctionName=f"{self._function}:{ALIAS}")["EventSourceMappings"]
        if len(found) != 1:
            raise RecoveryError(
                f"{self._function} has {len(found)} event source mappings instead of one; deploy it first"
            )
        return found[0]


def mapping_statuses(client: "LambdaClient", prefix: str) -> list[MappingStatus]:
    """Return the status of each event source mapping of the functions whose names begin with a prefix.

    Raises:
        RecoveryError: If AWS refuses the call.
    """
    with reporting("the event source mappings cannot be read"):
        pages = list(client.get_paginator("list_event_source_mappings").paginate())
    found = [_status(mapping) for page in pages for mapping in page["EventSourceMappings"]]
    return sorted((each for each in found if each.function.startswith(prefix)), key=lambda each: each.function)


def _status(mapping: "EventSourceMappingConfigurationTypeDef") -> MappingStatus:
    # A function's ARN has seven parts, and an eighth if it names a version.
    function = mapping["FunctionArn"].split(":")[6]
    source = mapping.get("EventSourceArn", "")
    kind: MappingKind = "queue" if ":sqs:" in source else "stream"
    state = mapping.get("State", "")
    problem = _problem(state, mapping.get("StateTransitionReason", ""), mapping.get("LastProcessingResult", ""))
    return MappingStatus(function, kind, state, problem, source)


def _problem(state: str, reason: str, result: str) -> str | None:
    if state != "Enabled":
        by_lambda = "Lambda itself stopped it. " if reason and not BY_A_USER.match(reason) else ""
        return f"{by_lambda}It delivers nothing until it is enabled."
    return None if WORKING.fullmatch(result) else "Its last batch failed."
