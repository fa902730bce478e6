"""Live: notifies operators of each event as it happens, and each customer of the events of own orders."""

from types import NoneType

from tidings.core.service import Service
from tidings.core.strategy import SORT_KEY, Batch, Observer

service = Service(
    name="live",
    state=NoneType,
    # A person waits for each event, so no batch waits to fill.
    strategy=Observer(sort_key=SORT_KEY, batch=Batch(size=10, seconds=0)),
    # It receives every event of every service.
    concurrency=50,
    # A push to a browser.
    has_side_effects=True,
    expires=True,
)
