"""The functions of a service that are closed and opened together."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ops.local.versions import close_versions, open_versions
from ops.stage import LOCAL, DeployedStage
from tidings.aws.recovery import FunctionSwitch


@dataclass(frozen=True)
class ServiceFunctions:
    """The functions of a service, except some.

    Attributes:
        stage: The stage.
        service: The service's name.
        except_for: The ends of the names of those that stay open.
        pause: Waits for a number of seconds.
    """

    stage: DeployedStage
    service: str
    except_for: Sequence[str] = ()
    pause: Callable[[float], None] = time.sleep

    def close(self) -> None:
        """Close the functions, and wait until the longest invocation must have ended."""
        if self.stage.name == LOCAL:
            close_versions(self.stage.client("lambda"), self._switch.names())
        self._switch.close()

    def open(self) -> None:
        """Open the functions."""
        self._switch.open()
        if self.stage.name == LOCAL:
            open_versions(self.stage.client("lambda"), self._switch.names())

    def open_names(self) -> list[str]:
        """Return the names of the functions that are open."""
        return self._switch.open_names()

    @property
    def _switch(self) -> FunctionSwitch:
        prefix = f"{self.stage.prefix}{self.service}-"
        return FunctionSwitch(self.stage.client("lambda"), prefix, self.except_for, self.pause)
