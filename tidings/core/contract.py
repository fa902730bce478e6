"""Contracts: what the `data` of each event type contains, and the registry that decodes it."""

import re
from collections.abc import Iterable, Mapping
from typing import ClassVar

import msgspec
from msgspec import Raw

from tidings.core.errors import PermanentError
from tidings.core.event import Event, with_data


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one event type. The subclass's name is the event type.

    Within a major version a contract changes compatibly only: a field with a default may be added.

    Attributes:
        major: The contract's major version.
        subject_pattern: A regular expression that an event's whole `subject` must match.

    Example:
        ```python
        class TicketOpened(Contract, frozen=True, kw_only=True):
            title: str
        ```
    """

    major: ClassVar[int] = 1
    subject_pattern: ClassVar[str] = r"[^#].{0,63}"

    @classmethod
    def schema(cls) -> str:
        """Return the `dataschema` of events with this contract: `urn:tidings:TicketOpened:1`."""
        return f"urn:tidings:{cls.__name__}:{cls.major}"


class ContractRegistry:
    """The contracts that a consumer understands. It decodes the data of their events."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._known: Mapping[str, tuple[str, msgspec.json.Decoder[Contract], re.Pattern[str]]] = {
            contract.__name__: (contract.schema(), msgspec.json.Decoder(contract), re.compile(contract.subject_pattern))
            for contract in contracts
        }

    def decode(self, event: Event[Raw]) -> Event[Contract]:
        """Decode an event's data.

        Raises:
            PermanentError: If the type is unknown (`unknown-type`), its major version is another
                (`unknown-version`), or the data or the subject breaks the contract (`breaks-contract`).
        """
        known = self._known.get(event.type)
        if known is None:
            raise PermanentError("unknown-type", f"nothing here handles {event.type}", event)
        schema, decoder, subject = known
        if event.dataschema != schema:
            raise PermanentError("unknown-version", f"{event.dataschema} is not {schema}", event)
        if not subject.fullmatch(event.subject):
            text = f"{event.type}: the subject {event.subject!r} does not match {subject.pattern}"
            raise PermanentError("breaks-contract", text, event)
        try:
            data = decoder.decode(event.data)
        except msgspec.ValidationError as error:
            raise PermanentError("breaks-contract", f"{event.type}: {error}", event) from error
        return with_data(event, data)
