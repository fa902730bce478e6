"""Contracts: what the `data` of each event type contains, and the registry that decodes it."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from tidings.core.errors import NewerReleaseError, PermanentError, as_code
from tidings.core.event import SUBJECT_PATTERN, Event, read_personal, with_data, without_personal
from tidings.core.explanation import explained
from tidings.core.personal import Personal

C = TypeVar("C", bound="Contract")
Older = TypeVar("Older", bound="Contract")


class Upcaster(msgspec.Struct, Generic[Older, C], frozen=True):
    """The conversion of an older major version of a contract into the next one.

    Attributes:
        older: The older version of the contract. It may have an upcaster itself, and so on to the first version.
        convert: Returns the newer form of older data. A pure function, so an event always has the same meaning.
    """

    older: type[Older]
    convert: Callable[[Older], C]


class Contract(msgspec.Struct, frozen=True, kw_only=True):
    """The `data` of one event type. The subclass's name is the event type.

    Within a major version a contract changes compatibly only: a field with a default may be added. Any other change is
    a new major version. The older version then stays as a module beside it, and its `upcaster` converts older events:
    queues, outboxes and the event log contain them.

    Attributes:
        producer: The service that announces the event. Events with another `source` are refused.
        major: The contract's major version.
        upcaster: The conversion of the major version before; None if events of an older version cannot be read.
        subject_pattern: A regular expression that an event's whole `subject` must match.
        personal: The type of the personal data that the event carries beside its data; None if it carries none.

    Example:
        ```python
        class TicketOpened(Contract, frozen=True, kw_only=True):
            producer = "desk"

            title: str
        ```

        Its next major version, with the one above in `ticket_opened_1.py`:

        ```python
        def from_first(older: TicketOpened1) -> "TicketOpened":
            return TicketOpened(subject=older.title)


        class TicketOpened(Contract, frozen=True, kw_only=True):
            producer = "desk"
            major = 2
            upcaster = Upcaster(TicketOpened1, from_first)

            subject: str
        ```
    """

    producer: ClassVar[str]
    major: ClassVar[int] = 1
    upcaster: ClassVar[Upcaster[Any, Any] | None] = None
    subject_pattern: ClassVar[str] = SUBJECT_PATTERN
    personal: ClassVar[type[Personal] | None] = None

    def __init_subclass__(cls) -> None:
        """Refuse an upcaster from another event's contract.

        Raises:
            TypeError: If its older version has another name or producer, a major version that is not older, or
                personal data of another type.
        """
        if cls.upcaster is None:
            return
        older = cls.upcaster.older
        if (older.__name__, older.producer) != (cls.__name__, cls.producer) or older.major >= cls.major:
            raise TypeError(f"{older.schema()} of {older.producer} is no older version of {cls.schema()}")
        if cls.personal and older.personal and cls.personal is not older.personal:
            raise TypeError(f"{cls.schema()} carries other personal data than {older.schema()}")

    @classmethod
    def versions(cls) -> "Iterator[type[Contract]]":
        """Iterate over the versions of the contract whose events can be read: this one, then the older ones."""
        yield cls
        if cls.upcaster:
            yield from cls.upcaster.older.versions()

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


def version_of(event: Event[Any], contract: type[Contract]) -> type[Contract] | None:
    """Return the version of a contract that an event has; None if it is none whose events can be read."""
    return next((version for version in contract.versions() if version.schema() == event.dataschema), None)


def read_data(event: Event[Any], contract: type[C]) -> C:
    """Convert an event's data from builtins to its contract, by upcasters if it is of an older major version.

    Raises:
        TypeError: If no upcaster reads the event's version.
        ValueError: If the data breaks the contract of its version, if an upcaster fails, or if the newer form breaks
            the contract of the newer version.
    """
    if event.dataschema == contract.schema():
        return msgspec.convert(event.data, contract)
    if contract.upcaster is None:
        raise TypeError(f"{as_code(event.dataschema)} is not {contract.schema()}")
    older = read_data(event, contract.upcaster.older)
    try:
        newer = contract.upcaster.convert(older)
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:
        raise ValueError(f"the upcaster to {contract.schema()} fails: {type(error).__name__}") from error
    # Structs are not validated when they are made, only when they are decoded.
    return msgspec.convert(msgspec.to_builtins(newer), contract)


class ContractRegistry:
    """The contracts that a consumer understands. It decodes the data of their events."""

    def __init__(self, contracts: Iterable[type[Contract]]) -> None:
        self._known: Mapping[str, type[Contract]] = {contract.__name__: contract for contract in contracts}

    def decode(self, event: Event[Any]) -> Event[Contract]:
        """Convert an event's data from builtins to its contract, and check its personal data.

        An event of an older major version becomes one of the contract's, by its upcasters. Personal data that the
        contract does not declare is removed, so no handler can store it.

        Raises:
            NewerReleaseError: If its major version is newer than the contract's. A newer release can read it.
            PermanentError: If the type is unknown (`unknown-type`), no upcaster reads its major version
                (`unknown-version`), its source is not the contract's producer (`wrong-source`), or the data, the
                personal data or the subject breaks the contract (`breaks-contract`).
        """
        contract = self._known.get(event.type)
        if contract is None:
            raise PermanentError("unknown-type", f"nothing here handles {event.type}", event)
        if event.source != contract.producer:
            text = f"{event.type} is announced by {contract.producer}, not by {event.source}"
            raise PermanentError("wrong-source", text, event)
        version = version_of(event, contract)
        if version is None:
            text = f"{as_code(event.dataschema)} is not {contract.schema()}"
            if _is_newer(event, contract):
                raise NewerReleaseError(text, event)
            raise PermanentError("unknown-version", text, event)
        try:
            version.check_subject(event.subject)
            data = read_data(event, contract)
        except ValueError as error:
            raise PermanentError("breaks-contract", f"{event.type}: {explained(error)}", event) from error
        if contract.personal:
            read_personal(event, contract.personal)
        else:
            event = without_personal(event)
        return with_data(event, data, contract.schema())


def _is_newer(event: Event[Any], contract: type[Contract]) -> bool:
    """Return whether an event names a newer major version of a contract than this one."""
    prefix = contract.schema().removesuffix(str(contract.major))
    found = re.fullmatch(re.escape(prefix) + r"([1-9][0-9]{0,8})", event.dataschema)
    return found is not None and int(found[1]) > contract.major
