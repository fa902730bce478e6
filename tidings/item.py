"""An order as one service sees it: one item, which holds what it knows, what it handled and what it announced."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

from tidings.clock import rfc3339
from tidings.events import Contract, Event, decode, encode, event_id

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

Attributes = Mapping[str, "AttributeValueTypeDef"]
"""An item as DynamoDB's API writes it: `{"pk": {"S": "…"}, …}`."""

S = TypeVar("S")


@dataclass(frozen=True)
class Lease:
    """Who acts on an event's claim (`token`), and until when nobody else may (milliseconds since 1970)."""

    token: str
    until: int


@dataclass(frozen=True)
class Item(Generic[S]):
    """One order in one service's table.

    `handled` are the keys of the events that made it what it is (the inbox), `events` the encoded events that the
    service announced about it, oldest first (the outbox, and its log). `claims` are the leases of reactions that
    are acting outside at this moment, by the key of their event. `version` counts the writes; 0 is not stored yet.
    """

    order: str
    version: int = 0
    state: S | None = None
    handled: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    claims: Mapping[str, Lease] = field(default_factory=dict)


@dataclass(frozen=True)
class Cause:
    """Why an item changes: an event (`key` and `id`), or a command, which has neither.

    `time` is the cause's own, in milliseconds since 1970; an effect's time is always later.
    """

    correlation: str
    traceparent: str
    time: int
    key: str | None = None
    id: str | UnsetType = UNSET

    @classmethod
    def of(cls, event: Event[Any]) -> "Cause":
        """The cause that an event is."""
        return cls(event.correlationid, event.traceparent, event.millis, handled_key(event), event.id)


def handled_key(event: Event[Any]) -> str:
    """An event's id without the order's, which the item's own key says: `payment/1`."""
    return f"{event.source}/{event.id.rpartition('/')[2]}"


def advance(item: Item[S], source: str, state: S, announce: Sequence[Contract], cause: Cause, now: int) -> Item[S]:
    """The item with a new state, and in its log what is to be announced."""
    time = max(now, cause.time + 1)
    if announce and item.events:
        time = max(time, decode(item.events[-1]).millis + 1)
    first = len(item.events) + 1
    events = tuple(
        encode(
            Event(
                id=event_id(source, item.order, first + n),
                source=source,
                type=type(data).__name__,
                dataschema=data.schema(),
                subject=item.order,
                time=rfc3339(time + n),
                sequence=first + n,
                correlationid=cause.correlation,
                causationid=cause.id,
                traceparent=cause.traceparent,
                data=data,
            )
        )
        for n, data in enumerate(announce)
    )
    return replace(item, version=item.version + 1, state=state, events=item.events + events)


def handle(item: Item[S], cause: Cause) -> Item[S]:
    """The item with the cause handled, for good; a command is not remembered."""
    if cause.key is None:
        return item
    claims = {key: lease for key, lease in item.claims.items() if key != cause.key}
    return replace(item, handled=(*item.handled, cause.key), claims=claims)


def claim(item: Item[S], cause: Cause, lease: Lease) -> Item[S]:
    """The item with the cause being acted on outside; it is not handled yet."""
    if cause.key is None:
        raise ValueError("only a reaction to an event may act outside: nothing would bring a command again")
    return replace(item, claims={**item.claims, cause.key: lease})


class ItemCodec(Generic[S]):
    """Writes items of one service as DynamoDB attributes, and reads them."""

    def __init__(self, state: type[S]) -> None:
        self._state = msgspec.json.Decoder(state)

    def encode(self, item: Item[S], *, announces: bool, extra: Mapping[str, str]) -> Attributes:
        """The attributes to store. The marker `announces` lets the stream's filter skip what has nothing to relay."""
        attributes: dict[str, AttributeValueTypeDef] = {
            "pk": {"S": item.order},
            "version": {"N": str(item.version)},
            "state": {"S": msgspec.json.encode(item.state).decode()},
        }
        if item.handled:
            attributes["handled"] = {"L": [{"S": key} for key in item.handled]}
        if item.events:
            attributes["events"] = {"L": [{"S": event} for event in item.events]}
        if item.claims:
            attributes["claims"] = {
                "M": {key: {"S": f"{lease.until}/{lease.token}"} for key, lease in item.claims.items()}
            }
        if announces:
            attributes["announces"] = {"BOOL": True}
        return attributes | {name: {"S": value} for name, value in extra.items()}

    def decode(self, attributes: Attributes) -> Item[S]:
        """The item that `encode` wrote."""
        leases = {key: value["S"].partition("/") for key, value in attributes.get("claims", {"M": {}})["M"].items()}
        return Item(
            order=attributes["pk"]["S"],
            version=int(attributes["version"]["N"]),
            state=self._state.decode(attributes["state"]["S"]),
            handled=tuple(key["S"] for key in attributes.get("handled", {"L": []})["L"]),
            events=tuple(event["S"] for event in attributes.get("events", {"L": []})["L"]),
            claims={key: Lease(token, int(until)) for key, (until, _, token) in leases.items()},
        )
