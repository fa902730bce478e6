"""History: the record of everything that happened, and the answer to "what happened to order 123?"."""

from types import NoneType

from functions.history.buckets import BUCKET, MOMENT
from tidings.service import Index, Service

service = Service(
    name="history",
    state=NoneType,
    subscribes_to_all=True,
    sort_key="id",
    indexes=(Index(partition=BUCKET, sort=MOMENT, projects=("event",)),),
)
