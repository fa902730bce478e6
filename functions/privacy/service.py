"""Privacy: exports and erases customers' personal data, and erases that of orders after their retention."""

from contracts.orders.order_cancelled import OrderCancelled
from contracts.privacy.personal_data_erased import PersonalDataErased
from contracts.warehouse.order_dispatched import OrderDispatched
from functions.privacy import handlers
from functions.privacy.state import Record, due_of, retained_since
from tidings.core.pending import pending_index
from tidings.core.service import Service, on

JOBS = pending_index(due_of)
"""The index of jobs that are not at their end, by the time at which they are due."""

RETENTION = pending_index(retained_since, "retention")
"""The index of orders whose data is not erased, by the time that their period of retention counts from."""

service = Service(
    name="privacy",
    state=Record,
    announces=(PersonalDataErased,),
    handlers=(
        on(OrderDispatched, handlers.on_order_dispatched, creates=True),
        on(OrderCancelled, handlers.on_order_cancelled, creates=True),
    ),
    concurrency=20,
    # It deletes accounts and files.
    has_side_effects=True,
    indexes=(JOBS, RETENTION),
)
