"""History: the log of all events, and the answer to "what happened to order 123?"."""

from types import NoneType

from functions.history.buckets import BUCKET, POSITION
from functions.history.log import HAS_PERSONAL
from tidings.core.service import Index, Service
from tidings.core.strategy import Log

service = Service(
    name="history",
    state=NoneType,
    strategy=Log(sort_key="id"),
    # It receives every event of every service.
    concurrency=50,
    indexes=(Index(partition=BUCKET, sort=POSITION, projects=("event", HAS_PERSONAL)),),
)
