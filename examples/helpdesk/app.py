"""The helpdesk's CDK app: the shop's constructs over the helpdesk's own folders."""

from pathlib import Path

from aws_cdk import App

from infra.application import Application
from infra.build import build
from infra.discovery import discover_contracts, discover_services
from infra.stages import STAGES, Stage

FOLDER = Path(__file__).resolve().parent


def helpdesk(stage: Stage) -> Application:
    """Return the helpdesk in a stage."""
    contracts = FOLDER / "contracts"
    services = discover_services(FOLDER / "services", contracts)
    return Application(
        name="helpdesk",
        title="Helpdesk",
        description="A helpdesk that assigns tickets to the free members of a team.",
        stage=stage,
        services=services,
        contracts=discover_contracts(contracts, services),
        highlights=("TicketOpened", "TicketAssigned", "TicketClosed"),
    )


if __name__ == "__main__":
    app = App()
    build(app, helpdesk(STAGES[app.node.try_get_context("stage") or "dev"]))
    app.synth()
