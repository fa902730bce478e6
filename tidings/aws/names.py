"""The names of a service's resources. Stacks give them, and code without a reference to a resource finds it by them."""

from typing import Literal

from tidings.core.service import QueueKind

QueueRole = Literal["queue", "dlq", "undelivered", "relay-dlq"]
"""The role of a queue: the consumer's, its dead-letter queue, the subscription's, or the relay's."""

ALIAS = "live"
"""The alias that every function is invoked by. A deployment publishes a version, and moves the alias to it."""


def queue_name(service: str, role: QueueRole, kind: QueueKind) -> str:
    """Return the name of a service's queue: `helpdesk-dev-desk-dlq.fifo`. The consumer's has the service's own name.

    Args:
        service: The service's name with the application's and the stage's: `helpdesk-dev-desk`.
        role: The queue's role.
        kind: The queue's kind.
    """
    name = service if role == "queue" else f"{service}-{role}"
    return f"{name}.fifo" if kind == "fifo" else name


def table_name(service: str, generation: int = 1) -> str:
    """Return the name of a generation of a service's table: `helpdesk-dev-desk`, and then `helpdesk-dev-desk-2`.

    A restore always creates a new table. It is the service's next generation.

    Args:
        service: The service's name with the application's and the stage's: `helpdesk-dev-desk`.
        generation: The generation, from 1.
    """
    return service if generation == 1 else f"{service}-{generation}"


def table_generation(service: str, table: str) -> int:
    """Return the generation of a service's table, given its name.

    Args:
        service: The service's name with the application's and the stage's: `helpdesk-dev-desk`.
        table: The table's name: `helpdesk-dev-desk-2`.

    Raises:
        ValueError: If the table is none of the service's.
    """
    return int(table.removeprefix(service).removeprefix("-") or 1)
