"""Contracts: what the `data` of each event type contains, and the registry that decodes it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from tidings.core.errors import PermanentError
from tidings.core.event import SUBJECT_PATTERN, Event, with_data


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one event type. The subclass's name is the event type.

    Within a major version a contract changes compatibly only: a field with a default may be added.

    Attributes:
        producer: The service that announces the event. Events with another `source` are refused.
        major: The contract's major version.
        subject_pattern: A regular expression that an event's whole `subject` must match.

    Example:
        ```python
        class TicketOpened(Contract, frozen=True, kw_only=True):
            producer = "desk"

            title: str
        ```
    """

    producer: ClassVar[str]
    major: ClassVar[int] = 1
    subject_pattern: ClassVar[str] = SUBJECT_PATTERN

    @classmethod
    def schema(cls) -> str:
        """Return the `dataschema` of events with this contract: `urn:tidings:TicketOpened:1`."""
        return f"urn:tidings:{cls.__name__}:{cls.major}"


class ContractRegistry:
    """The contracts that a consumer understands. It decodes the data of their events."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._known: Mapping[str, tuple[type[Contract], re.Pattern[str]]] = {
            contract.__name__: (contract, re.compile(contract.subject_pattern)) for contract in contracts
        }

    def decode(self, event: Event[Any]) -> Event[Contract]:
        """Convert an event's data from builtins to its contract.

        Raises:
            PermanentError: If the type is unknown (`unknown-type`), its major version is another
                (`unknown-version`), its source is not the contract's producer (`wrong-source`), or the data or the
                subject breaks the contract (`breaks-contract`).
        """
        known = self._known.get(event.type)
        if known is None:
            raise PermanentError("unknown-type", f"nothing here handles {event.type}", event)
        contract, subject = known
        if event.dataschema != contract.schema():
            raise PermanentError("unknown-version", f"{event.dataschema} is not {contract.schema()}", event)
        if event.source != contract.producer:
            text = f"{event.type} is announced by {contract.producer}, not by {event.source}"
            raise PermanentError("wrong-source", text, event)
        if not subject.fullmatch(event.subject):
            text = f"{event.type}: the subject {event.subject!r} does not match {subject.pattern}"
            raise PermanentError("breaks-contract", text, event)
        try:
            data = msgspec.convert(event.data, contract)
        except msgspec.ValidationError as error:
            raise PermanentError("breaks-contract", f"{event.type}: {error}", event) from error
        return with_data(event, data)
