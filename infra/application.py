"""An application: what its folders, its stage and its texts make of the shared constructs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.discovery import ServiceFolder
from infra.stages import Stage
from tidings.core.contract import Contract


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages of an application in the browser, which its API serves."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """Services that share a topic and an HTTP API, in one stage.

    Attributes:
        name: The first part of the names of all its resources: `helpdesk-dev-desk`.
        title: Its name for readers.
        description: What it is, in one sentence.
        stage: The stage.
        services: Its services; see `discover_services`.
        contracts: The contracts of all its events; see `discover_contracts`.
        highlights: The event types that the dashboard shows first.
        sender: The address that e-mails come from, also those of the user pools; empty if the application sends none.
        alarm_addresses: The e-mail addresses that are notified of alarms, once each has confirmed.
        pages: Its pages in the browser; None if it has none. With pages it has a WebSocket API.
        settings: The application's own settings in this stage. Each service's `add_resources` receives them.
    """

    name: str = "tidings"
    title: str
    description: str
    stage: Stage
    services: Sequence[ServiceFolder]
    contracts: Sequence[type[Contract]]
    highlights: tuple[str, ...] = ()
    sender: str = ""
    alarm_addresses: tuple[str, ...] = ()
    pages: Pages | None = None
    settings: Any = None

    @property
    def mail_domain(self) -> str:
        """The domain whose mail identity this stage uses; empty if it uses none."""
        # The emulator accepts e-mails of every sender whose identity was verified by a call.
        return "" if self.stage.emulated else self.sender.rpartition("@")[2]

    def resource_name(self, *parts: str) -> str:
        """Return the name of a resource in this stage: `helpdesk-dev-desk`."""
        return "-".join((self.name, self.stage.name, *parts))
