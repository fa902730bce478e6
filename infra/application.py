"""An application: what its folders, its stage and its texts make of the shared constructs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from infra.discovery import ServiceFolder
from infra.stages import Stage
from tidings.aws.names import table_name
from tidings.core.contract import Contract


@dataclass(frozen=True, kw_only=True)
class Pages:
    """The pages by which an application is used in a browser, in one stage.

    Attributes:
        settings: The pages' own settings in this stage, as JSON. They are public.
        sources: Further sources that the pages may load, by directive of the content security policy.
        domain: The pages' own domain; empty for the distribution's name at CloudFront.
        certificate: The ARN of the domain's certificate, which is in us-east-1; empty without a domain.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, Sequence[str]] = field(default_factory=dict)
    domain: str = ""
    certificate: str = ""


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
        pages: Its pages; None if it has none.
        origins: The origins whose scripts may call the API from a browser, besides its own pages: `https://a.example`.
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
    origins: tuple[str, ...] = ()
    settings: Any = None

    @property
    def allowed_origins(self) -> list[str]:
        """The origins that the API admits (Fetch Standard, "CORS protocol"): the named ones, and the pages' domain."""
        domain = self.pages.domain if self.pages else ""
        return [*self.origins, *([f"https://{domain}"] if domain else [])]

    @property
    def mail_domain(self) -> str:
        """The domain whose mail identity this stage uses; empty if it uses none."""
        # The emulator accepts e-mails of every sender whose identity was verified by a call.
        return "" if self.stage.emulated else self.sender.rpartition("@")[2]

    def resource_name(self, *parts: str) -> str:
        """Return the name of a resource in this stage: `helpdesk-dev-desk`."""
        return "-".join((self.name, self.stage.name, *parts))

    def table_name(self, name: str) -> str:
        """Return the name of a service's table in this stage, of the generation that the stage names."""
        return table_name(self.resource_name(name), self.stage.table_generations.get(name, 1))
