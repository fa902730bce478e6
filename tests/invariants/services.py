"""The services of the shop."""

from typing import Any
from zoneinfo import ZoneInfo

from functions.analytics.service import service_in
from functions.fraud.service import service as fraud
from functions.history.service import service as history
from functions.inventory.service import service as inventory
from functions.live.service import service as live
from functions.loyalty.service import service as loyalty
from functions.notification.service import service as notification
from functions.orders.service import service as orders
from functions.payment.service import service as payment
from functions.privacy.service import service as privacy
from functions.recommendation.service import service as recommendation
from functions.warehouse.service import service as warehouse
from tidings.core.service import Service

ZONE = ZoneInfo("Europe/Berlin")
"""The shop's time zone."""

SERVICES: tuple[Service[Any], ...] = (
    orders,
    payment,
    inventory,
    fraud,
    notification,
    warehouse,
    loyalty,
    service_in(ZONE),
    recommendation,
    privacy,
    history,
    live,
)
