"""Analytics' own settings: the shop's time zone."""

from zoneinfo import available_timezones

from infra.shop import ShopSettings
from infra.stacks.service import ServiceStack


def add_resources(stack: ServiceStack, settings: ShopSettings) -> None:
    """Configure the time zone of the days that sales are counted by.

    Raises:
        ValueError: If the time zone is unknown.
    """
    if settings.time_zone not in available_timezones():
        raise ValueError(
            f"the stage {stack.stage.name} has an unknown time zone, {settings.time_zone!r}: set time_zone in "
            "infra/shop.py to a name of the IANA Time Zone Database, such as Europe/Berlin"
        )
    for role in ("consumer", "api"):
        stack.functions[role].add_environment("TIME_ZONE", settings.time_zone)
