"""Contracts: what the `data` of each event type contains, and the registry that decodes it."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

import msgspec

from tidings.core.errors import PermanentError, as_code
from tidings.core.event import SUBJECT_PATTERN, Event, read_personal, with_data, without_personal
from tidings.core.explanation import explained
from tidings.core.personal import Personal


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one event type. The subclass's name is the event type.

    Within a major version a contract changes compatibly only: a field with a default may be added.

    Attributes:
        producer: The service that announces the event. Events with another `source` are refused.
        major: The contract's major version.
        subject_pattern: A regular expression that an event's whole `subject` must match.
        personal: The type of the personal data that the event carries beside its data; None if it carries none.

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
    personal: ClassVar[type[Personal] | None] = None

    @classmethod
    def schema(cls) -> str:
        """Return the `dataschema` of events with this contract: `urn:tidings:TicketOpened:1`."""
        return f"urn:tidings:{cls.__name__}:{cls.major}"

    @classmethod
    def check_subject(cls, subject: str) -> None:
        """Refuse a subject that does not have the contract's form.

        Raises:
            ValueError: If the subject does not match `subject_pattern`.
        """
        # `re` compiles each pattern once.
        if not re.fullmatch(cls.subject_pattern, subject):
            raise ValueError(f"subject: {subject!r} does not have the form that the schema describes")


class Announcement(msgspec.Struct, frozen=True):
    """An event to announce, with its personal data.

    Attributes:
        data: The event's data.
        personal: The personal data, of the type that the contract declares.
    """

    data: Contract
    personal: Personal


class ContractRegistry:
    """The contracts that a consumer understands. It decodes the data of their events."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._known: Mapping[str, type[Contract]] = {contract.__name__: contract for contract in contracts}

    def decode(self, event: Event[Any]) -> Event[Contract]:
        """Convert an event's data from builtins to its contract, and check its personal data.

        Personal data that the contract does not declare is removed, so no handler can store it.

        Raises:
            PermanentError: If the type is unknown (`unknown-type`), its major version is another
                (`unknown-version`), its source is not the contract's producer (`wrong-source`), or the data, the
                personal data or the subject breaks the contract (`breaks-contract`).
        """
        contract = self._known.get(event.type)
        if contract is None:
            raise PermanentError("unknown-type", f"nothing here handles {event.type}", event)
        if event.dataschema != contract.schema():
            raise PermanentError("unknown-version", f"{as_code(event.dataschema)} is not {contract.schema()}", event)
        if event.source != contract.producer:
            text = f"{event.type} is announced by {contract.producer}, not by {event.source}"
            raise PermanentError("wrong-source", text, event)
        try:
            contract.check_subject(event.subject)
            data = msgspec.convert(event.data, contract)
        except ValueError as error:
            raise PermanentError("breaks-contract", f"{event.type}: {explained(error)}", event) from error
        if contract.personal:
            read_personal(event, contract.personal)
        return with_data(event if contract.personal else without_personal(event), data)
