"""The services' answers about a person's orders, by the function that is derived from each one's declaration."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from msgspec import Struct

from tidings.aws.personal_answers import MAX_KEYS
from tidings.core.errors import RetryableError
from tidings.core.personal import PERSONAL

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Page(Struct, frozen=True):
    """A page of the ids of a person's orders, oldest first, and the cursor of the next one; None on the last page."""

    keys: tuple[str, ...]
    next: str | None


class Part(Struct, frozen=True):
    """The part of an order that one service stores.

    Attributes:
        key: The order's id.
        state: The service's state of the order, as it is stored.
        events: The events that the service announced about it.
        under_way: What still goes on with it there; empty if nothing does.
        erased: Whether its personal data was erased there.
    """

    key: str
    state: Any
    events: tuple[Any, ...]
    under_way: str
    erased: bool

    @property
    def is_personal(self) -> bool:
        """True if the service still keeps personal data of the order."""
        return any(isinstance(each, dict) and each.get(PERSONAL) is not None for each in (self.state, *self.events))


Parts = Mapping[str, Mapping[str, Part]]
"""The parts of orders, by order and by service."""


class People(Protocol):
    """The services' answers about people."""

    def orders(self, person: str, cursor: str) -> Page:
        """Return a page of the ids of a person's orders. The cursor of the first page is empty."""
        ...

    def parts(self, orders: Sequence[str]) -> Parts:
        """Return what the services store of orders."""
        ...


class _Answer(Struct, frozen=True):
    entities: tuple[Part, ...]
    unread: tuple[str, ...]


class LambdaPeople:
    """The answers of the functions on AWS Lambda; see `People`.

    Args:
        client: The client of AWS Lambda.
        functions: The names of the functions by service.
        listing: The service that lists a person's orders.
        threads: Asks the services in parallel.
    """

    def __init__(self, client: "LambdaClient", functions: Mapping[str, str], listing: str, threads: Executor) -> None:
        self._client = client
        self._functions = functions
        self._listing = listing
        self._threads = threads

    def orders(self, person: str, cursor: str) -> Page:
        """Return a page of the ids of a person's orders. The cursor of the first page is empty."""
        return msgspec.json.decode(self._ask(self._listing, {"list": person, "after": cursor or None}), type=Page)

    def parts(self, orders: Sequence[str]) -> Parts:
        """Return what the services store of orders.

        Raises:
            RetryableError: If a service does not answer.
        """
        services = sorted(self._functions)
        found: dict[str, dict[str, Part]] = {order: {} for order in orders}
        answers = self._threads.map(lambda service: list(self._read(service, orders)), services)
        for service, parts in zip(services, answers, strict=True):
            for part in parts:
                found[part.key][service] = part
        return found

    def _read(self, service: str, orders: Sequence[str]) -> Iterable[Part]:
        left = list(orders)
        while left:
            asked, left = left[:MAX_KEYS], left[MAX_KEYS:]
            answer = msgspec.json.decode(self._ask(service, {"read": asked}), type=_Answer)
            yield from answer.entities
            left = [*answer.unread, *left]

    def _ask(self, service: str, question: Mapping[str, Any]) -> bytes:
        answer = self._client.invoke(FunctionName=self._functions[service], Payload=msgspec.json.encode(question))
        if "FunctionError" in answer:
            # The answer's text is omitted, because it may contain the state of an order.
            raise RetryableError(f"the service {service} does not answer about a person's orders")
        return answer["Payload"].read()
