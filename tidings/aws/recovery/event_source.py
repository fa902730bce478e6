"""The connection from a queue to its function: an event source mapping of AWS Lambda."""

from typing import TYPE_CHECKING

from tidings.recovery.errors import RecoveryError
from tidings.recovery.polling import wait_until

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_lambda.type_defs import EventSourceMappingConfigurationTypeDef

SWITCH_SECONDS = 300
"""Maximum time to wait for a change of the mapping."""


class EventSourceMapping:
    """The one event source mapping of a function."""

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
        found = self._client.list_event_source_mappings(FunctionName=self._function)["EventSourceMappings"]
        if len(found) != 1:
            raise RecoveryError(
                f"{self._function} has {len(found)} event source mappings instead of one; deploy it first"
            )
        return found[0]
