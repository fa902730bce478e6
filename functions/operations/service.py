"""Operations: shows operators the services, their alarms and their dead letters, and records what operators do."""

from functions.operations import state
from functions.operations.state import Action
from tidings.core.service import Index, Service
from tidings.http.pagination import OWNER, RANK, SUMMARY

service = Service(
    name="operations",
    state=Action,
    # It sends and deletes messages of other services' queues.
    has_side_effects=True,
    indexes=(Index(partition=OWNER, sort=RANK, projects=(SUMMARY,), of=state.listing),),
)
