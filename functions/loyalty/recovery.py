"""The recovery of loyalty: the points of an order once each of its events was announced, and the balances."""

from collections.abc import Iterator
from typing import Any

from msgspec.structs import replace

from contracts.loyalty.points_awarded import PointsAwarded
from contracts.loyalty.points_revoked import PointsRevoked
from functions.loyalty.handlers import POINTS, Earning, balance_key
from functions.loyalty.service import service
from tidings.core.decisions import Increment
from tidings.core.entity import Entity
from tidings.core.event import Event
from tidings.recovery import Recovery, recall


def _after_awarded(_earning: Earning | None, event: Event[PointsAwarded], cause: Event[Any] | None) -> Earning:
    return Earning("awarded", event.data.customer, event.data.points, (cause or event).time)


def _after_revoked(earning: Earning | None, event: Event[PointsRevoked], _cause: Event[Any] | None) -> Earning:
    known = earning or Earning("awarded", event.data.customer, event.data.points, event.time)
    return replace(known, status="revoked")


def _counts(entity: Entity[Earning]) -> Iterator[Increment]:
    earning = entity.state
    if earning and earning.status == "awarded" and earning.points:
        yield Increment(balance_key(earning.customer), {POINTS: earning.points})


recovery = Recovery(
    service=service,
    recalls=(recall(PointsAwarded, _after_awarded), recall(PointsRevoked, _after_revoked)),
    counts=_counts,
    counted=frozenset({POINTS}),
)
