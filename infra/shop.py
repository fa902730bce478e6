"""The shop as an application: its folders, its texts, and its settings in each stage."""

from dataclasses import dataclass

from infra.application import Application
from infra.discovery import ROOT, ServiceFolder, discover_contracts, discover_services
from infra.stages import Stage

SERVICES = ROOT / "functions"
CONTRACTS = ROOT / "contracts"


@dataclass(frozen=True, kw_only=True)
class ShopSettings:
    """The shop's own settings in one stage.

    Attributes:
        sender: The address that e-mails come from.
        gateway: The payment gateway. `simulated` moves no money; `stripe` does.
        product_cache: Number of seconds for which a product's price may be cached.
        pending_limit: Number of seconds after which a pending order expires.
        alarm_addresses: The e-mail addresses that are notified of alarms.
    """

    sender: str
    gateway: str = "simulated"
    product_cache: int = 60
    pending_limit: int = 15 * 60
    alarm_addresses: tuple[str, ...] = ()


SETTINGS = {
    "local": ShopSettings(sender="orders@tidings.example", product_cache=1, pending_limit=10 * 60),
    "dev": ShopSettings(sender="orders@dev.tidings.example", alarm_addresses=("developers@tidings.example",)),
    "prod": ShopSettings(
        sender="orders@tidings.example",
        gateway="stripe",
        # Longer than an operator takes to repair an outage and to redrive its dead letters.
        pending_limit=60 * 60,
        alarm_addresses=("operators@tidings.example",),
    ),
}
"""The settings by the stage's name."""


def shop_services() -> tuple[ServiceFolder, ...]:
    """Return the shop's services by name."""
    return discover_services(SERVICES, CONTRACTS)


def shop(stage: Stage, settings: ShopSettings | None = None) -> Application:
    """Return the shop in a stage.

    Args:
        stage: The stage.
        settings: The shop's settings; those of the stage's name if omitted.
    """
    services = shop_services()
    settings = settings or SETTINGS[stage.name]
    return Application(
        title="Tidings",
        description="A shop that takes orders, charges for them, sends them, and tells its customers.",
        stage=stage,
        services=services,
        contracts=discover_contracts(CONTRACTS, services),
        operators="May see all orders, set products and stock, and dispatch orders",
        highlights=("OrderPlaced", "OrderConfirmed", "OrderDispatched", "OrderCancelled"),
        alarm_addresses=settings.alarm_addresses,
        settings=settings,
    )
