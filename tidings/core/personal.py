"""Personal data: declared by its type, carried beside an event's data, and removed when it is erased.

Data about a person has a separate type, a subclass of `Personal`. An event carries it as JSON text in the envelope's
attribute `personal`, and a stored state in its field `personal`. So it is removed from either without knowing the
rest, whichever release wrote it.
"""

from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

import msgspec
from msgspec import Raw, Struct

if TYPE_CHECKING:
    from tidings.core.contract import Contract

S = TypeVar("S")

PERSONAL = "personal"
"""The member of an event's envelope, and the field of a state, that contains the personal data."""


class Personal(Struct, frozen=True):
    """The base of types of personal data.

    Attributes:
        erased_by: The contract of the event that has the data of its subject erased.

    Example:
        ```python
        class Guest(Personal, frozen=True):
            erased_by = GuestErased

            name: str
        ```
    """

    if TYPE_CHECKING:
        # Declared for type checkers only: msgspec would look the contract up, whose module imports this one.
        erased_by: ClassVar["type[Contract]"]

    def check(self) -> None:
        """Refuse data that breaks a rule of the schema which the fields' types do not check.

        A type overrides it for a rule that types cannot check, or only at a high price in each cold start. Its schema
        says the rule by `extra_json_schema`. Data is checked when it is announced, and when it is decoded.

        Raises:
            ValueError: If the data breaks the rule. The text names the field first.
        """


_members = msgspec.json.Decoder(dict[str, Raw])


def redacted(text: str) -> str:
    """Return a JSON object without its member `personal`. The values of all others stay as they are, byte for byte.

    Args:
        text: The JSON text of an event or of a state.
    """
    members = _members.decode(text)
    if members.pop(PERSONAL, None) is None:
        return text
    return msgspec.json.encode(members).decode()


def personal_of(text: str) -> str | None:
    """Return the personal data of an event's JSON text, as JSON text; None if it has none.

    Raises:
        ValueError: If the text is no JSON object, or its member is no text.
    """
    found = _members.decode(text).get(PERSONAL)
    return None if found is None else msgspec.json.decode(found, type=str)


def with_personal(text: str, personal: str) -> str:
    """Return an event's JSON text with this personal data, itself JSON text, as its last member but `data`."""
    members = _members.decode(text)
    data = members.pop("data", Raw(b"null"))
    members |= {PERSONAL: Raw(msgspec.json.encode(personal)), "data": data}
    return msgspec.json.encode(members).decode()


def keeps_personal(state: Any) -> bool:
    """Return whether a state, or the type of a state, has a field `personal`."""
    return PERSONAL in getattr(state, "__struct_fields__", ())


def erased_state(state: S) -> S:
    """Return a copy of a state without its personal data."""
    return msgspec.structs.replace(cast("Any", state), personal=None) if keeps_personal(state) else state
