"""Tests of services in memory: ports with fault injection, a virtual clock, and given/when/then.

Example:
    ```python
    opened = make_event(TicketOpened(title="No heating"))
    scenario = given(assignment).when(opened).then(state=Ticket("open"), announced=[TicketAssigned(agent="a1")])
    scenario.when(opened).then(writes=0)  # a duplicate changes nothing
    scenario.table.commit_faults.next(lost_answer)
    ```
"""

from tidings.testing.clock import NOON, VirtualClock
from tidings.testing.faults import (
    Fault,
    Faults,
    duplicate_request,
    fails,
    lost_answer,
    preceded_by,
    transaction_conflict,
)
from tidings.testing.making import CORRELATION_ID, SUBJECT, TRACEPARENT, make_event, make_record, make_request
from tidings.testing.ports import MemoryQueue, MemoryRelayDeadLetterQueue, MemoryTable, MemoryTopic
from tidings.testing.scenario import FUNCTION_SECONDS, Execute, Outcome, Scenario, given
from tidings.testing.threads import InlineExecutor

__all__ = [
    "CORRELATION_ID",
    "FUNCTION_SECONDS",
    "NOON",
    "SUBJECT",
    "TRACEPARENT",
    "Execute",
    "Fault",
    "Faults",
    "InlineExecutor",
    "MemoryQueue",
    "MemoryRelayDeadLetterQueue",
    "MemoryTable",
    "MemoryTopic",
    "Outcome",
    "Scenario",
    "VirtualClock",
    "duplicate_request",
    "fails",
    "given",
    "lost_answer",
    "make_event",
    "make_record",
    "make_request",
    "preceded_by",
    "transaction_conflict",
]
