"""The options of a replay, and the rules for them."""

from dataclasses import dataclass
from typing import Any

from ops.errors import CommandError
from ops.ids import parse_order_id
from ops.services import service_named
from ops.times import parse_since
from tidings.core.service import Service
from tidings.core.strategy import Observer

HISTORY = "history"


@dataclass(frozen=True, kw_only=True)
class ReplayOptions:
    """The options of `tidings replay`, with times as the user wrote them.

    A duration is counted back from each run, so a run that continues another may end later.

    Attributes:
        consumer: The service that receives the events.
        start: The time from which on they were recorded; None for the beginning.
        end: The time before which they were recorded; None for now.
        types: Their types; empty for all that the consumer subscribes to.
        order: The only order; None for all.
        rate: Maximum number of messages a second.
        dry_run: Whether to count the messages, and send none.
        rebuild: Whether to delete and rebuild the consumer's projection.
        restart: Whether to begin at the beginning after a run that broke off.
        wait: Whether to wait until a new subscription is effective.
    """

    consumer: str
    start: str | None = None
    end: str | None = None
    types: tuple[str, ...] = ()
    order: str | None = None
    rate: float | None = None
    dry_run: bool = False
    rebuild: bool = False
    restart: bool = False
    wait: bool = False

    def checked_service(self) -> Service[Any]:
        """Return the consumer's service.

        Raises:
            CommandError: If the options are invalid for the service, on every stage.
        """
        service = service_named(self.consumer)
        self._check(service)
        if self.order is not None:
            parse_order_id(self.order)
        for time in (self.start, self.end):
            if time is not None:
                parse_since(time)
        return service

    def _check(self, service: Service[Any]) -> None:
        name = self.consumer
        if name == HISTORY:
            raise CommandError("history is the event log itself: no event can be replayed to it")
        if isinstance(service.strategy, Observer):
            raise CommandError(
                f"{name} keeps no record of the events that it has handled, and would show past events as new ones: "
                "no event can be replayed to it"
            )
        if not service.consumes:
            raise CommandError(f"{name} subscribes to no events")
        subscribed = subscribed_types(service)
        if subscribed is not None and (others := sorted(set(self.types) - subscribed)):
            raise CommandError(
                f"{name} does not subscribe to {', '.join(others)}; it subscribes to {', '.join(sorted(subscribed))}"
            )
        if self.rebuild:
            self._check_rebuild(service)
        elif service.has_side_effects and not self.start:
            raise CommandError(
                f"{name} has side effects (mail, money) for every event that it has not handled: "
                "set the time of the first event with --from"
            )

    def _check_rebuild(self, service: Service[Any]) -> None:
        if not service.rebuildable:
            reason = (
                "has side effects"
                if service.has_side_effects
                else "announces events"
                if service.announces
                else "is not declared rebuildable"
            )
            raise CommandError(f"{self.consumer} {reason}, so its state cannot be deleted and rebuilt")
        if self.start or self.end or self.types or self.order:
            raise CommandError("--rebuild replays all events: omit --from, --to, --type and --order")


def subscribed_types(service: Service[Any]) -> frozenset[str] | None:
    """Return the event types that a service subscribes to; None for all."""
    return None if service.subscribes_to_all else frozenset(contract.__name__ for contract in service.contracts)
