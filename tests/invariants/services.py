"""The services of the shop."""

from typing import Any

from functions.analytics.service import service as analytics
from functions.fraud.service import service as fraud
from functions.history.service import service as history
from functions.inventory.service import service as inventory
from functions.loyalty.service import service as loyalty
from functions.notification.service import service as notification
from functions.orders.service import service as orders
from functions.payment.service import service as payment
from functions.recommendation.service import service as recommendation
from functions.warehouse.service import service as warehouse
from tidings.core.service import Service

SERVICES: tuple[Service[Any], ...] = (
    orders,
    payment,
    inventory,
    fraud,
    notification,
    warehouse,
    loyalty,
    analytics,
    recommendation,
    history,
)
